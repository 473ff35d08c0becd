// What the server tells a shop: the same words as in docs/openapi.json.

export interface Money {
  minor: number;
  currency: string;
}

export const priceIn = (prices: Money[], currency: string): number | undefined =>
  prices.find((price) => price.currency === currency)?.minor;

export type Availability = 'available' | 'few' | 'sold_out' | 'later';
export type Provider = 'free' | 'transfer' | 'stripe' | 'test';

export interface Variation {
  variation: string;
  title: string;
  extra: Money[];
  availability: Availability;
  left: number | null;
}

export interface Product {
  id: string;
  title: string;
  kind: string;
  tier: string;
  tier_until: string | null;
  tier_left: number | null;
  next: { title: string; prices: Money[] } | null;
  prices: Money[];
  /** Hundredths of a percent. */
  tax: number;
  variations: Variation[];
  /** What it cost before, while it is on sale for less. */
  original: Money[];
  /** How many one person may have. */
  per_person: number | null;
  with: string[];
  order_max: number | null;
  revealed: boolean;
  availability: Availability;
  left: number | null;
  waitlist: boolean;
  from: string | null;
  until: string | null;
}

export interface GroupDiscount {
  title: string;
  products: string[];
  at_least: number;
  off: number;
  cheapest: number | null;
}

export interface Room {
  opens: string;
  commitment: string;
  seed: string | null;
  waiting: number;
  admitted: number;
  per_minute: number;
  stay_s: number;
  paused: boolean;
}

export interface Shop {
  title: string;
  seller: string;
  zone: string;
  starts: string;
  ends: string;
  now: string;
  open: boolean;
  /** Where the event says what it is; null while it has no public page. */
  page: string | null;
  products: Product[];
  currencies: string[];
  discounts: GroupDiscount[];
  code: { effect: unknown; products: string[] } | null;
  payments: Provider[];
  order_max: number;
  hold_s: number;
  room: Room | null;
}

export interface Position {
  product: string;
  variation: string | null;
  list: number;
  promo_off: number;
  group_off: number;
  /** The group discount, counted from 1. */
  group: number;
  price: number;
  tax: number;
  rate: number;
}

export interface Prices {
  currency: string;
  positions: Position[];
  total: number;
  tax: number;
}

export interface Hold extends Prices {
  id: string;
  until: string;
  latest: string;
  now: string;
}

export interface Contact {
  email: string;
  name: string;
  answers?: Record<string, string>;
  attendees?: string[];
  /** Where an invoice goes, with its lines. */
  address?: string;
  /** Their number at the tax office, for invoices. */
  tax_id?: string;
  /** The language of mails to them. */
  language?: string;
}

export interface Ticket {
  id: string;
  position: number;
  name: string;
  product: string;
  variation: string | null;
  revision: number;
  cancelled: boolean;
  /** When it lets in; always when null. */
  valid_from: string | null;
  valid_until: string | null;
  /** When and where it has let somebody in. */
  admitted: { at: string; door: string; gate: string } | null;
  holder: Contact | null;
  text: string | null;
  svg: string | null;
}

export type PaymentStatus = 'created' | 'pending' | 'failed' | 'authorized' | 'captured' | 'voided';

export interface Payment {
  id: string;
  attempt: number;
  provider: Provider;
  amount: number;
  status: PaymentStatus;
  captured: number;
  /** What a page needs to have a card charged; only with the answer that began the payment. */
  client_secret?: string | null;
  publishable_key?: string | null;
  script?: string | null;
}

export type OrderStatus = 'pending' | 'in_review' | 'confirmed' | 'expired' | 'cancelled' | 'refused';

export interface Order {
  id: string;
  secret: string;
  status: OrderStatus;
  currency: string;
  positions: Position[];
  cancelled: boolean[];
  total: number;
  paid: number;
  provider: Provider;
  placed: string;
  due: string | null;
  buyer: Contact;
  tickets: Ticket[];
  payments: Payment[];
  refunds: { id: string; amount: number; why: string; status: 'started' | 'settled' | 'failed' }[];
  transfer: { to: string; reference: string; amount: number } | null;
  /** Codes, links or files' addresses, once they were given. */
  goods: { id: string; position: number; product: string; variation: string | null; text: string | null }[];
  refund_requests: RefundRequest[];
  /** How money back may be asked for; null when it may not. The fee is in hundredths of a percent. */
  refund_policy: { until: string | null; fee: number } | null;
  now: string;
}

export interface RefundRequest {
  id: string;
  positions: number[];
  state: 'open' | 'granted' | 'declined';
  words: string | null;
  amount: number | null;
}

export interface Step {
  at: string;
  what: string;
  amount: number | null;
}

export interface Place {
  id: string;
  standing: 'undrawn' | 'waits' | 'admitted' | 'over';
  before: number | null;
  until: string | null;
}

export interface Turn {
  id: string;
  before: number | null;
  hold: string | null;
  until: string | null;
}
