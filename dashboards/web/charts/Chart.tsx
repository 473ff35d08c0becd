// A chart of series over time, with a table that says the same, and a height that does not change.
import { useEffect, useId, useRef, useState } from 'react';
import type uPlot from 'uplot';
import { Button, NoData, Table, Th } from '../ui/basics';
import { useFormat, useWords } from '../words/words';
import { makePlot, type Points, type Series } from './plot';

/** Rows of the table twin: the newest; whoever wants all of them asks in SQL. */
const ROWS_MAX = 200;

export function Chart(props: {
  title: string;
  unit: string;
  series: Series[];
  points: Points;
  bars?: boolean;
  height?: number;
}) {
  const { title, unit, series, points } = props;
  const words = useWords();
  const format = useFormat();
  const [table, setTable] = useState(false);
  const id = useId();
  const height = props.height ?? 200;
  const empty = points[0].length === 0;
  return (
    <figure aria-labelledby={id} className="min-w-0">
      <figcaption className="mb-1 flex flex-wrap items-center justify-between gap-x-4 gap-y-1">
        <span id={id} className="text-sm font-medium">
          {title} <span className="text-soft text-xs font-normal">{unit}</span>
        </span>
        <span className="flex flex-wrap items-center gap-3">
          {series.length > 1 && <Legend series={series} points={points} />}
          <Button
            look="quiet"
            className="text-soft min-h-6 px-1.5 py-0.5 text-xs"
            onClick={() => setTable(!table)}
          >
            {table ? words.asChart : words.asTable}
            <span className="sr-only">: {title}</span>
          </Button>
        </span>
      </figcaption>
      <div style={{ height }} className="overflow-auto">
        {empty ? (
          <NoData />
        ) : table ? (
          <Twin title={title} series={series} points={points} />
        ) : (
          <Canvas
            label={`${title}: ${series.map((one, n) => `${one.label} ${format.number(lastOf(points, n))}`).join(', ')}`}
            series={series}
            points={points}
            bars={props.bars ?? false}
            height={height}
          />
        )}
      </div>
    </figure>
  );
}

function Legend({ series, points }: { series: Series[]; points: Points }) {
  const format = useFormat();
  return (
    <span className="text-soft flex flex-wrap gap-x-3 text-xs">
      {series.map((one, n) => (
        <span key={one.label} className="inline-flex items-center gap-1.5">
          <span aria-hidden className={`size-2.5 rounded-sm ${SWATCH[one.colour]}`} />
          {one.label} <b className="text-ink font-medium">{format.compact(lastOf(points, n))}</b>
        </span>
      ))}
    </span>
  );
}

const SWATCH = { 1: 'bg-series-1', 2: 'bg-series-2', 3: 'bg-series-3', 4: 'bg-series-4', 5: 'bg-series-5' };

function lastOf(points: Points, series: number): number {
  return points[series + 1]?.at(-1) ?? 0;
}

function Twin({ title, series, points }: { title: string; series: Series[]; points: Points }) {
  const words = useWords();
  const format = useFormat();
  const [times, ...values] = points;
  const newest = times
    .map((_, n) => n)
    .slice(-ROWS_MAX)
    .reverse();
  return (
    <Table
      label={title}
      head={
        <>
          <Th>{words.dashboard.trends.time}</Th>
          {series.map((one) => (
            <Th figure key={one.label}>
              {one.label}
            </Th>
          ))}
        </>
      }
    >
      {newest.map((n) => (
        <tr key={times[n]}>
          <td className="cell py-1">{format.moment(new Date((times[n] ?? 0) * 1_000))}</td>
          {series.map((one, column) => (
            <td key={one.label} className="cell figure py-1">
              {format.number(values[column]?.[n] ?? 0)}
            </td>
          ))}
        </tr>
      ))}
    </Table>
  );
}

function Canvas(props: { label: string; series: Series[]; points: Points; bars: boolean; height: number }) {
  const { series, points, bars, height, label } = props;
  const format = useFormat();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const newest = useRef(points);
  const theme = useTheme();
  const shape = series.map((one) => `${one.label}${one.colour}`).join('|');
  useEffect(() => {
    newest.current = points;
    plot.current?.setData(points);
  }, [points]);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const look = { width: element.clientWidth || 300, height, series, bars, language: format.language };
    const made = makePlot(element, { ...look, zone: format.zone, number: format.compact }, newest.current);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth || 300, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
    // `shape` stands for `series`, whose identity changes with every rendering.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [shape, bars, height, format, theme]);
  // Time goes from left to right in every language.
  return <div ref={box} dir="ltr" role="img" aria-label={label} className="h-full w-full" />;
}

/** Changes whenever the theme does: canvases have to be painted anew. */
function useTheme(): string {
  const read = () =>
    `${document.documentElement.dataset['theme'] ?? ''}${window.matchMedia('(prefers-color-scheme: dark)').matches}`;
  const [theme, setTheme] = useState(read);
  useEffect(() => {
    const changed = () => setTheme(read());
    const system = window.matchMedia('(prefers-color-scheme: dark)');
    const observer = new MutationObserver(changed);
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    system.addEventListener('change', changed);
    return () => {
      observer.disconnect();
      system.removeEventListener('change', changed);
    };
  }, []);
  return theme;
}
