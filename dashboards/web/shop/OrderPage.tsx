// An order as its buyer follows it: how far it is, what to do next, its tickets, its money, its story.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Link, useParams } from 'react-router';
import { ask, part, Refusal } from '../server/http';
import { useCart, withOrder } from './cart';
import { shortOf, useAt } from './Frame';
import { Changes } from './Changes';
import { Papers } from './Papers';
import { Payment } from './Payment';
import { base, historyQuery, home, orderQuery, shopQuery, type At } from './server';
import { Tickets } from './Tickets';
import { Totals } from './Totals';
import type { Order, Shop } from './types';
import { Badge, Heading, Note, Part, Trouble, useDoing } from './ui';
import { useFormat, useWords } from './words/speaking';
import { newId } from './wishes';

/** The secret of the link that was opened, which is taken out of the address; else the one that this browser has kept. */
function useSecret(at: At, order: string): string {
  const [cart, change] = useCart(at.seller, at.event);
  const [opened, setOpened] = useState(secretInAddress);
  useEffect(() => {
    const take = () => {
      const secret = secretInAddress();
      if (!secret) return;
      setOpened(secret);
      change((now) => withOrder(now, order, secret));
      window.history.replaceState(
        window.history.state,
        '',
        window.location.pathname + window.location.search,
      );
    };
    take();
    // Another link may be opened in the same tab, which does not load the page anew.
    window.addEventListener('hashchange', take);
    return () => window.removeEventListener('hashchange', take);
  });
  return opened || (cart.orders.find((one) => one.id === order)?.secret ?? '');
}

const secretInAddress = (): string => new URLSearchParams(window.location.hash.slice(1)).get('secret') ?? '';

export interface Own {
  at: At;
  order: Order;
  shop: Shop | undefined;
  secret: string;
  /** Shows what the server has answered. */
  show: (order: Order) => void;
  /** Asks again now. */
  look: () => Promise<void>;
}

export default function OrderPage() {
  const at = useAt();
  const { order: id = '' } = useParams();
  const words = useWords();
  const client = useQueryClient();
  const secret = useSecret(at, id);
  const { data: shop } = useQuery(shopQuery(at, ''));
  const query = orderQuery(at, id, secret);
  const order = useQuery(query);
  const isLost = secret === '' || (order.error instanceof Refusal && order.error.status === 404);
  if (isLost) {
    return (
      <>
        <Heading title={words.order.lost} />
        <p>{words.order.lostText}</p>
      </>
    );
  }
  if (!order.data)
    return order.error ? <Trouble error={order.error} /> : <p role="status">{words.loading}</p>;
  const own: Own = {
    at,
    order: order.data,
    shop,
    secret,
    show: (changed) => client.setQueryData(query.queryKey, changed),
    look: () => client.invalidateQueries({ queryKey: query.queryKey }),
  };
  return <Shown {...own} />;
}

function Shown(own: Own) {
  const { order, shop } = own;
  const words = useWords();
  const positions = order.positions.filter((_, place) => !order.cancelled[place]);
  return (
    <div className="mx-auto flex max-w-3xl flex-col gap-5">
      <div className="print:hidden">
        <Heading title={words.order.title}>
          <p className="text-soft mt-1 text-sm">{words.order.number(shortOf(order.id))}</p>
        </Heading>
        <Status {...own} />
      </div>
      {order.status === 'pending' && <Payment {...own} />}
      {order.tickets.length > 0 && <Tickets {...own} />}
      <div className="contents print:hidden">
        <Part title={words.order.cost}>
          {positions.length > 0 ? (
            <Totals shop={shop} currency={order.currency} positions={positions} />
          ) : (
            <Totals shop={shop} currency={order.currency} positions={order.positions} />
          )}
          <Refunds {...own} />
        </Part>
        <Papers {...own} />
        <Changes {...own} />
        <Story {...own} />
        <Forget {...own} />
      </div>
    </div>
  );
}

const TONES = {
  pending: 'warn',
  in_review: 'warn',
  confirmed: 'good',
  expired: 'bad',
  cancelled: 'bad',
  refused: 'bad',
} as const;

function Status({ at, order, shop }: Own) {
  const words = useWords();
  const format = useFormat(shop?.zone);
  const texts = words.order.text;
  const due = order.due ? format.moment(new Date(order.due)) : '';
  const isPaying = order.payments.some(
    (payment) => payment.provider !== 'transfer' && ['pending', 'authorized'].includes(payment.status),
  );
  const text = {
    pending: isPaying ? texts.paying : order.transfer ? texts.pendingTransfer(due) : texts.pending(due),
    in_review: texts.in_review,
    confirmed: order.tickets.length > 0 ? texts.confirmed : texts.confirmedGoods,
    expired: order.paid > 0 || order.refunds.length > 0 ? texts.expiredMoney : texts.expired,
    cancelled: texts.cancelled,
    refused: texts.refused,
  }[order.status];
  const isOver = ['expired', 'cancelled', 'refused'].includes(order.status);
  return (
    <div className="card flex flex-col items-start gap-3 p-5" data-status={order.status}>
      <Badge tone={TONES[order.status]}>{words.order.status[order.status]}</Badge>
      <p role="status">{text}</p>
      {isOver && (
        <Link className="button" to={home(at)}>
          {words.order.again}
        </Link>
      )}
    </div>
  );
}

function Refunds({ order, shop }: Own) {
  const words = useWords();
  const format = useFormat(shop?.zone);
  if (order.refunds.length === 0) return null;
  return (
    <ul className="mt-4 flex flex-col gap-2">
      {order.refunds.map((refund) => {
        const text = words.order.refunds[refund.status];
        return (
          <li key={refund.id}>
            <Note tone={refund.status === 'failed' ? 'bad' : 'plain'}>
              {typeof text === 'function' ? text(format.money(refund.amount, order.currency)) : text}
            </Note>
          </li>
        );
      })}
    </ul>
  );
}

function Story({ at, order, shop, secret }: Own) {
  const words = useWords();
  const format = useFormat(shop?.zone);
  // What has happened is asked again when anything about the order is another.
  const version = JSON.stringify([
    order.status,
    order.paid,
    order.buyer,
    order.payments,
    order.refunds,
    order.tickets.map((one) => one.revision),
  ]);
  const { data } = useQuery(historyQuery(at, order.id, secret, version));
  if (!data) return null;
  return (
    <Part title={words.order.story}>
      <ol className="flex flex-col gap-2 text-sm">
        {data.map((step, place) => (
          <li key={place} className="flex flex-wrap gap-x-4">
            <time dateTime={step.at} className="text-soft w-44 shrink-0">
              {format.moment(new Date(step.at))}
            </time>
            <span className="min-w-48 flex-1">
              {words.order.steps[step.what]?.(
                step.amount === null ? '' : format.money(step.amount, order.currency),
              ) ?? step.what}
            </span>
          </li>
        ))}
      </ol>
    </Part>
  );
}

/** What a buyer may end without asking: what nothing was paid for. And what a shared computer should not keep. */
function Forget({ at, order, secret, show }: Own) {
  const words = useWords();
  const [, change] = useCart(at.seller, at.event);
  const doing = useDoing();
  const [sure, setSure] = useState(false);
  const [forgotten, setForgotten] = useState(false);
  const mayCancel =
    order.payments.every((payment) => payment.captured === 0 && payment.status !== 'authorized') &&
    (['pending', 'in_review'].includes(order.status) || (order.status === 'confirmed' && order.total === 0));
  const cancel = async () => {
    const path = `${base(at)}/orders/${part(order.id)}/cancellation`;
    const { data } = await ask<Order>('POST', path, { secret, wish: newId() });
    setSure(false);
    show(data);
  };
  if (forgotten) return <Note tone="plain">{words.order.forgotten}</Note>;
  return (
    <div className="flex flex-wrap items-center gap-3">
      <Trouble error={doing.error} />
      {mayCancel && !sure && (
        <button type="button" className="button button-bad" onClick={() => setSure(true)}>
          {words.order.cancelOrder}
        </button>
      )}
      {mayCancel && sure && (
        <span
          role="group"
          aria-label={words.order.cancelSure}
          className="flex flex-wrap items-center gap-2 text-sm"
        >
          {words.order.cancelSure}
          <button
            type="button"
            className="button button-bad"
            autoFocus
            disabled={doing.busy}
            onClick={() => doing.run(cancel)}
          >
            {words.order.cancelOrder}
          </button>
          <button type="button" className="button" onClick={() => setSure(false)}>
            {words.order.keep}
          </button>
        </span>
      )}
      <button
        type="button"
        className="link text-sm"
        onClick={() => {
          change((now) => ({ ...now, orders: now.orders.filter((one) => one.id !== order.id) }));
          setForgotten(true);
        }}
      >
        {words.order.forget}
      </button>
    </div>
  );
}
