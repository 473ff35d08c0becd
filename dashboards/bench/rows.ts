// The rows of the pages in the benchmark table: how soon the live dashboard is there, and what axe finds wrong.
// Usage: scripts/dashboards bench, with the release binary in EVENTRA. Prints each row and writes target/bench/NAME.json.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  condition,
  DASHBOARD,
  ENTRANCES,
  type House,
  missing,
  open,
  PAGES,
  total,
  violations,
} from '../tests/house.ts';

/** Loads with an empty cache, of which the median counts. */
const LOADS = 7;
/** Goals of the rows: kilobytes of script as gzip, milliseconds. */
const SCRIPT_KB = 200;
const INTERACTIVE_MS = 1_000;

/** How long feeds are watched, milliseconds. */
const WATCHED_MS = 10_000;

const folder = join(import.meta.dirname, '../../target/bench');

interface Part {
  name: string;
  unit: string;
  value: number;
}

function write(name: string, unit: string, ours: number, goal: string, holds: boolean, parts: Part[]): void {
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`;
  const command = 'scripts/dashboards bench';
  const row = { name, unit, ours, peer: null, peer_name: '', ratio: null, goal, holds, command, machine };
  mkdirSync(join(folder, 'parts'), { recursive: true });
  const save = (path: string, content: unknown) =>
    writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
  save(join(folder, `${name}.json`), { ...row, date: new Date().toISOString() });
  save(join(folder, 'parts', `${name}.json`), parts);
  process.stdout.write(
    `${name.padEnd(22)} ${ours} ${unit} | no peer | goal ${goal}: ${holds ? 'holds' : 'SHORT'}\n`,
  );
  for (const part of parts)
    process.stdout.write(`${''.padEnd(22)}   ${part.name}: ${part.value} ${part.unit}\n`);
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

interface Load {
  live: number;
  paint: number;
  script: number;
}

/** One load with an empty cache: from the address until every feed has spoken and the figures stand there. */
async function load(
  house: House,
  state: Awaited<ReturnType<import('playwright-core').BrowserContext['storageState']>>,
) {
  const context = await house.context({ storageState: state });
  const page = await context.newPage();
  const bodies: Promise<Buffer>[] = [];
  page.on('response', (response) => {
    if (response.request().resourceType() === 'script') bodies.push(response.body());
  });
  const begun = performance.now();
  await page.goto(DASHBOARD, { waitUntil: 'commit' });
  await page.locator('[data-condition=live]').waitFor();
  while ((await total(page, 'Page views')) === null) await page.waitForTimeout(5);
  const live = performance.now() - begun;
  const paint = await page.evaluate(
    () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
  );
  const script = (await Promise.all(bodies)).reduce(
    (sum, body) => sum + gzipSync(body, { level: 9 }).length,
    0,
  );
  await context.close();
  return { live, paint, script } satisfies Load;
}

async function firstLoad(house: House): Promise<void> {
  const context = await house.context();
  const page = await house.signIn(context, DASHBOARD);
  while ((await condition(page)) !== 'live') await page.waitForTimeout(50);
  const state = await context.storageState();
  await context.close();
  const loads: Load[] = [];
  for (let n = 0; n < LOADS; n += 1) loads.push(await load(house, state));
  const [live, script] = [
    median(loads.map((one) => one.live)),
    median(loads.map((one) => one.script)) / 1_000,
  ];
  write(
    'serving-first-load',
    'ms until live',
    Math.round(live),
    `${SCRIPT_KB} KB of script; ${INTERACTIVE_MS} ms`,
    live <= INTERACTIVE_MS && script <= SCRIPT_KB,
    [
      { name: 'script of the live dashboard, gzip', unit: 'KB', value: Math.round(script) },
      {
        name: 'first contentful paint',
        unit: 'ms',
        value: Math.round(median(loads.map((one) => one.paint))),
      },
    ],
  );
}

/** From messages of feeds to the frames that show them, while the conference goes on: milliseconds of each. */
async function told(page: import('playwright-core').Page): Promise<[number, number][]> {
  await page.locator('[data-condition=live]').waitFor();
  await page.waitForTimeout(WATCHED_MS);
  return page.evaluate(() => (window as unknown as { painted: [number, number][] }).painted);
}

/** Notes each message of a feed when the frame is drawn that follows the change of the page. */
function notePaints(): void {
  const painted: [number, number][] = [];
  let waiting: { here: number; log: number }[] = [];
  Object.assign(window, { painted });
  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(...words: ConstructorParameters<typeof WebSocket>) {
      super(...words);
      this.addEventListener('message', ({ data }) => {
        const log = /"type":"deltas".*"log_time":(\d+)/.exec(String(data))?.[1];
        if (log) waiting.push({ here: performance.now(), log: Number(log) / 1_000 });
      });
    }
  };
  const drawn = () => {
    const these = waiting;
    waiting = [];
    // A task that begins in the frame's own step runs when the frame has been drawn.
    const after = new MessageChannel();
    after.port1.onmessage = () => {
      const [now, date] = [performance.now(), Date.now()];
      for (const { here, log } of these) painted.push([now - here, date - log]);
    };
    after.port2.postMessage(null);
  };
  const watch = () =>
    new MutationObserver(() => requestAnimationFrame(drawn)).observe(document.documentElement, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
    });
  document.addEventListener('DOMContentLoaded', watch);
}

async function paint(house: House): Promise<void> {
  const context = await house.context();
  await context.addInitScript(notePaints);
  const page = await house.signIn(context, DASHBOARD);
  const seen = await told(page);
  await context.close();
  const sorted = (place: 0 | 1) => seen.map((one) => one[place]).sort((a, b) => a - b);
  const share = (values: number[], part: number) =>
    Math.round((values[Math.floor((values.length - 1) * part)] ?? Number.NaN) * 10) / 10;
  const [feed, log] = [sorted(0), sorted(1)];
  process.stdout.write(
    `feed to paint          p50 ${share(feed, 0.5)} ms, p99 ${share(feed, 0.99)} ms; ` +
      `log to paint p50 ${share(log, 0.5)} ms, p99 ${share(log, 0.99)} ms; ${seen.length} messages (reported only)\n`,
  );
}

async function axe(house: House): Promise<void> {
  let found = 0;
  for (const theme of ['light', 'dark'] as const) {
    const context = await house.context({ colorScheme: theme });
    const outside = await context.newPage();
    for (const path of ENTRANCES) found += await wrong(outside, path);
    const inside = await house.signIn(context);
    for (const path of PAGES) found += await wrong(inside, path);
    await context.close();
  }
  const pages = ENTRANCES.length + PAGES.length;
  write('serving-axe', 'violations', found, '0', found === 0, [
    { name: 'pages, in each of two themes', unit: '', value: pages },
  ]);
}

async function wrong(page: import('playwright-core').Page, path: string): Promise<number> {
  await page.goto(path);
  await page.locator('h1').waitFor();
  await page.waitForTimeout(700);
  return (await violations(page)).length;
}

if (missing) {
  process.stderr.write(`${missing}\n`);
  process.exit(1);
}
const house = await open();
try {
  await firstLoad(house);
  await paint(house);
  await axe(house);
} finally {
  await house.close();
}
