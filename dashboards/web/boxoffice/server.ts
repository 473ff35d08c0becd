// What the pages of a box office ask for, and where.
import { queryOptions } from '@tanstack/react-query';
import { address, ask, part, Refusal } from '../server/http';
import { paths as of, type Read } from '../server/queries';
import { merged, type Trend } from './overTime';
import type * as t from './types';

/** How often figures that stand on a page are asked for again, milliseconds; an answer that is the same costs its tag. */
const EVERY_MS = 3_000;

const office = (org: string, event: string) => `${of.event(org, event)}/box-office`;

/** Addresses below the box office of an event. */
export const at = {
  office,
  sales: (org: string, event: string) => `${office(org, event)}/sales`,
  product: (org: string, event: string, id: string) => `${office(org, event)}/products/${part(id)}`,
  quota: (org: string, event: string, id: string) => `${office(org, event)}/quotas/${part(id)}`,
  promo: (org: string, event: string, id: string) => `${office(org, event)}/promos/${part(id)}`,
  discounts: (org: string, event: string) => `${office(org, event)}/group-discounts`,
  room: (org: string, event: string) => `${office(org, event)}/room`,
  orders: (org: string, event: string) => `${office(org, event)}/orders`,
  order: (org: string, event: string, id: string) => `${office(org, event)}/orders/${part(id)}`,
  refunds: (org: string, event: string) => `${office(org, event)}/refunds`,
  waitlist: (org: string, event: string) => `${office(org, event)}/waitlist`,
  payouts: (org: string, event: string) => `${office(org, event)}/payouts`,
  goods: (org: string, event: string) => `${office(org, event)}/goods`,
};

/** Everything of a box office is kept under this. */
export const key = (org: string, event: string) =>
  ['organization', org, 'events', event, 'box-office'] as const;

/** Null where nothing was ever said: a box office begins with the first thing that is set. */
async function orNone<T>(asked: Promise<{ data: T }>): Promise<T | null> {
  try {
    return (await asked).data;
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return null;
    throw error;
  }
}

/** Things by their names, as people look for them. */
function sorted(offer: t.Offer | null): t.Offer | null {
  if (!offer) return null;
  const byTitle = (a: { title: string }, b: { title: string }) => a.title.localeCompare(b.title);
  return {
    ...offer,
    products: [...offer.products].sort(byTitle),
    quotas: [...offer.quotas].sort(byTitle),
    promos: [...offer.promos].sort((a, b) => a.code.localeCompare(b.code)),
    doors: [...offer.doors].sort(byTitle),
  };
}

/** Everything that is offered, with what is held and sold; null before the first thing is offered. */
export const offer = (org: string, event: string) =>
  queryOptions({
    queryKey: [...key(org, event), 'offer'],
    queryFn: async ({ signal }) => sorted(await orNone(ask<t.Offer>('GET', office(org, event), { signal }))),
    refetchInterval: EVERY_MS,
  });

/** What waits for somebody. */
export const summary = (org: string, event: string) =>
  queryOptions({
    queryKey: [...key(org, event), 'summary'],
    queryFn: ({ signal }) => orNone(ask<t.Summary>('GET', `${office(org, event)}/summary`, { signal })),
    refetchInterval: EVERY_MS,
  });

/** Something that is set, as it was read for a form: it does not change under whoever fills it in. */
export const setting = <T>(org: string, event: string, path: string) =>
  queryOptions({
    queryKey: [...key(org, event), 'setting', path],
    queryFn: async ({ signal }): Promise<Read<T> | null> => {
      try {
        const { data, tag } = await ask<T>('GET', path, { signal });
        return { row: data, tag };
      } catch (error) {
        if (error instanceof Refusal && error.status === 404) return null;
        throw error;
      }
    },
    staleTime: Infinity,
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });

export const order = (org: string, event: string, id: string) =>
  queryOptions({
    queryKey: [...key(org, event), 'order', id],
    queryFn: async ({ signal }) =>
      (await ask<t.OrderDetail>('GET', at.order(org, event, id), { signal })).data,
    refetchInterval: EVERY_MS,
  });

export const history = (org: string, event: string, id: string) =>
  queryOptions({
    queryKey: [...key(org, event), 'history', id],
    queryFn: async ({ signal }) =>
      (await ask<t.OrderFact[]>('GET', `${at.order(org, event, id)}/history`, { signal })).data,
    refetchInterval: EVERY_MS,
  });

export const ledger = (org: string, event: string) =>
  queryOptions({
    queryKey: [...key(org, event), 'ledger'],
    queryFn: ({ signal }) => orNone(ask<t.Balance[]>('GET', `${office(org, event)}/ledger`, { signal })),
    refetchInterval: EVERY_MS,
  });

export const payable = (org: string, event: string) =>
  queryOptions({
    queryKey: [...key(org, event), 'payable'],
    queryFn: ({ signal }) => orNone(ask<t.Payable[]>('GET', `${office(org, event)}/payable`, { signal })),
    refetchInterval: EVERY_MS,
  });

/** How many codes of digital products there are. */
export const goodsCounts = (org: string, event: string) =>
  queryOptions({
    queryKey: [...key(org, event), 'goods'],
    queryFn: async ({ signal }) =>
      (await orNone(ask<t.GoodsCount[]>('GET', `${at.goods(org, event)}/counts`, { signal }))) ?? [],
    refetchInterval: EVERY_MS,
  });

/** How stock and sales went: everything once, then from the step on that was not over. */
export const trend = (org: string, event: string) => {
  const queryKey = [...key(org, event), 'trend'];
  return queryOptions({
    queryKey,
    queryFn: async ({ client, signal }): Promise<Trend | null> => {
      const known = client.getQueryData<Trend | null>(queryKey);
      const path = address(`${office(org, event)}/trend`, { from: known?.times.at(-1) });
      const newer = await orNone(ask<Trend>('GET', path, { signal }));
      return known && newer ? merged(known, newer) : newer;
    },
    refetchInterval: EVERY_MS,
  });
};
