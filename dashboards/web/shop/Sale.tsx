// A price for less than before, for a while or for so many: what was before, and how long it stands.
import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { At } from './server';
import { priceIn, type Product } from './types';
import { clock, useLeft } from './ui';
import { useFormat, useWords } from './words/speaking';

/** From how many seconds before its end on a sale is counted down; before that the day is enough. */
const COUNTED_S = 2 * 86_400;

export interface OnSale {
  /** Minor units. */
  before: number;
  now: number;
}

/** What a product costs less, in a currency; undefined when it does not. */
export function saleOf(product: Product, currency: string): OnSale | undefined {
  const before = priceIn(product.original, currency);
  const now = priceIn(product.prices, currency);
  if (before === undefined || now === undefined || before <= now) return undefined;
  return product.availability === 'sold_out' || product.availability === 'later'
    ? undefined
    : { before, now };
}

/** The share that is taken off, rounded down: nobody is promised more than there is. */
export const offOf = ({ before, now }: OnSale): number => Math.floor(((before - now) * 100) / before) / 100;

interface Props {
  sale: OnSale;
  product: Product;
  at: At;
  ahead: number;
  zone: string;
}

export function Sale({ sale, product, at, ahead, zone }: Props) {
  const words = useWords();
  const format = useFormat(zone);
  const off = offOf(sale);
  return (
    <p className="text-good mb-2 flex flex-wrap items-center gap-x-3 gap-y-1 text-sm font-semibold">
      {off > 0 && (
        <span className="bg-good-sunk rounded-full px-2.5 py-0.5">
          {words.choose.off(format.percent(off))}
        </span>
      )}
      {product.tier_until && <Countdown until={product.tier_until} at={at} ahead={ahead} />}
    </p>
  );
}

function Countdown({ until, at, ahead }: { until: string; at: At; ahead: number }) {
  const words = useWords();
  const client = useQueryClient();
  const left = useLeft(until, ahead);
  // Whoever looks sees the price that is asked next, not one that is refused.
  useEffect(() => {
    if (left === 0) void client.invalidateQueries({ queryKey: ['shop', at.seller, at.event] });
  }, [left, client, at.seller, at.event]);
  if (left > COUNTED_S) return null;
  return (
    <span role="timer" aria-live="off" data-ends={left}>
      {words.choose.endsIn(clock(left))}
    </span>
  );
}
