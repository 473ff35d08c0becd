// Rules of RFC 5545 as a form shows them. Pure: what the form cannot show stays a rule that somebody writes.
export const FREQUENCIES = ['DAILY', 'WEEKLY', 'MONTHLY'] as const;
export type Frequency = (typeof FREQUENCIES)[number];

/** Days as RFC 5545 names them, Monday first. */
export const DAYS = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'] as const;
export type Day = (typeof DAYS)[number];

/** A rule that fields can show. */
export interface Simple {
  frequency: Frequency;
  interval: number;
  /** For weekly rules; none for the day of the first time. */
  days: Day[];
  /** How it ends: after so many times, or with this day (`2026-11-20`). */
  ends: { count: number } | { until: string };
}

const isDay = (text: string): text is Day => (DAYS as readonly string[]).includes(text);
const isFrequency = (text: string): text is Frequency => (FREQUENCIES as readonly string[]).includes(text);

/** The parts of a rule by name; null when it is not made of `NAME=value`, each once. */
function partsOf(rule: string): Map<string, string> | null {
  const parts = new Map<string, string>();
  for (const part of rule
    .trim()
    .toUpperCase()
    .replace(/^RRULE:/, '')
    .split(';')) {
    const [name = '', value, ...more] = part.split('=');
    if (!value || more.length > 0 || parts.has(name)) return null;
    parts.set(name, value);
  }
  return parts;
}

const numberOf = (text: string | undefined): number | null =>
  text !== undefined && /^[1-9]\d{0,3}$/.test(text) ? Number(text) : null;

function endsOf(parts: Map<string, string>): Simple['ends'] | null {
  const [count, until] = [parts.get('COUNT'), parts.get('UNTIL')];
  if (count !== undefined && until !== undefined) return null;
  const whole = numberOf(count);
  if (whole !== null) return { count: whole };
  const day = /^(\d{4})(\d{2})(\d{2})$/.exec(until ?? '');
  return day ? { until: `${day[1]}-${day[2]}-${day[3]}` } : null;
}

/** The rule as fields; null where it says more than they can show. */
export function simpleOf(rule: string): Simple | null {
  const parts = partsOf(rule);
  const frequency = parts?.get('FREQ') ?? '';
  if (!parts || !isFrequency(frequency)) return null;
  const known = ['FREQ', 'INTERVAL', 'COUNT', 'UNTIL', ...(frequency === 'WEEKLY' ? ['BYDAY'] : [])];
  const ends = endsOf(parts);
  const interval = parts.has('INTERVAL') ? numberOf(parts.get('INTERVAL')) : 1;
  const days = parts.get('BYDAY')?.split(',') ?? [];
  if ([...parts.keys()].some((name) => !known.includes(name))) return null;
  if (!ends || interval === null || !days.every(isDay)) return null;
  return { frequency, interval, days: DAYS.filter((day) => days.includes(day)), ends };
}

/** The rule that fields say. */
export function ruleOf({ frequency, interval, days, ends }: Simple): string {
  return [
    `FREQ=${frequency}`,
    interval === 1 ? '' : `INTERVAL=${interval}`,
    frequency === 'WEEKLY' && days.length > 0 ? `BYDAY=${days.join(',')}` : '',
    'count' in ends ? `COUNT=${ends.count}` : `UNTIL=${ends.until.replaceAll('-', '')}`,
  ]
    .filter(Boolean)
    .join(';');
}
