// The scanner for doors in a browser, against the real server: a camera that sees a ticket, no connection, no server at
// all, two devices that both let the same ticket in.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Browser, type BrowserContext, chromium, devices, type Page } from 'playwright-core';
import { CHROMIUM, FLAGS, slowed } from './browser.ts';
import { Eventra } from './eventra.ts';
import { filmOfCode, seeing } from './film.ts';
import { missing, until, violations } from './house.ts';

const SECRET = 'the-secret-of-the-organizer';
const EMAIL = 'door@example.org';
const ORGANIZER = 'olga@example.org';
const OFFICE = '/v1/organizations/acme/events/conf/box-office';
/** A phone of a middling size. */
const PHONE = { ...devices['Pixel 7'], defaultBrowserType: undefined, locale: 'en-GB' };
/** Where screenshots go, when somebody wants to look at them. */
const SHOTS = process.env['SHOTS'];

interface Sold {
  id: string;
  order: string;
  text: string;
}

if (missing) {
  process.stdout.write(`${missing}\n`);
} else {
  describe('the scanner', { timeout: 300_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'eventra-scan-'));
    const tickets: Sold[] = [];
    const complaints: string[] = [];
    let eventra: Eventra;
    let browser: Browser;

    async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
      const headers: Record<string, string> = { 'content-type': 'application/json' };
      if (!path.startsWith('/v1/shop')) headers['authorization'] = `Bearer ${SECRET}`;
      const asked = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const response = await fetch(eventra.url + path, asked);
      const text = await response.text();
      assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
      return (text ? (JSON.parse(text) as { data: unknown }).data : undefined) as T;
    }

    async function buy(event: string): Promise<Sold> {
      const shop = `/v1/shop/acme/${event}`;
      const lines = [{ product: 'pass', count: 1 }];
      const { id: hold } = await ask<{ id: string }>('POST', `${shop}/holds`, { lines, currency: 'EUR' });
      const number = tickets.length + 1;
      const buyer = { email: `guest-${number}@example.org`, name: `Guest ${number}` };
      const wish = { hold, buyer, provider: 'free' };
      const order = await ask<{ id: string; tickets: Sold[] }>('POST', `${shop}/orders`, wish);
      const ticket = { ...order.tickets[0], order: order.id } as Sold;
      tickets.push(ticket);
      return ticket;
    }

    const ticket = (number: number): Sold => {
      const sold = tickets[number];
      if (!sold) throw new Error(`ticket ${number} was not sold`);
      return sold;
    };

    async function link(name: string): Promise<string> {
      const made = await ask<{ link: string }>('POST', `${OFFICE}/devices`, { name });
      return eventra.url + made.link.replace(/^https?:\/\/[^/]+/, '');
    }

    async function context(of: Browser): Promise<BrowserContext> {
      const made = await of.newContext({ ...PHONE, baseURL: eventra.url, permissions: ['camera'] });
      made.setDefaultTimeout(15_000);
      made.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      made.on('weberror', (error) => complaints.push(error.error().message));
      await slowed(made);
      return made;
    }

    /** A device that has opened its link, and knows what there is to know. */
    async function device(of: Browser, name: string): Promise<Page> {
      const page = await (await context(of)).newPage();
      await page.goto(await link(name));
      await line(page, 'connected');
      assert.equal(new URL(page.url()).hash, '', 'the secret stays out of the address');
      // The worker must have everything before the connection goes.
      await page.evaluate(async () => {
        await navigator.serviceWorker.ready;
      });
      return page;
    }

    const line = (page: Page, wanted: string) =>
      until(
        () => page.locator('#line').getAttribute('data-line'),
        (now) => now === wanted,
      );
    const waiting = (page: Page, wanted: string) =>
      until(
        () => page.locator('#line').getAttribute('data-waiting'),
        (now) => now === wanted,
      );

    async function type(page: Page, text: string, outcome: string): Promise<string> {
      await page.getByLabel('Code of a ticket').fill(text);
      await page.getByRole('button', { name: 'Check' }).click();
      return answer(page, outcome);
    }

    async function answer(page: Page, outcome: string): Promise<string> {
      await page.locator(`#answer[data-outcome="${outcome}"]`).waitFor({ timeout: 15_000 });
      return page.locator('#answer').innerText();
    }

    async function picture(page: Page, name: string): Promise<void> {
      const found = await violations(page);
      assert.deepEqual(found, [], name);
      if (SHOTS) await page.screenshot({ path: join(SHOTS, `scan-${name}.png`), fullPage: true });
    }

    before(async () => {
      eventra = await Eventra.start();
      const document = join(folder, 'acme.toml');
      writeFileSync(join(folder, 'secret'), SECRET);
      const event = (id: string, title: string) =>
        `[[organization.event]]\nid = "${id}"\ntitle = "${title}"\nstarts = 2030-11-20T09:00:00Z\nends = 2030-11-21T18:00:00Z\n`;
      writeFileSync(
        document,
        `[[organization]]\nid = "acme"\nname = "Acme"\nzone = "Europe/Berlin"\n[[organization.key]]\nname = "all"\n` +
          `scopes = ["manage"]\nsecret_file = "secret"\n${event('conf', 'Conference')}${event('fair', 'Fair')}`,
      );
      await eventra.command('apply', document);
      for (const [email, name, role] of [
        [EMAIL, 'Dora', 'moderator'],
        [ORGANIZER, 'Olga', 'organizer'],
      ] as const) {
        const words = ['user', 'add', email, '--name', name, '--organization', 'acme', '--role', role];
        await eventra.command(...words);
      }
      const tiers = [{ title: 'Standard', prices: [{ minor: 0, currency: 'EUR' }] }];
      for (const at of ['conf', 'fair']) {
        const office = OFFICE.replace('conf', at);
        await ask('PUT', `${office}/products/pass`, { title: 'Pass', tiers });
        const products = [{ product: 'pass' }];
        await ask('PUT', `${office}/quotas/hall`, { title: 'Hall', size: 100, products });
        await ask('PUT', `${office}/doors/main`, { title: 'Main door' });
      }
      const early = { products: [], until: '1970-01-01T00:00:01Z' };
      await ask('PUT', `${OFFICE}/doors/yesterday`, { title: 'Yesterday', times: [early] });
      await ask('PUT', `${OFFICE}/doors/backstage`, { title: 'Backstage', products: ['crew'] });
      for (let number = 0; number < 6; number += 1) await buy('conf');
      await buy('fair');
      const seen = join(folder, 'ticket.y4m');
      filmOfCode(ticket(0).text, seen);
      browser = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...seeing(seen)] });
    });
    after(async () => {
      await browser.close();
      await eventra.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it('sees a ticket with its camera, lets it in once, and says who was there before', async () => {
      const page = await device(browser, 'phone 1');
      await picture(page, 'begins');
      await page.getByRole('button', { name: 'Start the camera' }).click();
      const text = await answer(page, 'admitted');
      assert.match(text, /Let in\s+Guest 1 · Pass/);
      await until(
        () => page.locator('#counts').innerText(),
        (counts) => counts === 'Main door: 1 in · 1 let in',
      );
      await picture(page, 'admitted');
      // The same code is held there: it is one look.
      await page.waitForTimeout(1_500);
      const seen = await ask<{ looks: unknown[] }>('GET', `${OFFICE}/tickets/${ticket(0).id}`);
      assert.equal(seen.looks.length, 1);
      const again = await type(page, ticket(0).text, 'duplicate');
      assert.match(again, /Already in[\s\S]*phone 1/);
      await picture(page, 'duplicate');
      await page.context().close();
    });

    it('tells apart what is wrong, and takes a mistake back', async () => {
      const page = await device(browser, 'phone 2');
      await type(page, 'EV1NONSENSE', 'unknown');
      await picture(page, 'unknown');
      await type(page, ticket(6).text, 'wrong_event');
      await ask('POST', `${OFFICE}/orders/${ticket(5).order}/cancellation`, { why: 'organizer' });
      await type(page, ticket(5).text, 'cancelled');
      await page.getByText('Door and device').click();
      await page.getByLabel('Door', { exact: true }).selectOption({ label: 'Yesterday' });
      await type(page, ticket(1).text, 'not_now');
      await page.getByLabel('Door', { exact: true }).selectOption({ label: 'Backstage' });
      await type(page, ticket(1).text, 'wrong_door');
      await page.getByLabel('Door', { exact: true }).selectOption({ label: 'Main door' });
      await type(page, ticket(1).text, 'admitted');
      await page.getByRole('button', { name: 'Take back' }).click();
      await answer(page, 'voided');
      // Found by name, without a code.
      await page.getByLabel('Name, order or ticket').fill('guest 2');
      await page.getByRole('button', { name: 'Find' }).click();
      await page.getByRole('button', { name: 'Let in Guest 2' }).click();
      await answer(page, 'admitted');
      await picture(page, 'by-hand');
      await page.context().close();
    });

    it('decides alone without a connection, and two that let the same ticket in agree afterwards', async () => {
      const [first, second] = [await device(browser, 'north'), await device(browser, 'south')];
      for (const page of [first, second]) {
        await page.context().setOffline(true);
        await line(page, 'alone');
      }
      const text = await type(first, ticket(2).text, 'admitted');
      assert.match(text, /decided by this device/);
      await type(second, ticket(2).text, 'admitted');
      // Each of them knows what it has seen itself, and what it took along.
      await type(first, ticket(2).text, 'duplicate');
      await type(second, ticket(0).text, 'duplicate');
      await type(second, ticket(5).text, 'cancelled');
      await waiting(first, '2');
      await picture(first, 'alone');
      await second.context().setOffline(false);
      await waiting(second, '0');
      await line(second, 'connected');
      assert.equal(await second.locator('#corrected').isVisible(), false, 'nobody was earlier, so far');
      await first.context().setOffline(false);
      await waiting(first, '0');
      // The one that was later is told, without being asked.
      await second.getByText('Let in → Already in').waitFor({ timeout: 20_000 });
      await picture(second, 'corrected');
      assert.match(await second.locator('#corrections').innerText(), /north/);
      assert.equal(await first.locator('#corrected').isVisible(), false);
      const seen = await ask<{ looks: { outcome: string; device: string }[] }>(
        'GET',
        `${OFFICE}/tickets/${ticket(2).id}`,
      );
      const admitted = seen.looks.filter(({ outcome }) => outcome === 'admitted');
      assert.deepEqual(
        admitted.map((one) => one.device),
        ['north'],
      );
      await second.getByRole('button', { name: 'Seen' }).click();
      await second.locator('#corrected').waitFor({ state: 'hidden' });
      await first.context().close();
      await second.context().close();
    });

    it('opens without a server, keeps what was scanned when it is closed, and tells it when the server is back', async () => {
      const page = await device(browser, 'phone 5');
      await eventra.kill();
      await line(page, 'alone');
      await type(page, ticket(3).text, 'admitted');
      await page.reload();
      await line(page, 'alone');
      await waiting(page, '1');
      await type(page, ticket(3).text, 'duplicate');
      await type(page, ticket(4).text, 'admitted');
      await waiting(page, '3');
      // As when it is opened from the home screen.
      await page.goto('/scan/');
      await page.waitForURL('**/scan/acme/conf');
      await waiting(page, '3');
      await eventra.serve();
      await waiting(page, '0');
      await line(page, 'connected');
      for (const [number, outcomes] of [
        [3, ['admitted', 'duplicate']],
        [4, ['admitted']],
      ] as const) {
        const seen = await ask<{ looks: { outcome: string }[] }>(
          'GET',
          `${OFFICE}/tickets/${ticket(number).id}`,
        );
        assert.deepEqual(
          seen.looks.map(({ outcome }) => outcome),
          outcomes,
        );
      }
      await page.context().close();
    });

    it('is for whoever is signed in and may check in, and ends with the link of a device', async () => {
      const page = await device(browser, 'lost phone');
      await ask('DELETE', `${OFFICE}/devices/lost%20phone`);
      await line(page, 'refused');
      await page.getByText('The link of this device was revoked').waitFor();
      await page.context().close();
      const own = await context(browser);
      const signedIn = await own.newPage();
      await signedIn.goto('/scan/acme/conf');
      await signedIn.getByRole('link', { name: 'Sign in' }).waitFor();
      await picture(signedIn, 'signed-out');
      const opened = (await eventra.command('sign-in-link', EMAIL)).match(/https?:\S+/)?.[0] ?? '';
      await signedIn.goto(opened);
      await signedIn.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
      await signedIn.goto('/scan/acme/conf');
      await line(signedIn, 'connected');
      await type(signedIn, ticket(4).text, 'duplicate');
      await own.close();
    });

    it('is watched by the organizer, who sees counts move, finds people, and gives devices their links', async () => {
      const own = await context(browser);
      const page = await own.newPage();
      await page.setViewportSize({ width: 1280, height: 1000 });
      const opened = (await eventra.command('sign-in-link', ORGANIZER)).match(/https?:\S+/)?.[0] ?? '';
      await page.goto(opened);
      await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
      await page.goto('/o/acme/events/conf/box-office/check-in');
      const main = page.getByRole('region', { name: 'Main door' });
      const inside = async () => Number(await main.locator('[data-inside]').getAttribute('data-inside'));
      const before = await inside();
      // A scan that comes from elsewhere.
      const sold = await buy('conf');
      const look = {
        id: 'from-elsewhere',
        text: sold.text,
        at: new Date().toISOString(),
        device: 'turnstile 9',
      };
      await ask('POST', `${OFFICE}/doors/main/scans`, { scans: [look] });
      await until(inside, (now) => now === before + 1);
      const newest = page.getByRole('group', { name: 'Newest scans' }).getByRole('row').nth(1);
      assert.match(await newest.innerText(), /Let in[\s\S]*turnstile 9/);
      await picture(page, 'organizer');
      await newest.getByRole('button', { name: 'Take back' }).click();
      await newest.getByRole('button', { name: 'Really take this scan back?' }).click();
      await until(inside, (now) => now === before);
      await page.getByLabel('Door', { exact: true }).selectOption({ label: 'Main door' });
      await page.getByLabel('Name, email address, order or ticket').fill('guest 8');
      await page.getByRole('button', { name: 'Find' }).click();
      const row = page.getByRole('group', { name: 'Who may come' }).getByRole('row', { name: /Guest 8/ });
      await row.getByRole('button', { name: 'Let in' }).click();
      await until(inside, (now) => now === before + 1);
      await page.getByRole('button', { name: 'Add a door' }).click();
      await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Balcony');
      await page.getByLabel('Coming again').selectOption('always');
      await page.getByRole('button', { name: 'Add a door' }).last().click();
      await page.getByRole('region', { name: 'Balcony' }).waitFor();
      const doors = await ask<{ doors: { id: string; reentry: string }[] }>('GET', `${OFFICE}/doors`);
      assert.equal(doors.doors.find(({ id }) => id === 'balcony')?.reentry, 'always');
      await page.getByLabel('Name of the device').fill('spare phone');
      await page.getByRole('button', { name: 'Make a link' }).click();
      await page.getByRole('img', { name: 'QR code of the link for spare phone' }).waitFor();
      const shown = await page.getByRole('group', { name: 'Scan this with “spare phone”' }).innerText();
      assert.match(shown, /\/scan\/acme\/conf#device=/);
      await picture(page, 'organizer-link');
      const links = page.getByRole('group', { name: 'Links for door staff' });
      const mine = links.getByRole('row', { name: /spare phone/ });
      await mine.getByRole('button', { name: 'Revoke' }).click();
      await mine.getByRole('button', { name: /Really revoke/ }).click();
      await mine.waitFor({ state: 'detached' });
      await own.close();
    });

    it('complained of nothing that was not expected', () => {
      const expected = /net::ERR_|status of (401|404|50\d)|Failed to fetch/;
      assert.deepEqual(
        complaints.filter((text) => !expected.test(text)),
        [],
      );
    });
  });
}
