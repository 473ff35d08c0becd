// The whole way of a buyer: from the event over a card payment to a ticket that a door lets in, once.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { missing, until, violations } from './house.ts';
import { choose, goOn, introduce, Market, SELLER, standard } from './market.ts';
import { ASKING_CARD, Stripe } from './stripe.ts';

if (missing) {
  process.stdout.write(`${missing}\n`);
} else {
  describe('the way of a buyer', { timeout: 300_000 }, () => {
    let market: Market;
    let stripe: Stripe;

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
      await market.put('journey', '/products/pass', { title: 'Pass', tax: 1_900, tiers: standard(11_900) });
      await market.put('journey', '/quotas/hall', {
        title: 'Hall',
        size: 5,
        products: [{ product: 'pass' }],
      });
      await market.put('journey', '/doors/main', { title: 'Main' });
    });
    after(async () => {
      await market.close();
      stripe.stop();
    });

    it('leads over a declined and a paid card to a ticket that is let in once', async () => {
      const context = await market.context();
      const page = await context.newPage();
      let intent = '';
      page.on('response', async (response) => {
        if (!/\/payments$/.test(response.url()) || response.request().method() !== 'POST') return;
        const told = (await response.json()) as { data?: { client_secret?: string } };
        intent = told.data?.client_secret?.split('_secret_')[0] ?? '';
      });
      await page.goto(`/shop/${SELLER}/journey`);
      await choose(page, 'Pass');
      await goOn(page);
      await introduce(page, 'Ann');
      await page.getByLabel('Card').check();
      await page.getByRole('button', { name: 'Order and pay' }).click();
      const pay = page.getByRole('button', { name: 'Pay €119.00' });
      await until(
        () => pay.isEnabled(),
        (enabled) => enabled,
      );
      assert.deepEqual(
        (await violations(page)).filter(
          (one) => !one.targets.every((target) => target.includes('.card-element')),
        ),
        [],
      );

      assert.equal(await stripe.card(intent, ASKING_CARD), 'requires_action');
      await pay.click();
      await page.getByRole('button', { name: 'Fail authentication' }).click();
      await page.getByRole('alert').filter({ hasText: 'The payment did not work' }).waitFor();
      await page.reload();
      await until(
        () => pay.isEnabled(),
        (enabled) => enabled,
      );
      assert.equal(await stripe.card(intent, ASKING_CARD), 'requires_action');
      await pay.click();
      await page.getByRole('button', { name: 'Complete authentication' }).click();
      await page.locator('[data-status=confirmed]').waitFor();
      await page.getByRole('img', { name: /Code of the ticket/ }).waitFor();
      await page.getByText('€119.00 came in.').waitFor();

      const kept = await page.evaluate(
        () =>
          JSON.parse(localStorage.getItem('eventra-shop/acme/journey') ?? '{}') as {
            orders: { id: string; secret: string }[];
          },
      );
      const [{ id, secret } = { id: '', secret: '' }] = kept.orders;
      const { data } = await market.ask('GET', market.shop('journey', `/orders/${id}`), undefined, {
        'order-secret': secret,
      });
      const [ticket] = data['tickets'] as { text: string }[];
      const look = async () => {
        const scan = { id: randomUUID(), text: ticket?.text, at: new Date().toISOString(), gate: 'W' };
        const door = market.office('journey', '/doors/main/scans');
        const { results } = (await market.did('POST', door, { scans: [scan] })) as {
          results: { outcome: string }[];
        };
        return results[0]?.outcome;
      };
      assert.deepEqual([await look(), await look()], ['admitted', 'duplicate']);
      await context.close();
    });

    it('complains of nothing in all of that', () => {
      assert.deepEqual(market.complaints, []);
    });
  });
}
