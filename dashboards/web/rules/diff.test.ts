// What is shown before rules are published is what changes, no more and no less.
import { expect, it } from 'vitest';
import { diff, hunks } from './diff';

const told = (before: string, after: string) => diff(before, after).map(({ sign, text }) => sign + text);

it('tells what was added and removed', () => {
  expect(told('a\nb\nc', 'a\nx\nc')).toEqual([' a', '-b', '+x', ' c']);
  expect(told('a\nc', 'a\nb\nc\nd')).toEqual([' a', '+b', ' c', '+d']);
  expect(told('a\nb', 'a\nb')).toEqual([' a', ' b']);
});

it('makes either text again, whatever differs', () => {
  // A small generator of its own: the same texts in every run.
  let seed = 7;
  const next = (most: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % most;
  const text = () => Array.from({ length: next(12) + 1 }, () => 'abcd'[next(4)]).join('\n');
  for (let round = 0; round < 300; round += 1) {
    const [before, after] = [text(), text()];
    const lines = diff(before, after);
    const of = (sign: string) =>
      lines
        .filter((line) => line.sign !== sign)
        .map((line) => line.text)
        .join('\n');
    expect([of('+'), of('-')]).toEqual([before, after]);
  }
});

it('leaves out what is far from any change', () => {
  const many = Array.from({ length: 20 }, (_, n) => String(n));
  const shown = hunks(diff(many.join('\n'), [...many.slice(0, 19), 'x'].join('\n')));
  expect(shown).toHaveLength(2);
  expect(shown[0]).toEqual({ skipped: 16 });
});
