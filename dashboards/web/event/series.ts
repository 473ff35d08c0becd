// Counts over time of one kind: the past is read once, then only the newest windows are followed.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useAnswer } from '../live/hooks';
import { address } from '../server/http';
import { view } from '../server/queries';
import type { RevenueSeries, WindowSeries } from '../server/types';

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

type Answer = WindowSeries | RevenueSeries;
type Read = WindowSeries['windows'];

/** The windows of a kind; undefined until the past was read. */
export function useWindows(org: string, event: string, kind: string, size: Size): Windows | undefined {
  return useSeries(org, 'windows', { event, kind, size });
}

/** What orders in a currency came to, less what was given back, in minor units; nothing while no currency is known. */
export function useRevenueWindows(org: string, event: string, currency: string | null, size: Size) {
  return useSeries(org, currency === null ? null : 'revenue', { event, currency, size });
}

/** One count for each window, whoever told of its orders. Pure. */
export function takingsOf(answer: RevenueSeries): Read {
  const by = new Map<number, number>();
  for (const { start, gross_minor, refunded_minor } of answer.currencies.flatMap((one) => one.windows)) {
    by.set(start, (by.get(start) ?? 0) + gross_minor - refunded_minor);
  }
  return [...by].map(([start, count]) => ({ start, count })).sort((a, b) => a.start - b.start);
}

const readOf = (answer: Answer): Read => ('currencies' in answer ? takingsOf(answer) : answer.windows);

/** The windows that a view answers with, and that its feed goes on with. */
function useSeries(
  org: string,
  path: string | null,
  base: Record<string, string | null>,
): Windows | undefined {
  const whole = address(path ?? '', base);
  const past = useQuery({ ...view<Answer>(org, whole), enabled: path !== null });
  const [of, setOf] = useState(whole);
  const [from, setFrom] = useState<number>();
  const [windows, setWindows] = useState<Windows>(nothing);
  // Windows of another length or currency are no part of these.
  if (of !== whole) {
    setOf(whole);
    setFrom(undefined);
    setWindows(nothing);
  }
  // Nothing is followed before the past is known: the feed would tell all of it once more.
  const known =
    past.isSuccess && (past.data === null || readOf(past.data).length === 0 || from !== undefined);
  const live = useAnswer<Answer>(known && path ? address(path, { ...base, from }) : null, 1).data;
  useEffect(() => {
    if (!past.data) return;
    const windows = readOf(past.data);
    setWindows((known) => {
      const merged = merge(known, windows);
      setFrom((now) => now ?? followFrom(merged));
      return merged;
    });
  }, [past.data, whole]);
  useEffect(() => {
    if (!live) return;
    const newer = readOf(live);
    setWindows((known) => {
      const merged = merge(known, newer);
      if (newer.length > FOLLOW_MAX) setFrom(followFrom(merged));
      return merged;
    });
  }, [live, whole]);
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
