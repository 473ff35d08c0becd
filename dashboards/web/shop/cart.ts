// What somebody has chosen in a shop: kept by the browser, so that it outlives a reload and is the same in every tab.
import { useSyncExternalStore } from 'react';

/** A line of a cart. */
export interface Line {
  product: string;
  variation?: string;
  count: number;
}

/** What was kept at which price: what a new hold is compared with. */
export interface Kept {
  id: string;
  lines: Line[];
  total: number;
}

export interface Cart {
  /** How many of each choice; see `nameOf`. */
  counts: Record<string, number>;
  currency: string;
  /** A promo code that the shop has taken. */
  code: string;
  hold: Kept | null;
  /** The place in the waiting room. */
  place: string;
  /** Orders that were made here, the newest first. */
  orders: { id: string; secret: string }[];
}

export const EMPTY: Cart = { counts: {}, currency: '', code: '', hold: null, place: '', orders: [] };

/** Orders that a browser remembers; older ones are found by their mails. */
const ORDERS_MAX = 20;

export const nameOf = (product: string, variation?: string): string =>
  variation ? `${product}/${variation}` : product;

export function linesOf(counts: Record<string, number>): Line[] {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => {
      const [product = '', variation] = name.split('/');
      return { product, ...(variation ? { variation } : {}), count };
    });
}

export const countOf = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** The counts of lines: what was held can be chosen again. */
export const countsOf = (lines: Line[]): Record<string, number> =>
  Object.fromEntries(lines.map((line) => [nameOf(line.product, line.variation), line.count]));

/** Whether two carts hold the same, in whatever order. */
export function isSame(one: Line[], other: Line[]): boolean {
  const text = (lines: Line[]) =>
    lines
      .map((line) => `${nameOf(line.product, line.variation)} ${line.count}`)
      .sort()
      .join('\n');
  return text(one) === text(other);
}

export function withOrder(cart: Cart, id: string, secret: string): Cart {
  const others = cart.orders.filter((order) => order.id !== id);
  return { ...cart, orders: [{ id, secret }, ...others].slice(0, ORDERS_MAX) };
}

/** Reads what the browser has kept; what is not as it should be counts as nothing. */
export function parse(text: string | null): Cart {
  try {
    const read = JSON.parse(text ?? '') as unknown;
    return typeof read === 'object' && read !== null ? { ...EMPTY, ...read } : EMPTY;
  } catch {
    return EMPTY;
  }
}

const listeners = new Set<() => void>();
const carts = new Map<string, { text: string | null; cart: Cart }>();

// A browser may refuse to keep anything (private windows): the cart then lives as long as the page.
function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return carts.get(key)?.text ?? null;
  }
}

function cartAt(key: string): Cart {
  const text = read(key);
  const known = carts.get(key);
  if (known?.text === text) return known.cart;
  const cart = parse(text);
  carts.set(key, { text, cart });
  return cart;
}

function write(key: string, cart: Cart): void {
  const text = JSON.stringify(cart);
  carts.set(key, { text, cart });
  try {
    localStorage.setItem(key, text);
  } catch {
    // Kept by the page alone.
  }
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener('storage', listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener('storage', listener);
  };
}

export type Change = (change: (cart: Cart) => Cart) => void;

/** The cart of a shop, and how to change it. */
export function useCart(seller: string, event: string): [Cart, Change] {
  const key = `eventra-shop/${seller}/${event}`;
  const cart = useSyncExternalStore(subscribe, () => cartAt(key));
  return [cart, (change) => write(key, change(cartAt(key)))];
}
