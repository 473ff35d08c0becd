// Things of an offer as lines of text: what two people who change the same see of each other.
import type { Difference } from '../ui/Conflict';
import type { Format } from '../words/format';
import type { Words } from '../words/boxoffice/en';
import type { GroupDiscount, Money, Product, Promo, Quota, Room, Sales } from './types';

type Lines = [name: string, text: string][];

/** What differs between two of the same kind. */
export const between =
  <T>(lines: (thing: T) => Lines) =>
  (now: T, yours: T): Difference[] => {
    const [before, after] = [lines(now), lines(yours)];
    return before.map(([name, text], place) => ({ name, now: text, yours: after[place]?.[1] ?? '' }));
  };

export interface Saying {
  words: Words;
  format: Format;
  yes: string;
  titleOf: (product: string, variation?: string | null) => string;
}

const money = (amounts: readonly Money[], { format }: Saying) =>
  amounts.map((one) => format.money(one.minor, one.currency)).join(', ');
const time = (at: string | null, { format }: Saying) => (at === null ? '' : format.moment(new Date(at)));
const number = (value: number | null, { format }: Saying) => (value === null ? '' : format.number(value));
const check = (on: boolean, { yes }: Saying) => (on ? yes : '');
const validity = (from: string | null, until: string | null, say: Saying) =>
  from === null && until === null ? '' : `${time(from, say)} – ${time(until, say)}`;
const share = (points: number, { format }: Saying) => format.percent(points / 10_000);

export const productLines =
  (say: Saying) =>
  (it: Product): Lines => {
    const words = say.words.products;
    const tier = (one: Product['tiers'][number]) =>
      [
        `${one.title}: ${money(one.prices, say)}`,
        one.original?.length ? words.was(money(one.original, say)) : '',
        one.from ? words.from_(time(one.from, say)) : '',
        one.until === null ? '' : words.until_(time(one.until, say)),
        one.count === null ? '' : words.first(number(one.count, say)),
      ]
        .filter(Boolean)
        .join(', ');
    const variation = (one: Product['variations'][number]) =>
      [one.title, money(one.extra, say), validity(one.valid_from ?? null, one.valid_until ?? null, say)]
        .filter(Boolean)
        .join(' ');
    return [
      [say.words.name, it.title],
      [words.kind, words.kinds[it.kind] ?? it.kind],
      [words.tiers, it.tiers.map(tier).join('\n')],
      [words.variations, it.variations.map((one) => variation(one)).join('\n')],
      [words.tax, share(it.tax, say)],
      [words.from, time(it.from, say)],
      [words.until, time(it.until, say)],
      [words.orderMax, number(it.order_max, say)],
      [words.perPerson, number(it.per_person ?? null, say)],
      [words.validFrom, time(it.valid_from ?? null, say)],
      [words.validUntil, time(it.valid_until ?? null, say)],
      [words.reuse, check(it.reuse ?? false, say)],
      [words.with, it.with.map((id) => say.titleOf(id)).join(', ')],
      [words.isHidden, check(it.hidden, say)],
      [words.waitlist, check(it.waitlist, say)],
      [words.isWithdrawn, check(it.withdrawn, say)],
    ];
  };

export const quotaLines =
  (say: Saying) =>
  (it: Quota): Lines => [
    [say.words.name, it.title],
    [say.words.quotas.size, number(it.size, say)],
    [say.words.quotas.products, it.products.map((one) => say.titleOf(one.product, one.variation)).join('\n')],
  ];

export const promoLines =
  (say: Saying) =>
  (it: Promo): Lines => {
    const words = say.words.discounts;
    const { effect } = it;
    const does =
      effect === 'reveal'
        ? words.effects['reveal']
        : 'percent' in effect
          ? share(effect.percent, say)
          : 'off' in effect
            ? `${words.effects['off'] ?? ''}: ${money(effect.off, say)}`
            : `${words.effects['price'] ?? ''}: ${money(effect.price, say)}`;
    return [
      [words.code, it.code],
      [words.effect, does ?? ''],
      [words.products, it.products.map((id) => say.titleOf(id)).join(', ')],
      [words.uses, number(it.uses, say)],
      [words.perPerson, number(it.per_person, say)],
      [words.positions, number(it.positions, say)],
      [words.budget, it.budget ? money([it.budget], say) : ''],
      [words.from, time(it.from, say)],
      [words.until, time(it.until, say)],
      [words.withdrawn, check(it.withdrawn, say)],
    ];
  };

export const discountLines =
  (say: Saying) =>
  (all: GroupDiscount[]): Lines => [
    [
      say.words.discounts.groups,
      all.map((one) => `${one.title}: ${number(one.at_least, say)}+, ${share(one.off, say)}`).join('\n'),
    ],
  ];

export const salesLines =
  (say: Saying) =>
  (it: Sales): Lines => {
    const words = say.words.sales;
    const long = (seconds: number) => say.format.duration(seconds * 1_000);
    return [
      [words.open, check(it.open, say)],
      [words.hold, long(it.hold_s)],
      [words.holdMax, long(it.hold_max_s)],
      [words.pay, long(it.pay_s)],
      [words.transfer, long(it.transfer_s)],
      [words.offer, long(it.offer_s)],
      [words.orderMax, number(it.order_max, say)],
      [words.rounding, words.roundings[it.tax_rounding] ?? it.tax_rounding],
      [words.commission, share(it.commission, say)],
      [words.keepCommission, check(it.keep_commission, say)],
      [words.reprice, check(it.reprice_groups, say)],
      [words.review, number(it.review_from, say)],
      [words.fitFirst, check(it.fit_first, say)],
      [words.transferTo, it.transfer_to],
      [words.refunds, check(!!it.refunds, say)],
      [words.refundUntil, time(it.refunds?.until ?? null, say)],
      [words.refundFee, it.refunds ? share(it.refunds.fee, say) : ''],
    ];
  };

export const roomLines =
  (say: Saying) =>
  (it: Omit<Room, 'commitment'>): Lines => [
    [say.words.room.opens, time(it.opens, say)],
    [say.words.room.perMinute, number(it.per_minute, say)],
    [say.words.room.stay, say.format.duration(it.stay_s * 1_000)],
    [say.words.room.paused, check(it.paused, say)],
  ];
