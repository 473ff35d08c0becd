// What every page of a box office stands in: whose it is, the ways to its parts, times of the event's own zone.
import { useQuery } from '@tanstack/react-query';
import { createContext, use, useMemo, type ReactNode } from 'react';
import { Link } from 'react-router';
import { part } from '../server/http';
import { event as eventOf } from '../server/queries';
import { useMayFor } from '../server/session';
import type { EventRow } from '../server/types';
import { Heading } from '../ui/basics';
import { Tabs } from '../ui/Tabs';
import { formatFor, type Format } from '../words/format';
import { useFormat } from '../words/words';
import type { Offer } from './types';
import { offer } from './server';
import { useBoxWords } from './words';

interface Office {
  org: string;
  event: string;
  row: EventRow | null;
  /** The page's own address without what is below it. */
  base: string;
}

const Current = createContext<Office | null>(null);

export function OfOffice({ org, event, children }: { org: string; event: string; children: ReactNode }) {
  const { data: row = null } = useQuery(eventOf(org, event));
  const base = `/o/${part(org)}/events/${part(event)}/box-office`;
  const office = useMemo(() => ({ org, event, row, base }), [org, event, row, base]);
  return <Current value={office}>{children}</Current>;
}

export function useOffice(): Office {
  const office = use(Current);
  if (!office) throw new Error('a part of a box office stands outside of <OfOffice>');
  return office;
}

/** Everything that is offered; undefined until it is known, null before the first thing is. */
export function useOffer(): Offer | null | undefined {
  const { org, event } = useOffice();
  return useQuery(offer(org, event)).data;
}

export const useZone = (): string => useOffice().row?.zone ?? 'UTC';

/** Numbers as the reader's language has them, times in the zone of the event. */
export function useEventFormat(): Format {
  const { language } = useFormat();
  return formatFor(language, useZone());
}

/** What somebody may do at this event. */
export function useMayHere(act: 'manage_events' | 'manage_orders' | 'check_in'): boolean {
  const { org, event } = useOffice();
  return useMayFor(org, act, event);
}

/** The name of a product, with its kind where one was chosen; its id while nobody knows more. */
export function useTitleOf(): (product: string, variation?: string | null) => string {
  const all = useOffer()?.products;
  return (product, variation) => {
    const known = all?.find((one) => one.id === product);
    if (!known) return product;
    const kind = known.variations.find((one) => one.variation === variation)?.title;
    return kind ? `${known.title}, ${kind}` : known.title;
  };
}

/** A short number for an order: its id, or the last digits of a long one. */
export const numberOf = (id: string): string => (id.length > 16 ? id.slice(-8).toUpperCase() : id);

export const PARTS = [
  ['overview', '', 'read_views'],
  ['products', 'products', 'manage_events'],
  ['quotas', 'quotas', 'manage_events'],
  ['discounts', 'discounts', 'manage_events'],
  ['orders', 'orders', 'manage_orders'],
  ['refunds', 'refunds', 'manage_orders'],
  ['waitlist', 'waitlist', 'manage_orders'],
  ['checkin', 'check-in', 'check_in'],
  ['room', 'room', 'manage_events'],
  ['money', 'money', 'manage_orders'],
  ['settings', 'settings', 'manage_events'],
] as const;

/** A page of a box office: its name, the event's, and the ways to the others. */
export function Frame(props: { title: string; hint?: ReactNode; aside?: ReactNode; children: ReactNode }) {
  const words = useBoxWords();
  const { org, event, row, base } = useOffice();
  const may = {
    manage_events: useMayHere('manage_events'),
    manage_orders: useMayHere('manage_orders'),
    check_in: useMayHere('check_in'),
    read_views: true,
  };
  return (
    <>
      <p className="text-soft mb-1 text-sm">
        <Link to={`/o/${part(org)}/events/${part(event)}`} className="link">
          {row?.title ?? event}
        </Link>{' '}
        · {words.title}
      </p>
      <Heading title={props.title} hint={props.hint} aside={props.aside} />
      <Tabs
        label={words.title}
        tabs={PARTS.filter(([, , act]) => may[act]).map(([name, path]) => ({
          to: path ? `${base}/${path}` : base,
          title: words.parts[name],
        }))}
      />
      {props.children}
    </>
  );
}
