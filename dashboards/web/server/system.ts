// What the server tells of itself, to the platform's admins.
import { queryOptions } from '@tanstack/react-query';
import type { AsOf } from '../live/protocol';
import { ask, part, Refusal } from './http';

export interface System {
  version: string;
  uptime_s: number;
  resident_bytes: number;
  as_of: AsOf;
  phase: string;
  behind_records: number;
  behind_ms: number;
  replaying: number;
  epochs: number;
  skipped: number;
  rebuilds: number;
  set_aside: { view: string; since: number }[];
  last_error: string | null;
  snapshot: { epoch: number; bytes: number; written: number; given_up: number; last_error: string | null };
  log: { lane: string; bytes: number; rows: number; voided_rows: number }[];
  free_bytes: number | null;
  durability: string;
  warehouse: {
    state: string;
    rows: number;
    landed: number | null;
    waiting: number;
    error: string | null;
    filling: string | null;
    resident_bytes: number;
  };
  door: { duplicates: number; dead_letters: number };
  mails_waiting: number;
}

export interface DeadLetter {
  at: string;
  reason: string;
  field: string;
  position: string;
}

export interface Replayed {
  seen: number;
  replayed: number;
  already: number;
  still_bad: number;
  unreadable: number;
}

/** Often enough to watch a queue drain, milliseconds. */
const EVERY_MS = 2_000;
/** Dead letters of one organization that are shown. */
const LETTERS = 50;

export const system = queryOptions({
  queryKey: ['system'],
  queryFn: async ({ signal }) => (await ask<System>('GET', '/v1/system', { signal })).data,
  refetchInterval: EVERY_MS,
});

export const deadLetters = (org: string, limit = LETTERS) =>
  queryOptions({
    queryKey: ['organization', org, 'dead-letters', limit],
    queryFn: async ({ signal }) =>
      (
        await ask<DeadLetter[]>('GET', `/v1/organizations/${part(org)}/dead-letters?limit=${limit}`, {
          signal,
        })
      ).data,
    retry: false,
  });

export interface Mail {
  id: string;
  to: string;
  subject: string;
  text: string;
  link: string;
}

/** The mails of a demo; null where mails go to a mail server. */
export const mailbox = queryOptions({
  queryKey: ['mailbox'],
  queryFn: async ({ signal }): Promise<Mail[] | null> => {
    try {
      return (await ask<Mail[]>('GET', '/v1/system/mailbox', { signal })).data;
    } catch (error) {
      if (error instanceof Refusal && error.code === 'not_found') return null;
      throw error;
    }
  },
  refetchInterval: EVERY_MS,
});
