// What of a box office needs action.
import { expect, it } from 'vitest';
import { attention, isUrgent, placeOf } from './attention';
import type { Summary } from './types';

const quiet: Summary = {
  orders: { pending: 3, in_review: 0, confirmed: 9, expired: 1, cancelled: 0, refused: 0 },
  credits: 0,
  refunds_started: 4,
  refunds_by_transfer: 0,
  refunds_failed: 0,
  late: 0,
  waiting: 0,
  refund_requests: 0,
  nearly_sold_out: [],
};

it('says nothing when all is well, nor before anything is sold', () => {
  expect([attention(quiet), attention(null), attention(undefined)]).toEqual([[], [], []]);
  expect(attention(null, 2)).toEqual([{ what: 'webhooks', count: 2 }]);
});

it('puts what is urgent first, and says where each is looked after', () => {
  const found = attention({
    ...quiet,
    orders: { ...quiet.orders, in_review: 1 },
    refunds_failed: 2,
    credits: 1,
    waiting: 7,
    nearly_sold_out: [{ id: 'hall', title: 'Hall', left: 0, size: 10 }],
  });
  expect(found.map((item) => item.what)).toEqual([
    'in_review',
    'refunds_failed',
    'credits',
    'nearly',
    'waiting',
  ]);
  expect(found.map(isUrgent)).toEqual([true, true, false, false, false]);
  expect(found.flatMap((item) => (item.what === 'webhooks' ? [] : [placeOf(item)]))).toEqual([
    'orders?status=in_review',
    'refunds?status=failed',
    'orders?status=cancelled',
    'quotas?edit=hall',
    'waitlist',
  ]);
});
