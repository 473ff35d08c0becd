// Questions in SQL: asked, cancelled, exported.
import { type Answer, ask, part, send } from './http';

export interface Column {
  name: string;
  type: string;
}

export interface Result {
  columns: Column[];
  rows: unknown[][];
  truncated: boolean;
  rowsRead: number;
  elapsedMs: number;
  /** Every record that the log took until then is reflected, microseconds since 1970; null when nobody can say. */
  until: number | null;
}

export interface SqlRequest {
  query: string;
  parameters?: Record<string, string>;
  limit?: number;
  /** The client's name for the query, by which it can be cancelled. */
  query_id?: string;
}

/** What an answer reflects: everything that had landed in the warehouse up to `log_time`. */
interface Landed {
  log_time: number | null;
}

/** An answer of rows; `data` are its rows. */
type Told = Answer<unknown[][]> & {
  columns: Column[];
  truncated: boolean;
  statistics: { rows_read: number; bytes_read: number; elapsed_us: number };
};

const path = (org: string) => `/v1/organizations/${part(org)}/sql`;

export async function runSql(org: string, request: SqlRequest, signal?: AbortSignal): Promise<Result> {
  const answer = await ask<unknown[][]>('POST', path(org), { body: { format: 'json', ...request }, signal });
  const { columns, data, truncated, statistics, as_of } = answer as Told;
  return {
    columns,
    rows: data,
    truncated,
    rowsRead: statistics.rows_read,
    elapsedMs: statistics.elapsed_us / 1_000,
    until: (as_of as Landed | undefined)?.log_time ?? null,
  };
}

export const cancelSql = (org: string, id: string) => ask<unknown>('DELETE', `${path(org)}/${part(id)}`);

/** The whole result as a file. */
export async function exportSql(org: string, query: string, format: 'csv' | 'parquet'): Promise<Blob> {
  return (await send('POST', path(org), { body: { query, format } })).blob();
}

export interface TableSchema {
  name: string;
  comment?: string;
  columns: { name: string; type: string; comment?: string }[];
}

export async function sqlSchema(org: string, signal: AbortSignal): Promise<TableSchema[]> {
  return (await ask<TableSchema[]>('GET', `${path(org)}/schema`, { signal })).data;
}
