// Pictures of the shop for people to look at: phone and desktop, both themes. Usage: node tests/shop-screenshots.ts FOLDER
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { missing } from './house.ts';
import { choose, euros, goOn, introduce, Market, SELLER, standard } from './market.ts';

const folder = process.argv[2];
if (missing || !folder) {
  process.stderr.write(`${missing ?? 'name a folder'}\n`);
  process.exit(1);
}
mkdirSync(folder, { recursive: true });

const LOOKS = [
  { name: 'phone-light', viewport: { width: 390, height: 844 }, colorScheme: 'light' },
  { name: 'phone-dark', viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
  { name: 'desktop-light', viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
  { name: 'desktop-dark', viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
] as const;

async function furnish(market: Market): Promise<void> {
  const conf = (path: string, body: unknown) => market.put('conf', path, body);
  const soon = new Date(Date.now() + 3 * 86_400_000).toISOString();
  await conf('/sales', { transfer_to: 'Acme Events GmbH\nDE02 1203 0000 0000 2020 51\nGLS Bank' });
  await conf('/products/a-pass', {
    title: 'Conference pass',
    tax: 1_900,
    tiers: [
      { title: 'Early bird', prices: euros(29_900), until: soon, count: 40 },
      ...standard(39_900, 'Regular'),
    ],
  });
  await conf('/products/b-student', {
    title: 'Student pass',
    tax: 1_900,
    tiers: standard(9_900, 'Student pass'),
  });
  await conf('/products/c-workshop', {
    title: 'Workshop: timely dataflow',
    tax: 1_900,
    waitlist: true,
    tiers: standard(14_900, 'Day before the conference'),
  });
  await conf('/products/shirt', {
    title: 'Shirt',
    kind: 'add_on',
    with: ['a-pass', 'b-student'],
    tax: 1_900,
    tiers: standard(2_500, 'Organic cotton'),
    variations: [
      { variation: 'm', title: 'M' },
      { variation: 'l', title: 'L' },
      { variation: 'xl', title: 'XL', extra: euros(200) },
    ],
  });
  const all = ['a-pass', 'b-student', 'shirt'].map((product) => ({ product }));
  await conf('/quotas/hall', { title: 'Hall', size: 500, products: all });
  await conf('/quotas/students', { title: 'Students', size: 4, products: [{ product: 'b-student' }] });
  await conf('/quotas/lab', { title: 'Lab', size: 0, products: [{ product: 'c-workshop' }] });
  await conf('/promos/tenth', { code: 'FRIENDS', effect: { percent: 1_000 }, products: ['a-pass'] });
  await conf('/group-discounts', [{ title: 'Team', products: ['a-pass'], at_least: 5, off: 1_500 }]);
  await market.put('queue', '/products/pass', { title: 'Pass', tiers: standard(5_000) });
  await market.put('queue', '/quotas/hall', { title: 'Hall', size: 10, products: [{ product: 'pass' }] });
  const opens = new Date(Date.now() + 3_600_000).toISOString();
  await market.put('queue', '/room', { opens, per_minute: 60, stay_s: 600 });
}

async function tour(page: Page, name: string): Promise<void> {
  const shot = async (step: string) => {
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(folder ?? '', `${name}-${step}.png`), fullPage: true });
  };
  await page.goto(`/shop/${SELLER}/conf`);
  await choose(page, 'Conference pass', 2);
  await choose(page, 'Shirt, L');
  await page.getByRole('button', { name: 'I have a promo code' }).click();
  await page.getByLabel('Promo code').fill('FRIENDS');
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText('is applied').waitFor();
  await shot('1-choose');
  await goOn(page);
  await page.getByRole('timer').waitFor();
  await introduce(page, 'Ann Example');
  await shot('2-checkout');
  await page.getByRole('button', { name: 'Order and pay' }).click();
  await page.getByText('To pay:').waitFor();
  await shot('3-pay');
  await page.getByRole('button', { name: 'Test payment' }).click();
  await page.getByRole('button', { name: 'Say: paid' }).click();
  await page.locator('[data-status=confirmed]').waitFor();
  await shot('4-order');
  await page.goto(`/shop/${SELLER}/queue`);
  await page.getByRole('heading', { name: 'Waiting room' }).waitFor();
  await page.getByText('How the draw is fair').click();
  await shot('5-room');
}

const market = await Market.open();
try {
  await furnish(market);
  for (const { name, ...look } of LOOKS) {
    const context = await market.context(look);
    await tour(await context.newPage(), name);
    await context.close();
  }
} finally {
  await market.close();
}
