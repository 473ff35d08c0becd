import { describe, expect, it } from 'vitest';
import { sumsOf } from './sums';
import type { Position } from './types';

const position = (change: Partial<Position>): Position => ({
  product: 'pass',
  variation: null,
  list: 1_000,
  promo_off: 0,
  group_off: 0,
  group: 0,
  price: 1_000,
  tax: 160,
  rate: 1_900,
  ...change,
});

describe('what positions come to', () => {
  it('is rows less discounts, to the unit', () => {
    const sums = sumsOf([
      position({}),
      position({ promo_off: 100, price: 900, tax: 144 }),
      position({ product: 'meal', list: 500, group: 2, group_off: 250, price: 251, tax: 16, rate: 700 }),
    ]);
    expect(sums.rows.map((row) => [row.product, row.count, row.sum])).toEqual([
      ['pass', 2, 2_000],
      ['meal', 1, 500],
    ]);
    expect(sums.groups).toEqual([{ group: 2, off: 250 }]);
    expect(sums.taxes).toEqual([
      { rate: 1_900, tax: 304 },
      { rate: 700, tax: 16 },
    ]);
    const rows = sums.rows.reduce((sum, row) => sum + row.sum, 0);
    const off = sums.promo + sums.groups.reduce((sum, group) => sum + group.off, 0);
    expect(rows - off + sums.rounding).toBe(sums.total);
    expect([sums.total, sums.rounding]).toEqual([2_151, 1]);
  });

  it('tells early and late prices of one thing apart', () => {
    const sums = sumsOf([position({}), position({ list: 1_200, price: 1_200 })]);
    expect(sums.rows.map((row) => row.list)).toEqual([1_000, 1_200]);
  });
});
