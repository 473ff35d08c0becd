// Counts over time: what is read once and what is followed make one series without holes.
import { expect, it } from 'vitest';
import { columns, followFrom, merge, type Windows, takingsOf } from './series';

const minute = 60_000_000;
const of = (...pairs: [number, number][]): Windows => new Map(pairs.map(([n, count]) => [n * minute, count]));
const told = (...pairs: [number, number][]) => pairs.map(([n, count]) => ({ start: n * minute, count }));

it('sets what is newer over what is older, in order of time', () => {
  expect([...merge(of([1, 5], [3, 7]), told([3, 8], [2, 1]))]).toEqual([...of([1, 5], [2, 1], [3, 8])]);
});

it('is the same object when nothing differs, so that nothing is painted again', () => {
  const known = of([1, 5]);
  expect(merge(known, told([1, 5]))).toBe(known);
});

it('follows a few windows before the newest, for late records', () => {
  expect(followFrom(of([1, 1], [2, 1], [3, 1], [4, 1], [5, 1], [6, 1]))).toBe(2 * minute);
  expect(followFrom(of())).toBeUndefined();
});

it('fills the holes with zeros and begins no earlier than the range', () => {
  const series = of([0, 9], [100, 1], [103, 2]);
  expect(columns([series], 'hour', 'minute')[0]).toHaveLength(61);
  const [times, counts] = columns([of([1, 1], [4, 2])], 'all', 'minute');
  expect(times).toEqual([60, 120, 180, 240]);
  expect(counts).toEqual([1, 0, 0, 2]);
});

it('keeps sums: a column holds every record of its windows', () => {
  const series = of([1, 3], [7, 4], [9, 5]);
  const [, counts] = columns([series, undefined], 'all', 'minute');
  expect(counts?.reduce((sum, count) => sum + count, 0)).toBe(12);
});

it('adds what several tell of one window, less what was given back', () => {
  const took = (start: number, gross_minor: number, refunded_minor = 0) => ({
    start,
    gross_minor,
    refunded_minor,
    orders: 1,
  });
  const currencies = [
    { currency: 'EUR', windows: [took(60, 500), took(120, 300, 100)] },
    { currency: 'EUR', windows: [took(0, 1), took(60, 250)] },
  ];
  expect(takingsOf({ currencies })).toEqual([
    { start: 0, count: 1 },
    { start: 60, count: 750 },
    { start: 120, count: 200 },
  ]);
});
