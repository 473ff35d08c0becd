// Paying an order: instructions of a bank transfer, a card, or what the test provider is to say; again after a decline.
import { lazy, Suspense, useState } from 'react';
import { ask, part } from '../server/http';
import type { Own } from './OrderPage';
import { base } from './server';
import type { Payment as Attempt, Provider } from './types';
import { Note, Part, Trouble, useDoing } from './ui';
import { useFormat, useWords } from './words/speaking';
import { newId, tab } from './wishes';

const Card = lazy(() => import('./Card'));

export function Payment(own: Own) {
  const { order, shop } = own;
  const words = useWords();
  const format = useFormat(shop?.zone);
  const [other, setOther] = useState<Provider | null>(null);
  const owed = order.total - order.paid;
  if (owed <= 0) return null;
  const provider = other ?? order.provider;
  const last = order.payments.at(-1);
  const others = (shop?.payments ?? []).filter((one) => one !== provider && one !== 'transfer');
  return (
    <Part title={words.order.pay} className="print:hidden">
      <p className="mb-4 text-xl font-semibold">{words.order.toPay(format.money(owed, order.currency))}</p>
      <div className="flex flex-col gap-4">
        {last?.status === 'failed' && last.provider === provider && provider !== 'stripe' && (
          <Note tone="bad" role="alert">
            {words.order.declined}
          </Note>
        )}
        {provider === 'transfer' && order.transfer && <Transfer {...own} />}
        {provider === 'test' && <Test {...own} owed={owed} />}
        {provider === 'stripe' && (
          <Suspense fallback={<p role="status">{words.loading}</p>}>
            <Card {...own} owed={owed} />
          </Suspense>
        )}
        {others.length > 0 && (
          <div className="flex flex-wrap items-center gap-2 text-sm">
            {words.order.otherway}:
            {others.map((one) => (
              <button key={one} type="button" className="button" onClick={() => setOther(one)}>
                {words.providers[one]}
              </button>
            ))}
          </div>
        )}
      </div>
    </Part>
  );
}

/**
 * Begins to pay, or finds what was begun: a payment's id is the key of the wish, so that whoever comes back after a reload goes
 * on with the same attempt.
 */
export async function begin(own: Own, provider: Provider): Promise<Attempt> {
  const { at, order, secret } = own;
  const isOpen = (payment: Attempt) =>
    payment.provider === provider && ['created', 'pending'].includes(payment.status);
  const open = order.payments.find(isOpen);
  const key = `eventra-pay/${order.id}/${provider}/${order.payments.length}`;
  const id = open?.id ?? tab.getItem(key) ?? newId();
  tab.setItem(key, id);
  const path = `${base(at)}/orders/${part(order.id)}/payments`;
  return (await ask<Attempt>('POST', path, { wish: id, body: { provider }, secret })).data;
}

function Transfer({ order, shop }: Own) {
  const words = useWords();
  const format = useFormat(shop?.zone);
  const [copied, setCopied] = useState('');
  if (!order.transfer) return null;
  const { to, reference, amount } = order.transfer;
  const copy = async (what: string, text: string) => {
    await navigator.clipboard.writeText(text);
    setCopied(what);
  };
  const rows = [
    [words.order.transfer.to, to],
    [words.order.transfer.reference, reference],
    [words.order.transfer.amount, format.money(amount, order.currency)],
  ] as const;
  return (
    <>
      <p className="text-sm">{words.order.transfer.text}</p>
      <dl className="bg-sunk flex flex-col gap-3 rounded-xl p-4">
        {rows.map(([what, text]) => (
          <div key={what} className="flex flex-wrap items-center justify-between gap-2">
            <div className="min-w-0">
              <dt className="text-soft text-xs">{what}</dt>
              <dd className="font-medium break-words whitespace-pre-line">{text}</dd>
            </div>
            {/* On plain HTTP browsers give pages no clipboard. */}
            {window.isSecureContext && (
              <button
                type="button"
                className="button"
                aria-label={words.order.transfer.copy(what)}
                onClick={() => void copy(what, text)}
              >
                {copied === what ? words.order.transfer.copied : words.order.transfer.copy('').trim()}
              </button>
            )}
          </div>
        ))}
      </dl>
    </>
  );
}

function Test(own: Own & { owed: number }) {
  const { at, order, secret } = own;
  const words = useWords();
  const doing = useDoing();
  const say = (status: string) => async () => {
    const attempt = await begin(own, 'test');
    const path = `${base(at)}/orders/${part(order.id)}/payments/${part(attempt.id)}/test`;
    await ask('POST', path, { body: { status }, secret, wish: newId() });
    await own.look();
  };
  return (
    <div className="bg-warn-sunk flex flex-col gap-3 rounded-xl p-4">
      <p className="text-warn font-semibold">{words.order.test.title}</p>
      <p className="text-sm">{words.order.test.text}</p>
      <Trouble error={doing.error} />
      <div className="flex flex-wrap gap-2">
        <button
          type="button"
          className="button button-main"
          disabled={doing.busy}
          onClick={() => doing.run(say('captured'))}
        >
          {words.order.test.captured}
        </button>
        <button
          type="button"
          className="button"
          disabled={doing.busy}
          onClick={() => doing.run(say('failed'))}
        >
          {words.order.test.failed}
        </button>
        <button
          type="button"
          className="button"
          disabled={doing.busy}
          onClick={() => doing.run(say('pending'))}
        >
          {words.order.test.later}
        </button>
      </div>
    </div>
  );
}
