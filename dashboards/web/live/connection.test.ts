// The connection: goes on where it was after a break, asks why none opens, and says how it is.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Connection, type Surroundings } from './connection';
import { answerOf } from './protocol';

/** A WebSocket that the test holds the other end of. */
class Line {
  readyState = 0;
  said: { type: string; id: string; position?: string | null }[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  send(text: string) {
    this.said.push(JSON.parse(text) as Line['said'][number]);
  }
  close() {
    this.readyState = 3;
  }
  opens() {
    this.readyState = 1;
    this.onopen?.();
  }
  breaks(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
  }
  tells(type: string, id: string, epoch: number, value?: unknown) {
    const as_of = { epoch, incarnation: '1', log_time: epoch, offsets: [] };
    const changes = type === 'as_of' ? undefined : [{ key: null, value }];
    this.onmessage?.({ data: JSON.stringify({ type, id, position: `p${epoch}`, as_of, changes }) });
  }
}

let lines: Line[] = [];
let online = true;
let mayRead: () => Promise<boolean> = () => Promise.resolve(true);

function connection(): Connection {
  const around: Surroundings = {
    socketUrl: 'ws://server/v1/feeds',
    streamUrl: (address) => `/v1/feeds/${address}`,
    openSocket: () => {
      const line = new Line();
      lines.push(line);
      return line as unknown as WebSocket;
    },
    isOnline: () => online,
    chance: () => 0.5,
    now: () => Date.now(),
    mayRead: () => mayRead(),
  };
  return new Connection(around);
}

const newest = (): Line => {
  const line = lines.at(-1);
  if (!line) throw new Error('no line was opened');
  return line;
};

beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  online = true;
  mayRead = () => Promise.resolve(true);
});
afterEach(() => {
  vi.useRealTimers();
});

it('goes on at the position that it had, and is live when every feed has spoken', async () => {
  const made = connection();
  made.start();
  const [a, b] = [made.feed('a', 2), made.feed('b', 2)];
  made.keep(a);
  made.keep(b);
  newest().opens();
  expect(newest().said.map((said) => [said.type, said.id, said.position])).toEqual([
    ['subscribe', 'a', null],
    ['subscribe', 'b', null],
  ]);
  newest().tells('reset', 'a', 1, 10);
  expect(made.condition).toBe('connecting');
  newest().tells('reset', 'b', 2, 20);
  expect(made.condition).toBe('live');
  newest().breaks();
  expect(made.condition).toBe('lost');
  expect(answerOf(a.held)).toBe(10);
  await vi.advanceTimersByTimeAsync(1_000);
  newest().opens();
  expect(newest().said.map((said) => said.position)).toEqual(['p1', 'p2']);
  expect(made.condition).toBe('catching-up');
  newest().tells('as_of', 'a', 3);
  newest().tells('deltas', 'b', 3, 21);
  expect([made.condition, answerOf(a.held), answerOf(b.held)]).toEqual(['live', 10, 21]);
  made.stop();
});

it('asks whether the login is still good when nothing opens, and stops when it is not', async () => {
  const made = connection();
  made.start();
  made.keep(made.feed('a', 2));
  newest().opens();
  newest().tells('reset', 'a', 1, 1);
  mayRead = () => Promise.resolve(false);
  for (let n = 0; n < 3; n += 1) {
    newest().breaks();
    await vi.advanceTimersByTimeAsync(5_000);
  }
  expect(made.condition).toBe('refused');
  const before = lines.length;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(lines).toHaveLength(before);
  made.stop();
});

it('stops at once when the login was revoked', async () => {
  const made = connection();
  made.start();
  newest().opens();
  newest().breaks(4401);
  expect(made.condition).toBe('refused');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(lines).toHaveLength(1);
  made.stop();
});

it('waits longer each time, but never long', async () => {
  const made = connection();
  made.start();
  made.keep(made.feed('a', 2));
  newest().opens();
  mayRead = () => Promise.reject(new Error('unreachable'));
  const waits: number[] = [];
  for (let n = 0; n < 10; n += 1) {
    const [begun, count] = [Date.now(), lines.length];
    newest().breaks();
    while (lines.length === count) await vi.advanceTimersByTimeAsync(50);
    waits.push(Date.now() - begun);
  }
  expect(waits[0]).toBeLessThan(500);
  expect(waits.at(-1)).toBeGreaterThan(7_000);
  expect(Math.max(...waits)).toBeLessThanOrEqual(15_050);
  made.stop();
});

it('drops a line that is dead without a word, and makes another', async () => {
  const made = connection();
  made.start();
  made.keep(made.feed('a', 2));
  newest().opens();
  newest().tells('reset', 'a', 1, 1);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(lines.length).toBeGreaterThan(1);
  made.stop();
});

it('says that it is offline, and comes back without waiting', async () => {
  const made = connection();
  made.start();
  made.keep(made.feed('a', 2));
  newest().opens();
  newest().tells('reset', 'a', 1, 1);
  online = false;
  made.networkChanged();
  expect(made.condition).toBe('offline');
  online = true;
  made.networkChanged();
  await vi.advanceTimersByTimeAsync(1);
  newest().opens();
  newest().tells('as_of', 'a', 2);
  expect(made.condition).toBe('live');
  made.stop();
});

it('asks again for a feed that ended while the server caught up, and leaves one that is refused', async () => {
  const made = connection();
  made.start();
  made.keep(made.feed('a', 2));
  newest().opens();
  const problem = (code: string) =>
    newest().onmessage?.({ data: JSON.stringify({ type: 'problem', id: 'a', problem: { code } }) });
  problem('not_ready');
  await vi.advanceTimersByTimeAsync(5_000);
  expect(newest().said.filter((said) => said.type === 'subscribe')).toHaveLength(2);
  problem('access_denied');
  await vi.advanceTimersByTimeAsync(5_000);
  expect(newest().said.filter((said) => said.type === 'subscribe')).toHaveLength(2);
  made.stop();
});
