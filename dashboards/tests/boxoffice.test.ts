// The organizer's story of a box office, from an empty event to its first sale, and what they do about orders.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import {
  api,
  DASHBOARD,
  EVENT,
  forget,
  type House,
  missing,
  open,
  ORGANIZATION,
  tabTo,
  until,
  violations,
} from './house.ts';

const OFFICE = `${DASHBOARD}/box-office`;
const V1 = `/v1/organizations/${ORGANIZATION}/events/${EVENT}/box-office`;
const SHOP = `/v1/shop/${ORGANIZATION}/${EVENT}`;

interface Order {
  id: string;
  secret: string;
}

if (missing) {
  process.stdout.write(`${missing}\n`);
} else {
  describe('the box office', { timeout: 600_000 }, () => {
    let house: House;
    let context: BrowserContext;
    let page: Page;

    before(async () => {
      house = await open(undefined, () => ['--test-payments', 'true']);
      context = await house.context();
      page = await house.signIn(context);
    });
    after(async () => {
      await house.close();
    });

    /** A buyer's order, by the routes that buyers use. */
    const order = async (name: string, count: number, provider: string, product = 'pass'): Promise<Order> => {
      const lines = [{ product, count }];
      const hold = await buyer<{ id: string }>(house, 'POST', `${SHOP}/holds`, { lines, currency: 'EUR' });
      const contact = { email: `${name.toLowerCase()}@example.org`, name, answers: { Diet: 'none' } };
      return await buyer<Order>(house, 'POST', `${SHOP}/orders`, { hold: hold.id, buyer: contact, provider });
    };
    const pay = async ({ id, secret }: Order, provider = 'test'): Promise<void> => {
      const begun = await buyer<{ id: string }>(
        house,
        'POST',
        `${SHOP}/orders/${id}/payments`,
        { provider },
        secret,
      );
      if (provider === 'test')
        await buyer(
          house,
          'POST',
          `${SHOP}/orders/${id}/payments/${begun.id}/test`,
          { status: 'captured' },
          secret,
        );
    };
    const bought = async (name: string, count: number): Promise<Order> => {
      const made = await order(name, count, 'test');
      await pay(made);
      return made;
    };
    const openOrder = async ({ id }: Order) => {
      await page.goto(`${OFFICE}/orders/${id}`);
      await page.getByRole('region', { name: 'Positions' }).waitFor();
    };
    const sure = (what: RegExp) => page.getByRole('button', { name: what }).click();

    it('leads from an empty event to something that can be bought', async () => {
      await page.goto(OFFICE);
      await page.getByRole('link', { name: 'Offer a product with a price' }).click();
      await page.getByLabel('Name', { exact: true }).fill('Pass');
      assert.equal(await page.getByLabel('Short name').inputValue(), 'pass');
      await page.getByLabel('Currencies').fill('EUR, USD');
      await page.getByLabel('Price in EUR').fill('49,9x');
      await page.getByText('An amount such as 49.90').waitFor();
      await page.getByLabel('Price in EUR').fill('119');
      await page.getByLabel('Price in USD').fill('129.50');
      await page.getByRole('button', { name: 'Add a price' }).click();
      // The first price ends after ten: early bird.
      await page.getByLabel('Name of the price').first().fill('Early bird');
      await page.getByLabel('Or after so many').first().fill('10');
      await page.getByLabel('Name of the price').last().fill('Standard');
      await page.getByLabel('Price in EUR').last().fill('149');
      await page.getByLabel('Price in USD').last().fill('159');
      await page.locator('summary', { hasText: 'More' }).click();
      await page.getByLabel('Tax inside of the price').fill('19');
      await page.getByLabel('People may wait').check();
      await page.getByRole('button', { name: 'Offer a product', exact: true }).click();
      await page.getByRole('row', { name: /Pass .*€119\.00, \$129\.50.*counts in no quota/ }).waitFor();
      await page.getByRole('link', { name: 'Count it in a quota' }).click();
      await page.getByLabel('How many').fill('40');
      assert.ok(await page.getByRole('checkbox', { name: 'Pass' }).isChecked());
      await page.getByLabel('Name', { exact: true }).fill('Hall');
      await page.getByLabel('Short name').fill('hall');
      await page.getByRole('button', { name: 'Add a quota' }).click();
      await page.getByRole('row', { name: /Hall.*0 0 40 40/ }).waitFor();
      await page
        .getByRole('region', { name: 'What counts where' })
        .getByText('counts', { exact: true })
        .waitFor();
      const shop = await buyer<{ products: { id: string; tier: string; prices: { minor: number }[] }[] }>(
        house,
        'GET',
        SHOP,
      );
      assert.deepEqual(
        shop.products.map(({ id, tier, prices }) => [id, tier, prices[0]?.minor]),
        [['pass', 'Early bird', 11_900]],
      );
    });

    it('shows the first sale at once: stock, order, timeline from the log', async () => {
      await page.goto(`${OFFICE}/quotas`);
      await page.getByRole('row', { name: /Hall.*0 0 40 40/ }).waitFor();
      const first = await bought('Ada', 2);
      await page.getByRole('row', { name: /Hall.*2 0 38 40/ }).waitFor();
      await page.getByRole('link', { name: 'Orders', exact: true }).click();
      await page
        .getByRole('row', { name: /confirmed Ada.*€238\.00 €238\.00/ })
        .getByRole('link')
        .click();
      const timeline = page.getByRole('list', { name: 'Timeline' });
      await timeline.getByText('Confirmed: sold, tickets made').waitFor();
      const told = await timeline.getByRole('listitem').allTextContents();
      assert.equal(told.length, 4, told.join('\n'));
      assert.match(told.at(-1) ?? '', /Order placed€238\.00 · test provider.*buyer · log f\d+\/\d+/);
      assert.equal(await page.getByRole('region', { name: 'Tickets' }).getByRole('row').count(), 3);
      assert.ok(first.id);
    });

    it('finds orders by number, address and name', async () => {
      const [bea] = [await bought('Bea', 1), await bought('Cem', 1)];
      await page.goto(`${OFFICE}/orders`);
      const find = async (text: string, row: RegExp, rows: number) => {
        await page.getByRole('searchbox').fill(text);
        await page.keyboard.press('Enter');
        await page.waitForURL((url) => url.searchParams.get('search') === text);
        await page.getByRole('row', { name: row }).waitFor();
        // The rows of the search before go when those of this one have come.
        await until(
          () => page.getByRole('row').count(),
          (count) => count === rows + 1,
        );
      };
      await find('bea@example.org', /Bea/, 1);
      await find(bea.id.slice(-8).toUpperCase(), /Bea/, 1);
      await find('cem', /Cem/, 1);
      await find('example.org', /Ada/, 3);
      await page.getByRole('searchbox').fill('nobody');
      await page.keyboard.press('Enter');
      await page.getByText('No order is like this.').waitFor();
      await page.goto(`${OFFICE}/orders`);
      await page.getByRole('button', { name: /^confirmed/ }).click();
      await until(
        () => page.getByRole('button', { name: /^confirmed/ }).getAttribute('aria-pressed'),
        (pressed) => pressed === 'true',
      );
      await page.getByRole('row', { name: /Bea/ }).waitFor();
    });

    it('pays back in part, per position, in full, with cancelling and without', async () => {
      const made = await bought('Dee', 3);
      await openOrder(made);
      // In part, without cancelling.
      await page.getByRole('radio', { name: 'Another amount' }).check();
      await page.getByLabel('Amount in EUR').fill('400');
      await page.getByText('At most €357.00.').first().waitFor();
      assert.ok(await page.getByRole('button', { name: 'Pay back', exact: true }).isDisabled());
      await page.getByLabel('Amount in EUR').fill('10');
      await page.getByRole('button', { name: 'Pay back', exact: true }).click();
      await sure(/^Really pay back €10\.00/);
      await page.getByText('The refund is on its way.').waitFor();
      await page.getByRole('row', { name: /€10\.00 asked for done/ }).waitFor();
      // One position, without cancelling: its price.
      await page.getByRole('checkbox', { name: /^Choose 2/ }).check();
      await page.getByRole('radio', { name: 'The chosen positions, €119.00' }).check();
      await page.getByRole('button', { name: 'Pay back', exact: true }).click();
      await sure(/^Really pay back €119\.00/);
      await page.getByRole('row', { name: /€119\.00 asked for done/ }).waitFor();
      // One position, cancelled with its money.
      await page.getByRole('checkbox', { name: /^Choose 1/ }).check();
      await page.getByText('The chosen position', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Cancel it' }).click();
      await sure(/^Really cancel it/);
      await page.getByText('It is cancelled.').waitFor();
      const detail = await api<{ cancelled: boolean[]; credit: number; paid: number; status: string }>(
        page,
        'GET',
        `${V1}/orders/${made.id}`,
      );
      assert.deepEqual(
        [detail.cancelled, detail.credit, detail.status],
        [[true, false, false], 0, 'confirmed'],
      );
      // All of it, its money later: the credit waits for somebody, and says so.
      await page.getByLabel('And pay back').uncheck();
      await page.getByRole('button', { name: 'Cancel it' }).click();
      await sure(/^Really cancel it/);
      await page.getByText(/The buyer’s credit: /).waitFor();
      await page.goto(OFFICE);
      await page.getByText('One order has money that is the buyer’s').click();
      await page.getByRole('row', { name: /Dee/ }).getByRole('link').click();
      await page.getByRole('radio', { name: /^The credit/ }).waitFor();
      await page.getByRole('button', { name: 'Pay back', exact: true }).click();
      await sure(/^Really pay back/);
      await until(
        async () => (await api<{ paid: number }>(page, 'GET', `${V1}/orders/${made.id}`)).paid,
        (paid) => paid === 0,
      );
      const balances = await api<{ balance: number }[]>(page, 'GET', `${V1}/ledger`);
      assert.equal(
        balances.reduce((sum, one) => sum + one.balance, 0),
        0,
      );
      await page.goto(`${OFFICE}/refunds`);
      await until(
        () => page.getByRole('row', { name: /done/ }).count(),
        (count) => count >= 4,
      );
    });

    it('notes a transfer as paid, replaces a ticket, and makes a refund by transfer by hand', async () => {
      const made = await order('Eve', 1, 'transfer');
      await openOrder(made);
      assert.equal(await page.getByLabel('Amount in EUR').inputValue(), '119.00');
      await page.getByLabel('Reference of the bank').fill('SEPA 4711');
      await page.getByRole('button', { name: 'Mark as paid' }).click();
      await page.getByText('The payment is noted.').waitFor();
      await page.getByRole('row', { name: /captured .*SEPA 4711/ }).waitFor();
      await page.getByRole('button', { name: 'Replace' }).click();
      await sure(/^Really replace the ticket/);
      await page.getByText('revision 1', { exact: true }).first().waitFor();
      const told = page.getByRole('list', { name: 'Timeline' }).getByText('Ticket replaced');
      await told.waitFor();
      assert.match(
        (await page.getByRole('list', { name: 'Timeline' }).getByRole('listitem').first().textContent()) ??
          '',
        /Ann · log/,
      );
      await page.getByRole('button', { name: 'Cancel it' }).click();
      // Leaving the page before the answer would take the request back.
      const answered = page.waitForResponse((response) => /cancel/.test(response.url()) && response.ok());
      await sure(/^Really cancel it/);
      await answered;
      await page.goto(OFFICE);
      await page.getByText('One refund is to be made by bank transfer').click();
      await page.getByRole('row', { name: /bank transfer on its way/ }).waitFor();
      await page.getByRole('button', { name: 'It came back' }).click();
      await sure(/^Really note that the transfer came back/);
      await page.getByText('No refund is like this.').waitFor();
      await openOrder(made);
      await page.getByRole('row', { name: /€119\.00 .* failed/ }).waitFor();
      await page.getByRole('button', { name: 'Pay back', exact: true }).click();
      await sure(/^Really pay back €119\.00/);
      await page.getByRole('button', { name: 'It was transferred' }).click();
      await sure(/^Really note that it was transferred/);
      await page.getByRole('row', { name: /€119\.00 .* done/ }).waitFor();
    });

    it('holds orders for a review by what the rules say, lets one go on and refuses another', async () => {
      const rules = await api<{ document: Record<string, unknown> }>(
        page,
        'GET',
        `/v1/organizations/${ORGANIZATION}/rules`,
      );
      const fraud = {
        high: 500,
        rules: [
          {
            id: 'dear',
            on: ['order_placed'],
            all: ['amount_minor >= 30000'],
            weight: 600,
            reason: 'costs {amount_minor} in all',
          },
        ],
      };
      await api(page, 'PUT', `/v1/organizations/${ORGANIZATION}/rules`, { ...rules.document, fraud });
      await page.goto(`${OFFICE}/settings`);
      await page.getByLabel('Orders wait for you').fill('500');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Saved.').waitFor();
      const [good, bad] = [await order('Fay', 4, 'test'), await order('Gus', 4, 'test')];
      await page.goto(DASHBOARD);
      await page
        .getByRole('region', { name: 'Needs attention' })
        .getByText('2 orders wait for your review')
        .click();
      await page
        .getByRole('row', { name: /in review Fay/ })
        .getByRole('link')
        .click();
      await page.getByText('What the rules say now: 600').waitFor();
      // At the decision, and in the order's history.
      await page
        .getByText(/costs .* in all/)
        .nth(1)
        .waitFor();
      await page.getByRole('button', { name: 'Let it go on' }).click();
      await page.getByText('The order goes on.').waitFor();
      await page.getByText('waits for payment').waitFor();
      await pay(good);
      await page.getByRole('region', { name: 'Tickets' }).waitFor();
      await openOrder(bad);
      await page.getByRole('button', { name: 'Refuse' }).click();
      await sure(/^Really refuse this order/);
      await page.getByText('The order is refused.').waitFor();
      await page.goto(`${OFFICE}/orders?status=refused`);
      await page.getByRole('row', { name: /refused Gus/ }).waitFor();
      await api(page, 'PUT', `/v1/organizations/${ORGANIZATION}/rules`, rules.document);
    });

    it('shows both sides when two set the same, and faults at their fields', async () => {
      await page.goto(`${OFFICE}/quotas`);
      await page.getByRole('button', { name: 'Edit “Hall”' }).click();
      await page.getByLabel('How many').fill('1');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('alert').filter({ hasText: 'are sold or held already' }).waitFor();
      await page.getByLabel('How many').fill('50');
      await api(page, 'PUT', `${V1}/quotas/hall`, {
        title: 'Great hall',
        size: 45,
        products: [{ product: 'pass' }],
      });
      await page.getByRole('button', { name: 'Save' }).click();
      const conflict = page.getByRole('alert').filter({ hasText: 'Somebody else changed this meanwhile' });
      await conflict.getByRole('row', { name: 'How many 45 50' }).waitFor();
      await conflict.getByRole('button', { name: 'Take theirs' }).click();
      await until(
        () => page.getByLabel('Name', { exact: true }).inputValue(),
        (name) => name === 'Great hall',
      );
      await page.getByLabel('How many').fill('50');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('row', { name: /Great hall.* 50/ }).waitFor();
      await page.goto(`${OFFICE}/products?edit=new`);
      await page.getByLabel('Name', { exact: true }).fill('Dinner');
      await page.getByLabel('Price in EUR').fill('30');
      await page.getByLabel('Price in USD').fill('33');
      await page.getByLabel('Kind').selectOption('add_on');
      await page.getByRole('checkbox', { name: 'Pass' }).check();
      await page.getByRole('button', { name: 'Add a kind' }).click();
      await page.getByLabel('Name of the kind').fill('Vegan');
      await page.locator('summary', { hasText: 'More' }).click();
      await page.getByLabel('On sale from').fill('2026-06-02T10:00');
      await page.getByLabel('On sale until').fill('2026-06-01T10:00');
      await page.getByRole('button', { name: 'Offer a product', exact: true }).click();
      const until_ = page.getByLabel('On sale until');
      await page.getByText('is after `from`').first().waitFor();
      assert.equal(await until_.getAttribute('aria-invalid'), 'true');
      await until_.fill('2036-06-03T10:00');
      await page.getByRole('button', { name: 'Offer a product', exact: true }).click();
      await page.getByRole('row', { name: /Dinner .*Add-on/ }).waitFor();
      forget(house, /status of (400|409|412)/);
    });

    it('has codes, group discounts, a waiting room with its proof, and a waitlist that says why', async () => {
      await page.goto(`${OFFICE}/discounts?edit=new`);
      await page.getByLabel('Code', { exact: true }).fill('EARLY');
      await page.getByLabel('Share, %').fill('12,5');
      await page.getByLabel('Orders that may use it').fill('2');
      await page.getByRole('button', { name: 'Add a code' }).click();
      await page.getByRole('row', { name: /EARLY 12\.5% 0 of 2/ }).waitFor();
      await page.getByRole('button', { name: 'Add a group discount' }).click();
      await page.getByLabel('Name of the discount').fill('Five or more');
      await page.getByLabel('From how many on').fill('5');
      await page.getByRole('button', { name: 'Save' }).click();
      await until(
        async () => (await api<{ group_discounts: unknown[] }>(page, 'GET', V1)).group_discounts.length,
        (count) => count === 1,
      );
      await page.goto(`${OFFICE}/room`);
      await page.getByLabel('Opens').fill('2020-01-01T10:00');
      await page.getByRole('button', { name: 'Set the waiting room' }).click();
      await page.getByText('Commitment', { exact: true }).waitFor();
      // It has opened long ago: the draw is made at once, and its seed is told.
      await page.getByText(/^printf %s [0-9a-f]{64} \| b3sum$/).waitFor({ timeout: 20_000 });

      const { quotas } = await api<{ quotas: { id: string; held: number; sold: number }[] }>(page, 'GET', V1);
      const hall = quotas.find((one) => one.id === 'hall');
      const size = (hall?.held ?? 0) + (hall?.sold ?? 0);
      await api(page, 'PUT', `${V1}/quotas/hall`, {
        title: 'Great hall',
        size,
        products: [{ product: 'pass' }],
      });
      for (const [name, party] of [
        ['Hal', 2],
        ['Ida', 1],
      ] as const) {
        const contact = { email: `${name.toLowerCase()}@example.org`, name };
        await buyer(house, 'POST', `${SHOP}/waitlist`, { product: 'pass', party, currency: 'EUR', contact });
      }
      await page.goto(`${OFFICE}/waitlist`);
      await page.getByRole('row', { name: /1 Hal.*None are left/ }).waitFor();
      await page.getByRole('row', { name: /2 Ida.*One who waits for the same came before/ }).waitFor();
      await page.getByRole('row', { name: /Hal/ }).getByRole('button', { name: 'Remove' }).click();
      await sure(/^Really remove Hal/);
      await page.getByRole('row', { name: /1 Ida/ }).waitFor();
      await page.goto(OFFICE);
      await page.getByText('“Great hall” is sold out').waitFor();
      await page.getByText('One entry waits on the waitlist').waitFor();
    });

    it('balances the money and pays out', async () => {
      await page.goto(`${OFFICE}/money`);
      const sum = page.getByRole('row', { name: /^Sum/ }).getByRole('cell');
      assert.equal(await sum.nth(0).textContent(), await sum.nth(1).textContent());
      const line = page.getByRole('listitem').filter({ hasText: 'test provider' });
      const { amount } = (
        await api<{ provider: string; amount: number }[]>(page, 'GET', `${V1}/payable`)
      ).find((one) => one.provider === 'test') ?? { amount: 0 };
      assert.ok(amount > 0);
      await line.getByRole('button', { name: 'Pay out' }).click();
      await sure(/^Really pay out/);
      await page.getByText('The payout is noted.').waitFor();
      await page.getByRole('row', { name: /test provider .* Ann/ }).waitFor();
    });

    it('closes and opens sales, and the keyboard alone is enough', async () => {
      await page.goto(OFFICE);
      await page.getByRole('button', { name: 'Close sales' }).waitFor();
      await tabTo(page, 'Close sales');
      await page.keyboard.press('Enter');
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Open sales' }).waitFor();
      await tabTo(page, 'Open sales');
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Close sales' }).waitFor();
      await page.goto(`${OFFICE}/quotas`);
      await page.getByRole('button', { name: 'Add a quota' }).waitFor();
      await tabTo(page, 'Add a quota');
      await page.keyboard.press('Enter');
      await tabTo(page, 'Name');
      await page.keyboard.type('By hand');
      await tabTo(page, 'Dinner, Vegan');
      await page.keyboard.press('Space');
      await page.keyboard.press('Enter');
      await page.getByRole('rowheader', { name: /By hand/ }).waitFor();
    });

    for (const [role, sees] of [
      ['moderator', true],
      ['analyst', true],
      ['advertiser', false],
    ] as const) {
      it(`lets a ${role} ${sees ? 'look at what is sold and change nothing' : 'see nothing of it'}`, async () => {
        const email = `${role}-2@example.org`;
        await api(page, 'POST', `/v1/organizations/${ORGANIZATION}/members`, { email, name: role, role });
        const own = await house.context();
        const seen = await house.signIn(own, OFFICE, email);
        if (sees) {
          await seen.getByRole('row', { name: /Great hall/ }).waitFor();
          await seen.getByText('You may look at this, not change it.').waitFor();
          const ways = seen.getByRole('navigation', { name: 'Box office' }).getByRole('link');
          // Moderators stand at doors.
          const expected = role === 'moderator' ? ['Overview', 'Check-in'] : ['Overview'];
          assert.deepEqual(await ways.allTextContents(), expected);
          assert.equal(await seen.getByRole('button', { name: /Close sales|Edit|Add/ }).count(), 0);
          assert.deepEqual(await violations(seen), []);
          const { promos } = await api<{ promos: unknown[] }>(seen, 'GET', V1);
          assert.deepEqual(promos, [], 'codes are worth money');
        }
        for (const part of ['products', 'orders', 'money']) {
          await seen.goto(`${OFFICE}/${part}`);
          await seen.getByRole('heading', { name: 'Your role does not include this page' }).waitFor();
        }
        await own.close();
      });
    }

    it('speaks German, in both themes, with nothing that axe finds wrong on pages that are full', async () => {
      const { id } = (await api<{ id: string }[]>(page, 'GET', `${V1}/orders?status=confirmed`))[0] ?? {
        id: '',
      };
      const parts = [
        '',
        '/products?edit=pass',
        '/quotas?edit=hall',
        '/discounts',
        '/orders',
        `/orders/${id}`,
      ];
      for (const colorScheme of ['light', 'dark'] as const) {
        const own = await house.context({ locale: 'de-DE', colorScheme });
        const seen = await house.signIn(own);
        for (const part of [...parts, '/refunds', '/waitlist', '/room', '/money', '/settings']) {
          await seen.goto(`${OFFICE}${part}`);
          await seen.getByRole('navigation', { name: 'Kasse' }).waitFor();
          await seen.waitForTimeout(500);
          assert.deepEqual(await violations(seen), [], part);
        }
        await own.close();
      }
    });

    it('complained of nothing that was not expected', () => {
      assert.deepEqual(house.complaints, []);
    });
  });
}

/** Asks as a buyer does, who is signed in nowhere. */
async function buyer<T>(
  house: House,
  method: string,
  path: string,
  body?: object,
  secret?: string,
): Promise<T> {
  const headers = {
    'content-type': 'application/json',
    'idempotency-key': crypto.randomUUID(),
    ...(secret === undefined ? {} : { 'order-secret': secret }),
  };
  const answer = await fetch(house.eventra.url + path, {
    method,
    headers,
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const told = (await answer.json()) as { data: T };
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(told)}`);
  return told.data;
}
