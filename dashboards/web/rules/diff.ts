// What differs between two texts, line by line: the longest common subsequence (Hunt and Szymanski's problem), shortened at both ends.

export interface Line {
  sign: '+' | '-' | ' ';
  text: string;
}

/** Cells of the table that compares two texts; larger ones are told as removed and added as a whole. */
const CELLS_MAX = 4_000_000;

/** The lines of both, in order: those that only `before` has, only `after` has, or both. Pure. */
export function diff(before: string, after: string): Line[] {
  const [a, b] = [before.split('\n'), after.split('\n')];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  const same = (lines: string[]) => lines.map((text): Line => ({ sign: ' ', text }));
  return [
    ...same(a.slice(0, head)),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...same(a.slice(a.length - tail)),
  ];
}

function middle(a: string[], b: string[]): Line[] {
  const removed = a.map((text): Line => ({ sign: '-', text }));
  const added = b.map((text): Line => ({ sign: '+', text }));
  if (a.length * b.length > CELLS_MAX) return [...removed, ...added];
  const width = b.length + 1;
  // How long the longest common subsequence of what follows (i, j) is.
  const common = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number) => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      common[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      lines.push({ sign: ' ', text: a[i] ?? '' });
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) lines.push(...removed.slice(i, ++i));
    else lines.push(...added.slice(j, ++j));
  }
  return [...lines, ...removed.slice(i), ...added.slice(j)];
}

export type Hunk = { lines: Line[] } | { skipped: number };

/** Lines that are the same and shown around what differs. */
const AROUND = 3;

/** The lines that differ with some around them; how many were left out between. */
export function hunks(lines: Line[]): Hunk[] {
  const shown = lines.map((_, place) =>
    lines.slice(Math.max(0, place - AROUND), place + AROUND + 1).some((line) => line.sign !== ' '),
  );
  const all: Hunk[] = [];
  lines.forEach((line, place) => {
    const last = all.at(-1);
    if (shown[place]) {
      if (last && 'lines' in last) last.lines.push(line);
      else all.push({ lines: [line] });
    } else if (last && 'skipped' in last) last.skipped += 1;
    else all.push({ skipped: 1 });
  });
  return all;
}
