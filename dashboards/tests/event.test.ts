// The public page of an event and its way into the shop: for people, for machines, for those who are let in only with a key.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { missing, tabTo, until, violations } from './house.ts';
import { choose, euros, goOn, introduce, Market, SELLER, standard, type EventName } from './market.ts';

/** Where screenshots go, when somebody wants to look at them. */
const SHOTS = process.env['SHOTS'];
/** What stands for a picture that an organizer keeps somewhere else. */
const HALL = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 6"><rect width="16" height="6" fill="#4f46e5"/></svg>`;
const HOUR_MS = 3_600_000;

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name });

async function look(page: Page, name: string): Promise<void> {
  assert.deepEqual(await violations(page), [], page.url());
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  assert.equal(wide, false, `${page.url()} is wider than the screen`);
  if (SHOTS) await page.screenshot({ path: join(SHOTS, `event-${name}.png`), fullPage: true });
}

if (missing) {
  process.stdout.write(`${missing}\n`);
} else {
  describe('the page of an event', { timeout: 300_000 }, () => {
    let market: Market;
    const says = (event: EventName, part: string, body: unknown) =>
      market.did('PUT', market.programme(event, part), body);
    const publish = (event: EventName) => says(event, '/status', { status: 'published' });
    const passes = (event: EventName) =>
      market.put(event, '/products/pass', { title: 'Pass', tiers: standard(5_000) });
    const visitor = async (options?: Parameters<Market['context']>[0]) => {
      const context = await market.context(options);
      // The picture is somewhere else, and tests ask nobody there.
      await context.route('https://example.org/**', (route) =>
        route.fulfill({ contentType: 'image/svg+xml', body: HALL }),
      );
      return context;
    };
    const home = `/e/${SELLER}/conf`;

    before(async () => {
      market = await Market.open();
      await says('conf', '/page', {
        summary: 'Two days about logs & folds',
        description: '## Why\nBecause **logs** are everywhere.',
        venue: 'Great hall',
        address: { street: 'Unter den Linden 1', postal_code: '10117', locality: 'Berlin', country: 'DE' },
        picture: 'https://example.org/hall.png',
        picture_text: 'A hall full of people',
        tags: ['rust', 'dataflow'],
        language: 'en',
      });
      await says('conf', '/rooms/main', { title: 'Main hall' });
      await says('conf', '/rooms/lab', { title: 'Lab' });
      await says('conf', '/tracks/web', { title: 'Web', color: '#0b5c46' });
      await says('conf', '/speakers/ada', {
        name: 'Ada Example',
        affiliation: 'Log Works',
        biography: 'Writes *code*',
      });
      const day = Math.floor(Date.now() / 86_400_000 + 30) * 86_400_000;
      for (const [number, title] of ['Opening', 'What a fold is', 'Workshop: a log of one’s own'].entries()) {
        const starts = day + (10 + number) * HOUR_MS;
        await says('conf', `/sessions/s${number}`, {
          title,
          summary: 'More than one would think.',
          starts: new Date(starts).toISOString(),
          ends: new Date(starts + HOUR_MS).toISOString(),
          room: number === 2 ? 'lab' : 'main',
          track: 'web',
          speakers: ['ada'],
          ...(number === 2 ? { capacity: 20 } : {}),
        });
      }
      await publish('conf');
      await market.put('conf', '/products/a-pass', {
        title: 'Pass',
        tax: 1_900,
        tiers: standard(11_900, 'Regular'),
      });
      await market.put('conf', '/products/b-lab', {
        title: 'Lab day',
        waitlist: true,
        tiers: standard(4_900),
      });
      await market.put('conf', '/quotas/hall', {
        title: 'Hall',
        size: 50,
        products: [{ product: 'a-pass' }],
      });
      await market.put('conf', '/quotas/lab', { title: 'Lab', size: 0, products: [{ product: 'b-lab' }] });
    });
    after(() => market.close());

    it('is understood by search engines and link previews', async () => {
      const context = await visitor({ javaScriptEnabled: false });
      const page = await context.newPage();
      await page.goto(home);
      const about = async (name: string) =>
        page.locator(`meta[property="${name}"], meta[name="${name}"]`).getAttribute('content');
      const data = JSON.parse(
        (await page.locator('script[type="application/ld+json"]').textContent()) ?? '',
      ) as Record<string, unknown>;
      const link = await page.locator('link[rel=canonical]').getAttribute('href');
      assert.deepEqual(
        [data['@context'], data['@type'], data['name'], data['url'], data['eventStatus'], data['image']],
        [
          'https://schema.org',
          'Event',
          'Conference conf',
          link,
          'https://schema.org/EventScheduled',
          ['https://example.org/hall.png'],
        ],
      );
      assert.match(String(data['startDate']), /^\d{4}-\d\d-\d\dT10:00:00\+0[12]:00$/);
      assert.deepEqual(data['organizer'], {
        '@type': 'Organization',
        name: 'Acme Events',
        url: link?.replace(/\/conf$/, ''),
      });
      const offers = data['offers'] as Record<string, string>[];
      assert.deepEqual(
        offers
          .map((offer) => [offer['name'], offer['price'], offer['priceCurrency'], offer['availability']])
          .sort(),
        [
          ['Lab day', '49.00', 'EUR', 'https://schema.org/SoldOut'],
          ['Pass', '119.00', 'EUR', 'https://schema.org/InStock'],
        ],
      );
      assert.equal((data['subEvent'] as unknown[]).length, 3);
      assert.equal(
        (data['location'] as { address: Record<string, string> }).address['streetAddress'],
        'Unter den Linden 1',
      );
      assert.equal(await about('description'), 'Two days about logs & folds');
      for (const [name, content] of [
        ['og:type', 'website'],
        ['og:title', 'Conference conf'],
        ['og:description', 'Two days about logs & folds'],
        ['og:url', link],
        ['og:site_name', 'Acme Events'],
        ['og:locale', 'en'],
        ['og:image', 'https://example.org/hall.png'],
        ['og:image:alt', 'A hall full of people'],
        ['twitter:card', 'summary_large_image'],
      ] as const)
        assert.equal(await about(name), content, name);
      // All of it is there without a script.
      await page.getByRole('heading', { name: 'Conference conf', level: 1 }).waitFor();
      await page.getByText('€119.00').waitFor();
      await context.close();
    });

    it('has nothing that axe finds wrong, on phones and desktops, in both themes', async () => {
      const parts = ['', '/schedule', '/sessions/s2', '/speakers', '/speakers/ada'];
      for (const colorScheme of ['light', 'dark'] as const) {
        for (const [name, width] of [
          ['phone', 390],
          ['desktop', 1280],
        ] as const) {
          const context = await visitor({ colorScheme, viewport: { width, height: 844 } });
          const page = await context.newPage();
          for (const part of parts) {
            await page.goto(home + part);
            await look(page, `${name}-${colorScheme}${part.replaceAll('/', '-')}`);
          }
          await page.goto(`/e/${SELLER}`);
          await look(page, `${name}-${colorScheme}-organization`);
          await context.close();
        }
      }
    });

    it('is walked through by keyboard alone, from its top into the shop', async () => {
      const context = await visitor();
      const page = await context.newPage();
      await page.goto(home);
      await page.keyboard.press('Tab');
      await tabTo(page, 'Skip to the content');
      await page.keyboard.press('Enter');
      assert.equal(new URL(page.url()).hash, '#content');
      await tabTo(page, 'Get tickets');
      await page.keyboard.press('Enter');
      await page.waitForURL(`**/shop/${SELLER}/conf`);
      await tabTo(page, 'About the event');
      await page.keyboard.press('Enter');
      await page.waitForURL(`**${home}`);
      await context.close();
    });

    it('keeps the cart and the colours that somebody chose in the shop', async () => {
      const context = await visitor({ colorScheme: 'light' });
      const page = await context.newPage();
      await page.goto(`/shop/${SELLER}/conf`);
      await choose(page, 'Pass', 2);
      await page.getByLabel('Colours').selectOption('dark');
      const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
      const body = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      await page.getByRole('link', { name: 'About the event' }).click();
      await page.getByRole('heading', { level: 1 }).waitFor();
      assert.equal(await paper(), body);
      await page.getByRole('link', { name: 'Get tickets' }).first().click();
      await page.getByLabel('Pass: 2 chosen').waitFor();
      await context.close();
    });

    it('leads from what is sold out to its waitlist', async () => {
      const context = await visitor();
      const page = await context.newPage();
      await page.goto(home);
      await page.getByRole('link', { name: 'Join the waitlist: Lab day' }).click();
      const form = page.getByRole('form', { name: 'Waitlist: Lab day' });
      await form.getByLabel('Email address').fill('mia@example.org');
      await look(page, 'waitlist');
      await form.getByRole('button', { name: 'Join the waitlist' }).click();
      await page.getByText('You are on the waitlist.').waitFor();
      await context.close();
    });

    it('sells for less for a while: what was before, how long it stands, how many are left', async () => {
      await publish('queue');
      const ends = Date.now() + 20_000;
      await market.put('queue', '/products/pass', {
        title: 'Pass',
        tiers: [
          {
            title: 'Flash sale',
            prices: euros(4_900),
            original: euros(6_500),
            until: new Date(ends).toISOString(),
            count: 7,
          },
          ...standard(6_500, 'Regular'),
        ],
      });
      await market.put('queue', '/quotas/hall', { title: 'Hall', size: 50, products: [{ product: 'pass' }] });
      const context = await visitor();
      const page = await context.newPage();
      await page.goto(`/e/${SELLER}/queue`);
      await page.getByText('€49.00').waitFor();
      assert.equal(await page.locator('s').textContent(), 'Before: €65.00');
      await look(page, 'sale-page');
      await page.getByRole('link', { name: 'Get tickets' }).first().click();
      const card = page.locator('[data-product=pass]');
      await card.getByText('24% off').waitFor();
      await card.getByText('7 left at this price').waitFor();
      assert.equal(await card.locator('[data-before]').getAttribute('data-before'), '6500');
      const left = () => card.getByRole('timer').getAttribute('data-ends').then(Number);
      const before = await left();
      assert.ok(before > 0 && before <= 20, `${before} s`);
      await until(left, (now) => now < before);
      await look(page, 'sale');
      // Nobody touches the page: when the time is over, it says what is asked from then on.
      await card.getByText('€65.00').filter({ visible: true }).last().waitFor();
      await until(
        () => page.locator('[data-sale]').count(),
        (count) => count === 0,
        40_000,
      );
      assert.equal(await card.getByRole('timer').count(), 0);
      await card.getByText('Regular').waitFor();
      await context.close();
    });

    it('asks for the password in the shop itself, and shows an order to whoever has its link', async () => {
      await passes('small');
      await market.put('small', '/quotas/hall', { title: 'Hall', size: 9, products: [{ product: 'pass' }] });
      await says('small', '/access', { mode: 'password', password: 'open sesame' });
      await publish('small');
      const context = await visitor();
      const page = await context.newPage();
      await page.goto(`/shop/${SELLER}/small`);
      await page.getByRole('heading', { name: 'This event asks for a password' }).waitFor();
      assert.ok(!(await page.content()).includes('Conference small'), 'nothing is told of the event');
      await look(page, 'password');
      const field = page.getByLabel('Password');
      await field.fill('guessed');
      await button(page, 'Open').click();
      await page.getByText('This password does not open it.').waitFor();
      await until(
        () => page.evaluate(() => document.activeElement?.getAttribute('type')),
        (type) => type === 'password',
      );
      await look(page, 'password-wrong');
      await field.fill('open sesame');
      await page.keyboard.press('Enter');
      await choose(page, 'Pass');
      await page.reload();
      await page.getByLabel('Pass: 1 chosen').waitFor();
      await goOn(page);
      await introduce(page, 'Ann');
      await button(page, 'Order and pay').click();
      await page.getByRole('heading', { name: 'Your order' }).waitFor();
      const secret = await page.evaluate((key) => {
        const { orders } = JSON.parse(localStorage.getItem(key) ?? '{}') as { orders: { secret: string }[] };
        return orders[0]?.secret ?? '';
      }, `eventra-shop/${SELLER}/small`);
      const elsewhere = await market.context({ locale: 'de-DE', colorScheme: 'dark' });
      const found = await elsewhere.newPage();
      await found.goto(`${page.url()}#secret=${secret}`);
      await found.getByRole('heading', { name: 'Ihre Bestellung' }).waitFor();
      await found.goto(`/shop/${SELLER}/small`);
      await found.getByRole('heading', { name: 'Diese Veranstaltung fragt nach einem Passwort' }).waitFor();
      await look(found, 'password-de');
      await found.goto(`/e/${SELLER}/small`);
      await found.getByRole('heading', { name: 'This event asks for a password' }).waitFor();
      await look(found, 'password-page');
      await elsewhere.close();
      await context.close();
    });

    it('lets in with an invitation as often as it says, and is not there without', async () => {
      await passes('quick');
      await market.put('quick', '/quotas/hall', { title: 'Hall', size: 9, products: [{ product: 'pass' }] });
      await says('quick', '/access', { mode: 'invitation' });
      await publish('quick');
      const { link } = await market.did('POST', market.programme('quick', '/invitations'), {
        title: 'Friends',
        uses: 1,
      });
      const text = new URL(String(link)).searchParams.get('invitation') ?? '';
      const guest = await market.context();
      const page = await guest.newPage();
      await page.goto(`/shop/${SELLER}/quick`);
      await page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
      await page.goto(`/shop/${SELLER}/quick?invitation=${encodeURIComponent(text)}`);
      await page.getByRole('heading', { name: 'You are invited' }).waitFor();
      await look(page, 'invitation');
      await button(page, 'Come in').click();
      await choose(page, 'Pass');
      const late = await market.context();
      const other = await late.newPage();
      await other.goto(`/shop/${SELLER}/quick?invitation=${encodeURIComponent(text)}`);
      await button(other, 'Come in').click();
      await other.getByText('This invitation has let in as many as it may.').waitFor();
      await look(other, 'invitation-used');
      await late.close();
      await guest.close();
    });

    it('complains of nothing in all of that', () => {
      assert.deepEqual(market.complaints, []);
    });
  });
}
