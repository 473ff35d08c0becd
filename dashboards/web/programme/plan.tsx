// What every page of a programme stands in: the event, the ways to its parts, the way to what visitors see.
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { useOffice } from '../boxoffice/office';
import { part } from '../server/http';
import { Heading } from '../ui/basics';
import { Tabs } from '../ui/Tabs';
import { whole, type Whole } from './server';
import { usePlanWords } from './words';

/** The programme as it stands; undefined until it is known. */
export function useWhole(): Whole | undefined {
  const { org, event } = useOffice();
  return useQuery(whole(org, event)).data;
}

export function useBase(): string {
  const { org, event } = useOffice();
  return `/o/${part(org)}/events/${part(event)}/publication`;
}

export const PARTS = [
  ['page', ''],
  ['sessions', 'sessions'],
  ['rooms', 'rooms'],
  ['tracks', 'tracks'],
  ['speakers', 'speakers'],
  ['forms', 'forms'],
  ['access', 'access'],
  ['import', 'import'],
] as const;

/** A page of a programme: its name, the event's, and the ways to the others. */
export function Plan(props: { title: string; hint?: ReactNode; aside?: ReactNode; children: ReactNode }) {
  const words = usePlanWords();
  const { org, event, row } = useOffice();
  const base = useBase();
  const known = useWhole();
  return (
    <>
      <p className="text-soft mb-1 text-sm">
        <Link to={`/o/${part(org)}/events/${part(event)}`} className="link">
          {row?.title ?? event}
        </Link>{' '}
        · {words.title}
      </p>
      <Heading
        title={props.title}
        hint={props.hint}
        aside={
          <span className="flex flex-wrap gap-2">
            {known && (
              <a href={known.address} className="button">
                {known.status === 'draft' ? words.preview : words.look}
              </a>
            )}
            {props.aside}
          </span>
        }
      />
      <Tabs
        label={words.title}
        tabs={PARTS.map(([name, path]) => ({
          to: path ? `${base}/${path}` : base,
          title: words.parts[name],
        }))}
      />
      {props.children}
    </>
  );
}
