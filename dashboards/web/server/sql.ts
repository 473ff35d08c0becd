// Questions in SQL: asked, cancelled, exported.
import type { AsOf } from '../live/protocol';
import { ask, part, send } from './http';

export interface Column {
  name: string;
  type: string;
}

export interface Result {
  columns: Column[];
  rows: unknown[][];
  truncated: boolean;
  rowsRead: number | null;
  elapsedMs: number | null;
  asOf: AsOf | null;
}

export interface SqlRequest {
  query: string;
  parameters?: Record<string, string>;
  limit?: number;
  /** The client's name for the query, by which it can be cancelled. */
  query_id?: string;
}

interface Told {
  columns: Column[];
  rows: unknown[][];
  truncated?: boolean;
  rows_read?: number;
  elapsed_ms?: number;
}

const path = (org: string) => `/v1/organizations/${part(org)}/sql`;

export async function runSql(org: string, request: SqlRequest, signal?: AbortSignal): Promise<Result> {
  const { data, as_of } = await ask<Told>('POST', path(org), {
    body: { format: 'json', ...request },
    signal,
  });
  return {
    columns: data.columns,
    rows: data.rows,
    truncated: data.truncated ?? false,
    rowsRead: data.rows_read ?? null,
    elapsedMs: data.elapsed_ms ?? null,
    asOf: as_of ?? null,
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
  const { data } = await ask<TableSchema[] | { tables: TableSchema[] }>('GET', `${path(org)}/schema`, {
    signal,
  });
  return Array.isArray(data) ? data : data.tables;
}
