// The queries and writes of the management routes, one function each, named for what they answer.
import { queryOptions } from '@tanstack/react-query';
import { address, ask, part, Refusal } from './http';
import type * as t from './types';

const organization = (id: string) => `/v1/organizations/${part(id)}`;

/** The most rows that a page of a list asks for. */
const ROWS = 200;
/** The most pages of a list that are followed: what is needed as a whole, such as titles by id, has far fewer rows. */
const PAGES_MAX = 100;

/** A whole list, page by page, at most `PAGES_MAX` pages. */
export async function everyRow<T>(path: string, signal: AbortSignal): Promise<T[]> {
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

export const providers = queryOptions({
  queryKey: ['sign-in'],
  queryFn: ({ signal }) => one<{ providers: { id: string; name: string }[] }>('/v1/sign-in', signal),
  staleTime: Infinity,
});

/** Every event, for those who choose among them. */
export const events = (org: string) =>
  queryOptions({
    queryKey: ['organization', org, 'events', 'all'],
    queryFn: ({ signal }) => everyRow<t.EventRow>(`${organization(org)}/events`, signal),
    staleTime: 30_000,
  });

/** The first two events: whether there is just one. */
export const firstEvents = (org: string) =>
  queryOptions({
    queryKey: ['organization', org, 'events', 'first'],
    queryFn: ({ signal }) => one<t.EventRow[]>(`${organization(org)}/events?limit=2`, signal),
    staleTime: 30_000,
  });

/** Something with its tag, as it was last read; read anew only when asked, since somebody may be changing it. */
export interface Read<T> {
  row: T;
  tag: string | undefined;
}

const read = async <T>(path: string, signal?: AbortSignal): Promise<Read<T>> => {
  const { data, tag } = await ask<T>('GET', path, { signal });
  return { row: data, tag };
};

/** For forms: what is in them must not change under the hands of whoever fills them in. */
const AS_READ = { staleTime: Infinity, gcTime: 0, refetchOnWindowFocus: false, refetchOnReconnect: false };

export const organizationRead = (org: string) =>
  queryOptions({
    queryKey: ['organization', org, 'settings'],
    queryFn: ({ signal }) => read<t.OrganizationRow>(organization(org), signal),
    ...AS_READ,
  });

export const rulesRead = (org: string) =>
  queryOptions({
    queryKey: ['organization', org, 'rules'],
    queryFn: ({ signal }) => read<t.RulesRow>(`${organization(org)}/rules`, signal),
    ...AS_READ,
  });

/** The titles of what the rules name, by their short names. */
export const ruleTitles = (org: string) =>
  queryOptions({
    queryKey: ['organization', org, 'rules', 'titles'],
    queryFn: async ({ signal }) => {
      const { document } = await one<t.RulesRow>(`${organization(org)}/rules`, signal);
      return { segments: titlesIn(document['segments']), campaigns: titlesIn(document['campaigns']) };
    },
    staleTime: 60_000,
  });

function titlesIn(list: unknown): Map<string, string> {
  const entries = Array.isArray(list) ? (list as { id: string; title?: string }[]) : [];
  return new Map(entries.flatMap(({ id, title }) => (title ? [[id, title] as const] : [])));
}

export const eventRead = (org: string, event: string) =>
  queryOptions({
    queryKey: ['organization', org, 'events', event, 'read'],
    queryFn: ({ signal }) => read<t.EventRow>(paths.event(org, event), signal),
    ...AS_READ,
  });

export const queryRead = (org: string, query: string) =>
  queryOptions({
    queryKey: ['organization', org, 'query', query],
    queryFn: ({ signal }) => read<t.QueryRow>(paths.query(org, query), signal),
    ...AS_READ,
  });

export const itemRead = (org: string, event: string, item: string) =>
  queryOptions({
    queryKey: ['organization', org, 'events', event, 'item', item],
    queryFn: ({ signal }) => read<t.ItemRow>(paths.item(org, event, item), signal),
    ...AS_READ,
  });

/** Reads a thing as it is now, with its tag. */
export const readAt = <T>(path: string) => read<T>(path);

/** One event; null when there is none of this id, or none that the person may know of. */
export const event = (org: string, id: string) =>
  queryOptions({
    queryKey: ['organization', org, 'events', id],
    queryFn: async ({ signal }): Promise<t.EventRow | null> => {
      try {
        return await one<t.EventRow>(paths.event(org, id), signal);
      } catch (error) {
        if (error instanceof Refusal && error.status === 404) return null;
        throw error;
      }
    },
    staleTime: 30_000,
  });

export const items = (org: string, event: string) =>
  queryOptions({
    queryKey: ['organization', org, 'events', event, 'items'],
    queryFn: ({ signal }) => everyRow<t.ItemRow>(`${organization(org)}/events/${part(event)}/items`, signal),
    staleTime: 60_000,
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
  members: (org: string) => `${organization(org)}/members`,
  keys: (org: string) => `${organization(org)}/keys`,
  queries: (org: string) => `${organization(org)}/queries`,
  rules: (org: string) => `${organization(org)}/rules`,
  events: (org: string) => `${organization(org)}/events`,
  items: (org: string, event: string) => `${organization(org)}/events/${part(event)}/items`,
  item: (org: string, event: string, item: string) =>
    `${organization(org)}/events/${part(event)}/items/${part(item)}`,
  event: (org: string, event: string) => `${organization(org)}/events/${part(event)}`,
  member: (org: string, user: string) => `${organization(org)}/members/${part(user)}`,
  key: (org: string, name: string) => `${organization(org)}/keys/${part(name)}`,
  query: (org: string, query: string) => `${organization(org)}/queries/${part(query)}`,
};

/** Under what the lists of an organization are kept, to be read anew after a write. */
export const kept = {
  members: (org: string) => ['organization', org, 'members'],
  keys: (org: string) => ['organization', org, 'keys'],
  queries: (org: string) => ['organization', org, 'queries'],
  events: (org: string) => ['organization', org, 'events'],
  logins: ['me', 'logins'],
};
