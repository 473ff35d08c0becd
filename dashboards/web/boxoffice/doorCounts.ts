// The counts of an event's doors as they change: server-sent events, which browsers connect again by themselves.
import { useEffect, useState } from 'react';

export interface Counted {
  expected: number;
  admitted: number;
  inside: number;
}

export interface Lately {
  offset: string;
  id: string;
  door: string;
  ticket: string;
  product: string;
  at: string;
  exit: boolean;
  gate: string;
  device: string;
  outcome: string;
  corrected: boolean;
}

export interface DoorCounts {
  offset: string;
  doors: (Counted & { id: string; title: string; products: (Counted & { id: string; title: string })[] })[];
  lately: Lately[];
}

/** How long the browser may take to connect again before a connection is begun anew, milliseconds. */
const ANEW_AFTER_MS = 5_000;

/** The newest counts, and whether they are still told. */
export function useDoorCounts(path: string): { counts: DoorCounts | null; live: boolean } {
  const [counts, setCounts] = useState<DoorCounts | null>(null);
  const [live, setLive] = useState(false);
  useEffect(() => {
    let source: EventSource;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const open = () => {
      source = new EventSource(path);
      source.addEventListener('counts', (event: MessageEvent<string>) => {
        setCounts(JSON.parse(event.data) as DoorCounts);
        setLive(true);
      });
      source.addEventListener('error', () => {
        setLive(false);
        // Refused or answered with an error, a source is closed and does not try again.
        if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, ANEW_AFTER_MS);
      });
    };
    open();
    return () => {
      clearTimeout(timer);
      source.close();
    };
  }, [path]);
  return { counts, live };
}
