// Ids of what a buyer wishes, kept for the tab: the same wish that is sent again after a lost answer, a reload or a second
// click is the same to the server, which does it once. What was sent is kept with the id, so that the answer to a first
// attempt can still be asked for when somebody has changed the form meanwhile.
import { Refusal } from '../server/http';

export { newId } from '../server/ids';

export interface Memory {
  getItem: (key: string) => string | null;
  setItem: (key: string, text: string) => void;
  removeItem: (key: string) => void;
}

interface Sent {
  id: string;
  /** Bodies that may have been taken: no answer came. */
  bodies: unknown[];
}

/** Answers of which nobody knows whether something was done. */
const isOpen = (error: unknown): boolean =>
  !(error instanceof Refusal) || error.status === 0 || error.status >= 500 || error.status === 408;

/** Bodies that are kept of one wish. */
const BODIES_MAX = 5;

const keyOf = (name: string) => `eventra-wish/${name}`;

function recall(memory: Memory, name: string): Sent | null {
  try {
    return JSON.parse(memory.getItem(keyOf(name)) ?? 'null') as Sent | null;
  } catch {
    return null;
  }
}

/**
 * Does a wish once, under an id that stays until it is done or refused for good. `send` is given the id and a body; a body that
 * was sent before and may have been done comes first.
 */
export async function once<Body, T>(
  memory: Memory,
  name: string,
  body: Body,
  send: (id: string, body: Body) => Promise<T>,
  mint: () => string,
): Promise<T> {
  const sent = recall(memory, name) ?? { id: mint(), bodies: [] };
  const bodies = [...sent.bodies.filter((one) => JSON.stringify(one) !== JSON.stringify(body)), body];
  memory.setItem(keyOf(name), JSON.stringify({ ...sent, bodies: bodies.slice(-BODIES_MAX) }));
  try {
    const done = await send(sent.id, body);
    memory.removeItem(keyOf(name));
    return done;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'idempotency_conflict') {
      const done = await earlier(bodies.slice(0, -1) as Body[], (one) => send(sent.id, one));
      memory.removeItem(keyOf(name));
      if (done !== undefined) return done;
    } else if (!isOpen(error)) {
      // It was refused, and nothing of it is done; an earlier attempt may still have been.
      const rest = bodies.slice(0, -1);
      memory.setItem(keyOf(name), JSON.stringify({ ...sent, bodies: rest }));
    }
    throw error;
  }
}

/** The answer to the one of these that was done; none when none was. */
async function earlier<Body, T>(bodies: Body[], send: (body: Body) => Promise<T>): Promise<T | undefined> {
  for (const body of bodies) {
    try {
      return await send(body);
    } catch (error) {
      if (isOpen(error)) throw error;
    }
  }
  return undefined;
}

const kept = new Map<string, string>();

/** The tab's memory; the page's own where the browser refuses one. */
export const tab: Memory = {
  getItem: (key) => {
    try {
      return sessionStorage.getItem(key);
    } catch {
      return kept.get(key) ?? null;
    }
  },
  setItem: (key, text) => {
    try {
      sessionStorage.setItem(key, text);
    } catch {
      kept.set(key, text);
    }
  },
  removeItem: (key) => {
    try {
      sessionStorage.removeItem(key);
    } catch {
      kept.delete(key);
    }
  },
};
