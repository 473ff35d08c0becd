// The laws of applying feeds: deltas over a snapshot give the view, whatever was told twice.
import { describe, expect, it } from 'vitest';
import { waitBefore, LONGEST_MS } from './backoff';
import { answerOf, apply, type AsOf, type Change, type FeedMessage, type Held, nothing } from './protocol';

const asOf = (epoch: number): AsOf => ({ epoch, incarnation: '1', log_time: epoch * 1000, offsets: [] });
const told = (type: 'reset' | 'deltas', epoch: number, changes: Change[]): FeedMessage => ({
  type,
  position: `v.1.1.${epoch}.0`,
  as_of: asOf(epoch),
  changes,
});
const plain = (held: Held) => [...held.values.values()].map((c) => [c.key, c.value]).sort();

// A small generator with a seed: a failing case can be told by its number.
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

describe('a feed of changes', () => {
  it('equals the view after any history of snapshots, deltas, repetitions and resumes', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const next = chance(seed);
      const view = new Map<string, number>();
      let changed = new Set<string>();
      let held = nothing;
      for (let epoch = 1; epoch <= 60; epoch += 1) {
        const key = `k${Math.floor(next() * 8)}`;
        if (next() < 0.25) view.delete(key);
        else view.set(key, epoch);
        changed.add(key);
        const dice = next();
        if (epoch === 1 || dice < 0.1) {
          const all = [...view].map(([k, value]) => ({ key: { k }, value }));
          held = apply(held, told('reset', epoch, all));
          changed = new Set();
        } else if (dice < 0.6) {
          // A key may be told twice, never left out.
          const extra = next() < 0.3 ? [...view.keys()].slice(0, 2) : [];
          const keys = [...changed, ...extra];
          held = apply(
            held,
            told(
              'deltas',
              epoch,
              keys.map((k) => ({ key: { k }, value: view.get(k) ?? null })),
            ),
          );
          changed = new Set();
        }
        if (changed.size === 0) {
          expect(plain(held), `seed ${seed}, epoch ${epoch}`).toEqual(
            [...view].map(([k, v]) => [{ k }, v]).sort(),
          );
        }
      }
    }
  });

  it('forgets what it held on a reset', () => {
    const first = apply(nothing, told('reset', 1, [{ key: { a: 1 }, value: 1 }]));
    expect(plain(apply(first, told('reset', 2, [{ key: { b: 1 }, value: 2 }])))).toEqual([[{ b: 1 }, 2]]);
  });

  it('knows a key by what it says, not by the order of its fields', () => {
    const first = apply(nothing, told('reset', 1, [{ key: { a: 1, b: { c: 2, d: 3 } }, value: 1 }]));
    const then = apply(first, told('deltas', 2, [{ key: { b: { d: 3, c: 2 }, a: 1 }, value: 2 }]));
    expect([...then.values.values()].map((change) => change.value)).toEqual([2]);
  });

  it('keeps the objects of keys that did not change', () => {
    const kept = { key: { k: 'a' }, value: { n: 1 } };
    const first = apply(nothing, told('reset', 1, [kept]));
    const then = apply(first, told('deltas', 2, [{ key: { k: 'b' }, value: 2 }]));
    expect([...then.values.values()][0]).toBe(kept);
  });
});

describe('a feed of one answer', () => {
  it('tells apart what is not known yet, what is not there yet, and what is', () => {
    expect(answerOf(nothing)).toBeUndefined();
    const absent = apply(nothing, told('reset', 1, [{ key: null, value: null }]));
    expect(answerOf(absent)).toBeNull();
    expect(answerOf(apply(absent, told('deltas', 2, [{ key: null, value: [1] }])))).toEqual([1]);
  });

  it('moves its position and as_of when nothing changed, and keeps what it holds', () => {
    const first = apply(nothing, told('reset', 1, [{ key: null, value: 5 }]));
    const then = apply(first, { type: 'as_of', position: 'v.1.1.9.0', as_of: asOf(9) });
    expect([then.position, then.asOf?.epoch, answerOf(then)]).toEqual(['v.1.1.9.0', 9, 5]);
  });

  it('keeps the last answer beside a problem, which the next message clears', () => {
    const first = apply(nothing, told('reset', 1, [{ key: null, value: 5 }]));
    const ended = apply(first, { type: 'problem', problem: { code: 'not_ready' } });
    expect([answerOf(ended), ended.problem?.code]).toEqual([5, 'not_ready']);
    expect(apply(ended, told('deltas', 2, [])).problem).toBeNull();
  });
});

describe('waiting before another attempt', () => {
  it('grows, is bounded, and at least half of it is certain', () => {
    for (let attempt = 0; attempt < 40; attempt += 1) {
      const [least, most] = [waitBefore(attempt, 0), waitBefore(attempt, 1)];
      expect(most).toBeLessThanOrEqual(LONGEST_MS);
      expect(least).toBeGreaterThanOrEqual(Math.floor(most / 2));
      expect(waitBefore(attempt + 1, 0)).toBeGreaterThanOrEqual(least);
    }
  });
});
