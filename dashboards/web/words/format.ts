// Numbers and times as people of a language and in the zone of an organization read them. Made once for each, since
// making an `Intl` formatter costs more than using it a thousand times.

export interface Format {
  language: string;
  zone: string;
  number: (value: number) => string;
  /** Short for large ones: 12.3K. */
  compact: (value: number) => string;
  percent: (share: number) => string;
  money: (minor: number, currency: string) => string;
  /** Without cents, short for large ones: €565K. */
  moneyShort: (minor: number, currency: string) => string;
  /** Day and time. */
  moment: (time: Date) => string;
  day: (time: Date) => string;
  clock: (time: Date) => string;
  /** With seconds. */
  exact: (time: Date) => string;
  bytes: (count: number) => string;
  duration: (milliseconds: number) => string;
  list: (parts: string[]) => string;
}

const made = new Map<string, Format>();

export function formatFor(language: string, zone: string): Format {
  const name = `${language} ${zone}`;
  let format = made.get(name);
  if (!format) {
    format = make(language, knownZone(zone));
    made.set(name, format);
  }
  return format;
}

/** The zone, or UTC when this browser does not know it: a page with wrong times is worse than one that says UTC. */
function knownZone(zone: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return zone;
  } catch {
    return 'UTC';
  }
}

function make(language: string, zone: string): Format {
  const number = new Intl.NumberFormat(language);
  const compact = new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1 });
  // Three digits say enough: 203 %, 89.4 %.
  const percent = new Intl.NumberFormat(language, { style: 'percent', maximumSignificantDigits: 3 });
  const times = (options: Intl.DateTimeFormatOptions) => {
    const formatter = new Intl.DateTimeFormat(language, { timeZone: zone, hourCycle: 'h23', ...options });
    return (time: Date) => formatter.format(time);
  };
  const unit = (value: number, name: string, digits = 0) =>
    new Intl.NumberFormat(language, {
      style: 'unit',
      unit: name,
      unitDisplay: 'short',
      maximumFractionDigits: digits,
    }).format(value);
  const list = new Intl.ListFormat(language, { type: 'unit', style: 'short' });
  return {
    language,
    zone,
    number: (value) => number.format(value),
    compact: (value) => (Math.abs(value) < 10_000 ? number.format(value) : compact.format(value)),
    percent: (share) => percent.format(share),
    money: (minor, currency) => money(language, minor, currency),
    moneyShort: (minor, currency) =>
      money(language, minor, currency, { notation: 'compact', maximumFractionDigits: 1 }),
    moment: times({ dateStyle: 'medium', timeStyle: 'short' }),
    day: times({ dateStyle: 'medium' }),
    clock: times({ hour: '2-digit', minute: '2-digit' }),
    exact: times({ hour: '2-digit', minute: '2-digit', second: '2-digit' }),
    bytes: (count) => bytes(count, unit),
    duration: (milliseconds) => duration(milliseconds, unit),
    list: (parts) => list.format(parts),
  };
}

/** Minor units have as many digits as the currency says (ISO 4217): none for JPY, three for KWD. */
export const digitsOf = (currency: string): number =>
  new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;

function money(
  language: string,
  minor: number,
  currency: string,
  look: Intl.NumberFormatOptions = {},
): string {
  const options = { style: 'currency', currency, currencyDisplay: 'narrowSymbol' } as const;
  const major = minor / 10 ** digitsOf(currency);
  return new Intl.NumberFormat(language, { ...options, ...look }).format(major);
}

type Unit = (value: number, name: string, digits?: number) => string;

function bytes(count: number, unit: Unit): string {
  const names = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  const place = count < 1 ? 0 : Math.min(names.length - 1, Math.floor(Math.log10(count) / 3));
  return unit(count / 1000 ** place, names[place] ?? 'byte', place === 0 ? 0 : 1);
}

function duration(milliseconds: number, unit: Unit): string {
  if (milliseconds < 1_000) return unit(Math.round(milliseconds), 'millisecond');
  if (milliseconds < 60_000) return unit(milliseconds / 1_000, 'second', 1);
  if (milliseconds < 3_600_000) return unit(Math.round(milliseconds / 60_000), 'minute');
  if (milliseconds < 172_800_000) return unit(milliseconds / 3_600_000, 'hour', 1);
  return unit(Math.round(milliseconds / 86_400_000), 'day');
}

/** The instant of a figure in microseconds since 1970. */
export const fromMicros = (micros: number): Date => new Date(micros / 1_000);

/**
 * The instant at which clocks in `zone` show `local` (as a form field gives it: `2026-05-01T09:00`).
 * Where clocks are turned, the hour that comes twice is taken as the first, one that is left out as the one after.
 */
export function instantIn(zone: string, local: string): Date {
  const wall = Date.parse(`${local}Z`);
  const first = wall - offsetAt(zone, wall);
  // The offset at the wall clock's own number may be that of the other side of a change: ask again, nearer.
  return new Date(wall - offsetAt(zone, first));
}

/** What clocks in `zone` show at `instant`, as a form field takes it; the reverse of `instantIn`. */
export function localIn(zone: string, instant: Date): string {
  const text = new Date(instant.getTime() + offsetAt(zone, instant.getTime())).toISOString();
  return text.endsWith(':00.000Z') ? text.slice(0, 16) : text.slice(0, 19);
}

/** How far clocks in `zone` are ahead of UTC at `instant`, milliseconds. */
function offsetAt(zone: string, instant: number): number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: knownZone(zone),
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  const parts = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, value]));
  const wall = `${parts['year']}-${parts['month']}-${parts['day']}T${parts['hour']}:${parts['minute']}:${parts['second']}Z`;
  return Date.parse(wall) - Math.floor(instant / 1_000) * 1_000;
}
