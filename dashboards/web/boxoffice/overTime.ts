// How stock and sales went over time. Pure: answers of the server in, lines of a chart out.
import type { Points } from '../charts/plot';

export interface Course {
  id: string;
  title: string;
  held: number[];
  sold: number[];
  /** Minor units by currency. */
  takings: Record<string, number[]>;
}

/** Steps as they stood at their ends; the last one is not over. Where none is told nothing changed. */
export interface Trend {
  as_of: string;
  step_s: number;
  times: string[];
  products: Course[];
}

/** Lines of one chart: there are as many colours. */
export const LINES_MAX = 5;

export type Figure = 'sold' | 'held' | 'takings';

/** The currencies that something was sold in. */
export const currenciesIn = (trend: Trend): string[] => [
  ...new Set(trend.products.flatMap((one) => Object.keys(one.takings))),
];

/** What is known with what is new: `newer` begins with a step that may have gone on since. */
export function merged(older: Trend, newer: Trend): Trend {
  const from = newer.times[0];
  if (from === undefined || older.step_s !== newer.step_s) return newer;
  const at = Date.parse(from);
  const kept = older.times.findIndex((time) => Date.parse(time) >= at);
  const count = kept === -1 ? older.times.length : kept;
  const known = new Map(older.products.map((one) => [one.id, one]));
  const join = (old: number[] | undefined, add: number[] | undefined): number[] => [
    ...Array.from({ length: count }, (_, place) => old?.[place] ?? 0),
    ...(add ?? newer.times.map(() => 0)),
  ];
  const products = newer.products.map((one) => {
    const old = known.get(one.id);
    const currencies = new Set([...Object.keys(old?.takings ?? {}), ...Object.keys(one.takings)]);
    const takings = [...currencies].map((currency) => {
      const lines = join(old?.takings[currency], one.takings[currency]);
      return [currency, lines] as const;
    });
    return {
      ...one,
      held: join(old?.held, one.held),
      sold: join(old?.sold, one.sold),
      takings: Object.fromEntries(takings),
    };
  });
  return { ...newer, times: [...older.times.slice(0, count), ...newer.times], products };
}

const figuresOf = (course: Course, figure: Figure, currency: string): number[] =>
  figure === 'takings' ? (course.takings[currency] ?? []) : course[figure];

/** The products with the most of a figure now, in the order of the offer, and their lines; times in seconds. */
export function linesOf(
  trend: Trend,
  figure: Figure,
  currency: string,
  scale = 1,
): { titles: string[]; points: Points } {
  const last = (course: Course) => figuresOf(course, figure, currency).at(-1) ?? 0;
  const most = [...trend.products].sort((a, b) => last(b) - last(a)).slice(0, LINES_MAX);
  const shown = trend.products.filter((one) => most.includes(one));
  const times = trend.times.map((time) => Date.parse(time) / 1_000);
  // A step lasts until the next one that is told: what did not change goes on as it was.
  const stood = times.flatMap((time, place) => {
    const next = times[place + 1];
    const ends = next === undefined ? time : Math.max(time, next - trend.step_s);
    return ends > time
      ? [
          { time, place },
          { time: ends, place },
        ]
      : [{ time, place }];
  });
  const lines = shown.map((course) => {
    const figures = figuresOf(course, figure, currency);
    return stood.map(({ place }) => (figures[place] ?? 0) / scale);
  });
  return { titles: shown.map((one) => one.title), points: [stood.map(({ time }) => time), ...lines] };
}
