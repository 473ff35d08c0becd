// What people do in an organization by their roles: settings, rules, members, programme, saved queries; and who may not.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import {
  api,
  condition,
  DASHBOARD,
  EVENT,
  forget,
  type House,
  missing,
  open,
  ORGANIZATION,
  tabTo,
  total,
  until,
  violations,
} from './house.ts';

const HOME = `/o/${ORGANIZATION}`;
const V1 = `/v1/organizations/${ORGANIZATION}`;

/** Somebody of each role: where they begin, the ways that they are shown, and pages that are not theirs. */
const ROLES = [
  {
    role: 'moderator',
    begins: DASHBOARD,
    ways: ['Events', 'Your role', 'API reference'],
    foreign: ['sql', 'members', 'keys', 'audit', 'settings', 'campaigns', `events/${EVENT}/programme`],
  },
  {
    role: 'analyst',
    begins: DASHBOARD,
    ways: ['Events', 'Campaigns', 'SQL', 'Your role', 'API reference'],
    foreign: ['members', 'keys', 'audit', 'settings'],
  },
  {
    role: 'advertiser',
    limits: { campaigns: ['campaign-0', 'campaign-1'] },
    begins: `${HOME}/campaigns`,
    ways: ['Campaigns', 'Your role', 'API reference'],
    foreign: ['events', `events/${EVENT}`, `events/${EVENT}/wall`, 'sql', 'rules', 'members', 'settings'],
  },
  {
    role: 'attendee',
    begins: HOME,
    ways: ['Your role', 'API reference'],
    foreign: ['events', `events/${EVENT}`, 'campaigns', 'sql', 'rules', 'members', 'settings', 'audit'],
  },
] as const;

if (missing) {
  process.stdout.write(`${missing}\n`);
} else {
  describe('work', { timeout: 600_000 }, () => {
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

    for (const { role, begins, ways, foreign, ...rest } of ROLES) {
      it(`of the role ${role} has its own pages, and plain words where others would be`, async () => {
        const email = `${role}@example.org`;
        const limits = 'limits' in rest ? rest.limits : {};
        await api(page, 'POST', `${V1}/members`, { email, name: role, role, ...limits });
        const own = await house.context();
        const seen = await house.signIn(own, undefined, email);
        await until(
          () => Promise.resolve(new URL(seen.url()).pathname),
          (path) => path === begins,
        );
        await seen.locator('h1').waitFor();
        const shown = await seen
          .getByRole('navigation', { name: 'Main' })
          .getByRole('link')
          .allTextContents();
        assert.deepEqual(shown, ways);
        // Every way leads to a page that is whole.
        for (const way of ways) {
          await seen.getByRole('navigation').getByRole('link', { name: way, exact: true }).click();
          await seen.locator('h1').waitFor();
          assert.equal(await seen.getByRole('alert').count(), 0, way);
        }
        for (const path of foreign) {
          await seen.goto(`${HOME}/${path}`);
          await seen.getByRole('heading', { name: 'Your role does not include this page' }).waitFor();
        }
        const found = await violations(seen);
        assert.deepEqual(found, []);
        await own.close();
        // Nothing was asked that is refused: pages ask for what their reader may have.
        assert.deepEqual(house.complaints, []);
      });
    }

    it('of an advertiser shows the figures of their campaigns, live', async () => {
      const own = await house.context();
      const seen = await house.signIn(own, `${HOME}/campaigns`, 'advertiser@example.org');
      const served = async () => {
        const cells = seen.getByRole('row', { name: /campaign-0/ }).getByRole('cell');
        return Number(((await cells.nth(1).textContent()) ?? '').replace(',', ''));
      };
      await until(served, (count) => count > 0);
      assert.equal(await seen.getByRole('row').count(), 3, 'the head and two campaigns');
      await seen.getByRole('button', { name: 'Show as table' }).click();
      await seen.getByRole('group', { name: 'Served, viewed, clicked' }).waitFor();
      await own.close();
    });

    it('of somebody who is limited to an event reaches that one, boards included', async () => {
      await page.goto(`${HOME}/members`);
      await page.getByRole('button', { name: 'Edit moderator@example.org' }).click();
      await page.getByRole('checkbox', { name: 'Summit 2026' }).check();
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('The membership is changed.').waitFor();
      await page.getByRole('row', { name: new RegExp(`moderator@.*${EVENT}`) }).waitFor();
      const own = await house.context();
      const seen = await house.signIn(own, DASHBOARD, 'moderator@example.org');
      await until(
        () => total(seen, 'Page views'),
        (views) => views !== null && views > 0,
      );
      await until(
        () => condition(seen),
        (now) => now === 'live',
      );
      await seen.getByRole('region', { name: 'Leaderboard' }).getByRole('row').nth(3).waitFor();
      assert.equal(await seen.getByRole('region', { name: 'Fraud scores' }).count(), 0, 'of all events');
      await seen.goto(`${HOME}/events/another`);
      await seen.getByRole('alert').waitFor();
      await own.close();
    });

    it('changes settings, and shows both sides when two do', async () => {
      await page.goto(`${HOME}/settings`);
      await page.getByLabel('Origins').fill('https://www.example.org');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Saved.').waitFor();
      await page.getByLabel('Name').fill('Mine');
      await api(page, 'PATCH', V1, { name: 'Theirs' });
      await page.getByRole('button', { name: 'Save' }).click();
      const conflict = page.getByRole('alert').filter({ hasText: 'Somebody else changed this meanwhile' });
      await conflict.getByRole('row', { name: 'Name Theirs Mine' }).waitFor();
      await conflict.getByRole('button', { name: 'Take theirs' }).click();
      await until(
        () => page.getByLabel('Name').inputValue(),
        (name) => name === 'Theirs',
      );
      await page.getByLabel('Name').fill('Mine');
      await api(page, 'PATCH', V1, { name: 'Theirs again' });
      await page.getByRole('button', { name: 'Save' }).click();
      await conflict.getByRole('button', { name: 'Save mine over it' }).click();
      await page.getByText('Saved.').waitFor();
      const now = await api<{ name: string; origins: string[] }>(page, 'GET', V1);
      assert.deepEqual([now.name, now.origins], ['Mine', ['https://www.example.org']]);
      forget(house, /status of 412/);
    });

    it('changes rules: faults at their fields and lines, a review, a new version', async () => {
      await page.goto(`${HOME}/rules`);
      await page.getByRole('button', { name: 'Add a segment' }).click();
      const fresh = page.getByRole('region', { name: 'Segments' }).locator('details').last();
      await fresh.getByLabel('Short name').fill('curious');
      await fresh.getByLabel('Who is in').fill('nonsense >= 3');
      await page.getByRole('button', { name: 'Review changes' }).last().click();
      const review = page.getByRole('group', { name: 'What will change' });
      await review.getByText('+ ').first().waitFor();
      await page.getByRole('button', { name: 'Publish' }).click();
      await page.getByRole('alert').filter({ hasText: 'segments[' }).waitFor();
      // At its field …
      await page.getByRole('button', { name: 'Guided' }).click();
      const wrong = page.locator('details', { hasText: 'curious' }).last();
      await wrong.locator('textarea[aria-invalid=true]').waitFor();
      // … and at its line.
      await page.getByRole('button', { name: 'As JSON' }).first().click();
      await page.getByRole('button', { name: /^line \d+/ }).click();
      const line = await page.evaluate(() => {
        const area = document.activeElement as HTMLTextAreaElement;
        return area.value.slice(area.selectionStart, area.selectionEnd);
      });
      assert.match(line, /"when": "nonsense >= 3"/);
      await page.getByRole('button', { name: 'Guided' }).click();
      const field = page.locator('details', { hasText: 'curious' }).last().getByLabel('Who is in');
      await field.fill('count(page_viewed) >= 3');
      await page.getByRole('button', { name: 'Review changes' }).last().click();
      await review.getByText('count(page_viewed) >= 3').waitFor();
      await page.getByRole('button', { name: 'Publish' }).click();
      await page.getByText('Version 2 is published.').waitFor();
      const rules = await api<{ document: { segments: { id: string; when: string }[] } }>(
        page,
        'GET',
        `${V1}/rules`,
      );
      const added = rules.document.segments.at(-1);
      assert.deepEqual(added, { id: 'curious', when: 'count(page_viewed) >= 3' });
      forget(house, /status of 400/);
    });

    it('changes the event and its programme, and never one thing for another', async () => {
      await page.goto(`${DASHBOARD}/programme`);
      await page.getByLabel('Title').fill('Closing');
      await page.getByLabel('Short name').fill('closing');
      await page.getByLabel('Places').fill('40');
      await page.getByRole('button', { name: 'Add to the programme' }).click();
      await page.getByRole('button', { name: 'Edit “Closing”' }).click();
      await page.getByLabel('Title').fill('Closing and thanks');
      await page.getByRole('button', { name: 'Save' }).last().click();
      await page.getByRole('row', { name: /Closing and thanks/ }).waitFor();
      // A new thing with the name of one that is there meets it, and does not replace it.
      await page.getByLabel('Title').fill('Another');
      await page.getByLabel('Short name').fill('closing');
      await page.getByRole('button', { name: 'Add to the programme' }).click();
      await page.getByRole('alert').getByRole('row', { name: 'Title Closing and thanks Another' }).waitFor();
      await page.getByRole('button', { name: 'Take theirs' }).click();
      await page.getByRole('textbox', { name: 'Event' }).fill('Summit 2026, the second');
      await page.getByRole('button', { name: 'Save' }).first().click();
      await page.getByRole('heading', { name: 'Summit 2026, the second', level: 1 }).waitFor();
      const item = await api<{ title: string; capacity: number }>(
        page,
        'GET',
        `${V1}/events/${EVENT}/items/closing`,
      );
      assert.deepEqual([item.title, item.capacity], ['Closing and thanks', 40]);
      forget(house, /status of 412/);
    });

    it('renames saved queries, gives them other texts, and removes them', async () => {
      await api(page, 'POST', `${V1}/queries`, { title: 'Old name', sql: 'SELECT 1' });
      await page.goto(`${HOME}/sql`);
      await page.getByRole('button', { name: 'Edit “Old name”' }).click();
      const form = page.getByRole('form', { name: 'Edit “Old name”' });
      await form.getByLabel('Name').fill('New name');
      await form.getByLabel('Replace its text').check();
      await form.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('button', { name: 'New name', exact: true }).click();
      await page.getByText('“New name” is in the editor.').waitFor();
      const [query] = await api<{ title: string; sql: string }[]>(page, 'GET', `${V1}/queries`);
      assert.deepEqual([query?.title, query?.sql.startsWith('SELECT kind')], ['New name', true]);
      await page.getByRole('button', { name: 'Remove: New name' }).click();
      await page.getByRole('button', { name: 'Really Remove: New name?' }).click();
      await page.getByText('Nothing is saved yet.').waitFor();
    });

    it('cancels a question that runs, and goes on with the next', async () => {
      await page.goto(`${HOME}/sql`);
      await write(
        page,
        'SELECT count() FROM records AS a, records AS b, records AS c WHERE NOT ignore(sipHash64(a.actor, b.actor, c.actor))',
      );
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      const told = page.waitForResponse(
        (response) => response.request().method() === 'DELETE' && response.url().includes('/sql/'),
      );
      await page.waitForTimeout(500);
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByText('The query was cancelled.').waitFor();
      assert.ok((await told).ok(), `the engine is told: ${(await told).status()}`);
      await write(page, 'SELECT 1 + 1 AS two');
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await page.getByText(/1 rows · took/).waitFor();
      forget(house, /Applying inline style/);
    });

    it('shows who looks at the same dashboard, while they do', async () => {
      await page.goto(DASHBOARD);
      await page.getByText('Only you look at this.').waitFor();
      const own = await house.context();
      const seen = await house.signIn(own, DASHBOARD, 'analyst@example.org');
      await page
        .getByRole('group', { name: 'Who looks at this dashboard' })
        .getByText('analyst, you')
        .waitFor();
      await seen.getByText('Ann, you').waitFor();
      await own.close();
      await page.getByText('Only you look at this.').waitFor();
    });

    it('reads long lists page by page', async () => {
      await page.goto('/organizations');
      await page.getByLabel('Name', { exact: true }).fill('Many events');
      await page.getByLabel('Short name').fill('many');
      await page.getByRole('button', { name: 'New organization' }).click();
      await page.getByText('There are no events yet.').waitFor();
      await page.evaluate(async () => {
        for (let n = 0; n < 205; n += 1) {
          const day = new Date(Date.UTC(2090, 0, 1 + n)).toISOString();
          const ends = new Date(Date.UTC(2090, 0, 2 + n)).toISOString();
          const answer = await fetch('/v1/organizations/many/events', {
            method: 'POST',
            headers: { 'content-type': 'application/json', 'idempotency-key': `event-${n}` },
            body: JSON.stringify({ id: `event-${n}`, title: `Event ${n}`, starts: day, ends }),
          });
          if (!answer.ok) throw new Error(String(answer.status));
        }
      });
      await page.goto('/o/many/events');
      const links = page.getByRole('link', { name: /^Live dashboard: / });
      await until(
        () => links.count(),
        (count) => count === 200,
      );
      await page.getByRole('button', { name: 'Show more' }).click();
      await until(
        () => links.count(),
        (count) => count === 205,
      );
    });

    it('can be done with the keyboard alone', async () => {
      await page.goto(`${HOME}/settings`);
      await page.getByLabel('Name').waitFor();
      await tabTo(page, 'Name');
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.type('By hand');
      await page.keyboard.press('Enter');
      await page.getByText('Saved.').waitFor();
      await page.goto(`${HOME}/members`);
      await page.getByRole('row', { name: /analyst@/ }).waitFor();
      await tabTo(page, 'Edit analyst@example.org');
      await page.keyboard.press('Enter');
      await page.getByRole('combobox', { name: 'Role' }).waitFor();
      await tabTo(page, 'Summit 2026');
      await page.keyboard.press('Space');
      await page.keyboard.press('Enter');
      await page.getByText('The membership is changed.').waitFor();
      await page.goto(`${HOME}/rules`);
      await page.getByRole('button', { name: 'As JSON' }).waitFor();
      await tabTo(page, 'As JSON');
      await page.keyboard.press('Enter');
      await tabTo(page, 'The document');
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.type('{"format": 1}');
      await tabTo(page, 'Review changes');
      await page.keyboard.press('Enter');
      await page.getByRole('group', { name: 'What will change' }).waitFor();
      await tabTo(page, 'Discard changes');
      await page.keyboard.press('Enter');
      await page.getByText('Nothing has changed yet.').waitFor();
      await page.goto(`${DASHBOARD}/programme`);
      await page.getByLabel('Short name').waitFor();
      await tabTo(page, 'Title');
      await page.keyboard.type('Typed');
      await tabTo(page, 'Short name');
      await page.keyboard.type('typed');
      await page.keyboard.press('Enter');
      await page.getByRole('row', { name: /Typed/ }).waitFor();
    });

    it('sends dead letters again from the system page', async () => {
      const { secret } = await api<{ secret: string }>(page, 'POST', '/v1/organizations/many/keys', {
        name: 'site',
        scopes: ['write'],
      });
      await house.eventra.kill();
      house.eventra.more = ['--people-max', '1000'];
      await house.eventra.serve();
      const batch = Array.from({ length: 1_005 }, (_, n) => ({
        type: 'page',
        anonymousId: `newcomer-${n}`,
        messageId: `message-${n}`,
      }));
      const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
      const answer = await fetch(`${house.eventra.url}/v1/batch`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ batch }),
      });
      const { taken, dead } = (await answer.json()) as { taken: number; dead: number };
      assert.deepEqual([taken, dead], [1_000, 5]);
      await house.eventra.kill();
      house.eventra.more = [];
      await house.eventra.serve();
      await page.goto('/system');
      const letters = page.getByRole('group', { name: 'Dead letters: Many events' });
      await until(
        () => letters.getByRole('row', { name: /quota/ }).count(),
        (count) => count === 5,
      );
      await page.getByRole('button', { name: 'Send all again' }).click();
      await page.getByText('5 are records now, 0 are still wrong.').waitFor();
      forget(house, /net::ERR_|WebSocket|50[234]/);
    });

    it('complained of nothing that was not expected', () => {
      assert.deepEqual(house.complaints, []);
    });
  });
}

/** Puts a text into the editor in place of what is there. */
async function write(page: Page, sql: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Query' }).click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.insertText(sql);
}
