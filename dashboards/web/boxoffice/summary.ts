// The items of a box office that need somebody, for its own pages and for the live dashboard.
import { useQuery } from '@tanstack/react-query';
import { useMayEverywhere } from '../server/session';
import { attention, type Item } from './attention';
import { below, type Endpoint, once } from './organization';
import { summary } from './server';

/** Empty while nothing is known, and for those who may not know. */
export function useBoxItems(org: string, event: string, may: boolean): Item[] {
  const manages = useMayEverywhere(org, 'manage_organization');
  const webhooks = useQuery({
    ...once<Endpoint[]>(org, `${below.webhooks(org)}?limit=200`, true),
    enabled: may && manages,
  });
  const failing = webhooks.data?.filter((one) => one.attention).length;
  return attention(useQuery({ ...summary(org, event), enabled: may }).data, failing);
}
