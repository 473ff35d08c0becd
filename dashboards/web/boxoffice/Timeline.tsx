// What happened to an order, from the log itself: every fact with its time, who had it done, why, and where it stands.
import { useQuery } from '@tanstack/react-query';
import { Trouble } from '../ui/basics';
import type { Format } from '../words/format';
import type { Words } from '../words/boxoffice/en';
import { useEventFormat, useOffice } from './office';
import { history } from './server';
import type { Fact, OrderDetail, OrderFact, Provider, Review } from './types';
import { useBoxWords } from './words';

export function Timeline({ order }: { order: OrderDetail }) {
  const words = useBoxWords();
  const { org, event } = useOffice();
  const { data, error } = useQuery(history(org, event, order.id));
  if (!data) return <Trouble error={error} />;
  return (
    <ol className="border-line space-y-4 border-s ps-4" aria-label={words.order.timeline}>
      {[...data].reverse().map((told) => (
        <Told key={told.offset + told.fact.fact} told={told} currency={order.currency} />
      ))}
    </ol>
  );
}

function Told({ told, currency }: { told: OrderFact; currency: string }) {
  const words = useBoxWords();
  const format = useEventFormat();
  const time = new Date(told.at);
  const detail = detailOf(told.fact, currency, words, format);
  return (
    <li className="relative text-sm">
      <span
        aria-hidden
        className="bg-series-1 absolute top-1.5 -left-[1.32rem] size-2 rounded-full rtl:right-[-1.32rem] rtl:left-auto"
      />
      <p className="font-medium">{words.facts[told.fact.fact] ?? told.fact.fact}</p>
      {detail && <p className="break-words">{detail}</p>}
      <p className="text-soft text-xs">
        <time dateTime={told.at}>
          {format.day(time)} {format.exact(time)}
        </time>{' '}
        · {told.who || byItself(told.fact, words)} ·{' '}
        <span className="font-mono">{words.order.log(told.offset)}</span>
      </p>
    </li>
  );
}

/** Whoever has something done without being signed in: a buyer, a provider, or time. */
function byItself(fact: Fact, words: Words): string {
  const of = words.order;
  if (['order_placed', 'payment_started', 'order_described', 'ticket_transferred'].includes(fact.fact))
    return of.byBuyer;
  if (['payment_observed', 'refund_settled', 'refund_failed'].includes(fact.fact)) return of.byProvider;
  return of.byItself;
}

/** Why an order waits: the score, and which rules made it. */
function reasonsOf(fact: Fact, words: Words, format: Format): string[] {
  const review = fact['review'] as Review | undefined;
  if (!review) return [];
  const reasons = (review.reasons ?? []).map(({ rule, weight, text }) =>
    words.order.reason(text || rule, rule, format.number(weight)),
  );
  return [words.order.reviewScore(format.number(review.score)), ...reasons];
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function detailOf(fact: Fact, currency: string, words: Words, format: Format): string {
  const money = (minor: unknown) => (typeof minor === 'number' ? format.money(minor, currency) : '');
  const provider = words.providers[text(fact['provider']) as Provider] ?? '';
  const parts = {
    order_placed: () => [money(fact['total']), provider, ...reasonsOf(fact, words, format)],
    order_held: () => reasonsOf(fact, words, format),
    order_cancelled: () => [
      words.endings[text(fact['why'])] ?? '',
      Array.isArray(fact['positions'])
        ? `${words.order.positions}: ${fact['positions'].map((one) => Number(one) + 1).join(', ')}`
        : '',
    ],
    payment_started: () => [provider, money(fact['amount'])],
    payment_observed: () => [
      words.order.payment[text(fact['status'])] ?? '',
      money(fact['captured']),
      text(fact['reference']),
    ],
    refund_started: () => [money(fact['amount']), words.refunds.whys[text(fact['why'])] ?? ''],
    refund_failed: () => [text(fact['reason'])],
    ticket_transferred: () => [words.order.revision(format.number(Number(fact['revision'])))],
    ticket_reissued: () => [words.order.revision(format.number(Number(fact['revision'])))],
    ticket_scanned: () => {
      const scan = fact['scan'] as { gate?: string; device?: string } | undefined;
      return [words.scans[text(fact['outcome'])] ?? '', scan?.gate ?? '', scan?.device ?? ''];
    },
    scan_corrected: () => [words.scans[text(fact['outcome'])] ?? ''],
  } as Record<string, () => string[]>;
  return (parts[fact.fact]?.() ?? []).filter(Boolean).join(' · ');
}
