"""A stranger checks the draw of a waiting room, from public data only and with nothing but Python's own library.

    python3 draw.py keep URL FILE      keeps the list and the promise while nobody was drawn yet
    python3 draw.py verify URL FILE    draws again and compares: everybody of the kept list, in the order that was told

URL is `.../v1/shop/SELLER/EVENT/draw`. A place's lot is BLAKE3 of the seed, a line feed and the place's public hash, in
hexadecimal; the lowest lot comes first. BLAKE3 is written out here, so that nothing of the server's is trusted.
"""

import json
import struct
import sys
import urllib.request
from multiprocessing import Pool

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, ROOT = 1, 2, 8
MASK = 0xFFFFFFFF
PAGE = 5_000


def schedule():
    order, rounds = list(range(16)), []
    for _ in range(7):
        rounds.append(tuple(order))
        order = [order[place] for place in PERMUTATION]
    return rounds


ROUNDS = schedule()
QUARTERS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip


def compress(chain, block, length, flags):
    words = struct.unpack("<16I", block)
    v = [*chain, *IV[:4], 0, 0, length, flags]
    for order in ROUNDS:
        at = 0
        for a, b, c, d in QUARTERS:
            x, y = words[order[at]], words[order[at + 1]]
            at += 2
            va = (v[a] + v[b] + x) & MASK
            vd = v[d] ^ va
            vd = (vd >> 16 | vd << 16) & MASK
            vc = (v[c] + vd) & MASK
            vb = v[b] ^ vc
            vb = (vb >> 12 | vb << 20) & MASK
            va = (va + vb + y) & MASK
            vd ^= va
            vd = (vd >> 8 | vd << 24) & MASK
            vc = (vc + vd) & MASK
            vb ^= vc
            v[a], v[b], v[c], v[d] = va, (vb >> 7 | vb << 25) & MASK, vc, vd
    return [v[n] ^ v[n + 8] for n in range(8)]


def blake3(text):
    """BLAKE3 of at most 1,024 bytes (one chunk), in hexadecimal."""
    data = text.encode()
    assert len(data) <= 1024, "one chunk is enough for lots"
    blocks = [data[at : at + 64] for at in range(0, len(data), 64)] or [b""]
    chain = IV
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        flags = (CHUNK_START if number == 0 else 0) | (CHUNK_END | ROOT if last else 0)
        chain = compress(chain, block.ljust(64, b"\0"), len(block), flags)
    return struct.pack("<8I", *chain).hex()


# The vector of the empty input in the paper's reference implementation.
assert blake3("") == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"


def told(url):
    places, answer = [], {}
    while True:
        with urllib.request.urlopen(f"{url}?skip={len(places)}&limit={PAGE}", timeout=60) as reply:
            answer = json.load(reply)["data"]
        places += answer["places"]
        if len(places) >= answer["total"] or not answer["places"]:
            return answer, places


def keep(url, file):
    answer, places = told(url)
    assert answer["seed"] is None, "it was drawn already: whoever promises must not know who comes"
    with open(file, "w") as kept:
        json.dump({"commitment": answer["commitment"], "places": places}, kept)
    return f"a stranger has kept {len(places)} places and the promise {answer['commitment'][:16]}..."


def lot(pair):
    return blake3("\n".join(pair))


def verify(url, file):
    with open(file) as kept:
        kept = json.load(kept)
    answer, places = told(url)
    seed, drawn = answer["seed"], answer["drawn"]
    assert answer["commitment"] == kept["commitment"], "the promise has changed"
    assert blake3(seed) == kept["commitment"], "the seed is not the one that was promised"
    assert drawn >= len(kept["places"]), "somebody who waited was not drawn"
    assert set(kept["places"]) <= set(places[:drawn]), "somebody who waited is missing"
    assert len(set(places)) == len(places), "a place is there twice"
    with Pool() as pool:
        lots = pool.map(lot, [(seed, place) for place in places[:drawn]], chunksize=2_000)
    again = [place for _, place in sorted(zip(lots, places[:drawn]))]
    assert again == places[:drawn], "the order is not the one of the lots"
    return f"a stranger has drawn {drawn} places again: the same order, from the seed that was promised"


if __name__ == "__main__":
    word, url, file = sys.argv[1:]
    print({"keep": keep, "verify": verify}[word](url, file))
