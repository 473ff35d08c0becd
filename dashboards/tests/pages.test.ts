// The pages in a browser, against the real server: signing in, watching, breaking things, keyboard, axe.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { BrowserContext, Page } from 'playwright-core';
import {
  condition,
  DASHBOARD,
  EMAIL,
  type House,
  missing,
  open,
  ORGANIZATION,
  total,
  until,
  violations,
} from './house.ts';

/** What the scripts of the live dashboard may weigh, bytes of gzip. */
const SCRIPT_MAX = 200_000;
/** How soon the dashboard must be there to use, milliseconds: the goal is 1 s on a quiet machine; tests share theirs. */
const INTERACTIVE_MAX_MS = 5_000;
/** Layout shift that people do not notice (web.dev/cls: 0.1 is good). */
const SHIFT_MAX = 0.1;

const PAGES = [
  '/organizations',
  `/o/${ORGANIZATION}/events`,
  DASHBOARD,
  `${DASHBOARD}/wall`,
  `/o/${ORGANIZATION}/members`,
  `/o/${ORGANIZATION}/keys`,
  `/o/${ORGANIZATION}/audit`,
  `/o/${ORGANIZATION}/sql`,
  '/account',
  '/system',
  '/audit',
  '/reference',
  '/no-such-page',
];
const ENTRANCES = ['/sign-in', '/reset-password', '/reset-password#token=abc', '/sign-in/link'];

if (missing) {
  process.stdout.write(`${missing}\n`);
} else {
  describe('the pages', { timeout: 600_000 }, () => {
    let house: House;
    let context: BrowserContext;
    let page: Page;

    before(async () => {
      house = await open();
      context = await house.context();
      page = await house.signIn(context);
    });
    after(async () => {
      await house.close();
    });

    it('lead from a sign-in link to a dashboard that moves', async () => {
      assert.equal(new URL(page.url()).hash, '', 'the token stays out of the address');
      await page.getByRole('link', { name: /Summit 2026/ }).click();
      await page.getByRole('heading', { name: 'Summit 2026', level: 1 }).waitFor();
      const first = await until(
        () => total(page, 'Page views'),
        (views) => views !== null && views > 0,
      );
      const then = await until(
        () => total(page, 'Page views'),
        (views) => views !== null && views > (first ?? 0),
      );
      assert.ok((then ?? 0) > (first ?? 0));
      assert.equal(await condition(page), 'live');
    });

    it('use a sign-in link once', async () => {
      const link = (await house.eventra.command('sign-in-link', EMAIL)).match(/https?:\S+/)?.[0] ?? '';
      const [first, second] = [await house.context(), await house.context()];
      const used = await first.newPage();
      await used.goto(link);
      await used.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
      const late = await second.newPage();
      await late.goto(link);
      await late.getByText('used already').waitFor();
      await Promise.all([first.close(), second.close()]);
      forget(house, /400/);
    });

    it('weigh little and are there soon', async () => {
      const fresh = await house.signIn(context, '/organizations');
      const bodies: Promise<Buffer>[] = [];
      fresh.on('response', (response) => {
        if (response.request().resourceType() === 'script') bodies.push(response.body());
      });
      const begun = Date.now();
      await fresh.goto(DASHBOARD);
      await until(
        () => condition(fresh),
        (now) => now === 'live',
      );
      const interactive = Date.now() - begun;
      const weight = (await Promise.all(bodies)).reduce(
        (sum, body) => sum + gzipSync(body, { level: 9 }).length,
        0,
      );
      process.stdout.write(
        `    script ${(weight / 1000).toFixed(0)} kB of gzip, live after ${interactive} ms\n`,
      );
      assert.ok(weight < SCRIPT_MAX, `${weight} bytes of script`);
      assert.ok(interactive < INTERACTIVE_MAX_MS, `live after ${interactive} ms`);
      await fresh.close();
    });

    it('do not jump while figures arrive', async () => {
      const fresh = await context.newPage();
      await fresh.addInitScript(() => {
        const kept = { shift: 0 };
        Object.assign(window, { kept });
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries() as (PerformanceEntry & { value: number })[])
            kept.shift += entry.value;
        }).observe({ type: 'layout-shift', buffered: true });
      });
      await fresh.goto(DASHBOARD);
      await until(
        () => condition(fresh),
        (now) => now === 'live',
      );
      await fresh.waitForTimeout(3_000);
      const shift = await fresh.evaluate(() => (window as unknown as { kept: { shift: number } }).kept.shift);
      process.stdout.write(`    layout shift ${shift.toFixed(3)}\n`);
      assert.ok(shift < SHIFT_MAX, `layout shift ${shift}`);
      await fresh.close();
    });

    for (const theme of ['light', 'dark'] as const) {
      it(`have nothing that axe finds wrong, ${theme}`, async () => {
        const coloured = await house.context({ colorScheme: theme });
        const entrance = await coloured.newPage();
        const found: string[] = [];
        const look = async (where: Page, path: string) => {
          await where.goto(path);
          await where.waitForLoadState('load');
          await where.locator('h1').waitFor();
          await where.waitForTimeout(700);
          for (const one of await violations(where))
            found.push(`${path}: ${one.id} ${one.targets.join(' | ')}`);
        };
        for (const path of ENTRANCES) await look(entrance, path);
        const inside = await house.signIn(coloured);
        for (const path of PAGES) await look(inside, path);
        await coloured.close();
        process.stdout.write(`    ${ENTRANCES.length + PAGES.length} pages, ${found.length} violations\n`);
        assert.deepEqual(found, []);
      });
    }

    it('fit a phone and a right-to-left language without scrolling sideways', async () => {
      const phone = await house.context({ viewport: { width: 320, height: 640 } });
      const hand = await house.signIn(phone);
      for (const path of [...PAGES, `${DASHBOARD}?dir=rtl`]) {
        await hand.goto(path);
        await hand.locator('h1').waitFor();
        await hand.waitForTimeout(400);
        const wide = await hand.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(wide <= 0, `${path} is ${wide} pixels wider than the screen`);
      }
      await phone.close();
    });

    it('go on after the server was killed and started again', async () => {
      await page.goto(DASHBOARD);
      const known = await until(
        () => total(page, 'Page views'),
        (views) => views !== null && views > 0,
      );
      await house.eventra.kill();
      await until(
        () => condition(page),
        (now) => now === 'lost',
      );
      assert.equal(await total(page, 'Page views'), known, 'what was known stays on the screen');
      await house.eventra.serve();
      await until(
        () => condition(page),
        (now) => now === 'live',
        40_000,
      );
      const again = await until(
        () => total(page, 'Page views'),
        (views) => views !== null,
      );
      assert.ok((again ?? 0) >= (known ?? 0), `${again} after ${known}`);
      forget(house, /ERR_CONNECTION_REFUSED|WebSocket|50[234]/);
    });

    it('go on after being offline', async () => {
      await page.goto(DASHBOARD);
      await until(
        () => condition(page),
        (now) => now === 'live',
      );
      await context.setOffline(true);
      await until(
        () => condition(page),
        (now) => now === 'offline',
      );
      await context.setOffline(false);
      await until(
        () => condition(page),
        (now) => now === 'live',
      );
      forget(house, /ERR_INTERNET_DISCONNECTED|WebSocket/);
    });

    it('can be used with the keyboard alone', async () => {
      const hands = await house.context();
      const keys = await house.signIn(hands, '/account');
      // A password, so that signing in can be typed. It signs all others out, so this test comes late.
      await tabTo(keys, 'New password');
      await keys.keyboard.type('correct horse battery');
      await keys.keyboard.press('Enter');
      await keys.getByText('Saved.').waitFor();
      await tabTo(keys, 'Sign out');
      await keys.keyboard.press('Enter');
      await keys.getByText('You are signed out.').waitFor();
      await tabTo(keys, 'Email address');
      await keys.keyboard.type(EMAIL);
      await keys.keyboard.press('Tab');
      await keys.keyboard.type('correct horse battery');
      await keys.keyboard.press('Enter');
      await keys.getByRole('heading', { name: 'Events', level: 1 }).waitFor();
      // The first stop of every page leads past the menu.
      await keys.goto(DASHBOARD);
      await keys.getByRole('heading', { level: 1 }).waitFor();
      await keys.keyboard.press('Tab');
      await keys.keyboard.press('Enter');
      assert.equal(await keys.evaluate(() => document.activeElement?.id), 'content');
      await tabTo(keys, 'Show as table: Registrations over time');
      await keys.keyboard.press('Enter');
      await keys.getByRole('group', { name: 'Registrations over time' }).waitFor();
      await tabTo(keys, 'Wall mode');
      await keys.keyboard.press('Enter');
      await keys.waitForURL(/\/wall$/);
      await hands.close();
      forget(house, /401/);
    });

    it('complained of nothing that was not expected', () => {
      assert.deepEqual(house.complaints, []);
    });
  });
}

/** Drops complaints that a test brought about. */
function forget(house: House, expected: RegExp): void {
  const kept = house.complaints.filter((complaint) => !expected.test(complaint));
  house.complaints.splice(0, house.complaints.length, ...kept);
}

/** Presses Tab until what has the focus is named `name`. */
async function tabTo(page: Page, name: string): Promise<void> {
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
