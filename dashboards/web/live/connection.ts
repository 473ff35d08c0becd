// One WebSocket that carries all feeds of a page: subscribes, goes on where it was after a break, says how it is.
import { waitBefore } from './backoff';
import { apply, type FeedMessage, type Held, nothing } from './protocol';
import { Turns } from './turns';

/**
 * How the connection is: `connecting` at first; `live`; `catching-up` when it is back but has not heard from every feed
 * since; `lost` while it is gone; `offline` when the machine has no network; `refused` when the login is not good (any more).
 */
export type Condition = 'connecting' | 'live' | 'catching-up' | 'lost' | 'offline' | 'refused';

/** Attempts in a row that failed, after which it is asked why; server-sent events are tried if none has ever opened. */
const SOCKET_ATTEMPTS = 3;
/** The server pings every 15 s, which a page cannot see, but tells `as_of` every 5 s: silence of this long is a dead line. */
const SILENCE_MS = 20_000;
/** How often to look for silence, milliseconds. */
const LOOK_MS = 5_000;
/** The most subscriptions of one connection (docs/api.md, "Bounds of feeds"). */
const SUBSCRIPTIONS_MAX = 64;
/** Pages re-render at most this often, milliseconds: ten times a second looks live. */
const RENDER_MS = 100;

const CLOSED_REVOKED = 4401;

/** What a page can read of one feed. */
export class Feed {
  held: Held = nothing;
  readers = 0;
  /** Whether it has spoken since the connection was made. */
  heard = false;
  private readonly listeners = new Set<() => void>();
  private pending: ReturnType<typeof setTimeout> | null = null;

  readonly address: string;
  readonly maxRate: number;

  constructor(address: string, maxRate: number) {
    this.address = address;
    this.maxRate = maxRate;
  }

  readonly listen = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly read = (): Held => this.held;

  take(message: FeedMessage): void {
    this.held = apply(this.held, message);
    this.heard = true;
    // Many messages, one rendering.
    this.pending ??= setTimeout(() => {
      this.pending = null;
      this.listeners.forEach((listener) => listener());
    }, RENDER_MS);
  }
}

/** What the connection needs of its surroundings: tests give their own. */
export interface Surroundings {
  /** The address of the WebSocket, and of feeds as server-sent events. */
  socketUrl: string;
  streamUrl: (address: string) => string;
  openSocket: (url: string) => WebSocket;
  isOnline: () => boolean;
  chance: () => number;
  now: () => number;
  /** Whether the login is still good, asked when the server refuses a connection. */
  mayRead: () => Promise<boolean>;
}

export class Connection {
  private readonly feeds = new Map<string, Feed>();
  private readonly listeners = new Set<() => void>();
  private socket: WebSocket | null = null;
  private turns: Turns | null = null;
  private attempts = 0;
  private everOpened = false;
  private heardAt = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private watch: ReturnType<typeof setInterval> | null = null;
  private stopped = true;
  condition: Condition = 'connecting';

  private readonly around: Surroundings;

  constructor(around: Surroundings) {
    this.around = around;
  }

  readonly listen = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.watch = setInterval(() => this.look(), LOOK_MS);
    this.connect();
  }

  stop(): void {
    this.stopped = true;
    if (this.timer) clearTimeout(this.timer);
    if (this.watch) clearInterval(this.watch);
    this.turns?.stop();
    this.turns = null;
    this.drop();
  }

  /** The feed at `address` (what follows `/v1/feeds/`); `release` it when nobody looks at it any more. */
  feed(address: string, maxRate: number): Feed {
    const known = this.feeds.get(address);
    if (known) return known;
    const feed = new Feed(address, maxRate);
    this.feeds.set(address, feed);
    return feed;
  }

  keep(feed: Feed): void {
    feed.readers += 1;
    if (feed.readers > 1) return;
    // It may have been released and forgotten between rendering and now.
    this.feeds.set(feed.address, feed);
    this.subscribe(feed);
  }

  release(feed: Feed): void {
    feed.readers -= 1;
    if (feed.readers > 0) return;
    this.feeds.delete(feed.address);
    feed.heard = false;
    this.say({ type: 'unsubscribe', id: feed.address });
    this.turns?.remove(feed);
  }

  /** The machine is (again) with or without a network. */
  networkChanged(): void {
    if (this.around.isOnline()) {
      this.attempts = 0;
      if (!this.socket && !this.turns) this.retry(0);
    } else {
      this.drop();
      this.become('offline');
    }
  }

  /** Tries again now, for somebody who does not want to wait, or who has signed in again. */
  retryNow(): void {
    this.attempts = 0;
    if (!this.socket) this.retry(0);
  }

  private wanted(): Feed[] {
    return [...this.feeds.values()].filter((feed) => feed.readers > 0);
  }

  private connect(): void {
    if (this.stopped) return;
    if (!this.around.isOnline()) {
      this.become('offline');
      return;
    }
    const socket = this.around.openSocket(this.around.socketUrl);
    this.socket = socket;
    socket.onopen = () => {
      if (this.socket !== socket) return;
      this.everOpened = true;
      this.heardAt = this.around.now();
      this.wanted().forEach((feed) => (feed.heard = false));
      this.wanted().forEach((feed) => this.subscribe(feed));
      this.judge();
    };
    socket.onmessage = (event: MessageEvent<string>) => {
      if (this.socket === socket) this.hear(event.data);
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.closed(event.code);
    };
  }

  private subscribe(feed: Feed): void {
    if (this.turns) {
      this.turns.add(feed);
      return;
    }
    if (this.wanted().length > SUBSCRIPTIONS_MAX) {
      feed.take({ type: 'problem', problem: { code: 'feeds_too_many' } });
      return;
    }
    const { address, maxRate, held } = feed;
    this.say({ type: 'subscribe', id: address, feed: address, position: held.position, max_rate: maxRate });
  }

  private say(message: object): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(message));
  }

  private hear(text: string): void {
    this.heardAt = this.around.now();
    const message = JSON.parse(text) as FeedMessage & { id: string | null };
    const feed = message.id === null ? undefined : this.feeds.get(message.id);
    if (!feed || !isOfFeeds(message)) return;
    feed.take(message);
    if (message.type === 'problem') {
      // A position of another life of the log: what is held is shown until the reset that comes now.
      if (message.problem.code === 'position_wrong') feed.held = { ...feed.held, position: null };
      // One that ended while the views were catching up is asked for again.
      if (isPassing(message.problem.code)) this.again(feed);
    }
    this.judge();
  }

  private again(feed: Feed): void {
    setTimeout(
      () => {
        if (!this.stopped && feed.readers > 0) this.subscribe(feed);
      },
      waitBefore(2, this.around.chance()),
    );
  }

  /** Says `live` once every feed has spoken since the connection was made. */
  private judge(): void {
    const all = this.wanted().every((feed) => feed.heard);
    if (all) this.attempts = 0;
    this.become(all ? 'live' : this.condition === 'connecting' ? 'connecting' : 'catching-up');
  }

  private closed(code: number): void {
    this.socket = null;
    if (this.stopped) return;
    if (code === CLOSED_REVOKED) {
      this.become('refused');
      return;
    }
    this.become(this.around.isOnline() ? 'lost' : 'offline');
    this.attempts += 1;
    if (this.attempts % SOCKET_ATTEMPTS === 0) void this.wonder();
    else this.retry(waitBefore(this.attempts - 1, this.around.chance()));
  }

  /** Why does none open? The login is not good (any more), the server is away, or something on the way lets none through. */
  private async wonder(): Promise<void> {
    const may = await this.around.mayRead().catch(() => null);
    if (this.stopped) return;
    if (may === false) {
      this.become('refused');
    } else if (may === null || this.everOpened) {
      this.retry(waitBefore(this.attempts, this.around.chance()));
    } else {
      this.turns = new Turns(this.around, (alive) => {
        if (alive) this.judge();
        else this.become('lost');
      });
      this.wanted().forEach((feed) => this.turns?.add(feed));
    }
  }

  private retry(after: number): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), after);
  }

  /** A line that is dead without a word (a laptop that slept, a router that forgot) is dropped and made again. */
  private look(): void {
    if (this.socket?.readyState !== 1 || this.wanted().length === 0) return;
    if (this.around.now() - this.heardAt < SILENCE_MS) return;
    this.drop();
    this.become('lost');
    this.retry(0);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private become(condition: Condition): void {
    if (condition === this.condition) return;
    this.condition = condition;
    this.listeners.forEach((listener) => listener());
  }
}

function isOfFeeds(message: { type: string }): boolean {
  return ['reset', 'deltas', 'as_of', 'problem'].includes(message.type);
}

/** Problems that go away by themselves. */
function isPassing(code: string): boolean {
  return [
    'position_wrong',
    'not_ready',
    'overloaded',
    'too_slow',
    'internal',
    'feeds_too_many',
    'waited_in_vain',
  ].includes(code);
}
