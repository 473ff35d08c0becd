// Counts over time of one kind: the past is read once, then only the newest windows are followed.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useAnswer } from '../live/hooks';
import { address } from '../server/http';
import { view } from '../server/queries';
import type { WindowSeries } from '../server/types';

export type Size = 'minute' | 'hour';
export type Windows = ReadonlyMap<number, number>;

/** Windows before the newest that are followed too: late records still change them. */
const FOLLOW_BEFORE = 5;
/** When the followed part has grown to this many windows, a new one is begun: a feed tells all of it each time. */
const FOLLOW_MAX = 30;
const SECOND = 1_000_000;

/** Sets the windows of `newer` over those of `older`. Pure; the same object when nothing differs. */
export function merge(older: Windows, newer: WindowSeries['windows']): Windows {
  if (newer.every((window) => older.get(window.start) === window.count)) return older;
  const merged = new Map(older);
  for (const { start, count } of newer) merged.set(start, count);
  return new Map([...merged].sort(([a], [b]) => a - b));
}

/** From where to follow, given what is known: undefined while nothing is. */
export function followFrom(known: Windows): number | undefined {
  const starts = [...known.keys()];
  return starts[Math.max(0, starts.length - FOLLOW_BEFORE)];
}

const nothing: Windows = new Map();

/** The windows of a kind; undefined until the past was read. */
export function useWindows(org: string, event: string, kind: string, size: Size): Windows | undefined {
  const base = { event, kind, size };
  const past = useQuery(view<WindowSeries>(org, address('windows', base)));
  const [from, setFrom] = useState<number>();
  const [windows, setWindows] = useState<Windows>(nothing);
  // Nothing is followed before the past is known: the feed would tell all of it once more.
  const known =
    past.isSuccess && (past.data === null || past.data.windows.length === 0 || from !== undefined);
  const live = useAnswer<WindowSeries>(known ? address('windows', { ...base, from }) : null, 1).data;
  useEffect(() => {
    if (!past.data) return;
    const read = past.data.windows;
    setWindows((known) => {
      const merged = merge(known, read);
      setFrom((now) => now ?? followFrom(merged));
      return merged;
    });
  }, [past.data]);
  useEffect(() => {
    if (!live) return;
    setWindows((known) => {
      const merged = merge(known, live.windows);
      if (live.windows.length > FOLLOW_MAX) setFrom(followFrom(merged));
      return merged;
    });
  }, [live]);
  if (past.isPending && !live) return undefined;
  return windows;
}

export type Range = 'hour' | 'six' | 'day' | 'all';
const LENGTH: Record<Exclude<Range, 'all'>, number> = { hour: 3_600, six: 6 * 3_600, day: 24 * 3_600 };

/** Which windows a range is made of. */
export const sizeOf = (range: Range): Size => (range === 'hour' || range === 'six' ? 'minute' : 'hour');

/**
 * Several series as columns over common times (seconds), without holes: a window that nobody filled counts zero.
 * The range ends with the newest window of any series, so that a replay of last year is shown as well as today.
 */
export function columns(all: (Windows | undefined)[], range: Range, size: Size): [number[], ...number[][]] {
  const step = size === 'minute' ? 60 : 3_600;
  const starts = all.flatMap((windows) => (windows ? [...windows.keys()] : []));
  if (starts.length === 0) return [[], ...all.map((): number[] => [])];
  const [least, newest] = extent(starts);
  const end = newest / SECOND;
  const begin = range === 'all' ? least / SECOND : Math.max(end - LENGTH[range], end - 5_000 * step);
  const times: number[] = [];
  for (let time = begin; time <= end; time += step) times.push(time);
  return [times, ...all.map((windows) => times.map((time) => windows?.get(time * SECOND) ?? 0))];
}

function extent(values: number[]): [number, number] {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}

/** What was counted in the last window lengths, in words of a card: the sum of the newest `count` windows. */
export function newest(windows: Windows | undefined, count: number): number {
  let sum = 0;
  for (const value of [...(windows?.values() ?? [])].slice(-count)) sum += value;
  return sum;
}
