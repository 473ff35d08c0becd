// What needs action: from figures alone, the most urgent first.
import { expect, it } from 'vitest';
import { attention, type Figures, phaseOf, urgencyOf } from './attention';
import type { Attendance, ItemRow } from '../server/types';

const HOUR = 3_600_000;
const event = {
  id: 'e',
  title: 'E',
  zone: 'UTC',
  starts: '2026-05-01T09:00:00Z',
  ends: '2026-05-01T18:00:00Z',
};
const nine = Date.parse(event.starts);
const quiet: Figures = {
  now: nine + 2 * HOUR,
  event,
  readiness: { ready: true, detail: '' },
  registered: 100,
  checkedIn: 80,
  sessions: [],
  items: [],
  fraud: null,
  late: { late: 5, excluded: 0 },
};
const session = (name: string, present: number) => ({ session: name, present }) as Attendance;
const room = (name: string, capacity: number) => ({ session: name, title: name, capacity }) as ItemRow;

it('says nothing when all is well', () => {
  expect(attention(quiet)).toEqual([]);
});

it('names rooms that are full or nearly so, fullest first, at most three', () => {
  const sessions = [
    session('a', 95),
    session('b', 120),
    session('c', 10),
    session('d', 91),
    session('e', 92),
  ];
  const items = ['a', 'b', 'c', 'd', 'e'].map((name) => room(name, 100));
  const found = attention({ ...quiet, sessions, items });
  expect(found.map((item) => 'session' in item && item.session)).toEqual(['b', 'a', 'e']);
  expect(found.map(urgencyOf)).toEqual(['bad', 'warn', 'warn']);
});

it('does not guess a room whose capacity nobody said', () => {
  expect(attention({ ...quiet, sessions: [session('a', 500)] })).toEqual([]);
});

it('wonders about the doors while the event runs only', () => {
  expect(attention({ ...quiet, checkedIn: 0 })).toEqual([{ what: 'noCheckIns' }]);
  expect(attention({ ...quiet, checkedIn: 20 })).toEqual([{ what: 'fewCheckIns', share: 0.2 }]);
  expect(attention({ ...quiet, checkedIn: 20, now: nine + HOUR / 2 })).toEqual([]);
  expect(attention({ ...quiet, checkedIn: 0, now: nine - HOUR })).toEqual([]);
});

it('puts what is urgent first', () => {
  const fraud = { scored: 10, high: 2, late: 0, fired: [], recent: [] };
  const found = attention({
    ...quiet,
    fraud,
    late: { late: 9, excluded: 3 },
    readiness: { ready: false, detail: '' },
  });
  expect(found.map((item) => item.what)).toEqual(['notReady', 'fraud', 'late']);
});

it('knows whether an event is coming up, running or over', () => {
  expect([nine - 1, nine, nine + 10 * HOUR].map((now) => phaseOf(event, now))).toEqual([
    'before',
    'running',
    'over',
  ]);
});
