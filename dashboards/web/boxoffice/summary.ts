// The items of a box office that need somebody, for its own pages and for the live dashboard.
import { useQuery } from '@tanstack/react-query';
import { attention, type Item } from './attention';
import { summary } from './server';

/** Empty while nothing is known, and for those who may not know. */
export function useBoxItems(org: string, event: string, may: boolean): Item[] {
  return attention(useQuery({ ...summary(org, event), enabled: may }).data);
}
