// Has the server keep what is in a cart, give it back, or keep it longer.
import { useQueryClient } from '@tanstack/react-query';
import { ask, part, Refusal } from '../server/http';
import type { Cart, Change, Line } from './cart';
import { base, type At } from './server';
import type { Hold } from './types';
import { newId, once, tab } from './wishes';

export interface Holding {
  /** Keeps these lines instead of what was kept before. */
  take: (lines: Line[]) => Promise<Hold>;
  release: () => Promise<void>;
  extend: () => Promise<Hold>;
}

export function useHolding(at: At, cart: Cart, change: Change): Holding {
  const client = useQueryClient();
  const name = `hold/${at.seller}/${at.event}`;

  const keep = async (lines: Line[]): Promise<Hold> => {
    const body = {
      lines,
      currency: cart.currency,
      ...(cart.code ? { code: cart.code } : {}),
      ...(cart.place ? { place: cart.place } : {}),
    };
    const send = async (wish: string, sent: typeof body) =>
      (await ask<Hold>('POST', `${base(at)}/holds`, { body: sent, wish })).data;
    return once(tab, name, body, send, newId);
  };

  const drop = async (id: string): Promise<void> => {
    await ask('DELETE', `${base(at)}/holds/${part(id)}`, { wish: newId() });
  };

  const take = async (lines: Line[]): Promise<Hold> => {
    const before = cart.hold;
    let hold: Hold;
    try {
      hold = await keep(lines);
      // What was kept before is given back only when the new is there, so that nobody loses a place by changing a cart.
      if (before && before.id !== hold.id) await drop(before.id).catch(() => undefined);
    } catch (error) {
      if (!before || !(error instanceof Refusal) || error.status !== 409) throw error;
      // The old cart may be what is in the way: the last seats, a code of one use, the turn in the waiting room.
      await drop(before.id).catch(() => undefined);
      change((now) => ({ ...now, hold: null }));
      hold = await keep(lines);
    }
    client.setQueryData(['hold', at.seller, at.event, hold.id], hold);
    change((now) => ({ ...now, hold: { id: hold.id, lines, total: hold.total } }));
    return hold;
  };

  const release = async (): Promise<void> => {
    if (cart.hold) await drop(cart.hold.id).catch(() => undefined);
    change((now) => ({ ...now, hold: null }));
  };

  const extend = async (): Promise<Hold> => {
    const id = cart.hold?.id ?? '';
    const { data } = await ask<Hold>('POST', `${base(at)}/holds/${part(id)}/extension`, { wish: newId() });
    client.setQueryData(['hold', at.seller, at.event, id], data);
    return data;
  };

  return { take, release, extend };
}
