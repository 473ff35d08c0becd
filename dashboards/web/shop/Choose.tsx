// The first page of a shop: what there is, how many are wanted, what it comes to.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useId, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { Refusal } from '../server/http';
import { countOf, isSame, linesOf, useCart, type Cart, type Change } from './cart';
import { useAt } from './Frame';
import { useHolding } from './holding';
import { ProductCard } from './ProductCard';
import { RoomGate } from './Room';
import { home, holdQuery, pricesQuery, shopQuery, type At } from './server';
import { Totals } from './Totals';
import type { Product, Shop } from './types';
import { Heading, Note, Trouble, useDoing } from './ui';
import { useFormat, useWords } from './words/speaking';

/** The order in which kinds are shown; others come after them. */
const KINDS = ['admission', 'add_on', 'digital', 'goods'];
/** How long a choice stands still before its price is asked, milliseconds. */
const STILL_MS = 200;

export function Choose() {
  const at = useAt();
  const words = useWords();
  const [cart, change] = useCart(at.seller, at.event);
  const { data: shop, dataUpdatedAt } = useQuery(shopQuery(at, cart.code));
  useCurrency(shop, cart, change);
  if (!shop) return <p role="status">{words.loading}</p>;
  const ahead = Date.parse(shop.now) - dataUpdatedAt;
  const page = <Chosen at={at} shop={shop} cart={cart} change={change} ahead={ahead} />;
  return shop.room && !cart.hold ? (
    <RoomGate at={at} shop={shop} room={shop.room} cart={cart} change={change} ahead={ahead}>
      {page}
    </RoomGate>
  ) : (
    page
  );
}

/** The buyer's currency, else the first that something is sold in. */
function useCurrency(shop: Shop | undefined, cart: Cart, change: Change) {
  const first = shop?.currencies[0];
  const isKnown = shop?.currencies.includes(cart.currency) ?? true;
  useEffect(() => {
    if (!isKnown && first) change((now) => ({ ...now, currency: first }));
  });
}

interface Props {
  at: At;
  shop: Shop;
  cart: Cart;
  change: Change;
}

function Chosen(props: Props & { ahead: number }) {
  const { shop, cart, change } = props;
  const words = useWords();
  const chosen = countOf(cart.counts);
  const add = (name: string, count: number) =>
    change((now) => ({ ...now, counts: { ...now.counts, [name]: Math.max(0, count) } }));
  const sections = [...new Set([...KINDS, ...shop.products.map((product) => product.kind)])]
    .map((kind) => [kind, shop.products.filter((product) => product.kind === kind)] as const)
    .filter(([, products]) => products.length > 0);
  return (
    <div className="grid gap-6 lg:grid-cols-[minmax(0,1fr)_21rem]">
      <div className="min-w-0">
        <Heading title={words.choose.title} />
        <KeptBanner {...props} />
        {!shop.open && <Note tone="warn">{words.choose.closed}</Note>}
        {shop.currencies.length > 1 && <Currencies {...props} />}
        <Discounts shop={shop} />
        {shop.products.length === 0 && <p className="text-soft">{words.choose.nothing}</p>}
        {sections.map(([kind, products]) => (
          <Section
            key={kind}
            title={words.choose.sections[kind] ?? kind}
            products={products}
            cart={cart}
            shop={shop}
            room={shop.order_max - chosen}
            add={add}
            at={props.at}
            ahead={props.ahead}
          />
        ))}
      </div>
      <Basket {...props} chosen={chosen} />
    </div>
  );
}

function Section(props: {
  title: string;
  products: Product[];
  cart: Cart;
  shop: Shop;
  room: number;
  add: (name: string, count: number) => void;
  at: At;
  ahead: number;
}) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="mt-6 first:mt-0">
      <h2 id={id} className="text-soft mb-3 text-sm font-semibold tracking-wide uppercase">
        {props.title}
      </h2>
      <ul className="flex flex-col gap-3">
        {props.products.map((product) => (
          <ProductCard
            key={product.id}
            product={product}
            shop={props.shop}
            cart={props.cart}
            room={props.room}
            add={props.add}
            at={props.at}
            ahead={props.ahead}
          />
        ))}
      </ul>
    </section>
  );
}

function Currencies({ shop, cart, change }: Props) {
  const words = useWords();
  return (
    <label className="mb-4 flex items-center gap-3 text-sm font-medium">
      {words.choose.currency}
      <select
        className="field w-auto"
        value={cart.currency}
        onChange={(event) => change((now) => ({ ...now, currency: event.target.value }))}
      >
        {shop.currencies.map((currency) => (
          <option key={currency}>{currency}</option>
        ))}
      </select>
    </label>
  );
}

function Discounts({ shop }: { shop: Shop }) {
  const words = useWords();
  const format = useFormat(shop.zone);
  if (shop.discounts.length === 0) return null;
  return (
    <ul className="mb-4 flex flex-col gap-1 text-sm">
      {shop.discounts.map((discount) => {
        const off = format.percent(discount.off / 10_000);
        return (
          <li key={discount.title} className="text-good">
            {discount.cheapest === null
              ? words.choose.group(discount.title, discount.at_least, off)
              : words.choose.groupCheapest(discount.title, discount.at_least, discount.cheapest, off)}
          </li>
        );
      })}
    </ul>
  );
}

/** A cart that is kept already: the way on, also from another tab. */
function KeptBanner({ at, cart, change }: Props) {
  const words = useWords();
  const hold = useQuery(holdQuery(at, cart.hold?.id));
  const gone = hold.error instanceof Refusal && hold.error.status >= 400 && hold.error.status < 500;
  useEffect(() => {
    if (gone) change((now) => ({ ...now, hold: null }));
  });
  if (!cart.hold || gone) return null;
  return (
    <div className="bg-good-sunk text-good mb-5 flex flex-wrap items-center justify-between gap-3 rounded-xl px-4 py-3 text-sm">
      <p>{words.hold.waits}</p>
      <Link to={`${home(at)}/checkout`} className="button">
        {words.hold.goOn}
      </Link>
    </div>
  );
}

/** What stands still for a moment. */
function useStill<T>(value: T): T {
  const text = JSON.stringify(value);
  const [still, setStill] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setStill(text), STILL_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return JSON.parse(still) as T;
}

function Basket({ at, shop, cart, change, chosen }: Props & { chosen: number }) {
  const words = useWords();
  const format = useFormat(shop.zone);
  const navigate = useNavigate();
  const holding = useHolding(at, cart, change);
  const doing = useDoing();
  const lines = linesOf(cart.counts);
  const still = useStill({ lines, currency: cart.currency, ...(cart.code ? { code: cart.code } : {}) });
  const prices = useQuery(pricesQuery(at, still));
  const isKept = cart.hold !== null && isSame(cart.hold.lines, lines);
  const shown = chosen > 0 ? prices.data : undefined;
  const goOn = () =>
    doing.run(async () => {
      if (!isKept) await holding.take(lines);
      await navigate(`${home(at)}/checkout`);
    });
  // What is kept counts against what is left: a refusal of the price is none of a cart that is kept.
  const refused = !isKept && prices.isError && chosen > 0 ? prices.error : null;
  const button = (
    <button
      type="button"
      className="button button-main button-wide"
      disabled={chosen === 0 || !shop.open || doing.busy}
      onClick={goOn}
    >
      {words.choose.continue}
      {shown && !refused && <span>· {format.money(shown.total, shown.currency)}</span>}
    </button>
  );
  return (
    <>
      <aside aria-label={words.choose.basket} className="lg:sticky lg:top-4 lg:self-start">
        <div className="card p-4 sm:p-5">
          <h2 className="mb-3 text-lg font-semibold">{words.choose.basket}</h2>
          {chosen === 0 && <p className="text-soft text-sm">{words.choose.empty}</p>}
          {shown && (
            <Totals shop={shop} currency={shown.currency} positions={shown.positions} code={cart.code} />
          )}
          <div className="mt-3 flex flex-col gap-3" aria-live="polite">
            <Trouble error={doing.error ?? refused} />
          </div>
          <Code at={at} cart={cart} change={change} />
          <div className="mt-4 hidden lg:block">{button}</div>
          {chosen > 0 && (
            <p className="text-soft mt-3 text-xs">
              {words.choose.keepingNote(Math.round(shop.hold_s / 60))} {words.sums.taxIncluded}
            </p>
          )}
          {chosen > 0 && (
            <button
              type="button"
              className="link mt-2 text-sm"
              onClick={() =>
                doing.run(async () => {
                  await holding.release();
                  change((now) => ({ ...now, counts: {} }));
                })
              }
            >
              {words.choose.clear}
            </button>
          )}
        </div>
      </aside>
      <div className="bg-card border-line fixed inset-x-0 bottom-0 z-10 border-t p-3 pb-[max(0.75rem,env(safe-area-inset-bottom))] lg:hidden">
        {button}
      </div>
    </>
  );
}

function Code({ at, cart, change }: { at: At; cart: Cart; change: Change }) {
  const words = useWords();
  const client = useQueryClient();
  const doing = useDoing();
  const [open, setOpen] = useState(false);
  const [text, setText] = useState('');
  const id = useId();
  if (cart.code) {
    return (
      <p className="mt-4 flex flex-wrap items-center justify-between gap-2 text-sm">
        <span className="text-good font-medium" role="status">
          {words.code.taken(cart.code)}
        </span>
        <button type="button" className="link" onClick={() => change((now) => ({ ...now, code: '' }))}>
          {words.code.remove}
        </button>
      </p>
    );
  }
  if (!open) {
    return (
      <button type="button" className="link mt-4 text-sm" onClick={() => setOpen(true)}>
        {words.code.open}
      </button>
    );
  }
  const use = async () => {
    const code = text.trim();
    const shop = await client.query(shopQuery(at, code));
    if (!shop.code) {
      throw new Refusal(409, {
        code: 'booking_refused',
        reason: 'promo_unknown',
        detail: 'this code is not valid',
      });
    }
    change((now) => ({ ...now, code }));
  };
  return (
    <form
      className="mt-4"
      onSubmit={(submit) => {
        submit.preventDefault();
        if (text.trim()) doing.run(use);
      }}
    >
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {words.code.label}
      </label>
      <div className="flex gap-2">
        <input
          id={id}
          className="field uppercase"
          autoComplete="off"
          autoFocus
          maxLength={100}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button type="submit" className="button" disabled={doing.busy}>
          {words.code.use}
        </button>
      </div>
      <div className="mt-2">
        <Trouble error={doing.error} />
      </div>
    </form>
  );
}
