// Takes the screenshots of the README from a real server with a conference going on. Usage: scripts/screenshots [EVENTRA]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { condition, DASHBOARD, type House, missing, open, ORGANIZATION, until } from './house.ts';

/** The conference that is shown, and when it is: in the middle of its second day. */
const PLAY = { attendees: 600, within: 150 };
const WHEN_MS = 110_000;
/** How good the pictures are: small enough for a repository. */
const QUALITY = 0.82;

const folder = join(import.meta.dirname, '../../docs/screenshots');

if (missing) {
  process.stderr.write(`${missing}\n`);
  process.exit(1);
}

/** As WebP, a quarter of the PNG: Chromium writes it. */
async function webp(browser: Browser, png: Buffer): Promise<Buffer> {
  const page = await browser.newPage();
  const text = await page.evaluate(
    async ([source, quality]) => {
      const image = new Image();
      image.src = `data:image/png;base64,${source}`;
      await image.decode();
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [image.width, image.height];
      canvas.getContext('2d')?.drawImage(image, 0, 0);
      return canvas.toDataURL('image/webp', quality).split(',')[1] ?? '';
    },
    [png.toString('base64'), QUALITY] as const,
  );
  await page.close();
  return Buffer.from(text, 'base64');
}

interface Shot {
  name: string;
  path: string;
  options: BrowserContextOptions;
  ready: (page: Page) => Promise<unknown>;
}

const live = async (page: Page) => {
  await until(
    () => condition(page),
    (now) => now === 'live',
  );
  // The figures of the warehouse come a moment later.
  await page.waitForTimeout(6_000);
};

const wide = { viewport: { width: 1440, height: 1100 } };
const SHOTS: Shot[] = [
  { name: 'dashboard', path: DASHBOARD, options: wide, ready: live },
  { name: 'dashboard-dark', path: DASHBOARD, options: { ...wide, colorScheme: 'dark' }, ready: live },
  {
    name: 'phone',
    path: DASHBOARD,
    options: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
    ready: live,
  },
  {
    name: 'wall',
    path: `${DASHBOARD}/wall`,
    options: { viewport: { width: 1920, height: 1080 }, colorScheme: 'dark' },
    ready: live,
  },
  {
    name: 'sql',
    path: `/o/${ORGANIZATION}/sql`,
    options: wide,
    ready: async (page) => {
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await page.getByText(/rows read/).waitFor();
    },
  },
  {
    name: 'rules',
    path: `/o/${ORGANIZATION}/rules`,
    options: wide,
    ready: async (page) => {
      const rule = page.getByRole('region', { name: 'Fraud' }).locator('details').first();
      await rule.locator('summary').click();
      await rule.scrollIntoViewIfNeeded();
    },
  },
  {
    name: 'campaigns',
    path: `/o/${ORGANIZATION}/campaigns`,
    options: { ...wide, colorScheme: 'dark' },
    ready: (page) => page.locator('canvas').first().waitFor(),
  },
  {
    name: 'system',
    path: '/system',
    options: wide,
    ready: (page) => page.getByText('Snapshots written').waitFor(),
  },
];

async function take(house: House): Promise<void> {
  for (const shot of SHOTS) {
    const context = await house.context(shot.options);
    const page = await house.signIn(context, shot.path);
    await page.locator('h1').waitFor();
    await shot.ready(page);
    const picture = await webp(house.browser, await page.screenshot());
    writeFileSync(join(folder, `${shot.name}.webp`), picture);
    process.stdout.write(`${shot.name}.webp: ${Math.round(picture.length / 1000)} kB\n`);
    await context.close();
  }
}

mkdirSync(folder, { recursive: true });
const house = await open(PLAY);
try {
  process.stdout.write(`playing a conference for ${WHEN_MS / 1000} s\n`);
  await new Promise((done) => setTimeout(done, WHEN_MS));
  await take(house);
} finally {
  await house.close();
}
