// Asks the server: JSON in and out, refusals as errors with their code, and an id for each write.
import type { AsOf, ProblemDocument } from '../live/protocol';
import { newId } from './ids';

/** A refusal of the server, or no answer at all (`status` 0, code `unreachable`). */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly problem: ProblemDocument;
  readonly retryAfter: number | null;

  constructor(status: number, problem: ProblemDocument, retryAfter: number | null = null) {
    super(problem.detail || problem.title || problem.code);
    this.status = status;
    this.code = problem.code;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** What every answer may carry. */
export interface Answer<T> {
  data: T;
  as_of?: AsOf;
  /** Where a write is on the log. */
  offset?: string;
  next?: string | null;
  /** Names this very answer (`ETag`): what a write that is meant for it says it has seen. */
  tag?: string | undefined;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** How long an answer may take, milliseconds: a little more than the server gives itself (30 s). */
const WITHIN_MS = 35_000;

/** The answer to `/v1/me` that the document has asked for already; good for the first asking only. */
const begun = globalThis as { eventraMe?: Promise<Response> | undefined };

function early(method: Method, path: string): Promise<Response> | undefined {
  if (method !== 'GET' || path !== '/v1/me') return undefined;
  const answer = begun.eventraMe;
  begun.eventraMe = undefined;
  return answer;
}

interface Asked {
  body?: unknown;
  /** A file in the place of a body of JSON. */
  file?: { content: Blob; type: string };
  signal?: AbortSignal | undefined;
  /** The same id for the same wish, however often it is sent: the server then does it once. */
  wish?: string;
  /** The tag of the thing as it was read; the write is refused with `changed` when it is another by now. */
  seen?: string | undefined;
  /** Whether the thing must not be there yet. */
  fresh?: boolean;
  /** What shows an order to whoever has it. */
  secret?: string | undefined;
}

export async function ask<T>(method: Method, path: string, asked: Asked = {}): Promise<Answer<T>> {
  const response = await send(method, path, asked);
  const text = await response.text();
  // What was done or is going to be done without anything to say about it: 204, 202.
  if (text === '') return { data: undefined as T };
  const answer = JSON.parse(text) as Answer<T>;
  return { ...answer, tag: response.headers.get('etag') ?? undefined };
}

/** As `ask`, for what is not JSON. */
export async function send(method: Method, path: string, asked: Asked = {}): Promise<Response> {
  const response = await (early(method, path) ?? request(method, path, asked)).catch((error: unknown) => {
    if (asked.signal?.aborted) throw error;
    throw new Refusal(0, { code: 'unreachable' });
  });
  if (!response.ok) throw await refusalOf(response);
  return response;
}

function request(method: Method, path: string, asked: Asked): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (asked.body !== undefined) headers['content-type'] = 'application/json';
  if (asked.file) headers['content-type'] = asked.file.type;
  if (method !== 'GET') headers['idempotency-key'] = asked.wish ?? newWish();
  if (asked.seen !== undefined) headers['if-match'] = asked.seen;
  if (asked.fresh) headers['if-none-match'] = '*';
  if (asked.secret !== undefined) headers['order-secret'] = asked.secret;
  const timeout = AbortSignal.timeout(WITHIN_MS);
  return fetch(path, {
    method,
    headers,
    credentials: 'same-origin',
    signal: asked.signal ? AbortSignal.any([asked.signal, timeout]) : timeout,
    ...(asked.body === undefined ? {} : { body: JSON.stringify(asked.body) }),
    ...(asked.file ? { body: asked.file.content } : {}),
  });
}

async function refusalOf(response: Response): Promise<Refusal> {
  const problem = (await response.json().catch(() => ({}))) as Partial<ProblemDocument>;
  const retry = Number(response.headers.get('retry-after'));
  return new Refusal(
    response.status,
    { ...problem, code: problem.code ?? `status_${response.status}` },
    Number.isFinite(retry) && retry > 0 ? retry : null,
  );
}

/** A new id for one wish of a person (a click, a form that is sent). */
export const newWish = (): string => newId().replaceAll('-', '');

/** An address with its parameters; those that are undefined are left out. */
export function address(
  path: string,
  parameters: Record<string, string | number | undefined | null>,
): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** A part of a path. */
export function part(text: string): string {
  return encodeURIComponent(text);
}
