// What the server tells of itself, to the platform's admins.
import { queryOptions } from '@tanstack/react-query';
import { ask } from './http';

export interface System {
  uptime_ms?: number;
  epoch?: number;
  freshness_ms?: number;
  records?: number;
  facts?: number;
  log_bytes?: number;
  lag_records?: number;
  late?: [string, number][];
  dead_letters?: number;
  duplicates?: number;
  resident_bytes?: number;
  errors?: string[];
  warehouse?: {
    state: string;
    rows?: number;
    landed?: number | null;
    waiting?: number;
    error?: string | null;
    filling?: string | null;
    resident_bytes?: number;
  };
}

export type DeadLetters = { reason: string; field?: string | null; count: number }[];

/** Often enough to watch a queue drain, milliseconds. */
const EVERY_MS = 2_000;

export const system = queryOptions({
  queryKey: ['system'],
  queryFn: async ({ signal }) => (await ask<System>('GET', '/v1/system', { signal })).data,
  refetchInterval: EVERY_MS,
});

export const deadLetters = queryOptions({
  queryKey: ['system', 'dead-letters'],
  queryFn: async ({ signal }) => (await ask<DeadLetters>('GET', '/v1/system/dead-letters', { signal })).data,
  retry: false,
});
