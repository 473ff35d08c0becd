// Amounts, shares and spans as people type them. Pure: texts in, whole numbers out, nothing where a text says nothing.
import { digitsOf } from '../words/format';
import type { Money } from './types';

/** The minor units of an amount such as `49.90` or `49,90`; null when it is none, or has more digits than the currency. */
export function minorOf(text: string, currency: string): number | null {
  const match = /^(\d{1,12})(?:[.,](\d+))?$/.exec(text.trim());
  if (!match) return null;
  const digits = digitsOf(currency);
  const fraction = match[2] ?? '';
  if (fraction.length > digits) return null;
  return Number(match[1]) * 10 ** digits + Number(fraction.padEnd(digits, '0') || '0');
}

/** An amount as a field shows it: `49.90`, `5000` for yen. */
export function amountText(minor: number, currency: string): string {
  const digits = digitsOf(currency);
  return (minor / 10 ** digits).toFixed(digits);
}

/** A share in hundredths of a percent from `19` or `7,5`; null when it is none, or above 100 %. */
export function sharesOf(text: string): number | null {
  const match = /^(\d{1,3})(?:[.,](\d{1,2}))?$/.exec(text.trim());
  if (!match) return null;
  const points = Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'));
  return points <= 10_000 ? points : null;
}

/** A share as a field shows it: `19`, `7.5`. */
export const shareText = (points: number): string => String(points / 100);

/** A whole number, or null for an empty text. */
export function countOf(text: string): number | null {
  return /^\d+$/.test(text.trim()) ? Number(text) : null;
}

/** The amount of a currency, if one stands there. */
export const inCurrency = (amounts: readonly Money[], currency: string): number | undefined =>
  amounts.find((one) => one.currency === currency)?.minor;

/** Currencies of amounts, each once, in the order in which they come. */
export const currenciesOf = (amounts: readonly Money[]): string[] => [
  ...new Set(amounts.map((one) => one.currency)),
];
