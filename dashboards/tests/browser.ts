// The browser that tests and measurements drive: Debian's Chromium, which asks nobody on the network for anything.
import { existsSync } from 'node:fs';
import type { BrowserContext } from 'playwright-core';

export const CHROMIUM =
  process.env['CHROMIUM'] ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
    existsSync(path),
  ) ??
  '';

export const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** By how much requests of pages come later, at most, by chance, milliseconds: shows what a test or a page does not wait for. */
const SLOW_MS = Number(process.env['SLOW'] ?? 0);

/** Makes the way to the server slow where `SLOW` says so. */
export async function slowed(context: BrowserContext): Promise<void> {
  if (!(SLOW_MS > 0)) return;
  await context.route('**/v1/**', async (route) => {
    await new Promise((done) => setTimeout(done, Math.random() * SLOW_MS));
    // A page that was left meanwhile has given its request up.
    await route.continue().catch(() => undefined);
  });
}
