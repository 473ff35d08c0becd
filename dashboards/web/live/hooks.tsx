// The connection of a page as React sees it: one for the organization that is looked at.
import { useQueryClient } from '@tanstack/react-query';
import {
  createContext,
  use,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from 'react';
import { ask, Refusal } from '../server/http';
import { inOrganization } from '../server/queries';
import { Connection, type Condition, type Surroundings } from './connection';
import { answerOf, type AsOf, type Held, nothing } from './protocol';

const Current = createContext<Connection | null>(null);

/** Opens the connection of an organization for everything below. */
export function Live({ organization, children }: { organization: string; children: ReactNode }) {
  const client = useQueryClient();
  const connection = useMemo(() => new Connection(surroundingsOf(organization)), [organization]);
  useEffect(() => {
    const changed = () => connection.networkChanged();
    connection.start();
    window.addEventListener('online', changed);
    window.addEventListener('offline', changed);
    // A login that ended shows itself here first: ask who I am, which leads to the sign-in page.
    const unlisten = connection.listen(() => {
      if (connection.condition === 'refused') void client.invalidateQueries({ queryKey: ['me'] });
    });
    return () => {
      window.removeEventListener('online', changed);
      window.removeEventListener('offline', changed);
      unlisten();
      connection.stop();
    };
  }, [connection, client]);
  return <Current value={connection}>{children}</Current>;
}

function surroundingsOf(organization: string): Surroundings {
  return {
    socketUrl: socketUrl(organization),
    streamUrl: (address) => inOrganization(`/v1/feeds/${address}`, organization),
    openSocket: (url) => new WebSocket(url),
    isOnline: () => navigator.onLine,
    chance: () => Math.random(),
    now: () => performance.now(),
    mayRead: async () => {
      try {
        await ask('GET', inOrganization('/v1/views/freshness', organization));
        return true;
      } catch (error) {
        if (error instanceof Refusal && [401, 403].includes(error.status)) return false;
        throw error;
      }
    },
  };
}

function socketUrl(organization: string): string {
  const url = new URL(inOrganization('/v1/feeds', organization), window.location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  return url.href;
}

function useConnection(): Connection {
  const connection = use(Current);
  if (!connection) throw new Error('a feed is read outside of <Live>');
  return connection;
}

export function useCondition(): { condition: Condition; retry: () => void } {
  const connection = useConnection();
  const condition = useSyncExternalStore(connection.listen, () => connection.condition);
  return { condition, retry: () => connection.retryNow() };
}

/** Updates a second of a feed, unless the page needs it livelier. */
const USUAL_RATE = 2;

const never = () => () => undefined;
const nobody = () => nothing;

/** What is held of the feed at `address`; nothing, and none is asked for, while that is null. */
export function useFeed(address: string | null, maxRate = USUAL_RATE): Held {
  const connection = useConnection();
  const feed = useMemo(
    () => (address === null ? null : connection.feed(address, maxRate)),
    [connection, address, maxRate],
  );
  useEffect(() => {
    if (!feed) return;
    connection.keep(feed);
    return () => connection.release(feed);
  }, [connection, feed]);
  return useSyncExternalStore(feed?.listen ?? never, feed?.read ?? nobody);
}

export interface Told<T> {
  /** Undefined until it is known, null when there is nothing yet. */
  data: T | null | undefined;
  asOf: AsOf | null;
  problem: string | null;
}

/** The whole answer of a feed that has one. */
export function useAnswer<T>(address: string | null, maxRate = USUAL_RATE): Told<T> {
  const held = useFeed(address, maxRate);
  return {
    data: answerOf(held) as T | null | undefined,
    asOf: held.asOf,
    problem: held.problem?.code ?? null,
  };
}

/** The present time, told anew every `every` milliseconds: for words such as "3 s ago". */
export function useNow(every: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** What `value` was about `ago` milliseconds before, and since when that holds; for arrows up and down. */
export function useEarlier<T>(value: T | null | undefined, ago: number): { value: T; at: number } | null {
  const kept = useRef<{ value: T; at: number }[]>([]);
  const [earlier, setEarlier] = useState<{ value: T; at: number } | null>(null);
  const newest = useRef(value);
  useEffect(() => {
    newest.current = value;
    if (value !== null && value !== undefined && kept.current.length === 0) {
      kept.current.push({ value, at: Date.now() });
    }
  }, [value]);
  useEffect(() => {
    // Six samples of the past are enough to have one that is nearly as old as was asked for.
    const timer = setInterval(() => {
      if (newest.current === null || newest.current === undefined) return;
      const now = Date.now();
      kept.current.push({ value: newest.current, at: now });
      while (kept.current.length > 1 && (kept.current[1]?.at ?? now) <= now - ago) kept.current.shift();
      setEarlier(kept.current[0] ?? null);
    }, ago / 6);
    return () => clearInterval(timer);
  }, [ago]);
  return earlier;
}
