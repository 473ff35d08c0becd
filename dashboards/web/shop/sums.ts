// What positions come to: rows as a receipt shows them, what is taken off, and the taxes within. Integers only.
import type { Position } from './types';

export interface Row {
  product: string;
  variation: string | null;
  count: number;
  /** What one costs before anything is taken off. */
  list: number;
  sum: number;
}

export interface Sums {
  rows: Row[];
  promo: number;
  /** By the place of the discount among the shop's, from 1. */
  groups: { group: number; off: number }[];
  /** What rounding of taxes by sums adds or takes off. */
  rounding: number;
  /** By rate, in hundredths of a percent; none of zero. */
  taxes: { rate: number; tax: number }[];
  total: number;
}

export function sumsOf(positions: readonly Position[]): Sums {
  const rows = new Map<string, Row>();
  const groups = new Map<number, number>();
  const taxes = new Map<number, number>();
  let [promo, total, rounding] = [0, 0, 0];
  for (const one of positions) {
    const name = `${one.product}/${one.variation ?? ''}/${one.list}`;
    const row = rows.get(name) ?? {
      product: one.product,
      variation: one.variation,
      count: 0,
      list: one.list,
      sum: 0,
    };
    rows.set(name, { ...row, count: row.count + 1, sum: row.sum + one.list });
    if (one.group_off > 0) groups.set(one.group, (groups.get(one.group) ?? 0) + one.group_off);
    if (one.tax !== 0) taxes.set(one.rate, (taxes.get(one.rate) ?? 0) + one.tax);
    promo += one.promo_off;
    total += one.price;
    rounding += one.price - (one.list - one.promo_off - one.group_off);
  }
  return {
    rows: [...rows.values()],
    promo,
    groups: [...groups].map(([group, off]) => ({ group, off })),
    rounding,
    taxes: [...taxes].sort(([a], [b]) => b - a).map(([rate, tax]) => ({ rate, tax })),
    total,
  };
}
