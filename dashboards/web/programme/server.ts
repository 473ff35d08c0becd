// What the pages of a programme ask for, and what the answers look like; docs/api.md says the same at length.
import { queryOptions } from '@tanstack/react-query';
import { key } from '../boxoffice/server';
import { ask, part } from '../server/http';
import { everyRow, paths } from '../server/queries';

/** How often what stands on the event's page is asked for again, milliseconds: what collides is worked out each time. */
export const EVERY_MS = 5_000;

const below = (org: string, event: string) => `${paths.event(org, event)}/programme`;

/** Addresses below the programme of an event. */
export const at = {
  whole: below,
  page: (org: string, event: string) => `${below(org, event)}/page`,
  status: (org: string, event: string) => `${below(org, event)}/status`,
  access: (org: string, event: string) => `${below(org, event)}/access`,
  invitations: (org: string, event: string) => `${below(org, event)}/invitations`,
  rooms: (org: string, event: string) => `${below(org, event)}/rooms`,
  tracks: (org: string, event: string) => `${below(org, event)}/tracks`,
  speakers: (org: string, event: string) => `${below(org, event)}/speakers`,
  sessions: (org: string, event: string) => `${below(org, event)}/sessions`,
  forms: (org: string, event: string) => `${below(org, event)}/forms`,
  imports: (org: string, event: string) => `${below(org, event)}/imports`,
  duplicates: (org: string, event: string) => `${below(org, event)}/duplicates`,
};

/** One of a list, by its id. */
export const oneOf = (list: string, id: string): string => `${list}/${part(id)}`;

export interface Page {
  format: 'in_person' | 'virtual' | 'hybrid';
  summary: string;
  description: string;
  venue: string;
  address: { street: string; postal_code: string; locality: string; country: string };
  online: string;
  picture: string;
  picture_text: string;
  language: string;
  tags: string[];
}

export interface Room {
  title: string;
  description: string;
  capacity: number | null;
  rank: number;
}

export interface Track {
  title: string;
  /** `#rrggbb`, or nothing. */
  color: string;
}

export interface Link {
  title: string;
  url: string;
}

export interface Speaker {
  name: string;
  affiliation: string;
  biography: string;
  picture: string;
  links: Link[];
}

export type Listed<T> = T & { id: string };

export interface Material extends Link {
  audience: 'everybody' | 'holders';
}

export interface Recurrence {
  rule: string;
  except: string[];
  also: string[];
}

/** What a session is to be. Times are RFC 3339. */
export interface Session {
  title: string;
  subtitle: string;
  summary: string;
  description: string;
  kind: string;
  starts: string;
  ends: string;
  room: string | null;
  track: string | null;
  speakers: string[];
  materials: Material[];
  language: string;
  capacity: number | null;
  cancelled: boolean;
  recurrence: Recurrence | null;
  url: string;
}

export interface Time {
  id: string;
  starts: string;
  ends: string;
  taken: number | null;
  waiting: number | null;
}

export type SessionRow = Listed<Session> & { times: Time[] };

export const STATUSES = ['draft', 'published', 'called_off'] as const;

/** Two sessions that share a room, or a speaker, at the same time. */
export interface Collision {
  starts: string;
  one: string;
  one_title: string;
  other: string;
  other_title: string;
  room: string | null;
  speaker: string | null;
}

export interface Whole {
  status: (typeof STATUSES)[number];
  reason: string | null;
  access: string;
  sessions: number;
  speakers: number;
  rooms: Listed<Room>[];
  tracks: Listed<Track>[];
  collisions: Collision[];
  address: string;
}

/** How far an event is, its rooms and tracks, what collides: as it stands. */
export const whole = (org: string, event: string) =>
  queryOptions({
    queryKey: [...key(org, event), 'programme'],
    queryFn: async ({ signal }) => (await ask<Whole>('GET', at.whole(org, event), { signal })).data,
    staleTime: EVERY_MS,
  });

/** Everybody who speaks, for those who choose among them. */
export const everySpeaker = (org: string, event: string) =>
  queryOptions({
    queryKey: [...key(org, event), 'programme', 'speakers'],
    queryFn: ({ signal }) => everyRow<Listed<Speaker>>(at.speakers(org, event), signal),
    staleTime: 30_000,
  });
