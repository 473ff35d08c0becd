// Counts of campaigns, which come in windows of ten seconds with holes between, as columns of a chart.
import type { CampaignWindows } from '../server/types';
import { columns, type Size } from './series';

type Window = CampaignWindows['windows'][number];

/** What fits in a chart by the minute, seconds: two hours. Longer ones go by the hour. */
const MINUTES_WITHIN_S = 7_200;
const SECOND = 1_000_000;

/** Sums by minute or hour, without holes: a step in which nothing happened counts zero. Pure. */
export function inSteps(windows: readonly Window[]): { size: Size; points: [number[], ...number[][]] } {
  const [first, last] = [windows[0]?.window ?? 0, windows.at(-1)?.window ?? 0];
  const size = (last - first) / SECOND <= MINUTES_WITHIN_S ? 'minute' : 'hour';
  const step = (size === 'minute' ? 60 : 3_600) * SECOND;
  const sums = (of: (window: Window) => number) => {
    const by = new Map<number, number>();
    for (const window of windows) {
      const start = window.window - (window.window % step);
      by.set(start, (by.get(start) ?? 0) + of(window));
    }
    return by;
  };
  const all = [sums((one) => one.served), sums((one) => one.viewed), sums((one) => one.clicked)];
  return { size, points: columns(all, 'all', size) };
}
