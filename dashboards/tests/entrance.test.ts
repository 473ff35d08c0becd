// Coming in: with a provider, and with a password that was chosen by a mail.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { EMAIL, forget, type House, missing, open } from './house.ts';
import { provide, type Running } from './provider.ts';

if (missing) {
  process.stdout.write(`${missing}\n`);
} else {
  describe('coming in', { timeout: 300_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'eventra-provider-'));
    const file = join(folder, 'providers.toml');
    let house: House;
    let provider: Running | undefined;

    before(async () => {
      // The provider has to know the server's address, and the server the provider's, before either is there.
      writeFileSync(file, '');
      house = await open(undefined, () => ['--mailbox', 'true', '--oidc-file', file]);
      provider = await provide(house.eventra.url);
      writeFileSync(file, provider.toml);
      await house.eventra.kill();
      await house.eventra.serve();
    });
    after(async () => {
      await house.close();
      provider?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it('with a provider leads to where somebody wanted to go', async () => {
      const context = await house.context();
      const page = await context.newPage();
      await page.goto('/account');
      await signInAs(page, 'ann');
      await page.getByRole('heading', { name: 'Your account' }).waitFor();
      assert.equal(new URL(page.url()).pathname, '/account');
      await page.getByText(EMAIL).first().waitFor();
      await context.close();
      // The provider's own pages are not ours to judge.
      forget(house, /localhost/);
    });

    it('with a provider lets nobody in who was not invited, and says so', async () => {
      const context = await house.context();
      const page = await context.newPage();
      await page.goto('/sign-in');
      await signInAs(page, 'stranger');
      await page.getByRole('alert').filter({ hasText: 'Ask an organizer for an invitation' }).waitFor();
      await context.close();
      forget(house, /localhost/);
    });

    it('after a password was forgotten: a mail, its link, another password, once', async () => {
      const context = await house.context();
      const admin = await house.signIn(context);
      const other = await house.context();
      const page = await other.newPage();
      await page.goto('/sign-in');
      await page.getByRole('link', { name: 'Forgot your password?' }).click();
      // Until the page has come, the one before has a field of the same name.
      await page.getByRole('heading', { name: 'Reset your password' }).waitFor();
      await page.getByLabel('Email address').fill(EMAIL);
      await page.getByRole('button', { name: 'Send the link' }).click();
      await page.getByText('a mail with a link is on its way').waitFor();
      await admin.goto('/mailbox');
      const link = await admin.getByRole('link', { name: 'Open the link' }).first().getAttribute('href');
      assert.match(link ?? '', /\/reset-password#token=/);
      await page.goto(link ?? '');
      await page.getByLabel('New password').fill('correct horse battery');
      await page.getByRole('button', { name: 'Set the password' }).click();
      await page.getByText('Your password is set.').waitFor();
      assert.equal(new URL(page.url()).hash, '', 'the token stays out of the address');
      await page.getByRole('link', { name: 'Sign in' }).click();
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
      await page.getByLabel('Email address').fill(EMAIL);
      await page.getByLabel('Password').fill('correct horse battery');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'Summit 2026', level: 1 }).waitFor();
      const late = await other.newPage();
      await late.goto(link ?? '');
      await late.getByLabel('New password').fill('another horse battery');
      await late.getByRole('button', { name: 'Set the password' }).click();
      await late.getByRole('alert').filter({ hasText: 'used already or is too old' }).waitFor();
      await Promise.all([context.close(), other.close()]);
      // Choosing a password signs all others out, whose pages notice.
      forget(house, /status of 40[01]|WebSocket/);
    });

    it('complained of nothing that was not expected', () => {
      assert.deepEqual(house.complaints, []);
    });
  });
}

/** Says to the provider's own pages who one is. */
async function signInAs(page: Page, name: string): Promise<void> {
  await page.getByRole('link', { name: 'Sign in with House' }).click();
  await page.locator('input[name=login]').fill(name);
  await page.locator('input[name=password]').fill('anything');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}
