// How long to wait before the next attempt: twice as long each time, up to a bound, with chance so that not all come at once.

/** The first wait, milliseconds: a restart of the server takes about a second. */
const FIRST_MS = 400;
/** The longest wait, milliseconds: longer, and somebody who looks at the page would reload it. */
export const LONGEST_MS = 15_000;

/** The wait before attempt number `attempt` (from 0), milliseconds; `chance` is in 0..1. Half of it is chance. */
export function waitBefore(attempt: number, chance: number): number {
  const bound = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(bound / 2 + (bound / 2) * chance);
}
