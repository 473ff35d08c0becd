// What an organization sets for all of its box offices, and where: payments, webhooks, invoices.
import { queryOptions } from '@tanstack/react-query';
import { ask, part, Refusal } from '../server/http';
import { paths } from '../server/queries';

const of = paths.organization;

export const below = {
  stripe: (org: string) => `${of(org)}/payment-providers/stripe`,
  webhooks: (org: string) => `${of(org)}/webhooks`,
  webhook: (org: string, id: string) => `${of(org)}/webhooks/${part(id)}`,
  invoicing: (org: string) => `${of(org)}/invoicing`,
  invoices: (org: string) => `${of(org)}/invoices`,
  invoicePdf: (org: string, number: string) => `${of(org)}/invoices/${part(number)}/pdf`,
  statements: (org: string, as: '' | '.csv' | '.pdf') => `${of(org)}/statements${as}`,
};

/** Everything here is kept under this. */
export const keyOf = (org: string) => ['organization', org, 'sales'] as const;

/** How often what others bring about is asked for again, milliseconds. */
const EVERY_MS = 5_000;

/** Something that may not be there yet: null then. */
export const once = <T>(org: string, path: string, every = false) =>
  queryOptions({
    queryKey: [...keyOf(org), path],
    queryFn: async ({ signal }): Promise<T | null> => {
      try {
        return (await ask<T>('GET', path, { signal })).data;
      } catch (error) {
        if (error instanceof Refusal && error.status === 404) return null;
        throw error;
      }
    },
    ...(every ? { refetchInterval: EVERY_MS } : { refetchOnWindowFocus: false }),
  });

export interface StripeSettings {
  publishable_key: string;
  webhook_address: string;
  webhook_events: string[];
  heard: Record<string, number>;
  not_understood: number;
}

export interface Endpoint {
  id: string;
  url: string;
  title: string;
  topics: string[];
  paused: boolean;
  added: string;
  old_secret_until: string | null;
  failing_since: string | null;
  stopped: string | null;
  attention: boolean;
  cursors: { next: string; attempts: number; again: string | null }[];
}

export interface Delivery {
  id: string;
  offset: string;
  type: string;
  at: string;
  attempt: number;
  taken: boolean;
  status: number;
  ms: number;
  text: string;
  again: string | null;
}

export interface Invoicing {
  name: string;
  address: string;
  tax_id: string;
  invoice_prefix: string;
  credit_prefix: string;
  year_begins: number;
  note: string;
  bank: string;
}

export interface InvoiceRow {
  number: string;
  kind: 'invoice' | 'credit_note';
  corrects: string | null;
  date: string;
  event: string;
  order: string;
  currency: string;
  gross: number;
  tax: number;
  cause: string;
}

/** What a webhook may be about. */
export const TOPICS = [
  'order.placed',
  'order.approved',
  'order.confirmed',
  'order.revived',
  'order.cancelled',
  'order.delivered',
  'payment.started',
  'payment.pending',
  'payment.authorized',
  'payment.captured',
  'payment.failed',
  'refund.requested',
  'refund.answered',
  'refund.started',
  'refund.settled',
  'refund.failed',
  'payout.made',
  'ticket.transferred',
  'ticket.reissued',
  'ticket.scanned',
  'ticket.scan_corrected',
  'waitlist.joined',
  'waitlist.left',
  'waitlist.offered',
] as const;
