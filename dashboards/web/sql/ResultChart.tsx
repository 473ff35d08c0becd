// A result as a picture: lines over time, or bars by name.
import { useMemo } from 'react';
import { Chart } from '../charts/Chart';
import type { Result } from '../server/sql';
import { Bar, NoData } from '../ui/basics';
import { useFormat, useWords } from '../words/words';
import { drawn } from './chart';

const COLOURS = [1, 2, 3, 4, 5] as const;

export function ResultChart({ result }: { result: Result }) {
  const words = useWords().sql;
  const format = useFormat();
  const picture = useMemo(() => drawn(result), [result]);
  if (!picture) return <NoData>{words.chartNone}</NoData>;
  if (picture.kind === 'times') {
    return (
      <Chart
        title={words.result}
        unit=""
        series={picture.series.map(({ label }, n) => ({ label, colour: COLOURS[n] ?? 1 }))}
        points={[picture.times, ...picture.series.map(({ values }) => values)]}
        height={320}
      />
    );
  }
  const most = Math.max(1, ...picture.rows.map((row) => row.value));
  return (
    <ul className="space-y-2" aria-label={picture.label}>
      {picture.rows.map((row, n) => (
        <li key={n} className="grid grid-cols-[minmax(6rem,14rem)_1fr_auto] items-center gap-3 text-sm">
          <span className="truncate">{row.name}</span>
          <Bar share={row.value / most} />
          <span className="font-medium">{format.number(row.value)}</span>
        </li>
      ))}
    </ul>
  );
}
