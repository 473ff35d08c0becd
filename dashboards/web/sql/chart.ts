// Makes a chart of a result when its columns allow: times or names along, numbers up. Pure.
import type { Result } from '../server/sql';
import { cellText, isNumber } from './ResultTable';

export type Drawn =
  | { kind: 'times'; times: number[]; series: { label: string; values: (number | null)[] }[] }
  | { kind: 'names'; label: string; rows: { name: string; value: number }[] };

/** More series than this nobody tells apart. */
const SERIES_MAX = 5;
/** More bars than this nobody reads. */
const BARS_MAX = 30;

export function drawn({ columns, rows }: Result): Drawn | null {
  const numbers = columns.flatMap((column, n) => (isNumber(column.type) ? [n] : []));
  const along = columns.findIndex((column) => /Date/.test(column.type));
  if (along >= 0 && numbers.length > 0) {
    const sorted = rows
      .map((row) => ({ time: secondsOf(cellText(row[along])), row }))
      .filter(({ time }) => Number.isFinite(time))
      .sort((a, b) => a.time - b.time);
    return {
      kind: 'times',
      times: sorted.map(({ time }) => time),
      series: numbers.slice(0, SERIES_MAX).map((n) => ({
        label: columns[n]?.name ?? '',
        values: sorted.map(({ row }) => numberOf(row[n])),
      })),
    };
  }
  const name = columns.findIndex((_, n) => !numbers.includes(n));
  const value = numbers[0];
  if (name < 0 || value === undefined) return null;
  const bars = rows
    .slice(0, BARS_MAX)
    .map((row) => ({ name: cellText(row[name]), value: numberOf(row[value]) ?? 0 }));
  return { kind: 'names', label: columns[value]?.name ?? '', rows: bars };
}

/** 64-bit numbers come as text. */
function numberOf(value: unknown): number | null {
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}

/** ClickHouse writes UTC times without a zone. */
function secondsOf(text: string): number {
  const iso = text.includes('T') ? text : text.replace(' ', 'T');
  const zoned = /([Zz]|[+-]\d\d:?\d\d)$/.test(iso) || !iso.includes('T') ? iso : `${iso}Z`;
  return Date.parse(zoned) / 1_000;
}
