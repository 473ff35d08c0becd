// What a shop asks the server. Reads are repeated while somebody looks, at most as often as stands here.
import { keepPreviousData, queryOptions, type Query } from '@tanstack/react-query';
import { address, ask, part } from '../server/http';
import type { Line } from './cart';
import type { Hold, Order, Place, Prices, Shop, Step, Turn } from './types';

/** How often something is asked again, milliseconds. Browsers do not ask in the background. */
const SHOP_EVERY_MS = 10_000;
const HOLD_EVERY_MS = 20_000;
const PLACE_EVERY_MS = 3_000;
const TURN_EVERY_MS = 15_000;
const PAYING_EVERY_MS = 2_000;
const OPEN_EVERY_MS = 6_000;
const SETTLED_EVERY_MS = 60_000;

export interface At {
  seller: string;
  event: string;
}

export const base = ({ seller, event }: At): string => `/v1/shop/${part(seller)}/${part(event)}`;
export const home = ({ seller, event }: At): string => `/shop/${part(seller)}/${part(event)}`;

/** The answer that the document has asked for already; good for the first asking only. */
const begun = globalThis as { eventraShop?: Promise<Response> | undefined };

async function early(): Promise<Shop | undefined> {
  const answer = begun.eventraShop;
  begun.eventraShop = undefined;
  const response = await answer?.catch(() => undefined);
  return response?.ok ? ((await response.json()) as { data: Shop }).data : undefined;
}

export const shopQuery = (at: At, code: string) =>
  queryOptions({
    queryKey: ['shop', at.seller, at.event, code],
    queryFn: async ({ signal }) => {
      const first = code === '' ? await early() : undefined;
      return first ?? (await ask<Shop>('GET', address(base(at), { code }), { signal })).data;
    },
    refetchInterval: SHOP_EVERY_MS,
    placeholderData: keepPreviousData,
  });

export interface Wanted {
  lines: Line[];
  currency: string;
  code?: string;
  place?: string;
}

export const pricesQuery = (at: At, wanted: Wanted) =>
  queryOptions({
    queryKey: ['prices', at.seller, at.event, wanted],
    queryFn: async ({ signal }) =>
      (await ask<Prices>('POST', `${base(at)}/prices`, { body: wanted, signal })).data,
    enabled: wanted.lines.length > 0 && wanted.currency !== '',
    placeholderData: keepPreviousData,
    staleTime: SHOP_EVERY_MS,
  });

export const holdQuery = (at: At, id: string | undefined) =>
  queryOptions({
    queryKey: ['hold', at.seller, at.event, id],
    queryFn: async ({ signal }) =>
      (await ask<Hold>('GET', `${base(at)}/holds/${part(id ?? '')}`, { signal })).data,
    enabled: id !== undefined,
    refetchInterval: HOLD_EVERY_MS,
  });

export const placeQuery = (at: At, place: string) =>
  queryOptions({
    queryKey: ['place', at.seller, at.event, place],
    queryFn: async ({ signal }) =>
      (await ask<Place>('GET', `${base(at)}/room/${part(place)}`, { signal })).data,
    enabled: place !== '',
    refetchInterval: PLACE_EVERY_MS,
  });

export const turnQuery = (at: At, wait: string) =>
  queryOptions({
    queryKey: ['turn', at.seller, at.event, wait],
    queryFn: async ({ signal }) =>
      (await ask<Turn>('GET', `${base(at)}/waitlist/${part(wait)}`, { signal })).data,
    refetchInterval: TURN_EVERY_MS,
  });

/** Whether somebody's payment may come any moment. */
const isPaying = (order: Order): boolean =>
  order.payments.some((payment) => !['failed', 'captured', 'voided'].includes(payment.status));

function orderEvery(query: Query<Order, Error, Order, readonly (string | undefined)[]>): number {
  const order = query.state.data;
  const isOpen = order?.status === 'pending' || order?.status === 'in_review';
  const isReturning = order?.refunds.some((refund) => refund.status === 'started') ?? false;
  if (!order || (!isOpen && !isReturning)) return SETTLED_EVERY_MS;
  return isOpen && isPaying(order) ? PAYING_EVERY_MS : OPEN_EVERY_MS;
}

export const orderQuery = (at: At, order: string, secret: string) =>
  queryOptions({
    queryKey: ['order', at.seller, at.event, order] as readonly (string | undefined)[],
    queryFn: async ({ signal }) =>
      (await ask<Order>('GET', `${base(at)}/orders/${part(order)}`, { signal, secret })).data,
    enabled: secret !== '',
    refetchInterval: orderEvery,
  });

export const historyQuery = (at: At, order: string, secret: string, version: string) =>
  queryOptions({
    queryKey: ['history', at.seller, at.event, order, version],
    queryFn: async ({ signal }) =>
      (await ask<Step[]>('GET', `${base(at)}/orders/${part(order)}/history`, { signal, secret })).data,
    placeholderData: keepPreviousData,
  });
