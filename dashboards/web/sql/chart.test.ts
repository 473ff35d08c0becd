// Charts of results: what can be drawn is, in order; what cannot is said to be so.
import { expect, it } from 'vitest';
import type { Result } from '../server/sql';
import { drawn } from './chart';

const result = (columns: [string, string][], rows: unknown[][]): Result => ({
  columns: columns.map(([name, type]) => ({ name, type })),
  rows,
  truncated: false,
  rowsRead: 0,
  elapsedMs: 0,
  until: null,
});

it('draws numbers over times, oldest first, whatever order they came in', () => {
  const days = result(
    [
      ['day', 'Date'],
      ['n', 'UInt64'],
    ],
    [
      ['2026-05-02', '7'],
      ['2026-05-01', '5'],
    ],
  );
  const day = Date.parse('2026-05-01') / 1_000;
  expect(drawn(days)).toEqual({
    kind: 'times',
    times: [day, day + 86_400],
    series: [{ label: 'n', values: [5, 7] }],
  });
});

it('reads times without a zone as UTC', () => {
  const one = result(
    [
      ['at', "DateTime64(6, 'UTC')"],
      ['n', 'Float64'],
    ],
    [['2026-05-01 12:30:00.000000', 1]],
  );
  expect(drawn(one)).toMatchObject({ times: [Date.parse('2026-05-01T12:30:00Z') / 1_000] });
});

it('draws names as bars, and says when there is nothing to draw', () => {
  const kinds = result(
    [
      ['kind', 'LowCardinality(String)'],
      ['n', 'Nullable(UInt32)'],
    ],
    [['page_viewed', 3]],
  );
  expect(drawn(kinds)).toEqual({ kind: 'names', label: 'n', rows: [{ name: 'page_viewed', value: 3 }] });
  expect(drawn(result([['kind', 'String']], [['a']]))).toBeNull();
});
