// What of a box office needs somebody's action, most urgent first. Pure: figures in, items out.
import type { Summary } from './types';

export type Item =
  | {
      what:
        | 'in_review'
        | 'refund_requests'
        | 'refunds_failed'
        | 'refunds_by_transfer'
        | 'late'
        | 'credits'
        | 'waiting';
      count: number;
    }
  | { what: 'webhooks'; count: number }
  | { what: 'nearly'; id: string; title: string; left: number };

/** Where something of the event of this kind is looked after, below the box office. */
export function placeOf(item: Exclude<Item, { what: 'webhooks' }>): string {
  switch (item.what) {
    case 'in_review':
      return 'orders?status=in_review';
    case 'refund_requests':
      return 'refunds';
    case 'refunds_failed':
      return 'refunds?status=failed';
    case 'refunds_by_transfer':
    case 'late':
      return 'refunds?status=started';
    case 'credits':
      return 'orders?status=cancelled';
    case 'waiting':
      return 'waitlist';
    case 'nearly':
      return `quotas?edit=${encodeURIComponent(item.id)}`;
  }
}

export const isUrgent = (item: Item): boolean =>
  ['in_review', 'refund_requests', 'refunds_failed', 'webhooks'].includes(item.what);

/** `failing`: webhooks of the organization that somebody should look after. */
export function attention(summary: Summary | null | undefined, failing = 0): Item[] {
  const webhooks = failing > 0 ? [{ what: 'webhooks' as const, count: failing }] : [];
  if (!summary) return webhooks;
  const counted = [
    { what: 'in_review', count: summary.orders.in_review },
    { what: 'refund_requests', count: summary.refund_requests },
    { what: 'refunds_failed', count: summary.refunds_failed },
    { what: 'refunds_by_transfer', count: summary.refunds_by_transfer },
    { what: 'late', count: summary.late },
    { what: 'credits', count: summary.credits },
  ] as const;
  const nearly = summary.nearly_sold_out.map(({ id, title, left }) => ({
    what: 'nearly' as const,
    id,
    title,
    left,
  }));
  const waiting = { what: 'waiting' as const, count: summary.waiting };
  return [
    ...webhooks,
    ...counted.filter((one) => one.count > 0),
    ...nearly,
    ...(waiting.count > 0 ? [waiting] : []),
  ];
}
