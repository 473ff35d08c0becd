// The chart of a campaign adds up to its windows.
import { expect, it } from 'vitest';
import { inSteps } from './steps';

const at = (second: number, served: number) => ({
  window: second * 1_000_000,
  served,
  viewed: 1,
  clicked: 0,
});

it('sums by the minute, with zeros between', () => {
  const { size, points } = inSteps([at(60, 1), at(110, 2), at(240, 4)]);
  expect(size).toBe('minute');
  expect(points).toEqual([
    [60, 120, 180, 240],
    [3, 0, 0, 4],
    [2, 0, 0, 1],
    [0, 0, 0, 0],
  ]);
});

it('goes by the hour when it is long, and loses nothing', () => {
  const windows = Array.from({ length: 50 }, (_, n) => at(n * 1_000, n));
  const { size, points } = inSteps(windows);
  expect(size).toBe('hour');
  expect(points[1]?.reduce((sum, count) => sum + count, 0)).toBe(1_225);
});

it('has nothing to show before there is anything', () => {
  expect(inSteps([]).points[0]).toEqual([]);
});
