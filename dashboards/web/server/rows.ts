// Lists that are shown page by page: the first page at once, more when somebody asks for them.
import { type QueryKey, useInfiniteQuery } from '@tanstack/react-query';
import { address, ask } from './http';

/** Rows of a page: the most that the server gives at once. */
const ROWS = 200;

export interface Rows<T> {
  /** What has been read so far; undefined until the first page is there. */
  rows: T[] | undefined;
  error: Error | null;
  /** Reads the next page; none when everything is there. */
  more: (() => void) | undefined;
  loading: boolean;
}

/** The list at `path`, kept under `key`; nothing is asked for while `path` is null. */
export function useRows<T>(key: QueryKey, path: string | null, retry = true): Rows<T> {
  const query = useInfiniteQuery({
    queryKey: [...key, 'rows', path],
    queryFn: ({ pageParam, signal }) =>
      ask<T[]>('GET', withCursor(path ?? '', pageParam), {
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next ?? null,
    enabled: path !== null,
    ...(retry ? {} : { retry: false }),
  });
  return {
    rows: query.data?.pages.flatMap((page) => page.data),
    error: query.error,
    more: query.hasNextPage ? () => void query.fetchNextPage() : undefined,
    loading: query.isFetchingNextPage,
  };
}

function withCursor(path: string, cursor: string | null): string {
  const [base = '', query = ''] = path.split('?');
  const given = Object.fromEntries(new URLSearchParams(query));
  return address(base, { limit: ROWS, ...given, cursor });
}
