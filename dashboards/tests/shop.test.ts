// What buyers do, on the pages that they do it on: choose, keep, order, pay, decline, pass on, wait, be drawn.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { missing, tabTo, until, violations } from './house.ts';
import { choose, euros, goOn, introduce, Market, SELLER, standard } from './market.ts';

/** What a first visit may load, kilobytes as gzip, and how soon it can be used, milliseconds. */
const FIRST_LOAD_KB = 200;

const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name });
const status = (page: Page) => page.locator('[data-status]').getAttribute('data-status');
const total = async (page: Page) =>
  Number(await page.locator('[data-total]').first().getAttribute('data-total'));

async function clean(page: Page): Promise<void> {
  assert.deepEqual(await violations(page), [], page.url());
}

/** From the choice to an order that waits to be paid. */
async function order(page: Page, event: string, name: string, title = 'Pass'): Promise<void> {
  await page.goto(`/shop/${SELLER}/${event}`);
  await choose(page, title);
  await goOn(page);
  await introduce(page, name);
  await button(page, /^Order/).click();
  await page.getByRole('heading', { name: 'Your order' }).waitFor();
}

if (missing) {
  process.stdout.write(`${missing}\n`);
} else {
  describe('a shop', { timeout: 600_000 }, () => {
    let market: Market;

    before(async () => {
      market = await Market.open();
      const conf = (path: string, body: unknown) => market.put('conf', path, body);
      await conf('/sales', { transfer_to: 'Acme Events\nDE02 1203 0000 0000 2020 51' });
      await conf('/products/pass', {
        title: 'Pass',
        tax: 1_900,
        tiers: [{ title: 'Early bird', prices: euros(9_900), count: 4 }, ...standard(11_900, 'Regular')],
      });
      await conf('/products/shirt', {
        title: 'Shirt',
        kind: 'add_on',
        with: ['pass', 'speaker'],
        tax: 1_900,
        tiers: standard(2_000),
        variations: [
          { variation: 'm', title: 'M' },
          { variation: 'xl', title: 'XL', extra: euros(200) },
        ],
      });
      await conf('/products/speaker', { title: 'Speaker', hidden: true, tiers: standard(0) });
      await conf('/quotas/hall', {
        title: 'Hall',
        size: 500,
        products: [{ product: 'pass' }, { product: 'speaker' }],
      });
      await conf('/quotas/shirts', { title: 'Shirts', size: 3, products: [{ product: 'shirt' }] });
      await conf('/promos/tenth', { code: 'TENTH', effect: { percent: 1_000 }, products: ['pass'] });
      await conf('/promos/speakers', { code: 'ONSTAGE', effect: 'reveal', products: ['speaker'] });
      await conf('/group-discounts', [{ title: 'Group', products: ['pass'], at_least: 3, off: 2_000 }]);
    });
    after(() => market.close());

    it('is light, alone, and quick', async () => {
      const context = await market.context();
      const page = await context.newPage();
      const bodies: Promise<number>[] = [];
      const addresses: string[] = [];
      page.on('response', (response) => {
        const kind = response.request().resourceType();
        if (!['script', 'stylesheet', 'document'].includes(kind)) return;
        addresses.push(response.url());
        bodies.push(response.body().then((body) => gzipSync(body, { level: 9 }).length));
      });
      const begun = performance.now();
      await page.goto(`/shop/${SELLER}/conf`, { waitUntil: 'commit' });
      await button(page, 'One more Pass').waitFor();
      const live = performance.now() - begun;
      const sizes = await Promise.all(bodies);
      const size = sizes.reduce((sum, one) => sum + one, 0) / 1_000;
      assert.ok(size < FIRST_LOAD_KB, `${size} KB of ${addresses.join(' ')}`);
      assert.ok(!addresses.some((address) => /\/index-|uPlot|Dashboard/.test(address)), addresses.join(' '));
      process.stdout.write(
        `first load of the shop: ${size.toFixed(0)} KB as gzip, usable after ${live.toFixed(0)} ms\n`,
      );
      await context.close();
    });

    it('sells passes with an extra, a code and a discount, and shows their tickets', async () => {
      const context = await market.context();
      const page = await context.newPage();
      await page.goto(`/shop/${SELLER}/conf`);
      await page.getByText('4 left at this price').waitFor();
      await page.getByText('Group: 20% off from 3 on').waitFor();
      await choose(page, 'Pass', 2);
      await choose(page, 'Shirt, XL');
      await until(
        () => total(page),
        (sum) => sum === 2 * 9_900 + 2_200,
      );
      await clean(page);
      await button(page, 'I have a promo code').click();
      await page.getByLabel('Promo code').fill('wrong');
      await button(page, 'Apply').click();
      await page
        .getByRole('alert')
        .filter({ hasText: /not valid/ })
        .waitFor();
      await page.getByLabel('Promo code').fill('tenth');
      await button(page, 'Apply').click();
      await page.getByText('Code tenth is applied').waitFor();
      await until(
        () => total(page),
        (sum) => sum === 2 * 8_910 + 2_200,
      );
      await goOn(page);
      await page.getByRole('timer').waitFor();
      // Nothing is ordered while something is missing, and the first such field is where one types next.
      await button(page, 'Order and pay').click();
      await until(
        () => page.evaluate(() => document.activeElement?.getAttribute('name')),
        (name) => name === 'email',
      );
      await introduce(page, 'Ann');
      await page.getByLabel('Pass, no. 2').fill('Bea');
      await clean(page);
      await page.getByLabel('Test payment').check();
      await button(page, 'Order and pay').click();
      await page.getByText('To pay: €200.20').waitFor();
      await clean(page);
      await button(page, 'Say: paid').click();
      await until(
        () => status(page),
        (now) => now === 'confirmed',
      );
      const codes = page.getByRole('img', { name: /Code of the ticket/ });
      assert.equal(await codes.count(), 3);
      await page
        .getByRole('listitem')
        .filter({ hasText: 'Ticket 2 of 3' })
        .getByText('Bea', { exact: true })
        .waitFor();
      await page.getByText('The order was confirmed; its tickets are valid.').waitFor();
      await clean(page);
      // Another day, in the same browser, without the link.
      await page.goto(`/shop/${SELLER}/conf`);
      await page.getByRole('link', { name: /^Order/ }).click();
      await until(
        () => status(page),
        (now) => now === 'confirmed',
      );
      await context.close();
    });

    it('speaks German, prices included, and is as good in the dark', async () => {
      const context = await market.context({ locale: 'de-DE', colorScheme: 'dark' });
      const page = await context.newPage();
      await page.goto(`/shop/${SELLER}/conf`);
      await page.getByRole('button', { name: 'Pass: eins mehr' }).click();
      await page
        .getByRole('button', { name: /^Weiter/ })
        .filter({ visible: true })
        .click();
      await page.getByRole('button', { name: 'Zahlungspflichtig bestellen' }).waitFor();
      assert.match((await page.locator('[data-total]').textContent()) ?? '', /^\d+,00\s€$/);
      assert.equal(await page.evaluate(() => document.documentElement.lang), 'de');
      await clean(page);
      await context.close();
    });

    it('shows what a code reveals, and orders it for nothing', async () => {
      const context = await market.context();
      const page = await context.newPage();
      await page.goto(`/shop/${SELLER}/conf`);
      await button(page, 'One more Pass').waitFor();
      assert.equal(await page.getByText(/speaker/i).count(), 0);
      await button(page, 'I have a promo code').click();
      await page.getByLabel('Promo code').fill('onstage');
      await button(page, 'Apply').click();
      await choose(page, 'Speaker');
      await goOn(page);
      await introduce(page, 'Cem');
      await button(page, 'Order for free').click();
      await until(
        () => status(page),
        (now) => now === 'confirmed',
      );
      await button(page, 'Cancel this order').click();
      await page
        .getByRole('group', { name: /Really cancel/ })
        .getByRole('button', { name: 'Cancel this order' })
        .click();
      await until(
        () => status(page),
        (now) => now === 'cancelled',
      );
      await context.close();
    });

    it('is walked through by keyboard alone', async () => {
      const context = await market.context({ viewport: { width: 1280, height: 900 } });
      const page = await context.newPage();
      await page.goto(`/shop/${SELLER}/conf`);
      await button(page, 'One more Pass').waitFor();
      await tabTo(page, 'One more Pass');
      await page.keyboard.press('Enter');
      await until(
        () => total(page).catch(() => 0),
        (sum) => sum > 0,
      );
      await tabTo(page, 'Continue');
      await page.keyboard.press('Enter');
      await page.getByRole('timer').waitFor();
      await tabTo(page, 'Email address');
      await page.keyboard.type('dee@example.org');
      await tabTo(page, 'Name');
      await page.keyboard.type('Dee');
      await tabTo(page, 'Order and pay');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Your order' }).waitFor();
      await context.close();
    });

    it('keeps a cart over a reload and in another tab, and longer when asked', async () => {
      const context = await market.context();
      const page = await context.newPage();
      await page.goto(`/shop/${SELLER}/conf`);
      await choose(page, 'Pass');
      await goOn(page);
      const left = () => page.getByRole('timer').getAttribute('data-left').then(Number);
      assert.ok((await left()) > 800);
      await page.getByLabel('Email address').fill('eve@example.org');
      await page.reload();
      await page.getByRole('timer').waitFor();
      assert.equal(await page.getByLabel('Email address').inputValue(), 'eve@example.org');
      const other = await context.newPage();
      await other.goto(`/shop/${SELLER}/conf`);
      await other.getByRole('link', { name: 'Go on to the checkout' }).click();
      await other.getByRole('timer').waitFor();
      const before = await left();
      await page.waitForTimeout(2_100);
      await button(page, 'Keep it longer').click();
      await page.getByText('Your cart is kept longer.').waitFor();
      assert.ok((await left()) >= before - 1);
      // What is emptied in one tab is gone in the other.
      await other.goto(`/shop/${SELLER}/conf`);
      await button(other, 'Empty the cart').click();
      await page.getByRole('heading', { name: 'Tickets', level: 1 }).waitFor();
      await context.close();
    });

    it('says what a cart costs more when its time was over and prices have changed', async () => {
      const pass = (minor: number) => ({ title: 'Pass', tiers: standard(minor) });
      await market.put('quick', '/sales', { hold_s: 30, hold_max_s: 30 });
      await market.put('quick', '/products/pass', pass(5_000));
      await market.put('quick', '/quotas/hall', { title: 'Hall', size: 9, products: [{ product: 'pass' }] });
      const context = await market.context();
      const page = await context.newPage();
      await page.goto(`/shop/${SELLER}/quick`);
      await choose(page, 'Pass', 2);
      await goOn(page);
      await introduce(page, 'Fay');
      await market.put('quick', '/products/pass', pass(6_000));
      await page.getByRole('heading', { name: 'Your cart was given back' }).waitFor({ timeout: 45_000 });
      await clean(page);
      await button(page, 'Keep the same again').click();
      await page.getByText('The price has changed from €100.00 to €120.00: €20.00 more.').waitFor();
      assert.equal(await page.getByLabel('Email address').inputValue(), 'fay@example.org');
      await button(page, 'Order and pay').click();
      await page.getByText('To pay: €120.00').waitFor();
      await context.close();
    });

    it('orders once, whatever clicks and lost answers there are', async () => {
      const before = (await market.orders('conf')).length;
      const context = await market.context();
      const page = await context.newPage();
      await page.goto(`/shop/${SELLER}/conf`);
      await choose(page, 'Pass');
      await goOn(page);
      await introduce(page, 'Gil');
      // The server does it, and its answer is lost.
      let lost = 0;
      await page.route(/\/orders$/, async (route) => {
        if (lost > 0) return route.continue();
        lost += 1;
        await route.fetch();
        await route.abort();
      });
      await button(page, 'Order and pay').dblclick();
      await page
        .getByRole('alert')
        .filter({ hasText: /Nothing was lost/ })
        .waitFor();
      // What was typed meanwhile changes nothing about what was ordered already.
      await page.getByLabel('Name', { exact: true }).fill('Gilbert');
      await button(page, 'Order and pay').click();
      await page.getByRole('heading', { name: 'Your order' }).waitFor();
      assert.equal((await market.orders('conf')).length, before + 1);
      // Back is not to a checkout that would order again.
      await page.goBack();
      await page.getByRole('heading', { name: 'Tickets', level: 1 }).waitFor();
      await context.close();
      // The answer that was lost.
      market.complaints.splice(
        0,
        market.complaints.length,
        ...market.complaints.filter((text) => !text.includes('ERR_FAILED')),
      );
    });

    it('lets pay again after a decline, and follows money that comes later', async () => {
      const context = await market.context();
      const page = await context.newPage();
      await order(page, 'conf', 'Hal');
      await button(page, 'Test payment').click();
      await button(page, 'Say: declined').click();
      await page.getByRole('alert').filter({ hasText: 'The payment did not work' }).waitFor();
      await button(page, 'Say: takes a while').click();
      await page.getByText('The payment is under way').waitFor();
      await page.reload();
      await button(page, 'Test payment').click();
      await button(page, 'Say: paid').click();
      await until(
        () => status(page),
        (now) => now === 'confirmed',
      );
      await context.close();
    });

    it('tells where to transfer money to, and follows when it has come', async () => {
      const context = await market.context();
      const page = await context.newPage();
      await page.goto(`/shop/${SELLER}/conf`);
      await choose(page, 'Pass');
      await goOn(page);
      await introduce(page, 'Ida');
      await page.getByLabel('Bank transfer').check();
      await button(page, 'Order and pay').click();
      await page.getByText('DE02 1203 0000 0000 2020 51').waitFor();
      const id = page.url().split('/').at(-1) ?? '';
      await page.getByText(id.slice(-12).toUpperCase(), { exact: true }).waitFor();
      const receipt = { amount: await total(page), reference: 'statement 12' };
      await market.did('POST', market.office('conf', `/orders/${id}/receipts`), receipt);
      // Nobody touches the page.
      await until(
        () => status(page),
        (now) => now === 'confirmed',
        15_000,
      );
      await context.close();
    });

    it('passes a ticket on, changes names, and is found by the link alone', async () => {
      const context = await market.context();
      const page = await context.newPage();
      await order(page, 'conf', 'Jim');
      await button(page, 'Test payment').click();
      await button(page, 'Say: paid').click();
      await until(
        () => status(page),
        (now) => now === 'confirmed',
      );
      await button(page, 'Change names').click();
      await page.getByLabel('Pass, no. 1').fill('Kim');
      await button(page, 'Save').click();
      await page.getByRole('listitem').getByText('Kim', { exact: true }).waitFor();
      const secrets = await page.evaluate(
        () =>
          JSON.parse(localStorage.getItem('eventra-shop/acme/conf') ?? '{}') as {
            orders: { secret: string }[];
          },
      );
      const link = `${page.url()}#secret=${secrets.orders[0]?.secret ?? ''}`;
      const elsewhere = await market.context();
      const lost = await elsewhere.newPage();
      await lost.goto(page.url());
      await lost.getByRole('heading', { name: 'This order cannot be shown' }).waitFor();
      const found = await elsewhere.newPage();
      await found.goto(link);
      await until(
        () => status(found),
        (now) => now === 'confirmed',
      );
      assert.ok(!found.url().includes('secret'), 'no secret stays in the address');
      await found.getByRole('button', { name: /^Pass on to somebody else/ }).click();
      const form = found.getByRole('form', { name: 'Pass on to somebody else' });
      await form.getByLabel('Email address').fill('lee@example.org');
      await form.getByLabel('Name').fill('Lee');
      await clean(found);
      await button(found, 'Pass the ticket on').click();
      await found.getByText('Passed on to Lee. Its code here is void.').waitFor();
      assert.equal(await found.getByRole('img').count(), 0);
      await elsewhere.close();
      await context.close();
    });

    it('lets wait for what is sold out, and keeps it for whoever is next', async () => {
      await market.put('small', '/products/pass', { title: 'Pass', tiers: standard(5_000), waitlist: true });
      await market.put('small', '/quotas/hall', { title: 'Hall', size: 1, products: [{ product: 'pass' }] });
      const first = await market.did('POST', market.shop('small', '/holds'), {
        lines: [{ product: 'pass', count: 1 }],
        currency: 'EUR',
      });
      const context = await market.context();
      const page = await context.newPage();
      await page.goto(`/shop/${SELLER}/small`);
      await page.getByText('Sold out').waitFor();
      await button(page, /^Join the waitlist/).click();
      await page.getByLabel('Email address').fill('mia@example.org');
      await clean(page);
      await button(page, /^Join the waitlist/).click();
      await page.getByRole('link', { name: 'See where you stand' }).click();
      await page.getByText('You are next.').waitFor();
      await clean(page);
      await market.did('DELETE', market.shop('small', `/holds/${String(first['id'])}`));
      await page.getByRole('heading', { name: 'It is your turn' }).waitFor({ timeout: 25_000 });
      await clean(page);
      await button(page, 'Take them').click();
      await introduce(page, 'Mia');
      await button(page, 'Order and pay').click();
      await page.getByText('To pay: €50.00').waitFor();
      await context.close();
    });

    it('draws those who wait, shows how that is fair, and lets them in', async () => {
      await market.put('queue', '/products/pass', { title: 'Pass', tiers: standard(5_000) });
      await market.put('queue', '/quotas/hall', { title: 'Hall', size: 10, products: [{ product: 'pass' }] });
      const opens = new Date(Date.now() + 8_000).toISOString();
      await market.put('queue', '/room', { opens, per_minute: 600, stay_s: 600 });
      const context = await market.context();
      const page = await context.newPage();
      await page.goto(`/shop/${SELLER}/queue`);
      await page.getByRole('heading', { name: 'Waiting room' }).waitFor();
      await page.getByLabel('Email address').fill('ned@example.org');
      await clean(page);
      await button(page, 'Wait here').click();
      await page.getByText('You have a place in the draw.').waitFor();
      await page.reload();
      await page.getByText('You have a place in the draw.').waitFor();
      await page.getByText('How the draw is fair').click();
      await page.getByText('shown after the draw').waitFor();
      await clean(page);
      await page.getByText('It is your turn').waitFor({ timeout: 30_000 });
      await choose(page, 'Pass');
      await goOn(page);
      await introduce(page, 'Ned');
      await button(page, 'Order and pay').click();
      await page.getByText('To pay: €50.00').waitFor();
      await context.close();
    });

    it('complains of nothing in all of that', () => {
      assert.deepEqual(market.complaints, []);
    });
  });
}
