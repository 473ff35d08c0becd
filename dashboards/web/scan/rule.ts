// Who is let in: the rule of the desk (`rules::booking::doors`), for when there is no connection. Held to it by vectors.

export type Outcome =
  | 'admitted'
  | 'left'
  | 'duplicate'
  | 'replaced'
  | 'cancelled'
  | 'wrong_door'
  | 'not_now'
  | 'too_early'
  | 'too_late'
  | 'voided'
  | 'wrong_event'
  | 'unknown';

/** A time in which some products may come in; all when none stand here. RFC 3339. */
export interface DoorTime {
  products: string[];
  from: string | null;
  until: string | null;
}

export interface Rule {
  /** The products that may pass; all when none stand here. */
  products: string[];
  reentry: 'never' | 'after_exit' | 'always';
  times?: DoorTime[];
}

/** A ticket as it is known. */
export interface Ticket {
  product: string;
  revision: number;
  cancelled: boolean;
}

/** A look at a ticket. */
export interface Look {
  /** The scan's id, 32 hexadecimal digits. */
  scan: string;
  /** Microseconds since 1970. */
  at: number;
  exit: boolean;
  gate: string;
  device: string;
  /** What the ticket itself said; null when it was valid. */
  fault: Outcome | null;
  outcome: Outcome;
}

/** When a ticket lets in, as its code says. Microseconds since 1970. */
export interface Validity {
  from: number | null;
  until: number | null;
}

/** What is wrong with a ticket at a door, whoever was there before. */
export function faultOf(
  door: Rule,
  ticket: Ticket,
  look: { revision: number; at: number; exit: boolean; valid?: Validity | undefined },
): Outcome | null {
  if (ticket.cancelled) return 'cancelled';
  if (look.revision !== ticket.revision) return 'replaced';
  if (door.products.length > 0 && !door.products.includes(ticket.product)) return 'wrong_door';
  // Whoever is in may leave.
  if (look.exit) return null;
  if (!isOpen(door.times ?? [], ticket.product, look.at)) return 'not_now';
  const { from = null, until = null } = look.valid ?? {};
  if (from !== null && look.at < from) return 'too_early';
  if (until !== null && look.at >= until) return 'too_late';
  return null;
}

/** Microseconds since 1970; what is finer than milliseconds is no one's opening time. */
const microsOf = (time: string) => Date.parse(time) * 1_000;

/** Whether a product may come in at a time; going out is possible at any. */
function isOpen(times: DoorTime[], product: string, at: number): boolean {
  const own = times.filter((time) => time.products.length === 0 || time.products.includes(product));
  const within = ({ from, until }: DoorTime) =>
    (from === null || microsOf(from) <= at) && (until === null || at < microsOf(until));
  return own.length === 0 || own.some(within);
}

/** By when the device looked, then by the scan's id: the order in which all devices agree. */
export function inOrder(one: Look, other: Look): number {
  if (one.at !== other.at) return one.at - other.at;
  return one.scan < other.scan ? -1 : Number(one.scan > other.scan);
}

/** The looks in order, each with what it comes to. */
export function settle(looks: readonly Look[], reentry: Rule['reentry']): Look[] {
  let admitted = false;
  let inside = false;
  return looks.toSorted(inOrder).map((look) => {
    const outcome = outcomeOf(look, reentry, admitted, inside);
    if (outcome === 'admitted') admitted = inside = true;
    if (outcome === 'left') inside = false;
    return { ...look, outcome };
  });
}

function outcomeOf(look: Look, reentry: Rule['reentry'], admitted: boolean, inside: boolean): Outcome {
  if (look.fault) return look.fault;
  if (look.exit) return 'left';
  const again = { always: true, after_exit: !inside, never: !admitted }[reentry];
  return again ? 'admitted' : 'duplicate';
}
