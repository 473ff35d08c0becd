// From a cart that is kept to an order: who buys, who comes, how it is paid. Nothing that was typed is lost on the way.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { Link, Navigate, useNavigate } from 'react-router';
import { ask, Refusal } from '../server/http';
import { countsOf, useCart, withOrder, type Cart, type Change, type Kept } from './cart';
import { askedWith, formsQuery, sentOf, unanswered, type Answers } from './forms';
import { useAt } from './Frame';
import { useHolding } from './holding';
import { InvoiceFields, invoiceOf, NO_INVOICE } from './Invoice';
import { base, holdQuery, home, shopQuery, type At } from './server';
import { Questions } from './Questions';
import { titleOf, Totals } from './Totals';
import type { Hold, Order, Provider, Shop } from './types';
import { clock, Field, Heading, Note, Part, reasonOf, Trouble, useDoing, useDraft, useLeft } from './ui';
import { useFormat, useLanguage, useWords } from './words/speaking';
import { newId, once, tab } from './wishes';

/** Which way to pay is proposed first. */
const FAVOURED: Provider[] = ['stripe', 'transfer', 'test'];

/** Minutes before the end at which a screen reader is told. */
const TOLD_MINUTES = [5, 1];

export default function Checkout() {
  const at = useAt();
  const words = useWords();
  const [cart, change] = useCart(at.seller, at.event);
  const { data: shop } = useQuery(shopQuery(at, cart.code));
  const hold = useQuery(holdQuery(at, cart.hold?.id));
  // Where the order has gone to: the cart is empty by then, and this page must not send its buyer to the choice.
  const [ordered, setOrdered] = useState(false);
  if (!cart.hold) return ordered ? null : <Navigate to={home(at)} replace />;
  const isGone = reasonOf(hold.error) === 'hold_gone';
  if (!shop || (!hold.data && !isGone)) {
    return hold.error && !isGone ? <Trouble error={hold.error} /> : <p role="status">{words.loading}</p>;
  }
  const props = { at, shop, cart, change, kept: cart.hold };
  return (
    <>
      <Heading title={words.checkout.title} />
      <Form
        {...props}
        hold={isGone ? undefined : hold.data}
        ahead={hold.data ? Date.parse(hold.data.now) - hold.dataUpdatedAt : 0}
        onOrdered={() => setOrdered(true)}
      />
    </>
  );
}

interface Props {
  at: At;
  shop: Shop;
  cart: Cart;
  change: Change;
  kept: Kept;
}

interface Draft {
  answers: Answers;
  attendees: string[];
  provider: Provider | '';
}

function Form(props: Props & { hold: Hold | undefined; ahead: number; onOrdered: () => void }) {
  const { at, shop, hold, cart, change } = props;
  const words = useWords();
  const navigate = useNavigate();
  const doing = useDoing();
  const { language } = useLanguage();
  const form = useRef<HTMLFormElement>(null);
  const [you, editYou] = useDraft('you', { email: '', name: '' });
  const [invoice, editInvoice] = useDraft('invoice', NO_INVOICE);
  const [draft, edit] = useDraft<Draft>(`checkout/${at.seller}/${at.event}`, {
    answers: {},
    attendees: [],
    provider: '',
  });
  const [tried, setTried] = useState(false);
  const left = useLeft(hold?.until, props.ahead);
  const gone = !hold || left === 0 || reasonOf(doing.error) === 'hold_gone';
  const total = hold?.total ?? props.kept.total;
  const ways = FAVOURED.filter((way) => shop.payments.includes(way));
  const chosen = ways.find((way) => way === draft.provider) ?? ways[0];
  const provider: Provider | undefined = total === 0 ? 'free' : chosen;
  const wrong = {
    email: /^\S+@\S+$/.test(you.email.trim()) ? undefined : words.emailWrong,
    name: you.name.trim() ? undefined : words.required,
    address: total === 0 || !invoice.wanted || invoice.address.trim() ? undefined : words.required,
  };
  const { data: forms = [] } = useQuery(formsQuery(at));
  const isTicket = (product: string) =>
    ['admission', 'add_on'].includes(shop.products.find((one) => one.id === product)?.kind ?? '');
  const asked = askedWith(forms, hold?.positions ?? [], isTicket);
  const missing = unanswered(asked, draft.answers);
  const isWrong = Object.values(wrong).some(Boolean) || missing.length > 0;
  const faults = {
    ...(tried ? Object.fromEntries(missing.map((key) => [key, words.required])) : {}),
    ...faultsOf(doing.error),
  };

  const order = async () => {
    if (!hold || !provider) return;
    const attendees = hold.positions.map((_, place) => draft.attendees[place]?.trim() ?? '');
    const answers = sentOf(asked, draft.answers);
    const buyer = {
      ...you,
      language,
      ...(Object.keys(answers).length > 0 ? { answers } : {}),
      ...(attendees.some(Boolean) ? { attendees } : {}),
      ...(total > 0 ? invoiceOf(invoice) : {}),
    };
    const body = { hold: hold.id, buyer, provider };
    const send = async (wish: string, sent: typeof body) =>
      (await ask<Order>('POST', `${base(at)}/orders`, { wish, body: sent })).data;
    const made = await once(tab, `order/${hold.id}`, body, send, newId);
    props.onOrdered();
    change((now) => ({ ...withOrder(now, made.id, made.secret), counts: {}, hold: null, code: '' }));
    edit({ answers: {}, attendees: [] });
    await navigate(`${home(at)}/orders/${encodeURIComponent(made.id)}`, { replace: true });
  };

  const submit = () => {
    setTried(true);
    if (isWrong) {
      // After the fields were marked.
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus());
      return;
    }
    doing.run(order);
  };

  return (
    <form
      ref={form}
      noValidate
      className="grid gap-6 lg:grid-cols-[minmax(0,1fr)_21rem]"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div className="flex min-w-0 flex-col gap-5">
        <Part title={words.checkout.you}>
          <div className="flex flex-col gap-4">
            <Field
              label={words.checkout.email}
              hint={words.checkout.emailHint}
              type="email"
              name="email"
              autoComplete="email"
              required
              value={you.email}
              onChange={(event) => editYou({ email: event.target.value })}
              error={tried ? wrong.email : undefined}
            />
            <Field
              label={words.checkout.name}
              name="name"
              autoComplete="name"
              required
              maxLength={200}
              value={you.name}
              onChange={(event) => editYou({ name: event.target.value })}
              error={tried ? wrong.name : undefined}
            />
            {total > 0 && (
              <InvoiceFields invoice={invoice} edit={editInvoice} wrong={tried ? wrong.address : undefined} />
            )}
          </div>
        </Part>
        {hold && (
          <Attendees
            shop={shop}
            hold={hold}
            names={draft.attendees}
            edit={(attendees) => edit({ attendees })}
          />
        )}
        <Questions
          shop={shop}
          asked={asked}
          positions={hold?.positions ?? []}
          answers={draft.answers}
          wrong={faults}
          edit={(answers) => edit({ answers })}
        />
        {total > 0 && (
          <Part title={words.checkout.payment}>
            {ways.length === 0 && <Note tone="warn">{words.checkout.noPayment}</Note>}
            <div role="radiogroup" aria-label={words.checkout.payment} className="flex flex-col gap-3">
              {ways.map((way) => (
                <label key={way} className="radio-card">
                  <input
                    type="radio"
                    name="provider"
                    className="mt-1 size-4"
                    checked={way === chosen}
                    onChange={() => edit({ provider: way })}
                  />
                  <span>
                    <span className="block text-sm font-semibold">{words.providers[way]}</span>
                    <span className="text-soft block text-sm">{words.checkout.nextStep[way]}</span>
                  </span>
                </label>
              ))}
            </div>
          </Part>
        )}
      </div>
      <aside aria-label={words.choose.basket} className="lg:sticky lg:top-4 lg:self-start">
        <div className="card flex flex-col gap-4 p-4 sm:p-5">
          <Keeping {...props} gone={gone} left={left} forget={doing.clear} />
          {hold && !gone && (
            <>
              <Totals shop={shop} currency={hold.currency} positions={hold.positions} code={cart.code} />
              <Trouble error={doing.error} />
              {tried && isWrong && <Note tone="bad">{words.checkout.look}</Note>}
              <button
                type="submit"
                className="button button-main button-wide"
                disabled={doing.busy || !provider}
              >
                {doing.busy
                  ? words.checkout.ordering
                  : total === 0
                    ? words.checkout.orderFree
                    : words.checkout.order}
              </button>
              <BackToChoice at={at} kept={props.kept} change={change}>
                {words.hold.change}
              </BackToChoice>
            </>
          )}
        </div>
      </aside>
    </form>
  );
}

/** What the server found wrong with answers, by their names. */
function faultsOf(error: unknown): Record<string, string> {
  const fields = error instanceof Refusal ? (error.problem.fields ?? []) : [];
  const ofAnswers = fields.filter(({ field }) => field.startsWith('answers.'));
  return Object.fromEntries(ofAnswers.map(({ field, problem }) => [field.slice('answers.'.length), problem]));
}

/** Back to the choice, with what is kept chosen. */
function BackToChoice(props: { at: At; kept: Kept; change: Change; children: ReactNode }) {
  return (
    <Link
      to={home(props.at)}
      className="link self-center text-sm"
      onClick={() => props.change((now) => ({ ...now, counts: countsOf(props.kept.lines) }))}
    >
      {props.children}
    </Link>
  );
}

/** Who comes with each admission, when there are several. */
function Attendees(props: { shop: Shop; hold: Hold; names: string[]; edit: (names: string[]) => void }) {
  const { shop, hold, names } = props;
  const words = useWords();
  const kindOf = (product: string) => shop.products.find((one) => one.id === product)?.kind;
  const places = hold.positions
    .map((position, place) => ({ place, position }))
    .filter(({ position }) => kindOf(position.product) === 'admission');
  if (places.length < 2) return null;
  return (
    <Part title={words.checkout.attendees} hint={words.checkout.attendeesHint}>
      <div className="grid gap-4 sm:grid-cols-2">
        {places.map(({ place, position }, number) => (
          <Field
            key={place}
            label={words.checkout.attendee(titleOf(shop, position.product, position.variation), number + 1)}
            maxLength={200}
            autoComplete="off"
            value={names[place] ?? ''}
            onChange={(event) => {
              const next = hold.positions.map((_, at) => names[at] ?? '');
              next[place] = event.target.value;
              props.edit(next);
            }}
          />
        ))}
      </div>
    </Part>
  );
}

/** How long the cart is kept, longer if wished, and what to do when its time is over. */
function Keeping(props: Props & { hold: Hold | undefined; gone: boolean; left: number; forget: () => void }) {
  const { at, shop, cart, change, kept, hold, gone, left } = props;
  const words = useWords();
  const format = useFormat(shop.zone);
  const holding = useHolding(at, cart, change);
  const doing = useDoing();
  const [said, setSaid] = useState('');
  useEffect(() => {
    const told = TOLD_MINUTES.find((minutes) => left === minutes * 60);
    if (told) setSaid(words.hold.soon(told));
  }, [left, words]);
  const money = (minor: number) => format.money(minor, hold?.currency ?? cart.currency);
  if (gone) {
    const again = async () => {
      const now = await holding.take(kept.lines);
      props.forget();
      const by = money(Math.abs(now.total - kept.total));
      if (now.total > kept.total) setSaid(words.hold.dearer(money(kept.total), money(now.total), by));
      else if (now.total < kept.total) setSaid(words.hold.cheaper(money(kept.total), money(now.total), by));
      else setSaid(words.hold.same);
    };
    return (
      <div className="flex flex-col gap-3" role="alert">
        <h2 className="text-bad text-lg font-semibold">{words.hold.goneTitle}</h2>
        <p className="text-sm">{words.hold.goneText}</p>
        <Trouble error={doing.error} />
        <button
          type="button"
          className="button button-main button-wide"
          disabled={doing.busy}
          onClick={() => doing.run(again)}
        >
          {words.hold.again}
        </button>
        <BackToChoice at={at} kept={kept} change={change}>
          {words.hold.change}
        </BackToChoice>
      </div>
    );
  }
  const canGrow = hold && Date.parse(hold.latest) - Date.parse(hold.until) > 1_000;
  const extend = async () => {
    try {
      await holding.extend();
      setSaid(words.hold.extended);
    } catch (error) {
      if (reasonOf(error) !== 'hold_at_its_end' || !(error instanceof Refusal)) throw error;
      setSaid(words.hold.atEnd);
    }
  };
  return (
    <div>
      <div className="flex items-center justify-between gap-3">
        <p className="text-sm">
          {words.hold.kept}{' '}
          <span
            className={`block text-2xl font-semibold ${left <= 120 ? 'text-bad' : ''}`}
            role="timer"
            aria-live="off"
            data-left={left}
          >
            {clock(left)}
          </span>
        </p>
        {canGrow && (
          <button type="button" className="button" disabled={doing.busy} onClick={() => doing.run(extend)}>
            {words.hold.extend}
          </button>
        )}
      </div>
      <p role="status" className="text-soft mt-1 min-h-5 text-sm">
        {said}
      </p>
      <Trouble error={doing.error} />
    </div>
  );
}
