// A server with an organization that sells: what the tests of the shop buy from, with a key that manages as its organizer has.
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { CHROMIUM, FLAGS, slowed } from './browser.ts';
import { Eventra } from './eventra.ts';

export const SELLER = 'acme';
const KEY = 'a-key-that-manages-the-box-office';

/** Events that the tests sell at, each for itself. */
export const EVENTS = ['conf', 'quick', 'small', 'queue', 'journey'] as const;
export type EventName = (typeof EVENTS)[number];

const DAY_MS = 86_400_000;
const at = (days: number) =>
  new Date(Math.floor(Date.now() / DAY_MS + days) * DAY_MS + 9 * 3_600_000).toISOString();

const document = () => `
[[organization]]
id = "${SELLER}"
name = "Acme Events"
zone = "Europe/Berlin"

[[organization.key]]
name = "office"
scopes = ["manage", "read"]
secret_file = "office.key"
${EVENTS.map(
  (event) => `
[[organization.event]]
id = "${event}"
title = "Conference ${event}"
starts = ${at(30)}
ends = ${at(32)}
`,
).join('')}`;

export interface Told {
  status: number;
  data: Record<string, unknown>;
  body: Record<string, unknown>;
}

export class Market {
  readonly eventra: Eventra;
  readonly browser: Browser;
  /** Everything that pages complained of: must stay empty but for what a test expects. */
  readonly complaints: string[] = [];

  private constructor(eventra: Eventra, browser: Browser) {
    this.eventra = eventra;
    this.browser = browser;
  }

  static async open(more: (url: string) => string[] = () => []): Promise<Market> {
    const settings = (url: string) => ['--test-payments', 'true', '--warehouse', 'none', ...more(url)];
    const eventra = await Eventra.start(settings);
    try {
      const market = new Market(eventra, await chromium.launch({ executablePath: CHROMIUM, args: FLAGS }));
      const file = join(eventra.folder, 'market.toml');
      writeFileSync(join(eventra.folder, 'office.key'), KEY);
      writeFileSync(file, document());
      await eventra.command('apply', file);
      return market;
    } catch (error) {
      // Else the server outlives the test, and the runner waits for it.
      await eventra.stop();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.eventra.stop();
  }

  /** Asks the API as an organizer's program does. */
  async ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Told> {
    const response = await fetch(this.eventra.url + path, {
      method,
      headers: {
        authorization: `Bearer ${KEY}`,
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const told = (text ? JSON.parse(text) : {}) as { data?: Record<string, unknown> };
    return { status: response.status, data: told.data ?? {}, body: told };
  }

  /** The same, where anything but success is a fault of the test. */
  async did(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const told = await this.ask(method, path, body);
    if (told.status >= 300) throw new Error(`${method} ${path}: ${told.status} ${JSON.stringify(told.body)}`);
    return told.data;
  }

  office(event: EventName, rest: string): string {
    return `/v1/organizations/${SELLER}/events/${event}/box-office${rest}`;
  }

  shop(event: EventName, rest = ''): string {
    return `/v1/shop/${SELLER}/${event}${rest}`;
  }

  put(event: EventName, rest: string, body: unknown): Promise<Record<string, unknown>> {
    return this.did('PUT', this.office(event, rest), body);
  }

  async orders(event: EventName): Promise<Record<string, unknown>[]> {
    const { body } = await this.ask('GET', this.office(event, '/orders'));
    return (body as { data: Record<string, unknown>[] }).data;
  }

  /** What anybody sees of an event of its own. */
  programme(event: EventName, rest: string): string {
    return `/v1/organizations/${SELLER}/events/${event}/programme${rest}`;
  }

  /** Adds somebody who works for the seller. */
  async hire(email: string, name: string, role: string): Promise<void> {
    await this.eventra.command(
      'user',
      'add',
      email,
      '--name',
      name,
      '--organization',
      SELLER,
      '--role',
      role,
    );
  }

  async signIn(context: BrowserContext, email: string, to: string): Promise<Page> {
    const page = await context.newPage();
    const link = (await this.eventra.command('sign-in-link', email)).match(/https?:\S+/)?.[0] ?? '';
    await page.goto(link);
    await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
    await page.goto(to);
    return page;
  }

  async context(
    options: Parameters<Browser['newContext']>[0] = {},
    browser = this.browser,
  ): Promise<BrowserContext> {
    const made = await browser.newContext({
      baseURL: this.eventra.url,
      locale: 'en-GB',
      timezoneId: 'Europe/Berlin',
      viewport: { width: 390, height: 844 },
      ...options,
    });
    made.setDefaultTimeout(15_000);
    made.on('console', (message) => {
      // Browsers report refusals that pages expect: nothing left, a hold that has ended, nobody signed in or let in, no invoice yet.
      if (/status of (401|403|404|409|422)/.test(message.text())) return;
      if (message.type() === 'error')
        this.complaints.push(`${message.page()?.url() ?? ''}: ${message.text()}`);
    });
    made.on('weberror', (error) =>
      this.complaints.push(`${error.page()?.url() ?? ''}: ${error.error().message}`),
    );
    await slowed(made);
    return made;
  }
}

export const euros = (minor: number) => [{ minor, currency: 'EUR' }];
export const standard = (minor: number, title = 'Standard') => [{ title, prices: euros(minor) }];

/** Fills in who buys, on the page of the checkout. */
export async function introduce(page: Page, name: string): Promise<void> {
  await page.getByLabel('Email address').fill(`${name.toLowerCase().replaceAll(' ', '.')}@example.org`);
  await page.getByLabel('Name', { exact: true }).fill(name);
}

/** Chooses so many of a thing. */
export async function choose(page: Page, title: string, count = 1): Promise<void> {
  for (let n = 0; n < count; n += 1)
    await page.getByRole('button', { name: `One more ${title}`, exact: true }).click();
}

/** The way on, of which phones and desktops have one each. */
export const goOn = (page: Page): Promise<void> =>
  page
    .getByRole('button', { name: /^Continue/ })
    .filter({ visible: true })
    .click();
