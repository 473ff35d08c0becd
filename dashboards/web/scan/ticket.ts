// What a ticket's code says (`api::booking::tickets`): `EV1`, then base45 (RFC 9285) of claims and an Ed25519 signature.
// `EV2` has 16 bytes more: from when and until when it lets in.

import { verifyAsync } from '@noble/ed25519';

const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';
const SIGNATURE_BYTES = 64;
const FORMATS = [
  { prefix: 'EV1', length: 52, context: new TextEncoder().encode('eventra ticket 1') },
  { prefix: 'EV2', length: 68, context: new TextEncoder().encode('eventra ticket 2') },
];
/** What stands where there is no bound. */
const NO_BOUNDS = [-(2n ** 63n), 2n ** 63n - 1n];

/** Ids are 32 hexadecimal digits, the ticket's a UUID as the server prints it. */
export interface Claims {
  event: string;
  ticket: string;
  product: string;
  revision: number;
  /** When it lets in, microseconds since 1970; always where this is missing. */
  valid?: { from: number | null; until: number | null };
}

export type Verify = (
  signature: Uint8Array<ArrayBuffer>,
  signed: Uint8Array<ArrayBuffer>,
) => Promise<boolean>;

/** The bytes that a text in base45 stands for; null when it stands for none. */
export function base45(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length % 3 === 1) return null;
  const bytes: number[] = [];
  for (let place = 0; place < text.length; place += 3) {
    const digits = Array.from(text.slice(place, place + 3), (letter) => LETTERS.indexOf(letter));
    if (digits.includes(-1)) return null;
    const [low = 0, middle = 0, high = 0] = digits;
    const value = low + middle * 45 + high * 2025;
    if (value > (digits.length === 3 ? 0xffff : 0xff)) return null;
    if (digits.length === 3) bytes.push(value >> 8);
    bytes.push(value & 0xff);
  }
  return Uint8Array.from(bytes);
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** A UUID as it is printed. */
const uuid = (digits: string) => digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

/** Reads a ticket's text; null when it is not one that the key has signed. */
export async function readTicket(text: string, verify: Verify): Promise<Claims | null> {
  const rest = text.trim();
  const format = FORMATS.find(({ prefix }) => rest.startsWith(prefix));
  if (!format) return null;
  const { prefix, length, context } = format;
  const bytes = base45(rest.slice(prefix.length));
  if (bytes?.length !== length + SIGNATURE_BYTES) return null;
  const claims = bytes.slice(0, length);
  const signed = new Uint8Array(context.length + length);
  signed.set(context);
  signed.set(claims, context.length);
  if (!(await verify(bytes.slice(length), signed))) return null;
  const view = new DataView(claims.buffer);
  const bound = (place: number) => {
    const at = view.getBigInt64(place);
    return NO_BOUNDS.includes(at) ? null : Number(at);
  };
  return {
    event: hex(claims.subarray(0, 16)),
    ticket: uuid(hex(claims.subarray(16, 32))),
    product: hex(claims.subarray(32, 48)),
    revision: view.getUint32(48),
    ...(length > 52 ? { valid: { from: bound(52), until: bound(60) } } : {}),
  };
}

/** Checks signatures with the browser's own Ed25519, or with `@noble/ed25519` where it has none. */
export async function verifierOf(publicKey: string): Promise<Verify> {
  const text = atob(publicKey.replaceAll('-', '+').replaceAll('_', '/'));
  const key = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  try {
    const known = await crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify']);
    return (signature, signed) => crypto.subtle.verify('Ed25519', known, signature, signed);
  } catch {
    return (signature, signed) => verifyAsync(signature, signed, key, { zip215: false }).catch(() => false);
  }
}
