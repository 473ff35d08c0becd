// What a live feed says (docs/api.md, "Live feeds"), and how it is applied: forget on `reset`, then set each key.

export interface Place {
  lane: number;
  partition: number;
  end: number;
}

/** What an answer reflects: everything of the log up to here. `log_time` is in microseconds since 1970. */
export interface AsOf {
  epoch: number;
  incarnation: string;
  log_time: number;
  offsets: Place[];
}

export interface Change {
  key: unknown;
  value: unknown;
}

/** A refusal, RFC 9457. */
export interface ProblemDocument {
  code: string;
  /** Why a box office refuses, in a word that stays. */
  reason?: string;
  title?: string;
  detail?: string;
  mend?: string;
  status?: number;
  fields?: { field: string; problem: string }[];
}

export type FeedMessage =
  // Who is here (presence) is on no log: it has neither position nor `as_of`.
  | { type: 'reset' | 'deltas'; position?: string; as_of?: AsOf; changes: Change[] }
  | { type: 'as_of'; position: string; as_of: AsOf }
  | { type: 'problem'; problem: ProblemDocument };

/** Everything that a reader of one feed holds. A new object for every message that changed something. */
export interface Held {
  readonly values: ReadonlyMap<string, Change>;
  readonly position: string | null;
  readonly asOf: AsOf | null;
  readonly problem: ProblemDocument | null;
  /** Whether the first `reset` was applied: until then nothing is known, which is not the same as nothing being there. */
  readonly loaded: boolean;
}

export const nothing: Held = { values: new Map(), position: null, asOf: null, problem: null, loaded: false };

/** What is held after `message`. Pure: values of keys that did not change stay the same objects. */
export function apply(held: Held, message: FeedMessage): Held {
  switch (message.type) {
    case 'problem':
      return { ...held, problem: message.problem };
    case 'as_of':
      return { ...held, position: message.position, asOf: message.as_of, problem: null };
    case 'reset':
    case 'deltas': {
      const values = new Map(message.type === 'reset' ? [] : held.values);
      for (const change of message.changes) {
        const name = nameOf(change.key);
        // Of a feed with one key `null` is an answer ("not there yet"); of a keyed one it says that the key is gone.
        if (change.value === null && change.key !== null) values.delete(name);
        else values.set(name, change);
      }
      const { position = null, as_of: asOf = null } = message;
      return { values, position, asOf, problem: null, loaded: true };
    }
  }
}

/** The whole answer of a feed that has one key: undefined before the first message, null when nothing is there yet. */
export function answerOf(held: Held): unknown {
  return held.values.get('null')?.value;
}

function nameOf(key: unknown): string {
  return JSON.stringify(sorted(key));
}

// Two tellings of the same key may order its fields differently: the server promises JSON, not text.
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, part]) => [name, sorted(part)]));
}
