// What is digital of an order, and asking for money back.
import { useState } from 'react';
import { ask, part } from '../server/http';
import type { Own } from './OrderPage';
import { base } from './server';
import { titleOf } from './Totals';
import type { RefundRequest } from './types';
import { Field, Note, Part, Trouble, useDoing } from './ui';
import { useFormat, useWords } from './words/speaking';
import { newId, once, tab } from './wishes';

/** Codes and links that were bought; while one is on its way it is said. */
export function Goods({ order, shop }: Own) {
  const words = useWords().order.goods;
  if (order.goods.length === 0) return null;
  return (
    <Part title={words.title} hint={words.hint}>
      <ul className="divide-line flex flex-col divide-y">
        {order.goods.map((goods) => (
          <li key={goods.id} className="flex flex-wrap items-baseline gap-x-4 gap-y-1 py-2">
            <span className="min-w-40">{titleOf(shop, goods.product, goods.variation)}</span>
            {goods.text === null ? (
              <span className="text-soft">{words.gone}</span>
            ) : /^https:\/\//.test(goods.text) ? (
              <a className="link break-all" href={goods.text} rel="noreferrer noopener" target="_blank">
                {goods.text}
              </a>
            ) : (
              <code className="select-all break-all">{goods.text}</code>
            )}
          </li>
        ))}
      </ul>
    </Part>
  );
}

/** Asking for money back, where the event takes such wishes, and what was answered. */
export function AskBack(own: Own) {
  const { order, shop } = own;
  const all = useWords();
  const words = all.order.back;
  const format = useFormat(shop?.zone);
  const [open, setOpen] = useState(false);
  const policy = order.refund_policy;
  const isOver = policy?.until ? new Date(policy.until) <= new Date(order.now) : false;
  const waits = order.refund_requests.some((request) => request.state === 'open');
  const mayAsk = policy !== null && order.status === 'confirmed' && !isOver && !waits;
  if (order.refund_requests.length === 0 && !mayAsk) return null;
  const until = policy?.until ? words.until(format.moment(new Date(policy.until))) : '';
  const fee = policy && policy.fee > 0 ? words.fee(policy.fee / 100) : '';
  return (
    <Part title={words.title} hint={mayAsk ? [until, fee].filter(Boolean).join(' ') : ''}>
      <ul className="flex flex-col gap-2">
        {order.refund_requests.map((request) => (
          <li key={request.id}>
            <Note
              tone={request.state === 'declined' ? 'warn' : request.state === 'granted' ? 'good' : 'plain'}
            >
              {words.states[request.state](format.money(request.amount ?? 0, order.currency))}
              {request.words && <span className="mt-1 block whitespace-pre-wrap">{request.words}</span>}
            </Note>
          </li>
        ))}
      </ul>
      {mayAsk && !open && (
        <button type="button" className="button mt-3" onClick={() => setOpen(true)}>
          {words.ask}
        </button>
      )}
      {mayAsk && open && <Wish {...own} onDone={() => setOpen(false)} />}
    </Part>
  );
}

function Wish({ at, order, shop, secret, look, onDone }: Own & { onDone: () => void }) {
  const words = useWords().order.back;
  const doing = useDoing();
  const [reason, setReason] = useState('');
  const live = order.positions.map((position, place) => ({ position, place }));
  const there = live.filter(({ place }) => !order.cancelled[place]);
  const [chosen, setChosen] = useState<number[]>(there.map(({ place }) => place));
  const wish = async () => {
    const body = { positions: chosen, reason: reason.trim() };
    const path = `${base(at)}/orders/${part(order.id)}/refund-requests`;
    const send = async (key: string, sent: typeof body) =>
      (await ask<RefundRequest>('POST', path, { wish: key, body: sent, secret })).data;
    await once(tab, `refund/${order.id}`, body, send, newId);
    await look();
    onDone();
  };
  return (
    <form
      noValidate
      className="mt-4 flex flex-col gap-4"
      onSubmit={(submit) => {
        submit.preventDefault();
        doing.run(wish);
      }}
    >
      <fieldset className="flex flex-col gap-2">
        <legend className="mb-1 text-sm font-medium">{words.what}</legend>
        {there.map(({ position, place }) => (
          <label key={place} className="flex min-h-11 items-center gap-3">
            <input
              type="checkbox"
              checked={chosen.includes(place)}
              onChange={({ target }) =>
                setChosen(
                  target.checked
                    ? [...chosen, place].sort((one, two) => one - two)
                    : chosen.filter((other) => other !== place),
                )
              }
            />
            {titleOf(shop, position.product, position.variation)}
          </label>
        ))}
      </fieldset>
      <Field
        label={words.reason}
        maxLength={1000}
        value={reason}
        onChange={({ target }) => setReason(target.value)}
      />
      <Trouble error={doing.error} />
      <div className="flex flex-wrap gap-3">
        <button type="submit" className="button button-main" disabled={doing.busy || chosen.length === 0}>
          {words.send}
        </button>
        <button type="button" className="button" onClick={onDone}>
          {words.keep}
        </button>
      </div>
    </form>
  );
}
