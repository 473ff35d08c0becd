import { describe, expect, it } from 'vitest';
import { countsOf, EMPTY, isSame, linesOf, parse, withOrder } from './cart';

describe('a cart', () => {
  it('has lines for what is chosen, and its counts come back from them', () => {
    const counts = { pass: 2, 'shirt/m': 1, 'shirt/l': 0 };
    const lines = linesOf(counts);
    expect(lines).toEqual([
      { product: 'pass', count: 2 },
      { product: 'shirt', variation: 'm', count: 1 },
    ]);
    expect(countsOf(lines)).toEqual({ pass: 2, 'shirt/m': 1 });
  });

  it('is the same in whatever order', () => {
    const [one, two] = [
      { product: 'a', count: 1 },
      { product: 'b', count: 2 },
    ] as const;
    expect(isSame([one, two], [two, one])).toBe(true);
    expect(isSame([one], [{ ...one, count: 2 }])).toBe(false);
    expect(isSame([one], [{ ...one, variation: 'm' }])).toBe(false);
  });

  it('is empty when what was kept cannot be read', () => {
    for (const text of [null, '', '{', '7', 'null']) expect(parse(text)).toEqual(EMPTY);
    expect(parse('{"code":"X"}')).toEqual({ ...EMPTY, code: 'X' });
  });

  it('remembers an order once, the newest first, and not all for ever', () => {
    let cart = EMPTY;
    for (let n = 0; n < 30; n += 1) cart = withOrder(cart, `order-${n}`, 's');
    cart = withOrder(cart, 'order-20', 'other');
    expect(cart.orders[0]).toEqual({ id: 'order-20', secret: 'other' });
    expect(cart.orders).toHaveLength(20);
    expect(new Set(cart.orders.map((order) => order.id)).size).toBe(20);
  });
});
