// The device: asks the server while it can, decides by the same rule while it cannot, tells later what it saw, in order,
// and hears what that came to. Nothing is switched by hand.
import { newId } from '../server/ids';
import { faultOf, type Look, type Outcome, settle } from './rule';
import {
  type Door,
  Refused,
  type Result,
  type Results,
  Server,
  type Sync,
  type Told,
  Unreachable,
} from './server';
import { type Change, Store } from './store';
import { type Claims, readTicket, type Verify, verifierOf } from './ticket';

/** How long somebody at a door waits for the server before the device decides, milliseconds. */
const ANSWER_WITHIN_MS = 2_000;
/** How long an answer may take that nobody waits for. */
const SYNC_WITHIN_MS = 20_000;
/** How often a device that is connected asks what others saw. */
const SYNC_EVERY_MS = 5_000;
/** How soon a device without a connection tries again; twice as long each time, up to the longest. */
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 15_000;
/** Scans that are told at once: the server takes 1,000. */
const BATCH_MAX = 200;
/** Answers of one asking for changes, so that a wrong server keeps nobody busy for ever. */
const PAGES_MAX = 200;
const PAGE_THINGS = 2_000;
/** Own scans that are remembered, to be told when they turn out otherwise. */
const SHOWN_MAX = 5_000;
const CORRECTIONS_MAX = 100;
/** From how much on a clock is wrong, milliseconds. */
export const CLOCK_OFF_MS = 60_000;

/** A scan that the server has not taken yet. */
interface Waiting {
  place: number;
  scan: string;
  door: string;
  text: string;
  claims: Claims | null;
  at: number;
  exit: boolean;
  gate: string;
}

/** What was shown for a scan. */
interface Shown {
  scan: string;
  door: string;
  ticket: string;
  product: string;
  outcome: Outcome;
  at: number;
}

export interface Answer {
  scan: string;
  outcome: Outcome;
  ticket: string | null;
  product: string;
  holder: string;
  exit: boolean;
  first: { at: number; gate: string; device: string } | null;
  /** Whether the device has decided alone. */
  alone: boolean;
}

export interface Correction extends Shown {
  /** What it was shown as. */
  was: Outcome;
  first: { at: number; gate: string; device: string } | null;
}

interface Meta {
  secret: string | null;
  device: string;
  gate: string;
  door: string;
  sync: Omit<Sync, 'tickets' | 'looks'> | null;
}

export type Line = 'starting' | 'connected' | 'alone' | 'refused';

const digitsOf = (scan: string) => scan.replaceAll('-', '');
const keyOf = (door: string, ticket: string) => `${door} ${ticket}`;

export class Device {
  line: Line = 'starting';
  /** Why the server refuses us. */
  refusal = '';
  /** Whether nobody is signed in. */
  isSignedOut = false;
  /** How far the device's clock is ahead, milliseconds. */
  ahead = 0;
  meta: Meta = { secret: null, device: '', gate: '', door: '', sync: null };
  corrections: Correction[] = [];
  /** Called when anything of it has changed. */
  onChange: () => void = () => undefined;

  private readonly server: Server;
  private readonly store: Store;
  private readonly tickets = new Map<string, { revision: number; cancelled: boolean }>();
  private readonly looks = new Map<string, Look[]>();
  private readonly shown = new Map<string, Shown>();
  private queue: Waiting[] = [];
  private verify: Verify | null = null;
  private retry = RETRY_MIN_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private working: Promise<void> | null = null;
  private again = false;

  private constructor(server: Server, store: Store) {
    this.server = server;
    this.store = store;
  }

  /** Opens what the device has kept of an event. */
  static async open(organization: string, event: string, secret: string | null): Promise<Device> {
    const store = await Store.open(`eventra-scan ${organization} ${event}`);
    const device = new Device(new Server(organization, event, null), store);
    await device.load();
    if (secret !== null) await device.remember({ secret });
    device.server.secret = device.meta.secret;
    return device;
  }

  private async load(): Promise<void> {
    const meta = await this.store.get<Meta>('meta', 'meta');
    if (meta) this.meta = meta;
    for (const [id, ticket] of await this.store.all<{ revision: number; cancelled: boolean }>('tickets'))
      this.tickets.set(String(id), ticket);
    for (const [key, seen] of await this.store.all<Look[]>('looks')) this.looks.set(String(key), seen);
    for (const [scan, shown] of await this.store.all<Shown>('shown')) this.shown.set(String(scan), shown);
    const waiting = await this.store.all<Omit<Waiting, 'place'>>('queue');
    this.queue = waiting.map(([place, scan]) => ({ ...scan, place: Number(place) }));
    this.corrections = (await this.store.get<Correction[]>('meta', 'corrections')) ?? [];
    if (this.meta.sync) this.verify = await verifierOf(this.meta.sync.public_key);
  }

  /** Keeps what somebody chose. */
  async remember(chosen: Partial<Meta>): Promise<void> {
    this.meta = { ...this.meta, ...chosen };
    await this.store.change([{ put: 'meta', key: 'meta', value: this.meta }]);
    this.onChange();
  }

  get waiting(): number {
    return this.queue.length;
  }

  get door(): Door | undefined {
    return this.meta.sync?.doors.find((door) => door.id === this.meta.door);
  }

  /** Whether it can decide alone. */
  get isReady(): boolean {
    return this.verify !== null;
  }

  titleOf(product: string | null): string {
    return this.meta.sync?.products.find((one) => one.id === product)?.title ?? '';
  }

  /** What is counted at the door: what the server told, and what it has not been told yet. */
  get counts(): { admitted: number; inside: number } {
    const { door } = this;
    if (!door) return { admitted: 0, inside: 0 };
    const counts = { admitted: door.admitted, inside: door.inside };
    const keys = new Set(
      this.queue.flatMap((one) => (one.door === door.id && one.claims ? [one.claims.ticket] : [])),
    );
    for (const ticket of keys) {
      const before = standing(this.looks.get(keyOf(door.id, ticket)) ?? []);
      const after = standing(this.settled(door, ticket));
      counts.admitted += Number(after.admitted) - Number(before.admitted);
      counts.inside += Number(after.inside) - Number(before.inside);
    }
    return counts;
  }

  /** Begins to work, and goes on for as long as the page lives. */
  start(): void {
    addEventListener('online', () => this.wake());
    addEventListener('offline', () => this.isAlone());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.wake();
    });
    this.wake();
  }

  /** Tries at once. */
  wake(): void {
    this.retry = RETRY_MIN_MS;
    void this.work();
  }

  /** Somebody showed a code at the door. */
  async scan(text: string, exit: boolean): Promise<Answer> {
    const { door, verify } = this;
    if (!door || !verify) throw new Error('the device has never been connected');
    const claims = await readTicket(text, verify);
    const scan = newId();
    const { gate } = this.meta;
    const one = { scan, door: door.id, text, claims, at: Date.now() * 1_000, exit, gate };
    // What is no ticket of ours is nothing that anybody has to be told.
    if (!claims) return this.answer(one, 'unknown');
    if (claims.event !== this.meta.sync?.event_digits) return this.answer(one, 'wrong_event');
    const waiting: Waiting = { ...one, place: await this.store.enqueue(one) };
    this.queue.push(waiting);
    const told = this.line === 'connected' && this.queue.length === 1 ? await this.tellNow(waiting) : null;
    if (told) return told;
    const outcome = this.outcomeHere(door, waiting);
    const answer = this.answer(one, outcome);
    await this.keepShown(answer, one);
    this.again = true;
    void this.work();
    this.onChange();
    return answer;
  }

  /** Lets somebody in who was found by name; only while there is a connection. */
  async byHand(ticket: string, exit: boolean): Promise<Answer> {
    const { door, gate, device } = this.meta;
    const [scan, at] = [newId(), Date.now() * 1_000];
    const scans = [{ id: scan, ticket, at: String(at), exit, gate, device }];
    const { data } = await this.server.ask<Results>('POST', this.path(door), SYNC_WITHIN_MS, { scans });
    const answer = await this.taken(data, { door, exit, at });
    if (!answer) throw new Unreachable();
    return answer;
  }

  /** Takes a scan back that was a mistake; only while there is a connection. */
  async takeBack(answer: Answer): Promise<void> {
    await this.work();
    const path = `${this.path(this.meta.door)}/${encodeURIComponent(answer.scan)}/void`;
    await this.server.ask('POST', path, SYNC_WITHIN_MS, { ticket: answer.ticket });
    const shown = this.shown.get(digitsOf(answer.scan));
    if (shown) await this.keep({ ...shown, outcome: 'voided' });
    this.again = true;
    await this.work();
  }

  async search<T>(text: string): Promise<T> {
    const path = `/doors/${encodeURIComponent(this.meta.door)}/tickets?limit=20&search=${encodeURIComponent(text)}`;
    return (await this.server.ask<T>('GET', path, SYNC_WITHIN_MS)).data;
  }

  /** Forgets what turned out otherwise, once somebody has seen it. */
  async dismiss(): Promise<void> {
    this.corrections = [];
    await this.store.change([{ put: 'meta', key: 'corrections', value: [] }]);
    this.onChange();
  }

  private path(door: string): string {
    return `/doors/${encodeURIComponent(door)}/scans`;
  }

  /** Tells of one scan while somebody waits; null when the server does not answer in time. */
  private async tellNow(one: Waiting): Promise<Answer | null> {
    try {
      const { data } = await this.tell([one], ANSWER_WITHIN_MS);
      const answer = await this.taken(data, one);
      await this.leaveQueue([one]);
      this.onChange();
      return answer;
    } catch (error) {
      this.trouble(error);
      return null;
    }
  }

  private tell(scans: Waiting[], within: number): Promise<Told<Results>> {
    const { device } = this.meta;
    const told = scans.map(({ scan, text, at, exit, gate }) => {
      return { id: scan, text, at: String(at), exit, gate, device };
    });
    return this.server.ask<Results>('POST', this.path(scans[0]?.door ?? ''), within, { scans: told });
  }

  /** What the server said of one scan, kept as if it had been synced, in case the connection is lost next. */
  private async taken(
    data: Results,
    asked: { door: string; exit: boolean; at: number },
  ): Promise<Answer | null> {
    const [result] = data.results;
    if (!result) return null;
    const answer: Answer = {
      scan: result.id,
      outcome: result.outcome,
      ticket: result.ticket,
      product: this.titleOf(result.product),
      holder: result.holder,
      exit: asked.exit,
      first: firstOf(result),
      alone: false,
    };
    // Somebody may have chosen another door while this was asked.
    const door = this.meta.sync?.doors.find(({ id }) => id === asked.door);
    if (door) [door.admitted, door.inside] = [data.admitted, data.inside];
    if (result.ticket !== null) await this.learn(result, asked);
    await this.keepShown(answer, asked);
    return answer;
  }

  private async learn(
    result: Result,
    { door, exit, at }: { door: string; exit: boolean; at: number },
  ): Promise<void> {
    const key = keyOf(door, result.ticket ?? '');
    const { outcome } = result;
    const valid = outcome === 'admitted' || outcome === 'left' || outcome === 'duplicate';
    const { gate, device } = this.meta;
    const look = {
      scan: digitsOf(result.id),
      at,
      exit,
      gate,
      device,
      fault: valid ? null : outcome,
      outcome,
    };
    const known = this.looks.get(key) ?? [];
    const before = result.first;
    // The one who was first may be somebody that this device has not heard of yet.
    const first: Look[] =
      before && known.every((one) => one.outcome !== 'admitted')
        ? [
            {
              scan: '0'.repeat(32),
              at: Date.parse(before.at) * 1_000,
              exit: false,
              gate: before.gate,
              device: before.device,
              fault: null,
              outcome: 'admitted',
            },
          ]
        : [];
    const seen = [...known.filter((one) => one.scan !== look.scan), ...first, look];
    this.looks.set(key, seen);
    await this.store.change([{ put: 'looks', key, value: seen }]);
  }

  /** The looks at a ticket that are known, those included that the server has not been told yet. */
  private settled(door: Door, ticket: string): Look[] {
    const known = this.looks.get(keyOf(door.id, ticket)) ?? [];
    const told = new Set(known.map((look) => look.scan));
    const own = this.queue.filter((one) => one.door === door.id && one.claims?.ticket === ticket);
    const fresh = own.filter((one) => !told.has(digitsOf(one.scan))).map((one) => this.lookOf(door, one));
    return settle([...known, ...fresh], door.reentry);
  }

  private lookOf(door: Door, one: Waiting): Look {
    const { scan, at, exit, gate } = one;
    const claims = one.claims ?? { ticket: '', product: '', revision: 0 };
    const known = this.tickets.get(claims.ticket) ?? { revision: 0, cancelled: false };
    const product =
      this.meta.sync?.products.find(({ digits }) => digits === claims.product)?.id ?? claims.product;
    // A newer revision than we know of was signed by the server all the same.
    const ticket = {
      product,
      cancelled: known.cancelled,
      revision: Math.max(known.revision, claims.revision),
    };
    const fault = faultOf(door, ticket, { revision: claims.revision, at, exit, valid: one.claims?.valid });
    return { scan: digitsOf(scan), at, exit, gate, device: this.meta.device, fault, outcome: 'unknown' };
  }

  private outcomeHere(door: Door, one: Waiting): Outcome {
    const all = this.settled(door, one.claims?.ticket ?? '');
    return all.find((look) => look.scan === digitsOf(one.scan))?.outcome ?? 'unknown';
  }

  private answer(one: Omit<Waiting, 'place'>, outcome: Outcome): Answer {
    const { scan, claims, exit } = one;
    const mine = claims?.event === this.meta.sync?.event_digits;
    const ticket = mine && claims ? claims.ticket : null;
    const known = mine
      ? this.meta.sync?.products.find(({ digits }) => digits === claims?.product)
      : undefined;
    const { door } = this;
    const before = ticket !== null && door ? this.settled(door, ticket) : [];
    const first = outcome === 'duplicate' ? before.find((look) => look.outcome === 'admitted') : undefined;
    return {
      scan,
      outcome,
      ticket,
      product: known?.title ?? '',
      holder: '',
      exit,
      first: first ?? null,
      alone: true,
    };
  }

  private async keepShown(answer: Answer, { door, at }: { door: string; at: number }): Promise<void> {
    const { scan, ticket, product, outcome } = answer;
    if (ticket === null) return;
    await this.keep({ scan: digitsOf(scan), door, ticket, product, outcome, at });
  }

  private async keep(shown: Shown): Promise<void> {
    const changes: Change[] = [{ put: 'shown', key: shown.scan, value: shown }];
    this.shown.set(shown.scan, shown);
    if (this.shown.size > SHOWN_MAX) {
      const [oldest] = this.shown.keys();
      if (oldest !== undefined) {
        this.shown.delete(oldest);
        changes.push({ remove: 'shown', key: oldest });
      }
    }
    await this.store.change(changes);
  }

  private async leaveQueue(scans: Waiting[]): Promise<void> {
    const gone = new Set(scans.map((one) => one.place));
    await this.store.change(scans.map((one) => ({ remove: 'queue', key: one.place })));
    this.queue = this.queue.filter((one) => !gone.has(one.place));
  }

  /** Tells what waits and asks what is new, one after the other, and again after a while. */
  private work(): Promise<void> {
    this.working ??= this.turn().finally(() => (this.working = null));
    return this.working;
  }

  private async turn(): Promise<void> {
    clearTimeout(this.timer);
    try {
      do {
        this.again = false;
        await this.tellWaiting();
        await this.sync();
        // What came meanwhile goes at once, not after a pause.
      } while (this.hasMore());
      this.retry = RETRY_MIN_MS;
      this.line = 'connected';
    } catch (error) {
      this.trouble(error);
    }
    const pause = this.line === 'connected' ? SYNC_EVERY_MS : this.retry;
    if (this.line !== 'connected') this.retry = Math.min(this.retry * 2, RETRY_MAX_MS);
    this.timer = setTimeout(() => void this.work(), pause);
    this.onChange();
  }

  private hasMore(): boolean {
    return this.again || this.queue.length > 0;
  }

  private trouble(error: unknown): void {
    if (error instanceof Refused) {
      [this.line, this.refusal, this.isSignedOut] = ['refused', error.message, error.status === 401];
      return;
    }
    this.isAlone();
    // Anything else is a fault of ours that must show.
    if (!(error instanceof Unreachable)) throw error;
  }

  private isAlone(): void {
    if (this.line !== 'refused') this.line = 'alone';
    this.onChange();
  }

  /** Tells what waits, in order, as many at once as are of one door. */
  private async tellWaiting(): Promise<void> {
    while (this.queue.length > 0) {
      const door = this.queue[0]?.door;
      const other = this.queue.findIndex((one) => one.door !== door);
      const batch = this.queue.slice(0, Math.min(other === -1 ? this.queue.length : other, BATCH_MAX));
      await this.tellBatch(batch);
    }
  }

  private async tellBatch(batch: Waiting[]): Promise<void> {
    try {
      const { data } = await this.tell(batch, SYNC_WITHIN_MS);
      for (const result of data.results) {
        await this.compare(digitsOf(result.id), result.outcome, firstOf(result));
      }
      await this.leaveQueue(batch);
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 409) throw error;
      // One of them cannot be taken, such as the 257th look at a ticket: the others are told without it.
      if (batch.length === 1) await this.leaveQueue(batch);
      else for (const one of batch) await this.tellBatch([one]);
    }
    this.onChange();
  }

  /** Notices when a scan comes to something else than was shown here. */
  private async compare(scan: string, outcome: Outcome, first: Correction['first']): Promise<void> {
    const shown = this.shown.get(scan);
    if (!shown || shown.outcome === outcome) return;
    await this.keep({ ...shown, outcome });
    if (outcome !== 'voided') {
      const correction = { ...shown, was: shown.outcome, outcome, first };
      this.corrections = [correction, ...this.corrections].slice(0, CORRECTIONS_MAX);
      await this.store.change([{ put: 'meta', key: 'corrections', value: this.corrections }]);
    }
    this.onChange();
  }

  /** Asks what has changed since, page by page; each page is kept together with how far it reaches. */
  private async sync(): Promise<void> {
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const after = encodeURIComponent(this.meta.sync?.offset ?? '');
      const path = `/doors?limit=${PAGE_THINGS}&after=${after}`;
      const begun = Date.now();
      const { data } = await this.server.ask<Sync>('GET', path, SYNC_WITHIN_MS);
      this.ahead = (begun + Date.now()) / 2 - Date.parse(data.now);
      await this.take(data);
      if (!data.more) return;
    }
  }

  private async take({ tickets, looks, ...sync }: Sync): Promise<void> {
    const changes: Change[] = [];
    for (const { id, revision, cancelled } of tickets) {
      this.tickets.set(id, { revision, cancelled });
      changes.push({ put: 'tickets', key: id, value: { revision, cancelled } });
    }
    for (const { door, ticket, seen } of looks) {
      this.looks.set(keyOf(door, ticket), seen);
      changes.push({ put: 'looks', key: keyOf(door, ticket), value: seen });
    }
    if (this.meta.sync?.public_key !== sync.public_key) this.verify = await verifierOf(sync.public_key);
    const door = sync.doors.some(({ id }) => id === this.meta.door)
      ? this.meta.door
      : (sync.doors[0]?.id ?? '');
    this.meta = { ...this.meta, sync, door, device: sync.device ?? this.meta.device };
    changes.push({ put: 'meta', key: 'meta', value: this.meta });
    await this.store.change(changes);
    for (const { seen } of looks) {
      const first = seen.find((look) => look.outcome === 'admitted') ?? null;
      for (const look of seen) {
        await this.compare(look.scan, look.outcome, look.outcome === 'duplicate' ? first : null);
      }
    }
  }
}

/** Whether somebody was let in, and is in. */
function standing(looks: readonly Look[]): { admitted: boolean; inside: boolean } {
  const counted = looks.filter(({ outcome }) => outcome === 'admitted' || outcome === 'left');
  return {
    admitted: counted.some(({ outcome }) => outcome === 'admitted'),
    inside: counted.at(-1)?.outcome === 'admitted',
  };
}

function firstOf({ first }: Result): Correction['first'] {
  return first && { at: Date.parse(first.at) * 1_000, gate: first.gate, device: first.device };
}
