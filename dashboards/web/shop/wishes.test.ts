import { describe, expect, it } from 'vitest';
import { Refusal } from '../server/http';
import { newId, once, type Memory } from './wishes';

function memory(): Memory {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, text) => kept.set(key, text),
    removeItem: (key) => kept.delete(key),
  };
}

/** A server that does what it is asked once for each id, and whose answers may be lost. */
function server() {
  const done = new Map<string, string>();
  const state = { lost: false, full: false, done };
  const send = async (id: string, body: string): Promise<string> => {
    await Promise.resolve();
    const known = done.get(id);
    if (known !== undefined && known !== body) throw new Refusal(422, { code: 'idempotency_conflict' });
    if (state.full && known === undefined) throw new Refusal(409, { code: 'booking_refused' });
    done.set(id, body);
    if (state.lost) throw new Refusal(0, { code: 'unreachable' });
    return `${id} ${body}`;
  };
  return { state, send };
}

let number = 0;
const mint = () => `id-${(number += 1)}`;

describe('a wish', () => {
  it('is done once when its answer was lost and it is sent again', async () => {
    const [kept, { state, send }] = [memory(), server()];
    state.lost = true;
    await expect(once(kept, 'order', 'a', send, mint)).rejects.toThrow();
    state.lost = false;
    const answer = await once(kept, 'order', 'a', send, mint);
    expect([...state.done]).toEqual([[answer.split(' ')[0], 'a']]);
  });

  it('is found when the form was changed after its answer was lost', async () => {
    const [kept, { state, send }] = [memory(), server()];
    state.lost = true;
    await expect(once(kept, 'order', 'a', send, mint)).rejects.toThrow();
    state.lost = false;
    expect((await once(kept, 'order', 'b', send, mint)).endsWith(' a')).toBe(true);
    expect(state.done.size).toBe(1);
  });

  it('may be another after it was refused', async () => {
    const [kept, { state, send }] = [memory(), server()];
    state.full = true;
    await expect(once(kept, 'order', 'a', send, mint)).rejects.toThrow();
    state.full = false;
    expect((await once(kept, 'order', 'b', send, mint)).endsWith(' b')).toBe(true);
  });

  it('is a new one after it was done', async () => {
    const [kept, { state, send }] = [memory(), server()];
    await once(kept, 'order', 'a', send, mint);
    await once(kept, 'order', 'a', send, mint);
    expect(state.done.size).toBe(2);
  });
});

describe('ids', () => {
  it('are UUIDs of version 4, and never the same', () => {
    const ids = Array.from({ length: 1_000 }, newId);
    const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    for (const id of ids) expect(id).toMatch(form);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
