// The organizer's story of a programme: from an empty event to a published one with sessions, forms and a shop that asks them.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { BrowserContext, Locator, Page } from 'playwright-core';
import { goOn } from './market.ts';
import { api, forget, type House, missing, open, ORGANIZATION, until, violations } from './house.ts';

const EVENT = 'expo';
const BASE = `/o/${ORGANIZATION}/events/${EVENT}/publication`;
const OFFICE = `/o/${ORGANIZATION}/events/${EVENT}/box-office`;
const V1 = `/v1/organizations/${ORGANIZATION}/events/${EVENT}`;
const PUBLIC = `/e/${ORGANIZATION}/${EVENT}`;
const SHOP = `/shop/${ORGANIZATION}/${EVENT}`;

/** Clocks in Berlin are put forward in the night to the 28th. */
const EXPO = {
  title: 'Expo',
  zone: 'Europe/Berlin',
  starts: '2027-03-27T08:00:00Z',
  ends: '2027-03-29T16:00:00Z',
};

const PENTABARF = `<?xml version='1.0'?><schedule><conference><title>Expo</title></conference>
<day index='1' date='2027-03-29'><room name='Yard'><event id='77'><start>11:00</start><duration>00:45</duration>
<title>From a file</title><type>lecture</type><persons><person id='5'>Fay Filer</person></persons></event></room></day></schedule>`;

if (missing) {
  process.stdout.write(`${missing}\n`);
} else {
  describe('the programme', { timeout: 600_000 }, () => {
    let house: House;
    let context: BrowserContext;
    let page: Page;

    before(async () => {
      house = await open(undefined, () => ['--test-payments', 'true']);
      context = await house.context();
      page = await house.signIn(context);
      await api(page, 'PUT', V1, EXPO);
      const put = (path: string, body: object) => api(page, 'PUT', `${V1}/box-office${path}`, body);
      const prices = [{ minor: 10_000, currency: 'EUR' }];
      await put('/products/pass', { title: 'Pass', tiers: [{ title: 'Standard', prices }] });
      await put('/quotas/all', { title: 'All', size: 100, products: [{ product: 'pass' }] });
      await put('/sales', { open: true });
    });
    after(async () => {
      await house.close();
    });

    const button = (name: string | RegExp, at: Page = page) =>
      at.getByRole('button', { name, ...(typeof name === 'string' ? { exact: true } : {}) });
    const row = (name: RegExp) => page.getByRole('row', { name });
    /** The field of a label, whether it is optional or not. */
    const field = (label: string, at: Page | Locator = page) =>
      at.getByLabel(label, { exact: true }).or(at.getByLabel(`${label} (optional)`, { exact: true }));
    const fill = (label: string, text: string, at: Page | Locator = page) => field(label, at).fill(text);
    const visitor = (path: string) => fetch(house.eventra.url + path, { redirect: 'manual' });

    it('makes a room, a track and a speaker, and tells faults at their fields', async () => {
      await page.goto(`${BASE}/rooms`);
      await page.getByText('There is no room yet.').waitFor();
      await button('Add a room').click();
      await fill('Name', 'Main hall');
      assert.equal(await page.getByLabel('Short name').inputValue(), 'main-hall');
      await fill('How many fit', '400');
      await button('Add a room').last().click();
      await row(/Main hall main-hall.*400 0/).waitFor();
      await page.getByRole('link', { name: 'Tracks', exact: true }).click();
      await button('Add a track').click();
      await fill('Name', 'Web');
      await page.getByLabel('Colour', { exact: true }).fill('#0b5c46');
      await button('Add a track').last().click();
      await row(/Web web #0b5c46/).waitFor();
      await page.getByRole('link', { name: 'Speakers', exact: true }).click();
      await button('Add a speaker').click();
      await fill('Name', 'Ada Example');
      await fill('Picture', 'ftp://example.org/ada.png');
      await button('Add a speaker').last().click();
      await page.getByText('is an address that begins with https://', { exact: true }).waitFor();
      await fill('Picture', '');
      await button('Add a link').click();
      await fill('Title', 'Home');
      await fill('Address', 'https://example.org/ada');
      await button('Add a speaker').last().click();
      await row(/Ada Example/).waitFor();
      const ada = await api<{ links: object[] }>(page, 'GET', `${V1}/programme/speakers/ada-example`);
      assert.deepEqual(ada.links, [{ title: 'Home', url: 'https://example.org/ada' }]);
    });

    it('makes a session that comes again and keeps its time when clocks are changed', async () => {
      await page.goto(`${BASE}/sessions`);
      await page.getByText('There is no session yet.').waitFor();
      await button('Add a session').click();
      await fill('Title', 'Morning talk');
      await fill('Begins', '2027-03-27T09:00');
      // It stays as long as it was.
      assert.equal(await page.getByLabel('Ends', { exact: true }).inputValue(), '2027-03-27T10:00');
      const form = page.getByRole('region', { name: 'Add a session' });
      await field('Room', form).selectOption({ label: 'Main hall' });
      await field('Track', form).selectOption({ label: 'Web' });
      await field('What it is', form).fill('talk');
      await field('Places for ticket holders', form).fill('20');
      await field('Add a speaker', form).selectOption({ label: 'Ada Example' });
      await field('Abstract', form).fill('About *mornings*.');
      await field('How often', form).selectOption({ label: 'every day' });
      await field('How many times', form).fill('3');
      await button('Add a link').click();
      await field('Title', form).last().fill('Slides');
      await field('Address', form).fill('https://example.org/slides');
      await field('Who sees it', form).selectOption({ label: 'ticket holders' });
      await button('Add a session').last().click();
      const made = page.getByRole('row').filter({ hasText: 'Morning talk' });
      await made.filter({ hasText: /3 times.*Main hall.*Web.*0 of 60/ }).waitFor();
      await made.locator('summary').click();
      const times = await made.getByRole('listitem').allTextContents();
      assert.deepEqual(
        times.map((time) => time.replace(/.*(\d\d) Mar.*?(\d\d:\d\d) (\S+)$/, '$1 $2 $3')),
        ['27 09:00 GMT+1', '28 09:00 GMT+2', '29 09:00 GMT+2'],
      );
      const seen = await api<{ times: { starts: string }[]; recurrence: { rule: string } }>(
        page,
        'GET',
        `${V1}/programme/sessions/morning-talk`,
      );
      assert.equal(seen.recurrence.rule, 'FREQ=DAILY;COUNT=3');
      assert.deepEqual(
        seen.times.map(({ starts }) => starts),
        ['2027-03-27T08:00:00Z', '2027-03-28T07:00:00Z', '2027-03-29T07:00:00Z'],
      );
    });

    it('takes a time out, adds one, and refuses a rule that is none at its field', async () => {
      await button('Edit “Morning talk”').click();
      const form = page.getByRole('region', { name: 'Edit “Morning talk”' });
      await form.getByRole('button', { name: 'Add a time at which it does not take place' }).click();
      await field('Not at', form).fill('2027-03-28T09:00');
      await field('How often', form).selectOption({ label: 'by a rule of RFC 5545' });
      await field('Rule (RRULE)', form).fill('FREQ=HOURLY;COUNT=3');
      await button('Save').click();
      await form
        .getByText(/DAILY, WEEKLY, MONTHLY or YEARLY here/)
        .first()
        .waitFor();
      await field('Rule (RRULE)', form).fill('FREQ=DAILY;UNTIL=20270329');
      await button('Save').click();
      await page
        .getByRole('row')
        .filter({ hasText: /Morning talk.*2 times/ })
        .waitFor();
    });

    it('refuses a room that is taken unless both may be in it, and says what collides', async () => {
      await button('Add a session').click();
      const form = page.getByRole('region', { name: 'Add a session' });
      await fill('Title', 'At the same time');
      await fill('Begins', '2027-03-27T09:30');
      await field('Room', form).selectOption({ label: 'Main hall' });
      await button('Add a session').last().click();
      await page.getByRole('alert').filter({ hasText: '`Morning talk` is in that room' }).waitFor();
      await form.getByRole('checkbox', { name: /^It may share its room/ }).check();
      await button('Add a session').last().click();
      await row(/At the same time/).waitFor();
      await page.getByRole('link', { name: 'Event page', exact: true }).click();
      const collisions = page.getByRole('region', { name: 'At the same time in one room' });
      await collisions.getByRole('row', { name: /Morning talk × At the same time Main hall/ }).waitFor();
    });

    it('finds sessions by title, day and room', async () => {
      await page.goto(`${BASE}/sessions`);
      await page.getByLabel('Find by title').fill('same TIME');
      await page.keyboard.press('Enter');
      await until(
        () => page.getByRole('row').count(),
        (count) => count === 2,
      );
      await row(/At the same time/).waitFor();
      await page.getByLabel('Find by title').fill('');
      await button('Search').click();
      await row(/Morning talk/).waitFor();
      await page.getByLabel('Day').fill('2027-03-29');
      await until(
        () => page.getByRole('row').count(),
        (count) => count === 2,
      );
      await row(/Morning talk/).waitFor();
      await page.getByLabel('Day').fill('2027-03-30');
      await page.getByText('No session is like this.').waitFor();
    });

    it('keeps a room that a session is in, and removes one that is free', async () => {
      await page.goto(`${BASE}/rooms?edit=main-hall`);
      await button('Remove').click();
      await button(/^Really remove “Main hall”/).click();
      await page.getByRole('alert').filter({ hasText: 'sessions are still there' }).waitFor();
      await api(page, 'PUT', `${V1}/programme/rooms/shed`, { title: 'Shed' });
      await page.goto(`${BASE}/rooms?edit=shed`);
      await button('Remove').click();
      await button(/^Really remove “Shed”/).click();
      await until(
        () => row(/Shed/).count(),
        (count) => count === 0,
      );
    });

    it('makes a form with a question that depends on another, and the shop asks it so', async () => {
      await page.goto(`${BASE}/forms`);
      await button('Add a form').click();
      await fill('Name', 'Food');
      const question = (n: number) => page.getByRole('list', { name: 'Questions' }).getByRole('group').nth(n);
      const first = page.getByRole('group', { name: 'Question 1' });
      await field('Question', first).fill('What do you eat?');
      const asked = page.getByRole('group', { name: 'What do you eat?' });
      await field('Answer', asked).selectOption({ label: 'one of several' });
      await field('Answer 1', asked).fill('Everything');
      await field('Answer 2', asked).fill('Something else');
      await asked.getByRole('checkbox', { name: 'It has to be answered' }).check();
      assert.equal(await field('Name of the answer', asked).inputValue(), 'what_do_you_eat');
      await button('Add a question').click();
      await page
        .getByRole('group', { name: 'Question 2' })
        .getByLabel('Question', { exact: true })
        .fill('What then?');
      const then = page.getByRole('group', { name: 'What then?' });
      await field('It is asked', then).selectOption({ label: 'after “What do you eat?”' });
      await then.getByRole('checkbox', { name: 'Everything' }).uncheck();
      await then.getByRole('checkbox', { name: 'Something else' }).check();
      await then.getByRole('checkbox', { name: 'It has to be answered' }).check();
      assert.ok(await question(0).isVisible());
      // As buyers will see it.
      const preview = page.getByRole('region', { name: 'As buyers see it' });
      assert.equal(await field('What then?', preview).count(), 0);
      await field('What do you eat?', preview).selectOption({ label: 'Something else' });
      await field('What then?', preview).waitFor();
      await button('Add a form').last().click();
      await row(/Food food.*the buyer, once 2 1/).waitFor();

      const own = await house.context();
      const shop = await own.newPage();
      await shop.goto(SHOP);
      await button('One more Pass', shop).click();
      await goOn(shop);
      await shop.getByLabel('What do you eat?').selectOption({ label: 'Everything' });
      assert.equal(await shop.getByLabel('What then?').count(), 0);
      await shop.getByLabel('What do you eat?').selectOption({ label: 'Something else' });
      await shop.getByLabel('What then?').fill('Light');
      await own.close();
    });

    it('keeps each edition of a form', async () => {
      await button('Edit “Food”').click();
      const then = page.getByRole('group', { name: 'What then?' });
      // Buyers may have answered: what answers are named by stays.
      assert.ok(await field('Name of the answer', then).isDisabled());
      await field('Question', then).fill('And what then?');
      await button('Save').click();
      await row(/Food food.*the buyer, once 2 2/).waitFor();
      await button('Edit “Food”').click();
      const preview = page.getByRole('region', { name: 'As buyers see it' });
      await field('What do you eat?', preview).selectOption({ label: 'Something else' });
      await field('And what then?', preview).waitFor();
      await field('Editions', preview).selectOption({ label: 'Edition 1' });
      await field('What do you eat?', preview).selectOption({ label: 'Something else' });
      await field('What then?', preview).waitFor();
    });

    it('imports a file: what would change first, then the change, then nothing any more', async () => {
      await page.goto(`${BASE}/import`);
      const file = (name: string, text: string) =>
        page
          .locator('input[type=file]')
          .setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
      await file('broken.xml', '<schedule>');
      await button('Show what would change').click();
      await page.getByRole('alert').waitFor();
      await file('expo.xml', PENTABARF);
      await button('Show what would change').click();
      const report = page.getByRole('region', { name: 'Report' });
      await report.getByText('“Expo” (schedule.xml): 3 changes.').waitFor();
      await report.getByRole('row', { name: 'Sessions 1 1 0 2' }).waitFor();
      assert.equal((await api<object[]>(page, 'GET', `${V1}/programme/sessions`)).length, 2);
      await button('Import').click();
      await report.getByText('3 changes are made.').waitFor();
      await report.getByRole('link', { name: 'Look at the sessions' }).click();
      await row(/From a file.*Yard/).waitFor();
      await page.goto(`${BASE}/import`);
      await file('expo.xml', PENTABARF);
      await button('Show what would change').click();
      await page.getByText('“Expo”: everything is as the file says already.').waitFor();
    });

    it('tells two who write the same of each other, and what is beside it disturbs neither', async () => {
      const own = await house.context();
      const other = await house.signIn(own, BASE);
      await page.goto(BASE);
      await fill('Summary', 'Mine');
      await fill('Summary', 'Theirs', other);
      // Somebody works on the programme meanwhile.
      await api(page, 'PUT', `${V1}/programme/rooms/shed`, { title: 'Shed' });
      await button('Save').click();
      await page.getByText('Saved.').waitFor();
      await button('Save', other).click();
      const alert = other.getByRole('alert');
      await alert.getByRole('row', { name: 'Summary Mine Theirs' }).waitFor();
      assert.equal(await alert.getByRole('row').count(), 2, 'only what differs');
      const page_ = () => api<{ summary: string }>(page, 'GET', `${V1}/programme/page`);
      assert.equal((await page_()).summary, 'Mine', 'nothing is overwritten before somebody has chosen');
      await alert.getByRole('button', { name: 'Save mine over it' }).click();
      await other.getByText('Saved.').waitFor();
      assert.equal((await page_()).summary, 'Theirs');
      // The same with a session.
      await page.goto(`${BASE}/sessions?edit=at-the-same-ti`);
      await other.goto(`${BASE}/sessions?edit=at-the-same-ti`);
      await fill('Title', 'Later');
      await other.getByLabel('Begins').fill('2027-03-27T11:30');
      await page.getByRole('checkbox', { name: /^It may share its room/ }).check();
      await button('Save').click();
      await row(/Later/).waitFor();
      await button('Save', other).click();
      await alert.getByRole('row', { name: /Begins 2027-03-27 09:30 2027-03-27 11:30/ }).waitFor();
      await alert.getByRole('row', { name: 'Title Later At the same time' }).waitFor();
      await alert.getByRole('button', { name: 'Take theirs' }).click();
      await until(
        () => other.getByLabel('Title', { exact: true }).first().inputValue(),
        (title) => title === 'Later',
      );
      await own.close();
      forget(house, /status of 412/);
    });

    it('publishes the event, and closes it by a password and by invitations', async () => {
      await page.goto(BASE);
      assert.equal((await visitor(PUBLIC)).status, 404, 'nobody sees a draft');
      await button('Publish').click();
      await button('Take it back').waitFor();
      const shown = await (await visitor(PUBLIC)).text();
      assert.match(shown, /Expo/);
      assert.match(shown, /Theirs/);
      await page.goto(`${BASE}/access`);
      await page.getByLabel('Who may see it and buy').selectOption({ label: 'whoever knows the password' });
      await page.getByLabel('Password').fill('open sesame');
      await button('Save').click();
      await page.getByText('Saved.').waitFor();
      assert.doesNotMatch(await (await visitor(PUBLIC)).text(), /Theirs/);
      await page.getByLabel('Who may see it and buy').selectOption({ label: 'whoever has an invitation' });
      await button('Save').click();
      await page.getByText('Saved.').waitFor();
      await page.getByLabel('Invitation for').fill('Bea');
      await button('Invite').click();
      await page.getByText('used 0 of 1 times').waitFor();
      const link = (await page.getByRole('group', { name: 'Bea' }).textContent()) ?? '';
      const guest = await house.context();
      const seen = await guest.newPage();
      await seen.goto(new URL(link).pathname + new URL(link).search);
      await seen.getByRole('button').first().click();
      await seen.getByText('Theirs').first().waitFor();
      await guest.close();
      await page.reload();
      await page.getByText('used 1 of 1 times').waitFor();
      await button('Revoke').click();
      await button(/^Really revoke the invitation for Bea/).click();
      await page.getByText('revoked').waitFor();
      await page.getByLabel('Who may see it and buy').selectOption({ label: 'everybody' });
      await button('Save').click();
      await page.getByText('Saved.').waitFor();
    });

    it('duplicates the event, moved on its clocks', async () => {
      await page.goto(BASE);
      await fill('Title of the new event', 'Expo again');
      await page.getByLabel('Begins').fill('2028-03-27T09:00');
      await button('Duplicate the event').click();
      await page.getByText('It has 3 sessions and 1 products.').waitFor();
      await page.getByRole('link', { name: 'Open the new event' }).click();
      await page.getByText('Expo again').first().waitFor();
      await page.getByRole('link', { name: 'Sessions', exact: true }).click();
      await page
        .getByRole('row')
        .filter({ hasText: /Morning talk.*27 Mar 2028, 09:00/ })
        .waitFor();
    });

    it('sets a refund policy, and answers whoever asks for money back', async () => {
      await page.goto(`${OFFICE}/settings`);
      await page.getByRole('checkbox', { name: 'Buyers may ask for their money back' }).check();
      await page.getByLabel('What is kept of the price, %').fill('10');
      await button('Save').click();
      await page.getByText('Saved.').waitFor();
      const order = await bought(house, { 'food.what_do_you_eat': 'everything', 'form:food': '2' });
      await told(house, 'POST', `/v1/shop/${ORGANIZATION}/${EVENT}/orders/${order.id}/refund-requests`, {
        body: { reason: 'I am ill.' },
        secret: order.secret,
      });
      await page.goto(OFFICE);
      await page.getByRole('link', { name: 'One buyer asks for their money back' }).click();
      await page.getByText('I am ill.').waitFor();
      await page.getByLabel('What the buyer is told').fill('Get well soon.');
      await button('Grant').click();
      await button(/^Really cancel it and pay it back/).click();
      await until(
        () => api<{ paid: number }>(page, 'GET', `${V1}/box-office/orders/${order.id}`),
        ({ paid }) => paid === 1_000,
      );
    });

    it('sells what is digital from a stock that is counted and never shown again', async () => {
      await page.goto(`${OFFICE}/products?edit=new`);
      await fill('Name', 'Recordings');
      await page.getByLabel('Kind', { exact: true }).selectOption({ label: 'Digital goods' });
      await fill('Price in EUR', '5');
      await page.getByRole('region', { name: 'Offer a product' }).locator('summary').click();
      await page.getByRole('checkbox', { name: /^A code goes back to stock/ }).check();
      await button('Offer a product').last().click();
      await row(/Recordings Digital goods/).waitFor();
      const stock = page.getByRole('region', { name: 'Stock of codes' });
      await stock.getByLabel('Codes or links').fill('CODE-1\nCODE-2\n\nCODE-1');
      await button('Lay in stock').click();
      await stock.getByText('2 of 3 are new and in stock.').waitFor();
      await stock.getByRole('row', { name: /Recordings.* 2 0 0/ }).waitFor();
      await page.reload();
      await stock.getByRole('row', { name: /Recordings.* 2 0 0/ }).waitFor();
      assert.doesNotMatch((await page.locator('main').textContent()) ?? '', /CODE-1/);
      await button('Take what is left out of stock').click();
      await button(/^Really take 2 codes/).click();
      await stock.getByRole('row', { name: /Recordings 0 0 0/ }).waitFor();
    });

    it('sets when tickets let in, for a product and for its kinds', async () => {
      await page.goto(`${OFFICE}/products?edit=pass`);
      await fill('At most for one person', '4');
      await page.getByLabel('Lets in until').first().fill('2027-03-29T18:00');
      await button('Save').click();
      await page.getByText('Saved.').waitFor();
      const pass = await api<{ per_person: number; valid_until: unknown }>(
        page,
        'GET',
        `${V1}/box-office/products/pass`,
      );
      assert.equal(pass.per_person, 4);
      assert.ok(pass.valid_until);
    });

    it('draws what was sold over time, live, up to an offset of the log', async () => {
      await page.goto(OFFICE);
      const chart = page.getByRole('region', { name: 'Sold, held and takings' });
      await chart.getByText(/^Up to f\d+\/\d+ of the log\.$/).waitFor();
      const sold = async () => (await chart.getByRole('img').getAttribute('aria-label')) ?? '';
      const before = Number(/Pass (\d+)/.exec(await sold())?.[1]);
      await bought(house, { 'food.what_do_you_eat': 'everything', 'form:food': '2' });
      await until(sold, (label) => label.includes(`Pass ${before + 1}`));
      await chart.getByLabel('Figure').selectOption({ label: 'takings in EUR' });
      await button(/^Show as table/).click();
      await chart.getByRole('columnheader', { name: 'Pass' }).waitFor();
      const [product] = (
        await api<{ products: { id: string; sold: number }[] }>(page, 'GET', `${V1}/box-office`)
      ).products.filter(({ id }) => id === 'pass');
      const shown = await chart.getByRole('row').nth(1).getByRole('cell').nth(1).textContent();
      assert.equal(Number(shown), (product?.sold ?? 0) * 100);
    });

    it('calls the event off, and says why', async () => {
      await page.goto(BASE);
      await fill('Why it is called off', 'The hall burned down.');
      await button('Call it off').click();
      await button(/^Really call the event off/).click();
      await page.getByText('called off', { exact: true }).first().waitFor();
      assert.match(await (await visitor(PUBLIC)).text(), /The hall burned down\./);
    });

    it('fits a phone, speaks German in both themes, with nothing that axe finds wrong', async () => {
      const parts = [
        '',
        '/sessions?edit=morning-talk',
        '/rooms?edit=main-hall',
        '/tracks?edit=web',
        '/speakers?edit=ada-example',
        '/forms?edit=food',
        '/access',
        '/import',
      ];
      for (const colorScheme of ['light', 'dark'] as const) {
        const own = await house.context({
          locale: 'de-DE',
          colorScheme,
          viewport: { width: 390, height: 844 },
        });
        const seen = await house.signIn(own);
        for (const part of parts) {
          await seen.goto(`${BASE}${part}`);
          await seen.getByRole('navigation', { name: 'Programm' }).waitFor();
          await seen.waitForTimeout(500);
          assert.deepEqual(await violations(seen), [], part);
          const wide = await seen.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
          assert.ok(wide <= 0, `${part} is ${wide} pixels wider than the screen`);
        }
        await own.close();
      }
    });

    it('complained of nothing that was not expected', () => {
      forget(house, /status of (400|403|409|422)/);
      assert.deepEqual(house.complaints, []);
    });
  });
}

interface Bought {
  id: string;
  secret: string;
}

/** A pass that somebody has paid with the test provider. */
async function bought(house: House, answers: Record<string, string>): Promise<Bought> {
  const shop = `/v1/shop/${ORGANIZATION}/${EVENT}`;
  const lines = [{ product: 'pass', count: 1 }];
  const hold = await told<{ id: string }>(house, 'POST', `${shop}/holds`, {
    body: { lines, currency: 'EUR' },
  });
  const buyer = { email: `${crypto.randomUUID()}@example.org`, name: 'Cem', answers };
  const order = await told<Bought>(house, 'POST', `${shop}/orders`, {
    body: { hold: hold.id, buyer, provider: 'test' },
  });
  const payments = `${shop}/orders/${order.id}/payments`;
  const { secret } = order;
  const begun = await told<{ id: string }>(house, 'POST', payments, { body: { provider: 'test' }, secret });
  await told(house, 'POST', `${payments}/${begun.id}/test`, { body: { status: 'captured' }, secret });
  return order;
}

/** Asks as somebody does who is signed in nowhere. */
async function told<T>(
  house: House,
  method: string,
  path: string,
  { body, secret }: { body?: object; secret?: string },
): Promise<T> {
  const headers = {
    'content-type': 'application/json',
    'idempotency-key': crypto.randomUUID(),
    ...(secret === undefined ? {} : { 'order-secret': secret }),
  };
  const text = body ? { body: JSON.stringify(body) } : {};
  const answer = await fetch(house.eventra.url + path, { method, headers, ...text });
  const said = (await answer.json()) as { data: T };
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(said)}`);
  return said.data;
}
