// What needs somebody's action, most urgent first. Pure: figures in, items out.
import type { Attendance, EventRow, FraudOverview, ItemRow, LateCount, Readiness } from '../server/types';

export interface Figures {
  now: number;
  event: EventRow | undefined;
  readiness: Readiness | null | undefined;
  registered: number;
  checkedIn: number;
  sessions: readonly Attendance[];
  items: readonly ItemRow[];
  fraud: FraudOverview | null | undefined;
  late: LateCount | null | undefined;
}

export type Item =
  | { what: 'notReady' }
  | { what: 'full'; session: string; title: string; share: number }
  | { what: 'fraud'; count: number }
  | { what: 'noCheckIns' }
  | { what: 'fewCheckIns'; share: number }
  | { what: 'late'; count: number };

export type Urgency = 'bad' | 'warn';
export const urgencyOf = (item: Item): Urgency =>
  item.what === 'fewCheckIns' || item.what === 'late' || (item.what === 'full' && item.share < 1)
    ? 'warn'
    : 'bad';

/** From this share on a room needs somebody at its door. */
const NEARLY_FULL = 0.9;
/** How long after the doors open it is odd that few have checked in, milliseconds. */
const DOORS_MS = 3_600_000;
/** Below this share of the registered, after `DOORS_MS`, somebody should look at the doors. */
const FEW = 0.3;
/** Rooms that are named; the list of sessions has the others. */
const ROOMS_MAX = 3;

export function attention(figures: Figures): Item[] {
  const items: Item[] = [];
  if (figures.readiness && !figures.readiness.ready) items.push({ what: 'notReady' });
  items.push(...fullRooms(figures));
  if (figures.fraud && figures.fraud.high > 0) items.push({ what: 'fraud', count: figures.fraud.high });
  items.push(...doors(figures));
  if (figures.late && figures.late.excluded > 0) items.push({ what: 'late', count: figures.late.excluded });
  return items.sort((a, b) => Number(urgencyOf(a) === 'warn') - Number(urgencyOf(b) === 'warn'));
}

function fullRooms({ sessions, items }: Figures): Item[] {
  const rooms = new Map(items.map((item) => [item.session, item]));
  const shares = sessions.flatMap((session) => {
    const item = rooms.get(session.session);
    if (!item?.capacity) return [];
    return [
      {
        what: 'full' as const,
        session: session.session,
        title: item.title,
        share: session.present / item.capacity,
      },
    ];
  });
  return shares
    .filter((room) => room.share >= NEARLY_FULL)
    .sort((a, b) => b.share - a.share)
    .slice(0, ROOMS_MAX);
}

function doors({ event, now, registered, checkedIn }: Figures): Item[] {
  if (!event || registered === 0) return [];
  const [starts, ends] = [Date.parse(event.starts), Date.parse(event.ends)];
  if (now < starts || now > ends) return [];
  if (checkedIn === 0) return [{ what: 'noCheckIns' }];
  const share = checkedIn / registered;
  return now > starts + DOORS_MS && share < FEW ? [{ what: 'fewCheckIns', share }] : [];
}

/** Whether an event is coming up, running or over. */
export function phaseOf(event: EventRow, now: number): 'before' | 'running' | 'over' {
  if (now < Date.parse(event.starts)) return 'before';
  return now <= Date.parse(event.ends) ? 'running' : 'over';
}
