// Amounts as people type them.
import { expect, it } from 'vitest';
import { amountText, countOf, minorOf, sharesOf, shareText } from './amounts';

it('reads amounts with a point or a comma, and as many digits as the currency has', () => {
  const read = (text: string, currency = 'EUR') => minorOf(text, currency);
  expect([read('49'), read('49.9'), read(' 49,90 '), read('0')]).toEqual([4900, 4990, 4990, 0]);
  expect([read('500', 'JPY'), read('1.234', 'KWD')]).toEqual([500, 1234]);
  expect([read('49.999'), read('5.5', 'JPY'), read('-1'), read(''), read('1e3'), read('1.')]).toEqual(
    Array(6).fill(null),
  );
});

it('shows an amount as it reads it', () => {
  for (const [minor, currency] of [
    [4990, 'EUR'],
    [0, 'USD'],
    [500, 'JPY'],
    [1, 'KWD'],
    [99_999_999_999, 'EUR'],
  ] as const)
    expect(minorOf(amountText(minor, currency), currency)).toBe(minor);
});

it('reads shares up to all of it', () => {
  expect([sharesOf('19'), sharesOf('7,5'), sharesOf('0.01'), sharesOf('100')]).toEqual([
    1900, 750, 1, 10_000,
  ]);
  expect([sharesOf('100.01'), sharesOf('x'), sharesOf('')]).toEqual([null, null, null]);
  for (const points of [0, 1, 750, 1900, 10_000]) expect(sharesOf(shareText(points))).toBe(points);
});

it('takes an empty text as no number', () => {
  expect([countOf(''), countOf('12'), countOf('1.5')]).toEqual([null, 12, null]);
});
