// One server, one conference, one browser for all tests of a file; and what tests ask of a page.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { CHROMIUM, FLAGS, slowed } from './browser.ts';
import { Eventra, isThere } from './eventra.ts';

export const ORGANIZATION = 'summit';
export const EVENT = 'summit-2026';
export const DASHBOARD = `/o/${ORGANIZATION}/events/${EVENT}`;
export const EMAIL = 'ann@example.org';

/** Every page of somebody who is signed in, and those before. */
export const PAGES = [
  '/organizations',
  `/o/${ORGANIZATION}/events`,
  DASHBOARD,
  `${DASHBOARD}/wall`,
  `${DASHBOARD}/programme`,
  `${DASHBOARD}/publication`,
  `${DASHBOARD}/publication/sessions?edit=new`,
  `${DASHBOARD}/publication/rooms?edit=new`,
  `${DASHBOARD}/publication/tracks?edit=new`,
  `${DASHBOARD}/publication/speakers?edit=new`,
  `${DASHBOARD}/publication/forms?edit=new`,
  `${DASHBOARD}/publication/access`,
  `${DASHBOARD}/publication/import`,
  `${DASHBOARD}/box-office`,
  `${DASHBOARD}/box-office/products`,
  `${DASHBOARD}/box-office/products?edit=new`,
  `${DASHBOARD}/box-office/quotas?edit=new`,
  `${DASHBOARD}/box-office/discounts?edit=new`,
  `${DASHBOARD}/box-office/orders`,
  `${DASHBOARD}/box-office/refunds`,
  `${DASHBOARD}/box-office/waitlist`,
  `${DASHBOARD}/box-office/room`,
  `${DASHBOARD}/box-office/money`,
  `${DASHBOARD}/box-office/settings`,
  `/o/${ORGANIZATION}/campaigns`,
  `/o/${ORGANIZATION}/rules`,
  `/o/${ORGANIZATION}/members`,
  `/o/${ORGANIZATION}/keys`,
  `/o/${ORGANIZATION}/payments`,
  `/o/${ORGANIZATION}/invoices`,
  `/o/${ORGANIZATION}/webhooks?edit=new`,
  `/o/${ORGANIZATION}/settings`,
  `/o/${ORGANIZATION}/role`,
  `/o/${ORGANIZATION}/audit`,
  `/o/${ORGANIZATION}/sql`,
  '/account',
  '/system',
  '/mailbox',
  '/audit',
  '/reference',
  '/no-such-page',
];
export const ENTRANCES = ['/sign-in', '/reset-password', '/reset-password#token=abc', '/sign-in/link'];

/** Why the tests of the browser cannot run here; none when they can. */
export const missing: string | null = !CHROMIUM
  ? 'skipped: there is no Chromium (CHROMIUM names one)'
  : !isThere
    ? 'skipped: there is no eventra binary (EVENTRA names one; cargo build -p eventra makes one)'
    : null;

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export interface House {
  eventra: Eventra;
  browser: Browser;
  /** Everything that pages complained of, each with its page: must stay empty but for what a test expects. */
  complaints: string[];
  context: (options?: Parameters<Browser['newContext']>[0]) => Promise<BrowserContext>;
  signIn: (context: BrowserContext, to?: string, email?: string) => Promise<Page>;
  close: () => Promise<void>;
}

/** How large a conference is played, within how many seconds. */
export interface Play {
  attendees: number;
  within: number;
}

// Small and soon over: figures that stand still can be recounted.
const SMALL: Play = { attendees: 120, within: 45 };

/** `settings` are what the server is started with beyond its folder and address. */
export async function open(play = SMALL, settings: (url: string) => string[] = () => []): Promise<House> {
  const eventra = await Eventra.start(settings);
  try {
    return await furnish(eventra, play);
  } catch (error) {
    // Else the server outlives the test, and the runner waits for it.
    await eventra.stop();
    throw error;
  }
}

async function furnish(eventra: Eventra, { attendees, within }: Play): Promise<House> {
  eventra.simulate('--seed', '7', '--within', String(within), '--attendees', String(attendees));
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  await organizationIsThere(eventra);
  await eventra.command(
    ...[
      'user',
      'add',
      EMAIL,
      '--name',
      'Ann',
      '--admin',
      '--organization',
      ORGANIZATION,
      '--role',
      'organizer',
    ],
  );
  const complaints: string[] = [];
  const context = async (options: Parameters<Browser['newContext']>[0] = {}) => {
    const made = await browser.newContext({
      baseURL: eventra.url,
      locale: 'en-GB',
      viewport: { width: 1440, height: 900 },
      ...options,
    });
    made.on('console', (message) => {
      // Browsers report refusals that pages expect: nobody is signed in yet, a view has nothing yet.
      if (/status of (401|404)/.test(message.text())) return;
      if (message.type() === 'error') complaints.push(`${message.page()?.url() ?? ''}: ${message.text()}`);
    });
    made.on('weberror', (error) => complaints.push(`${error.page()?.url() ?? ''}: ${error.error().message}`));
    await slowed(made);
    return made;
  };
  const signIn = async (made: BrowserContext, to?: string, email = EMAIL) => {
    const page = await made.newPage();
    const link = (await eventra.command('sign-in-link', email)).match(/https?:\S+/)?.[0] ?? '';
    await page.goto(link);
    await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
    if (to) await page.goto(to);
    return page;
  };
  const close = async () => {
    await browser.close();
    await eventra.stop();
  };
  return { eventra, browser, complaints, context, signIn, close };
}

/** The simulation makes its organization first. */
async function organizationIsThere(eventra: Eventra): Promise<void> {
  const until = Date.now() + 20_000;
  while (Date.now() < until) {
    const status = await eventra.command('status').catch(() => '');
    if (status.includes(`"${ORGANIZATION}"`)) return;
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error('the simulation made no organization');
}

export interface Violation {
  id: string;
  impact: string;
  targets: string[];
}

/** What axe-core finds wrong with the page as it is, by the rules of WCAG 2.2 A and AA and good practice. */
export async function violations(page: Page): Promise<Violation[]> {
  // Evaluated, not added as a script: the content security policy of the page stays in force.
  await page.evaluate(axe);
  return page.evaluate(async () => {
    interface Axe {
      run: (options: object) => Promise<{
        violations: { id: string; impact: string; nodes: { target: string[]; html: string }[] }[];
      }>;
    }
    const { run } = (window as unknown as { axe: Axe }).axe;
    const { violations } = await run({
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return violations.map((one) => ({
      id: one.id,
      impact: one.impact,
      targets: one.nodes.map((node) => `${node.target.join(' ')} ${node.html.slice(0, 200)}`),
    }));
  });
}

/** The number under a name in the row of totals; null while there is none. */
export async function total(page: Page, name: string): Promise<number | null> {
  const section = page.getByRole('region', { name: 'Totals' });
  const card = section.locator('> div').filter({ hasText: name });
  const text = (await card.locator('> div').nth(1).textContent()) ?? '';
  const match = /^≈?([\d,.]+)(k|K|M)?$/.exec(text.trim());
  if (!match) return null;
  const factor = match[2] === undefined ? 1 : match[2] === 'M' ? 1_000_000 : 1_000;
  return Number((match[1] ?? '').replaceAll(',', '')) * factor;
}

/** Waits until `ask` answers what `wanted` accepts; the last answer. */
export async function until<T>(
  ask: () => Promise<T>,
  wanted: (answer: T) => boolean,
  within = 20_000,
): Promise<T> {
  const end = Date.now() + within;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(answer)} after ${within} ms`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** How the connection of a dashboard is. */
export const condition = (page: Page): Promise<string | null> =>
  page.locator('[data-condition]').getAttribute('data-condition');

/** Drops complaints that a test brought about. */
export function forget(house: House, expected: RegExp): void {
  const kept = house.complaints.filter((complaint) => !expected.test(complaint));
  house.complaints.splice(0, house.complaints.length, ...kept);
}

/** Presses Tab until what has the focus is named `name`. */
export async function tabTo(page: Page, name: string): Promise<void> {
  const named = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      if (!(element instanceof HTMLElement)) return '';
      const label = 'labels' in element ? (element as HTMLInputElement).labels?.[0] : undefined;
      return (element.ariaLabel ?? label?.textContent ?? element.textContent).replace(/\s+/g, ' ').trim();
    });
  for (let stop = 0; stop < 150; stop += 1) {
    if ((await named()).startsWith(name)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not reach “${name}”`);
}

/** Asks the API as the person whose page it is; the answer's `data`. */
export async function api<T>(page: Page, method: string, path: string, body?: object): Promise<T> {
  const { status, answer } = await page.evaluate(
    async ([how, where, text]) => {
      const headers = { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() };
      const response = await fetch(where, { method: how, headers, ...(text ? { body: text } : {}) });
      const told = await response.text();
      return { status: response.status, answer: (told ? JSON.parse(told) : {}) as { data: unknown } };
    },
    [method, path, body ? JSON.stringify(body) : ''] as const,
  );
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(answer)}`);
  return answer.data as T;
}
