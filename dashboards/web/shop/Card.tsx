// A card, by Stripe's own script: what is typed into its element goes to Stripe, and never through this page or its server.
import { useEffect, useRef, useState } from 'react';
import { ask, part } from '../server/http';
import type { Own } from './OrderPage';
import { begin } from './Payment';
import { base } from './server';
import type { Payment } from './types';
import { Note, Trouble, useDoing } from './ui';
import { useFormat, useWords } from './words/speaking';

interface CardElement {
  mount: (into: HTMLElement) => void;
  destroy: () => void;
}

interface Stripe {
  elements: (options?: { locale?: string }) => {
    create: (kind: 'card', options: { style: object }) => CardElement;
  };
  confirmCardPayment: (
    secret: string,
    data: { payment_method: { card: CardElement; billing_details: object } },
  ) => Promise<{ error?: { message?: string } | null; paymentIntent?: { status: string } }>;
}

const scripts = new Map<string, Promise<void>>();

/** Loads the provider's script once; another try is made after it has failed. */
function load(address: string): Promise<void> {
  const known = scripts.get(address);
  if (known) return known;
  const loading = new Promise<void>((done, fail) => {
    const script = document.createElement('script');
    script.src = address;
    script.onload = () => done();
    script.onerror = () => {
      scripts.delete(address);
      script.remove();
      fail(new Error('the script of the provider was not loaded'));
    };
    document.head.append(script);
  });
  scripts.set(address, loading);
  return loading;
}

/** How far a payment is that the buyer's bank has agreed to. */
const AGREED = ['succeeded', 'processing', 'requires_capture'];

interface Ready {
  attempt: Payment;
  stripe: Stripe;
  card: CardElement;
}

export default function Card(own: Own & { owed: number }) {
  const { order, shop, at, secret } = own;
  const words = useWords();
  const format = useFormat(shop?.zone);
  const box = useRef<HTMLDivElement>(null);
  const ready = useRef<Ready | null>(null);
  const [state, setState] = useState<'loading' | 'ready' | 'failed'>('loading');
  const [tries, setTries] = useState(0);
  const [declined, setDeclined] = useState(
    order.payments.at(-1)?.status === 'failed' ? words.order.declined : '',
  );
  const [trouble, setTrouble] = useState<unknown>(null);
  const doing = useDoing();
  const latest = useRef(own);
  useEffect(() => {
    latest.current = own;
  });

  useEffect(() => {
    let gone = false;
    const prepare = async () => {
      const attempt = await begin(latest.current, 'stripe');
      if (!attempt.script || !attempt.publishable_key) throw new Error('the server names no script');
      await load(attempt.script).catch((error: unknown) => {
        if (!gone) setState('failed');
        throw error;
      });
      const make = (globalThis as unknown as { Stripe: (key: string) => Stripe }).Stripe;
      if (gone || !box.current) return;
      const stripe = make(attempt.publishable_key);
      const look = getComputedStyle(document.body);
      const style = { base: { color: look.color, fontFamily: look.fontFamily, fontSize: '16px' } };
      const locale = document.documentElement.lang || 'auto';
      const card = stripe.elements({ locale }).create('card', { style });
      card.mount(box.current);
      ready.current = { attempt, stripe, card };
      setState('ready');
    };
    prepare().catch((error: unknown) => {
      if (!gone) setTrouble(error);
    });
    return () => {
      gone = true;
      ready.current?.card.destroy();
      ready.current = null;
    };
    // Prepared once for each try: what else changes while somebody types must not take the card away.
  }, [tries]);

  const again = () => {
    setState('loading');
    setTrouble(null);
    setTries((count) => count + 1);
  };

  const pay = async () => {
    const now = ready.current;
    if (!now?.attempt.client_secret) return;
    setDeclined('');
    const { error, paymentIntent } = await now.stripe.confirmCardPayment(now.attempt.client_secret, {
      payment_method: {
        card: now.card,
        billing_details: { name: order.buyer.name, email: order.buyer.email },
      },
    });
    const path = `${base(at)}/orders/${part(order.id)}/payments/${part(now.attempt.id)}/look`;
    // The provider tells the server by itself; asking only makes it sooner.
    await ask('POST', path, { secret }).catch(() => undefined);
    await own.look();
    // The card stays: it can be corrected, and tried again within the same attempt.
    if (error || !AGREED.includes(paymentIntent?.status ?? '')) {
      setDeclined([error?.message, words.order.declined].filter(Boolean).join(' '));
    }
  };

  return (
    <form
      className="flex flex-col gap-3"
      onSubmit={(submit) => {
        submit.preventDefault();
        doing.run(pay);
      }}
    >
      <div role="group" aria-label={words.order.card} className="field flex min-h-12 flex-wrap items-center">
        <div ref={box} className="card-element w-full" />
      </div>
      {state === 'failed' && (
        <Note tone="bad" role="alert">
          {words.order.cardFailed}{' '}
          <button type="button" className="underline" onClick={again}>
            {words.retry}
          </button>
        </Note>
      )}
      {state !== 'failed' && <Trouble error={trouble} />}
      {declined && (
        <Note tone="bad" role="alert">
          {declined}
        </Note>
      )}
      <Trouble error={doing.error} />
      <button
        type="submit"
        className="button button-main button-wide"
        disabled={state !== 'ready' || doing.busy}
      >
        {doing.busy ? words.order.paying : words.order.payNow(format.money(own.owed, order.currency))}
      </button>
    </form>
  );
}
