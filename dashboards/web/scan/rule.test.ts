// The page's rule against what the desk decides: vectors that `rules::booking::doors::tests` makes.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { faultOf, type Look, type Outcome, type Rule, settle, type Ticket } from './rule';
import { base45, readTicket, verifierOf } from './ticket';

interface Case {
  /** As facts hold it: with times in microseconds. */
  door: Omit<Rule, 'times'> & { times?: { products: string[]; from: number | null; until: number | null }[] };
  tickets: (Ticket & { id: string })[];
  scans: {
    scan: string;
    ticket: string;
    revision: number;
    at: number;
    exit: boolean;
    outcome: Outcome;
  }[];
}

const timeOf = (micros: number | null) => (micros === null ? null : new Date(micros / 1_000).toISOString());

/** As the server tells it. */
const toldOf = ({ times = [], ...door }: Case['door']): Rule => ({
  ...door,
  times: times.map(({ products, from, until }) => ({ products, from: timeOf(from), until: timeOf(until) })),
});

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));

it('decides as the desk does', () => {
  const cases = read('./rule.vectors.json') as Case[];
  expect(cases.length).toBeGreaterThan(50);
  for (const { door, tickets, scans } of cases) {
    for (const ticket of tickets) {
      const own = scans.filter((scan) => scan.ticket === ticket.id);
      const looks = own.map((scan): Look => {
        const fault = faultOf(toldOf(door), ticket, scan);
        return { ...scan, gate: '', device: '', fault, outcome: 'unknown' };
      });
      const told = new Map(settle(looks, door.reentry).map((look) => [look.scan, look.outcome]));
      for (const scan of own)
        expect(told.get(scan.scan), JSON.stringify({ door, ticket, own })).toBe(scan.outcome);
    }
  }
});

interface Signed {
  public_key: string;
  tickets: { text: string; event: string; ticket: string; product: string; revision: number }[];
}

it('reads the tickets that the server signs, and no other', async () => {
  const { public_key, tickets } = read('./ticket.vectors.json') as Signed;
  const { verifyAsync } = await import('@noble/ed25519');
  const key = Uint8Array.from(Buffer.from(public_key, 'base64url'));
  const ours = await verifierOf(public_key);
  // As where the browser has no Ed25519.
  const other: typeof ours = (signature, signed) => verifyAsync(signature, signed, key, { zip215: false });
  for (const verify of [ours, other]) {
    for (const { text, ...claims } of tickets) {
      expect(await readTicket(` ${text}\n`, verify)).toEqual(claims);
      const changed = text.slice(0, 40) + (text[40] === 'A' ? 'B' : 'A') + text.slice(41);
      for (const wrong of ['', 'EV1', text.slice(1), text.slice(0, -3), changed]) {
        expect(await readTicket(wrong, verify), wrong).toBeNull();
      }
    }
  }
});

it('reads base45 as RFC 9285 says', () => {
  const text = (bytes: Uint8Array | null) => bytes && new TextDecoder().decode(bytes);
  expect(text(base45('BB8'))).toBe('AB');
  expect(text(base45('%69 VD92EX0'))).toBe('Hello!!');
  expect(text(base45('QED8WEX0'))).toBe('ietf!');
  for (const wrong of ['GGW', ':::', 'a', 'ab', 'A']) expect(base45(wrong), wrong).toBeNull();
});
