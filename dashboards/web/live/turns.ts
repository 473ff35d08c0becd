// Feeds as server-sent events, for networks that let no WebSocket through. A browser opens six HTTP/1.1 connections to a
// server, so a few streams are open at a time and feeds take turns; each goes on at its position, so nothing is missed.
import { waitBefore } from './backoff';
import type { Feed, Surroundings } from './connection';
import type { FeedMessage } from './protocol';

/** Streams at a time: two of the browser's six connections stay free for everything else. */
const STREAMS = 4;
/** How long a feed has a stream when others wait, milliseconds. */
const TURN_MS = 2_000;

export class Turns {
  private readonly waiting: Feed[] = [];
  private readonly open = new Map<Feed, AbortController>();
  private attempts = 0;
  private stopped = false;
  private readonly around: Surroundings;
  private readonly tell: (alive: boolean) => void;

  constructor(around: Surroundings, tell: (alive: boolean) => void) {
    this.around = around;
    this.tell = tell;
  }

  add(feed: Feed): void {
    // Whoever takes turns would come and go all the time.
    if (feed.address.startsWith('presence/')) {
      feed.heard = true;
      return;
    }
    if (this.open.has(feed) || this.waiting.includes(feed)) return;
    this.waiting.push(feed);
    this.fill();
  }

  remove(feed: Feed): void {
    const place = this.waiting.indexOf(feed);
    if (place >= 0) this.waiting.splice(place, 1);
    this.open.get(feed)?.abort();
  }

  stop(): void {
    this.stopped = true;
    this.open.forEach((controller) => controller.abort());
  }

  private fill(): void {
    while (!this.stopped && this.open.size < STREAMS) {
      const feed = this.waiting.shift();
      if (!feed) return;
      const controller = new AbortController();
      this.open.set(feed, controller);
      void this.turn(feed, controller);
    }
  }

  private async turn(feed: Feed, controller: AbortController): Promise<void> {
    const over = setTimeout(() => {
      if (this.waiting.length > 0) controller.abort();
    }, TURN_MS);
    try {
      await this.stream(feed, controller.signal);
    } catch {
      if (!controller.signal.aborted) await this.pause();
    }
    clearTimeout(over);
    this.open.delete(feed);
    if (!this.stopped && feed.readers > 0) this.waiting.push(feed);
    this.fill();
  }

  private async pause(): Promise<void> {
    this.tell(false);
    await new Promise((done) => setTimeout(done, waitBefore(this.attempts, this.around.chance())));
    this.attempts += 1;
  }

  private async stream(feed: Feed, signal: AbortSignal): Promise<void> {
    const headers: Record<string, string> = { accept: 'text/event-stream' };
    if (feed.held.position) headers['last-event-id'] = feed.held.position;
    const response = await fetch(this.around.streamUrl(feed.address), { headers, signal });
    if (!response.ok || !response.body) throw new Error(`the feed answers ${response.status}`);
    let text = '';
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + piece).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const message = messageOf(block);
        if (!message) continue;
        this.attempts = 0;
        feed.take(message);
        this.tell(true);
      }
    }
  }
}

/** The message of one block of an event stream; null for comments and the like. */
export function messageOf(block: string): FeedMessage | null {
  const line = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1];
  const [type, data] = [line('event'), line('data')];
  if (!type || !data) return null;
  const body = JSON.parse(data) as object;
  return (type === 'problem' ? { type, problem: body } : { type, ...body }) as FeedMessage;
}
