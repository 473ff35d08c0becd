// What the scanner asks the server for: as a device with a link of its own, or as whoever is signed in.
import type { Look, Outcome, Rule } from './rule';

export interface Door extends Rule {
  id: string;
  title: string;
  admitted: number;
  inside: number;
}

export interface Sync {
  event_digits: string;
  title: string;
  zone: string;
  now: string;
  device: string | null;
  public_key: string;
  doors: Door[];
  products: { id: string; digits: string; title: string }[];
  tickets: { id: string; revision: number; cancelled: boolean }[];
  looks: { door: string; ticket: string; seen: Look[] }[];
  offset: string;
  more: boolean;
}

export interface Result {
  id: string;
  ticket: string | null;
  product: string | null;
  holder: string;
  outcome: Outcome;
  first: { at: string; gate: string; device: string } | null;
}

export interface Results {
  results: Result[];
  admitted: number;
  inside: number;
}

export interface Found {
  id: string;
  order: string;
  product: string;
  holder: string;
  state: 'expected' | 'inside' | 'outside' | 'void';
}

export interface Told<T> {
  data: T;
}

/** No answer, or one that says: later. */
export class Unreachable extends Error {}

/** The server says no. */
export class Refused extends Error {
  readonly status: number;
  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

export class Server {
  private readonly base: string;
  /** The secret of the device's link; the browser's login when there is none. */
  secret: string | null;

  constructor(organization: string, event: string, secret: string | null) {
    const part = encodeURIComponent;
    this.base = `/v1/organizations/${part(organization)}/events/${part(event)}/box-office`;
    this.secret = secret;
  }

  /** Asks; `within` is how long the answer may take, milliseconds. */
  async ask<T>(method: 'GET' | 'POST', path: string, within: number, body?: unknown): Promise<Told<T>> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (this.secret !== null) headers['authorization'] = `Bearer ${this.secret}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    const asked: RequestInit = {
      method,
      headers,
      credentials: this.secret === null ? 'same-origin' : 'omit',
      signal: AbortSignal.timeout(within),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.base + path, asked);
      text = await response.text();
    } catch {
      throw new Unreachable();
    }
    if (response.ok) return JSON.parse(text) as Told<T>;
    // Too much at once, too slow, starting again, a proxy without a server: later.
    if (response.status === 408 || response.status === 429 || response.status >= 500) throw new Unreachable();
    throw new Refused(response.status, detailOf(text));
  }
}

function detailOf(text: string): string {
  try {
    return (JSON.parse(text) as { detail?: string }).detail ?? text;
  } catch {
    return text;
  }
}
