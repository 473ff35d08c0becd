// What a ticket's code says (`api::booking::tickets`): `EV1`, then base45 (RFC 9285) of claims and an Ed25519 signature.

import { verifyAsync } from '@noble/ed25519';

const PREFIX = 'EV1';
const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';
const CLAIMS_BYTES = 52;
const SIGNATURE_BYTES = 64;
const CONTEXT = new TextEncoder().encode('eventra ticket 1');

/** Ids are 32 hexadecimal digits, the ticket's a UUID as the server prints it. */
export interface Claims {
  event: string;
  ticket: string;
  product: string;
  revision: number;
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
  if (!rest.startsWith(PREFIX)) return null;
  const bytes = base45(rest.slice(PREFIX.length));
  if (bytes?.length !== CLAIMS_BYTES + SIGNATURE_BYTES) return null;
  const claims = bytes.slice(0, CLAIMS_BYTES);
  const signed = new Uint8Array(CONTEXT.length + CLAIMS_BYTES);
  signed.set(CONTEXT);
  signed.set(claims, CONTEXT.length);
  if (!(await verify(bytes.slice(CLAIMS_BYTES), signed))) return null;
  return {
    event: hex(claims.subarray(0, 16)),
    ticket: uuid(hex(claims.subarray(16, 32))),
    product: hex(claims.subarray(32, 48)),
    revision: new DataView(claims.buffer).getUint32(48),
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
