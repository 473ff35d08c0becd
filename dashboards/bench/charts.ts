// Script time of a frame: 20 series of 600 points, 10 updates a second. Usage: node bench/charts.ts [FOLDER-WITH-ECHARTS]
// Prints the 50th and 95th percentile in milliseconds for uPlot, and for ECharts when a folder with its build is named.
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { FLAGS, CHROMIUM } from '../tests/browser.ts';

const SERIES = 20;
const POINTS = 600;
const UPDATES = 200;
const EVERY_MS = 100;

const root = new URL('..', import.meta.url).pathname;
const uplot = readFileSync(`${root}/node_modules/uplot/dist/uPlot.iife.js`, 'utf8');
const folder = process.argv[2];
const echarts = folder ? readFileSync(`${folder}/echarts.min.js`, 'utf8') : null;

/** Runs in the page. */
function measure([library, series, points, updates, every]: [string, number, number, number, number]) {
  const times = Array.from({ length: points }, (_, n) => 1_700_000_000 + n);
  const values = Array.from({ length: series }, (_, s) =>
    times.map((_, n) => Math.sin(n / 20 + s) * 50 + 50 + s),
  );
  const names = values.map((_, n) => `s${n}`);
  const box = document.createElement('div');
  box.style.cssText = 'width:1000px;height:300px';
  document.body.append(box);
  const next = () => {
    times.push((times.at(-1) ?? 0) + 1);
    times.shift();
    for (const one of values) {
      one.push(one.shift() ?? 0);
    }
  };
  // eslint-disable-next-line @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-assignment
  const page = window as any;
  let paint: () => Promise<void> | void;
  /* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access */
  if (library === 'uplot') {
    const options = {
      width: 1000,
      height: 300,
      legend: { show: false },
      series: [{}, ...names.map((label) => ({ label, stroke: '#4f46e5', points: { show: false } }))],
    };
    const plot = new page.uPlot(options, [times, ...values], box);
    paint = async () => {
      plot.setData([times, ...values]);
      // It paints in a microtask.
      await Promise.resolve();
    };
  } else {
    const chart = page.echarts.init(box);
    const option = () => ({
      animation: false,
      xAxis: { type: 'time' },
      yAxis: { type: 'value' },
      series: values.map((one, n) => ({
        name: names[n],
        type: 'line',
        showSymbol: false,
        data: one.map((value, i) => [(times[i] ?? 0) * 1000, value]),
      })),
    });
    chart.setOption(option());
    paint = () => {
      chart.setOption(option());
      chart.getZr().flush();
    };
  }
  /* eslint-enable */
  return new Promise<number[]>((done) => {
    const spent: number[] = [];
    const timer = setInterval(() => {
      next();
      const begun = performance.now();
      void Promise.resolve(paint()).then(() => {
        spent.push(performance.now() - begun);
        if (spent.length === updates) {
          clearInterval(timer);
          done(spent);
        }
      });
    }, every);
  });
}

const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
const at = (sorted: number[], share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2);
for (const [name, code] of [
  ['uplot', uplot],
  ['echarts', echarts],
] as const) {
  if (!code) continue;
  const page = await browser.newPage();
  await page.addScriptTag({ content: code });
  const spent = await page.evaluate(measure, [name, SERIES, POINTS, UPDATES, EVERY_MS] as [
    string,
    number,
    number,
    number,
    number,
  ]);
  const sorted = spent.sort((a, b) => a - b);
  process.stdout.write(`${name}: p50 ${at(sorted, 0.5)} ms, p95 ${at(sorted, 0.95)} ms\n`);
  await page.close();
}
await browser.close();
