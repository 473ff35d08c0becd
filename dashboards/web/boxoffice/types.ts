// What the box office's answers look like; docs/api.md says the same at length. Times are RFC 3339.

export interface Money {
  minor: number;
  currency: string;
}

export interface Tier {
  title: string;
  prices: Money[];
  /** What was asked before: shown beside the price of a flash sale. */
  original?: Money[];
  /** When it begins; until then the one after it is asked. */
  from?: string | null;
  until: string | null;
  count: number | null;
}

export interface Variation {
  variation: string;
  title: string;
  extra: Money[];
  /** Its tickets let in from and until here, instead of the product's. */
  valid_from?: string | null;
  valid_until?: string | null;
}

export const KINDS = ['admission', 'add_on', 'goods', 'digital'] as const;

export interface Product {
  title: string;
  kind: (typeof KINDS)[number];
  tiers: Tier[];
  variations: Variation[];
  /** Hundredths of a percent. */
  tax: number;
  from: string | null;
  until: string | null;
  order_max: number | null;
  hidden: boolean;
  with: string[];
  waitlist: boolean;
  withdrawn: boolean;
  per_person?: number | null;
  /** Its tickets let in from and until here. */
  valid_from?: string | null;
  valid_until?: string | null;
  /** Codes that were delivered go back to stock when they are cancelled. */
  reuse?: boolean;
}

/** How buyers may ask for their money back. */
export interface RefundPolicy {
  until: string | null;
  /** Hundredths of a percent. */
  fee: number;
}

export interface Choice {
  product: string;
  variation: string | null;
}

export interface Quota {
  title: string;
  size: number | null;
  products: Choice[];
}

export type Effect = { percent: number } | { off: Money[] } | { price: Money[] } | 'reveal';

export interface Promo {
  code: string;
  effect: Effect;
  products: string[];
  uses: number | null;
  per_person: number | null;
  positions: number | null;
  budget: Money | null;
  from: string | null;
  until: string | null;
  withdrawn: boolean;
}

export interface GroupDiscount {
  title: string;
  products: string[];
  at_least: number;
  off: number;
  cheapest: number | null;
}

export interface Sales {
  open: boolean;
  hold_s: number;
  hold_max_s: number;
  pay_s: number;
  transfer_s: number;
  offer_s: number;
  order_max: number;
  tax_rounding: 'line' | 'sum_by_net' | 'sum_by_net_keep_gross';
  commission: number;
  keep_commission: boolean;
  reprice_groups: boolean;
  review_from: number | null;
  fit_first: boolean;
  /** Where buyers transfer money to; they cannot pay by transfer where nothing stands. */
  transfer_to: string;
  refunds?: RefundPolicy | null;
}

export interface Room {
  opens: string;
  per_minute: number;
  stay_s: number;
  commitment: string;
  paused: boolean;
}

interface Counted {
  held: number;
  sold: number;
}

export type OfferedProduct = Product & Counted & { id: string };
export type CountedQuota = Quota & Counted & { id: string; left: number | null };
export type UsedPromo = Promo & { id: string; used: number; taken_off: number };

export interface Offer {
  sales: Sales;
  products: OfferedProduct[];
  quotas: CountedQuota[];
  promos: UsedPromo[];
  group_discounts: GroupDiscount[];
  doors: { id: string; title: string; admitted: number; inside: number }[];
  room: Room | null;
  room_state: { came: number; admitted: number; seed: string | null } | null;
  waiting: number;
}

export const STATUSES = ['pending', 'in_review', 'confirmed', 'expired', 'cancelled', 'refused'] as const;
export type OrderStatus = (typeof STATUSES)[number];
export type Provider = 'free' | 'transfer' | 'stripe' | 'test';

export interface Contact {
  email: string;
  name: string;
  answers: Record<string, string>;
}

export interface OrderRow {
  id: string;
  status: OrderStatus;
  buyer: Contact;
  positions: number;
  currency: string;
  total: number;
  paid: number;
  provider: Provider;
  placed: string;
}

export interface Position {
  product: string;
  variation: string | null;
  tier: number;
  list: number;
  promo_off: number;
  group_off: number;
  price: number;
  tax: number;
  rate: number;
}

export interface Payment {
  id: string;
  attempt: number;
  provider: Provider;
  amount: number;
  status: 'created' | 'pending' | 'failed' | 'authorized' | 'captured';
  captured: number;
  reference: string;
}

export const REFUND_STATUSES = ['started', 'settled', 'failed'] as const;
export type RefundStatus = (typeof REFUND_STATUSES)[number];
export type RefundReason = 'asked' | 'late' | 'surplus' | 'cancelled';

export interface Refund {
  id: string;
  payment: string;
  amount: number;
  why: RefundReason;
  status: RefundStatus;
}

export type RefundRow = Refund & { order: string; provider: Provider; currency: string; started: string };

export interface TicketHeld {
  id: string;
  position: number;
  product: string;
  variation: string | null;
  revision: number;
  cancelled: boolean;
  holder: Contact | null;
  admitted: { door: string; at: string }[];
}

export interface OrderDetail {
  id: string;
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
  review: Review | null;
  risk: Risk | null;
  payments: Payment[];
  refunds: Refund[];
  tickets: TicketHeld[];
  refundable: number;
  credit: number;
}

export interface Review {
  score: number;
  as_of: string;
  /** The rules that made the score when it was kept; missing where older facts have none. */
  reasons?: { rule: string; weight: number; text: string }[];
}

/** What the rules say of the buyer now. */
export interface Risk {
  score: number;
  reasons: { rule: string; weight: number; text: string }[];
}

export interface OrderFact {
  offset: string;
  at: string;
  who: string;
  fact: Fact;
}

/** A fact as the log has it: `fact` is its name. */
export type Fact = { fact: string } & Record<string, unknown>;

export interface Summary {
  orders: Record<OrderStatus, number>;
  credits: number;
  refunds_started: number;
  refunds_by_transfer: number;
  refunds_failed: number;
  late: number;
  waiting: number;
  refund_requests: number;
  nearly_sold_out: { id: string; title: string; left: number; size: number }[];
}

export interface WaitingRow {
  id: string;
  number: number;
  product: string;
  variation: string | null;
  party: number;
  currency: string;
  contact: Contact;
  why: 'next' | 'closed' | 'withdrawn' | 'too_few' | 'behind';
  count: number | null;
}

export type Account =
  | 'receivable'
  | 'sales'
  | 'tax'
  | 'commission'
  | 'commission_due'
  | 'refunds_due'
  | 'paid_out'
  | { provider: Provider };

export interface Balance {
  currency: string;
  account: Account;
  balance: number;
}

export interface PayoutRow {
  id: string;
  at: string;
  provider: Provider;
  currency: string;
  amount: number;
  commission: number;
  by: string;
}

export interface Payable {
  provider: Provider;
  currency: string;
  amount: number;
}

/** How many codes of a digital product there are. */
export interface GoodsCount {
  product: string;
  variation: string | null;
  free: number;
  owed: number;
  given: number;
}
