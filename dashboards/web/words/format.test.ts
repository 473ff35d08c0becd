// Numbers and times as people of a place read them.
import { expect, it } from 'vitest';
import { de } from './de';
import { en } from './en';
import { formatFor, instantIn, localIn } from './format';

it('writes times in the zone of the organization, whatever the machine has', () => {
  const noon = new Date('2026-05-01T12:00:00Z');
  expect(formatFor('en-GB', 'Europe/Berlin').clock(noon)).toBe('14:00');
  expect(formatFor('en-GB', 'Asia/Kolkata').clock(noon)).toBe('17:30');
});

it('writes UTC where the zone is not known, rather than failing', () => {
  expect(formatFor('en-GB', 'Mars/Olympus').zone).toBe('UTC');
});

it('writes money by the digits that its currency has', () => {
  const format = formatFor('en-GB', 'UTC');
  expect(format.money(123_456, 'EUR')).toBe('€1,234.56');
  expect(format.money(123_456, 'JPY')).toBe('¥123,456');
  expect(format.money(123_456, 'KWD')).toMatch(/123\.456$/);
});

it('reads what a form says as clocks in a zone show it', () => {
  expect(instantIn('Europe/Berlin', '2026-05-01T09:00').toISOString()).toBe('2026-05-01T07:00:00.000Z');
  expect(instantIn('Europe/Berlin', '2026-01-01T09:00').toISOString()).toBe('2026-01-01T08:00:00.000Z');
  expect(instantIn('America/New_York', '2026-03-08T12:00').toISOString()).toBe('2026-03-08T16:00:00.000Z');
  expect(instantIn('UTC', '2026-03-08T12:00').toISOString()).toBe('2026-03-08T12:00:00.000Z');
});

it('shows an instant as clocks of a zone do, and reads it back', () => {
  const at = (text: string) => localIn('Europe/Berlin', new Date(text));
  expect(at('2026-01-01T08:00:00Z')).toBe('2026-01-01T09:00');
  expect(at('2026-07-01T08:00:30Z')).toBe('2026-07-01T10:00:30');
  for (const zone of ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'UTC']) {
    const instant = new Date('2026-10-25T12:34:56Z');
    expect(instantIn(zone, localIn(zone, instant))).toEqual(instant);
  }
});

it('says everything in German too, and not in English by oversight', () => {
  const same: string[] = [];
  const compare = (a: object, b: object, path: string) => {
    for (const [name, text] of Object.entries(a)) {
      const other = (b as Record<string, unknown>)[name];
      if (typeof text === 'object' && text !== null)
        compare(text as object, other as object, `${path}${name}.`);
      else if (typeof text === 'string' && text === other && text.includes(' ')) same.push(path + name);
    }
  };
  compare(en, de, '');
  expect(same).toEqual([]);
});
