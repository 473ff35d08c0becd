// The figures of one event, each from the feed that tells it, under names that panels use.
import { useQuery } from '@tanstack/react-query';
import { createContext, use, useMemo, type ReactNode } from 'react';
import { useAnswer, useFeed, type Told } from '../live/hooks';
import type { AsOf, Change } from '../live/protocol';
import { address } from '../server/http';
import { event as eventOf, items, ruleTitles } from '../server/queries';
import { useMay, useMayEverywhere } from '../server/session';
import { deadLetters } from '../server/system';
import type * as t from '../server/types';

/** A time that never comes (the year 2100): totals only, without the hours in each telling. */
const FAR_MICROS = 4_102_444_800_000_000;

interface Where {
  org: string;
  event: string;
}

const Current = createContext<Where | null>(null);

export function OfEvent({ org, event, children }: Where & { children: ReactNode }) {
  const where = useMemo(() => ({ org, event }), [org, event]);
  return <Current value={where}>{children}</Current>;
}

export function useWhere(): Where {
  const where = use(Current);
  if (!where) throw new Error('a panel stands outside of <OfEvent>');
  return where;
}

/** What is known of the event itself, from the facts. */
export function useEventRow(): t.EventRow | undefined {
  const { org, event } = useWhere();
  return useQuery(eventOf(org, event)).data ?? undefined;
}

/** Whether the person may read what is told of the whole organization only: fraud scores, segments, all boards. */
export function useWhole(): boolean {
  return useMayEverywhere(useWhere().org, 'read_views');
}

const noItems: t.ItemRow[] = [];

export function useItems(): t.ItemRow[] {
  const { org, event } = useWhere();
  return useQuery(items(org, event)).data ?? noItems;
}

/** What people call a session or an item; its id while nobody has said. */
export function useTitles(): (id: string) => string {
  const all = useItems();
  return useMemo(() => {
    const titles = new Map<string, string>();
    for (const item of all) {
      titles.set(item.id, item.title);
      if (item.session) titles.set(item.session, item.title);
    }
    return (id: string) => titles.get(id) ?? id;
  }, [all]);
}

/** Totals by kind of record since the beginning. */
export function useTotals(): {
  kinds: ReadonlyMap<string, t.KindTotals>;
  loaded: boolean;
  asOf: AsOf | null;
} {
  const { event } = useWhere();
  const held = useFeed(address('windows/changes', { event }), 5);
  return useMemo(() => {
    const kinds = new Map<string, t.KindTotals>();
    for (const { key, value } of held.values.values()) {
      kinds.set((key as { kind: string }).kind, value as t.KindTotals);
    }
    return { kinds, loaded: held.loaded, asOf: held.asOf };
  }, [held]);
}

/** Every session that somebody came to, the most present first; undefined until it is known. */
export function useSessions(): t.Attendance[] | undefined {
  const { event } = useWhere();
  const held = useFeed(address('attendance/changes', { event }), 5);
  return useMemo(() => {
    if (!held.loaded) return undefined;
    const sessions = [...held.values.values()].map((change) => change.value as t.Attendance);
    return sessions.sort(
      (a, b) => b.present - a.present || b.joined - a.joined || (a.session < b.session ? -1 : 1),
    );
  }, [held]);
}

export interface Funnel {
  funnel: string;
  reached: number[];
}

export function useFunnels(): Funnel[] | undefined {
  const { event } = useWhere();
  const held = useFeed(address('funnels/changes', { event }), 1);
  return useMemo(() => {
    if (!held.loaded) return undefined;
    const all = [...held.values.values()].map((change) => change.value as t.FunnelAnswer);
    return all.sort((a, b) => (a.funnel < b.funnel ? -1 : 1));
  }, [held]);
}

export function useCampaigns(): t.CampaignTotals[] | undefined {
  const { org } = useWhere();
  const held = useFeed(useMayEverywhere(org, 'read_campaigns') ? 'campaigns/changes' : null, 1);
  return useMemo(() => {
    if (!held.loaded) return undefined;
    const all = [...held.values.values()].map((change) => ({
      campaign: (change.key as { campaign: string }).campaign,
      total: change.value as t.CampaignTotals['total'],
    }));
    return all.sort((a, b) => b.total.served - a.total.served || (a.campaign < b.campaign ? -1 : 1));
  }, [held]);
}

/** The leaderboards of this event. */
export function useBoards(): t.BoardInfo[] | undefined {
  const { event } = useWhere();
  const whole = useWhole();
  const { data } = useAnswer<t.BoardInfo[]>(whole ? 'leaderboards' : null, 0.2);
  // Whoever is limited to events knows their boards by the first places that are told of them.
  const told = useFeed(whole ? null : address('leaderboards/changes', { event }), 0.2);
  return useMemo(() => {
    const all = whole ? data : told.loaded ? [...told.values.values()].map(boardOf) : undefined;
    return all?.filter((board) => board.scope === 'event' && board.event === event);
  }, [whole, data, told, event]);
}

const boardOf = (change: Change) => (change.value as t.TopPlaces).board;

export function useTop(leaderboard: string): Told<t.TopPlaces> {
  const { event } = useWhere();
  return useAnswer(
    address(`leaderboards/${encodeURIComponent(leaderboard)}`, { event, scope: 'event', limit: 10 }),
    4,
  );
}

export function useTrending(): Told<t.Trending> {
  const { event } = useWhere();
  return useAnswer(address('trending', { event, limit: 10 }), 1);
}

export const useFraud = (): Told<t.FraudOverview> =>
  useAnswer(useWhole() ? 'fraud/scores?limit=100' : null, 1);
export const useSegments = (): Told<t.SegmentCount[]> => useAnswer(useWhole() ? 'segments' : null, 1);
export const useReadiness = (): Told<t.Readiness> => useAnswer('freshness', 1);

export function useLate(): Told<t.LateCount> {
  const { event } = useWhere();
  return useAnswer(address('windows/late', { event }), 0.5);
}

/** Dead letters that are counted exactly; more are told as so many and more. */
const LETTERS_MAX = 100;
/** Between two counts, milliseconds: each reads the log. */
const LETTERS_EVERY_MS = 30_000;

/** Messages of the organization that could not be read: a number, or that many and more; undefined to those who may not know. */
export function useDeadLetters(): { count: number; more: boolean } | undefined {
  const { org } = useWhere();
  const may = useMay(org, 'read_audit');
  const { data } = useQuery({
    ...deadLetters(org, LETTERS_MAX),
    enabled: may,
    refetchInterval: LETTERS_EVERY_MS,
  });
  return data && { count: data.length, more: data.length === LETTERS_MAX };
}

export function usePeople(): Told<t.UniqueCount> {
  const { event } = useWhere();
  return useAnswer(address('windows/uniques', { event }), 1);
}

export function useVisits(): Told<t.VisitSummary> {
  const { event } = useWhere();
  return useAnswer(address('visits', { event, from: FAR_MICROS }), 0.2);
}

export interface Revenue {
  currency: string;
  /** What orders came to, less what was given back. */
  minor: number;
}

/** What was paid, by currency, the most first; currencies are never added up. Undefined until it is known. */
export function useRevenue(): Revenue[] | undefined {
  const { event } = useWhere();
  const held = useFeed(address('revenue/changes', { event }), 2);
  return useMemo(() => {
    if (!held.loaded) return undefined;
    const by = new Map<string, number>();
    for (const { key, value } of held.values.values()) {
      const { currency } = key as { currency: string };
      const { gross_minor, refunded_minor } = value as t.Takings;
      by.set(currency, (by.get(currency) ?? 0) + gross_minor - refunded_minor);
    }
    const all = [...by].map(([currency, minor]) => ({ currency, minor }));
    return all.sort((a, b) => b.minor - a.minor || (a.currency < b.currency ? -1 : 1));
  }, [held]);
}

/** Values of a split that are shown. */
const SHARES = 6;

/** People by what records say of them. */
export function useAudience(by: 'platform' | 'country'): Told<t.AudienceSplit> {
  const { event } = useWhere();
  return useAnswer(address('audience', { event, by, limit: SHARES }), 0.5);
}

/** What the rules call segments and campaigns; their short names for those who may not read the rules, or without a title. */
export function useRuleTitles(org: string): (list: 'segments' | 'campaigns', id: string) => string {
  const may = useMayEverywhere(org, 'read_views');
  const { data } = useQuery({ ...ruleTitles(org), enabled: may });
  return (list, id) => data?.[list].get(id) ?? id;
}
