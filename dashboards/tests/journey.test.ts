// The whole way of a buyer: from the event's page over a card payment to a door, whose camera sees the ticket and lets it in once.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Browser, type BrowserContext, chromium, devices, type Page } from 'playwright-core';
import { CHROMIUM, FLAGS } from './browser.ts';
import { filmOfPicture, seeing } from './film.ts';
import { missing, until, violations } from './house.ts';
import { choose, goOn, introduce, Market, SELLER, standard } from './market.ts';
import { ASKING_CARD, Stripe } from './stripe.ts';

const DOOR = 'dora@example.org';
const ORGANIZER = 'olga@example.org';
const PHONE = { ...devices['Pixel 7'], defaultBrowserType: undefined, permissions: ['camera'] };
/** Where screenshots go, when somebody wants to look at them. */
const SHOTS = process.env['SHOTS'];

async function picture(page: Page, name: string): Promise<void> {
  // What the provider draws is not ours.
  const ours = (await violations(page)).filter(
    (one) => !one.targets.every((target) => target.includes('.card-element')),
  );
  assert.deepEqual(ours, [], name);
  if (SHOTS) await page.screenshot({ path: join(SHOTS, `journey-${name}.png`), fullPage: true });
}

async function answer(page: Page, outcome: string): Promise<string> {
  await page.locator(`#answer[data-outcome="${outcome}"]`).waitFor();
  return page.locator('#answer').innerText();
}

if (missing) {
  process.stdout.write(`${missing}\n`);
} else {
  describe('the way of a buyer', { timeout: 300_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'eventra-journey-'));
    const seen = join(folder, 'ticket.y4m');
    let market: Market;
    let stripe: Stripe;
    let buying: BrowserContext;
    let order: Page;
    let counting: Page;
    let doors: Browser | undefined;

    /** Somebody at the door who is signed in, with a phone that sees the ticket. */
    async function stand(gate: string, device: string): Promise<Page> {
      doors ??= await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...seeing(seen)] });
      const context = await market.context(PHONE, doors);
      const page = await market.signIn(context, DOOR, `/scan/${SELLER}/journey`);
      await page.locator('#line[data-line=connected]').waitFor();
      await page.getByText('Door and device').click();
      await page.getByLabel('Where you stand').fill(gate);
      await page.getByLabel('Name of this device').fill(device);
      await page.getByText('Door and device').click();
      return page;
    }

    const inside = async () =>
      Number(
        await counting
          .getByRole('region', { name: 'Main' })
          .locator('[data-inside]')
          .getAttribute('data-inside'),
      );

    before(async () => {
      stripe = await Stripe.start();
      market = await Market.open(() => [
        '--stripe-url',
        stripe.address,
        '--stripe-script',
        `${stripe.address}/js.stripe.com/v3/`,
      ]);
      const secret = 'whsec_of_the_journey';
      await market.did('PUT', `/v1/organizations/${SELLER}/payment-providers/stripe`, {
        publishable_key: 'pk_test_12345',
        secret_key: 'sk_test_12345',
        webhook_secret: secret,
      });
      const inbox = `${market.eventra.url}/v1/webhooks/stripe/${SELLER}`;
      await stripe.ask('POST', '/_config/webhooks/eventra', { url: inbox, secret });
      const says = (part: string, body: unknown) =>
        market.did('PUT', market.programme('journey', part), body);
      await says('/page', {
        summary: 'Two days about logs',
        venue: 'Great hall',
        address: { street: 'Unter den Linden 1', postal_code: '10117', locality: 'Berlin', country: 'DE' },
      });
      await says('/forms/you', {
        title: 'About you',
        fields: [
          {
            id: 'food',
            label: 'Food',
            kind: 'choice',
            required: true,
            options: ['Anything', 'Something else'].map((label) => ({ value: label, label })),
          },
          {
            id: 'which',
            label: 'What then?',
            required: true,
            when: { field: 'food', is: ['Something else'] },
          },
        ],
      });
      await says('/status', { status: 'published' });
      await market.put('journey', '/products/pass', { title: 'Pass', tax: 1_900, tiers: standard(11_900) });
      await market.put('journey', '/quotas/hall', {
        title: 'Hall',
        size: 5,
        products: [{ product: 'pass' }],
      });
      await market.put('journey', '/doors/main', { title: 'Main' });
      await market.hire(DOOR, 'Dora', 'moderator');
      await market.hire(ORGANIZER, 'Olga', 'organizer');
    });
    after(async () => {
      await doors?.close();
      await market.close();
      stripe.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it('begins at the page of the event, and leads over the shop and a question to an order', async () => {
      buying = await market.context();
      order = await buying.newPage();
      await order.goto(`/e/${SELLER}/journey`);
      await order.getByText('Two days about logs').waitFor();
      await picture(order, 'event');
      await order.getByRole('link', { name: 'Get tickets' }).first().click();
      await order.waitForURL(`**/shop/${SELLER}/journey`);
      await choose(order, 'Pass', 2);
      await goOn(order);
      await introduce(order, 'Ann');
      await order.getByLabel('Pass, no. 2').fill('Lee');
      await order.getByLabel('Food').selectOption('Something else');
      await order.getByLabel('I need an invoice with an address').check();
      await order.getByLabel('Company or name on the invoice').fill('Log Works GmbH');
      await order.getByLabel('Card').check();
      await order.getByRole('button', { name: 'Order and pay' }).click();
      // Nothing is ordered without what is asked after the answer, and without the address that was wished for.
      await order.getByText('Please look at the marked fields.').waitFor();
      await until(
        () => order.evaluate(() => document.activeElement?.tagName),
        (tag) => tag === 'TEXTAREA',
      );
      await order.getByLabel('Address', { exact: true }).fill('Hauptstraße 1\n10117 Berlin');
      await order.getByLabel('VAT number').fill('DE123456789');
      await order.getByLabel('What then?').fill('Pears');
      await picture(order, 'checkout');
      await order.getByRole('button', { name: 'Order and pay' }).click();
      await order.getByRole('button', { name: 'Pay €238.00' }).waitFor();
    });

    it('pays by card, after a try that the bank refused', async () => {
      const pay = order.getByRole('button', { name: 'Pay €238.00' });
      let intent = '';
      order.on('response', async (response) => {
        if (!/\/payments$/.test(response.url()) || response.request().method() !== 'POST') return;
        // An answer of a page that is left meanwhile cannot be read, and is not wanted.
        const told = (await response.json().catch(() => ({}))) as { data?: { client_secret?: string } };
        intent = told.data?.client_secret?.split('_secret_')[0] ?? intent;
      });
      for (const decision of ['Fail authentication', 'Complete authentication']) {
        intent = '';
        // The same attempt goes on, and is told anew.
        await order.reload();
        await until(
          async () => intent !== '' && (await pay.isEnabled()),
          (ready) => ready,
        );
        assert.equal(await stripe.card(intent, ASKING_CARD), 'requires_action');
        await picture(order, 'paying');
        await pay.click();
        await order.getByRole('button', { name: decision }).click();
        if (decision.startsWith('Fail'))
          await order.getByRole('alert').filter({ hasText: 'The payment did not work' }).waitFor();
      }
      await order.locator('[data-status=confirmed]').waitFor();
      await order.getByText('€238.00 came in.').waitFor();
    });

    it('shows two tickets, each as a code and as a document, and an invoice with the address', async () => {
      const codes = order.getByRole('img', { name: /^Code of the ticket/ });
      await until(
        () => codes.count(),
        (count) => count === 2,
      );
      await picture(order, 'tickets');
      for (const number of [1, 2]) {
        const downloading = order.waitForEvent('download');
        const ticket = order.getByRole('listitem').filter({ hasText: `Ticket ${number} of 2` });
        await ticket.getByRole('button', { name: /^PDF/ }).click();
        const document = readFileSync(await (await downloading).path());
        assert.equal(document.subarray(0, 5).toString(), '%PDF-');
      }
      const { number } = await until(
        async () => {
          const { body } = await market.ask('GET', `/v1/organizations/${SELLER}/invoices`);
          return (body as { data: { number: string }[] }).data[0] ?? { number: '' };
        },
        (invoice) => invoice.number !== '',
      );
      const invoice = await market.did('GET', `/v1/organizations/${SELLER}/invoices/${number}`);
      assert.match(JSON.stringify(invoice), /Log Works GmbH\\nHauptstraße 1\\n10117 Berlin.*DE123456789/);
      const [placed] = await market.orders('journey');
      const whole = await market.did('GET', market.office('journey', `/orders/${String(placed?.['id'])}`));
      const { answers } = whole['buyer'] as { answers: Record<string, string> };
      assert.deepEqual([answers['you.food'], answers['you.which']], ['Something else', 'Pears']);
      await filmOfPicture(codes.first(), seen);
    });

    it('is let in by a camera that sees the ticket, and once', async () => {
      const office = await market.context({ viewport: { width: 1280, height: 1000 } });
      const counts = `/o/${SELLER}/events/journey/box-office/check-in`;
      counting = await market.signIn(office, ORGANIZER, counts);
      await until(inside, (now) => now === 0);
      const west = await stand('West', 'phone of Dora');
      await west.getByRole('button', { name: 'Start the camera' }).click();
      assert.match(await answer(west, 'admitted'), /Let in\s+Ann · Pass/);
      await picture(west, 'admitted');
      // Nobody touches the organizer's page.
      await until(inside, (now) => now === 1);
      const east = await stand('East', 'other phone');
      await east.getByRole('button', { name: 'Start the camera' }).click();
      assert.match(
        await answer(east, 'duplicate'),
        /Already in[\s\S]*\d\d:\d\d[\s\S]*West[\s\S]*phone of Dora/,
      );
      await picture(east, 'duplicate');
      assert.equal(await inside(), 1);
      const newest = counting.getByRole('group', { name: 'Newest scans' }).getByRole('row').nth(1);
      await until(
        () => newest.innerText(),
        (text) => /Already in[\s\S]*East/.test(text),
      );
      await order.reload();
      await order.getByText(/^Used: let in on .* \(Main, West\)\.$/).waitFor();
      assert.equal(await order.locator('[data-admitted]').count(), 1);
      await picture(order, 'used');
      await east.context().close();
    });

    it('passes a ticket on: its old code lets nobody in, whoever has it now comes in', async () => {
      const west = doors?.contexts()[0]?.pages()[0];
      assert.ok(west);
      const [placed] = await market.orders('journey');
      const kept = await order.evaluate(
        (key) => JSON.parse(localStorage.getItem(key) ?? '{}') as { orders: { secret: string }[] },
        `eventra-shop/${SELLER}/journey`,
      );
      const { data } = await market.ask(
        'GET',
        market.shop('journey', `/orders/${String(placed?.['id'])}`),
        undefined,
        { 'order-secret': kept.orders[0]?.secret ?? '' },
      );
      const old = (data['tickets'] as { text: string }[])[1]?.text ?? '';
      const ticket = order.getByRole('listitem').filter({ hasText: 'Ticket 2 of 2' });
      await ticket.getByRole('button', { name: /^Pass on to somebody else/ }).click();
      await ticket.getByLabel('Email address').fill('kim@example.org');
      await ticket.getByLabel('Name').fill('Kim');
      await ticket.getByRole('button', { name: 'Pass the ticket on' }).click();
      await order.getByText('Passed on to Kim. Its code here is void.').waitFor();
      await west.getByLabel('Code of a ticket').fill(old);
      await west.getByRole('button', { name: 'Check' }).click();
      await answer(west, 'replaced');
      await west.getByLabel('Name, order or ticket').fill('kim');
      await west.getByRole('button', { name: 'Find' }).click();
      await west.getByRole('button', { name: 'Let in Kim' }).click();
      await answer(west, 'admitted');
      await until(inside, (now) => now === 2);
    });

    it('complains of nothing in all of that', () => {
      assert.deepEqual(market.complaints, []);
    });
  });
}
