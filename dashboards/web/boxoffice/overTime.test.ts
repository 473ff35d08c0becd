import { expect, it } from 'vitest';
import { linesOf, merged, type Trend } from './overTime';

const at = (minute: number) => new Date(minute * 60_000).toISOString();

const first: Trend = {
  as_of: 'f0/1',
  step_s: 60,
  times: [at(0), at(1)],
  products: [{ id: 'a', title: 'A', held: [1, 2], sold: [0, 1], takings: { EUR: [0, 500] } }],
};

it('joins what is new to what is known, the step that went on included', () => {
  const newer: Trend = {
    as_of: 'f0/9',
    step_s: 60,
    times: [at(1), at(3)],
    products: [
      { id: 'a', title: 'A', held: [3, 0], sold: [1, 4], takings: { EUR: [500, 2000] } },
      { id: 'b', title: 'B', held: [0, 1], sold: [0, 0], takings: {} },
    ],
  };
  const all = merged(first, newer);
  expect(all.times).toEqual([at(0), at(1), at(3)]);
  expect(all.products[0]).toMatchObject({
    held: [1, 3, 0],
    sold: [0, 1, 4],
    takings: { EUR: [0, 500, 2000] },
  });
  expect(all.products[1]).toMatchObject({ held: [0, 0, 1], sold: [0, 0, 0] });
  expect(all.as_of).toBe('f0/9');
});

it('begins anew when steps are of another length', () => {
  const wider = { ...first, step_s: 120 };
  expect(merged(first, wider)).toBe(wider);
});

it('goes on as it was until the step before the next one that is told', () => {
  const gap: Trend = { ...first, times: [at(0), at(9)] };
  expect(linesOf(gap, 'sold', 'EUR').points).toEqual([
    [0, 480, 540],
    [0, 0, 1],
  ]);
});

it('draws the products with the most', () => {
  const many: Trend = {
    ...first,
    times: [at(0)],
    products: Array.from({ length: 7 }, (_, n) => ({
      ...{ id: `p${n}`, title: `P${n}`, held: [0], sold: [n], takings: {} },
    })),
  };
  expect(linesOf(many, 'sold', 'EUR').titles).toEqual(['P2', 'P3', 'P4', 'P5', 'P6']);
});
