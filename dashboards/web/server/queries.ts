// The queries and writes of the management routes, one function each, named for what they answer.
import { queryOptions } from '@tanstack/react-query';
import { address, ask, part, Refusal } from './http';
import type * as t from './types';

const organization = (id: string) => `/v1/organizations/${part(id)}`;

/** The most rows that a page of a list asks for. */
const ROWS = 200;
/** The most pages of a list that are followed: 2,000 rows are more than anybody scrolls through. */
const PAGES_MAX = 10;

/** A whole list, page by page, at most `PAGES_MAX` pages. */
async function list<T>(path: string, signal: AbortSignal): Promise<T[]> {
  const rows: T[] = [];
  let cursor: string | null | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await ask<T[]>('GET', address(path, { limit: ROWS, cursor }), { signal });
    rows.push(...answer.data);
    cursor = answer.next;
    if (!cursor) break;
  }
  return rows;
}

const one = async <T>(path: string, signal: AbortSignal): Promise<T> =>
  (await ask<T>('GET', path, { signal })).data;

/** Who I am; null when nobody is signed in. */
export const me = queryOptions({
  queryKey: ['me'],
  queryFn: async ({ signal }): Promise<t.Me | null> => {
    try {
      return await one<t.Me>('/v1/me', signal);
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: 60_000,
});

export const logins = queryOptions({
  queryKey: ['me', 'logins'],
  queryFn: ({ signal }) => list<t.LoginRow>('/v1/me/logins', signal),
});

export const providers = queryOptions({
  queryKey: ['sign-in'],
  queryFn: ({ signal }) => one<{ providers: { id: string; name: string }[] }>('/v1/sign-in', signal),
  staleTime: Infinity,
});

export const events = (org: string) =>
  queryOptions({
    queryKey: ['organization', org, 'events'],
    queryFn: ({ signal }) => list<t.EventRow>(`${organization(org)}/events`, signal),
    staleTime: 30_000,
  });

export const items = (org: string, event: string) =>
  queryOptions({
    queryKey: ['organization', org, 'events', event, 'items'],
    queryFn: ({ signal }) => list<t.ItemRow>(`${organization(org)}/events/${part(event)}/items`, signal),
    staleTime: 60_000,
  });

export const members = (org: string) =>
  queryOptions({
    queryKey: ['organization', org, 'members'],
    queryFn: ({ signal }) => list<t.MemberRow>(`${organization(org)}/members`, signal),
  });

export const keys = (org: string) =>
  queryOptions({
    queryKey: ['organization', org, 'keys'],
    queryFn: ({ signal }) => list<t.KeyRow>(`${organization(org)}/keys`, signal),
  });

export const savedQueries = (org: string) =>
  queryOptions({
    queryKey: ['organization', org, 'queries'],
    queryFn: ({ signal }) => list<t.QueryRow>(`${organization(org)}/queries`, signal),
  });

/** One page of what happened that matters to security, newest first. */
export const auditPage = (org: string | null, cursor: string | null, signal: AbortSignal) =>
  ask<t.AuditRow[]>(
    'GET',
    address(org ? `${organization(org)}/audit` : '/v1/audit', { limit: 100, cursor }),
    {
      signal,
    },
  );

/** A read of a view, once: `path` is what follows `/v1/views/`. */
export const view = <T>(org: string, path: string, every?: number) =>
  queryOptions({
    queryKey: ['view', org, path],
    queryFn: async ({ signal }): Promise<T | null> => {
      try {
        return await one<T>(inOrganization(`/v1/views/${path}`, org), signal);
      } catch (error) {
        if (error instanceof Refusal && error.code === 'not_found') return null;
        throw error;
      }
    },
    ...(every === undefined ? {} : { refetchInterval: every }),
  });

/** An address of a view, a feed or presence, asked by a person who may be in several organizations. */
export function inOrganization(path: string, org: string): string {
  return `${path}${path.includes('?') ? '&' : '?'}organization=${part(org)}`;
}

export const paths = {
  organization,
  event: (org: string, event: string) => `${organization(org)}/events/${part(event)}`,
  member: (org: string, user: string) => `${organization(org)}/members/${part(user)}`,
  key: (org: string, name: string) => `${organization(org)}/keys/${part(name)}`,
  query: (org: string, query: string) => `${organization(org)}/queries/${part(query)}`,
};
