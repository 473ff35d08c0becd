// One product on sale: its price and how long that stands, its kinds, how many are wanted, and the waitlist when it is gone.
import { nameOf, type Cart } from './cart';
import { Sale, saleOf } from './Sale';
import type { At } from './server';
import { titleOf } from './Totals';
import { priceIn, type Availability, type Product, type Shop } from './types';
import { Badge } from './ui';
import { JoinWaitlist } from './Waitlist';
import { useFormat, useWords } from './words/speaking';

interface Props {
  product: Product;
  shop: Shop;
  cart: Cart;
  /** How many more an order may have. */
  room: number;
  add: (name: string, count: number) => void;
  at: At;
  /** How far the server's clock is ahead, milliseconds. */
  ahead: number;
}

export function ProductCard(props: Props) {
  const { product, shop, cart } = props;
  const words = useWords();
  const format = useFormat(shop.zone);
  const price = priceIn(product.prices, cart.currency);
  const sale = saleOf(product, cart.currency);
  const chosen = product.variations.length
    ? product.variations.reduce(
        (sum, kind) => sum + (cart.counts[nameOf(product.id, kind.variation)] ?? 0),
        0,
      )
    : (cart.counts[product.id] ?? 0);
  const more = Math.min(props.room, (product.order_max ?? Infinity) - chosen);
  const goesWith = shop.products.filter((one) => product.with.includes(one.id)).map((one) => one.title);
  return (
    <li
      className={`card p-4 sm:p-5 ${sale ? 'border-good' : ''}`}
      data-product={product.id}
      {...(sale ? { 'data-sale': sale.before } : {})}
    >
      {sale && <Sale sale={sale} product={product} at={props.at} ahead={props.ahead} zone={shop.zone} />}
      <div className="flex items-start justify-between gap-4">
        <div className="min-w-0">
          <h3 className="text-base font-semibold">{product.title}</h3>
          <Terms product={product} shop={shop} currency={cart.currency} />
          {goesWith.length > 0 && (
            <p className="text-soft mt-1 text-xs">{words.choose.goesWith(format.list(goesWith))}</p>
          )}
        </div>
        {product.variations.length === 0 &&
          product.availability !== 'sold_out' &&
          product.availability !== 'later' && (
            <Amount
              title={product.title}
              price={price}
              before={sale?.before}
              name={nameOf(product.id)}
              more={Math.min(more, (product.left ?? Infinity) - chosen)}
              {...props}
            />
          )}
      </div>
      {product.variations.length > 0 && product.availability !== 'later' && (
        <ul aria-label={words.choose.kinds(product.title)} className="divide-line mt-3 divide-y">
          {product.variations.map((kind) => {
            const name = nameOf(product.id, kind.variation);
            const extra = priceIn(kind.extra, cart.currency) ?? 0;
            const count = cart.counts[name] ?? 0;
            return (
              <li key={kind.variation} className="flex items-center justify-between gap-4 py-2">
                <div>
                  <span className="text-sm">{kind.title}</span>
                  <Left availability={kind.availability} left={kind.left} />
                </div>
                {kind.availability === 'sold_out' ? null : (
                  <Amount
                    title={`${product.title}, ${kind.title}`}
                    price={price === undefined ? undefined : price + extra}
                    before={sale && sale.before + extra}
                    name={name}
                    beside
                    more={Math.min(more, (kind.left ?? Infinity) - count)}
                    {...props}
                  />
                )}
              </li>
            );
          })}
        </ul>
      )}
      {product.waitlist && <Queues {...props} />}
    </li>
  );
}

/** What the price is called, until when it stands, how many are left. */
function Terms({ product, shop, currency }: { product: Product; shop: Shop; currency: string }) {
  const words = useWords();
  const format = useFormat(shop.zone);
  const next = product.next && priceIn(product.next.prices, currency);
  const parts = [
    product.tier !== product.title ? product.tier : '',
    product.tier_until ? words.choose.until(format.moment(new Date(product.tier_until))) : '',
    typeof next === 'number' ? words.choose.then(format.money(next, currency)) : '',
  ].filter(Boolean);
  return (
    <>
      {parts.length > 0 && <p className="text-soft mt-0.5 text-sm">{parts.join(' · ')}</p>}
      <p className="mt-1 flex flex-wrap gap-1.5 empty:hidden">
        {product.availability !== 'sold_out' && product.tier_left !== null && product.tier_left > 0 && (
          <Badge tone="good">{words.choose.atThisPrice(product.tier_left)}</Badge>
        )}
        <Left availability={product.availability} left={product.left} />
        {product.from && <Badge>{words.choose.later(format.moment(new Date(product.from)))}</Badge>}
        {product.until && <Badge>{words.choose.saleEnds(format.moment(new Date(product.until)))}</Badge>}
        {product.per_person !== null && <Badge>{words.choose.perPerson(product.per_person)}</Badge>}
        {product.revealed && <Badge tone="good">{words.choose.byCode}</Badge>}
      </p>
    </>
  );
}

function Left({ availability, left }: { availability: Availability; left: number | null }) {
  const words = useWords();
  if (availability === 'sold_out') return <Badge tone="bad">{words.choose.soldOut}</Badge>;
  if (availability === 'few' && left !== null) return <Badge tone="warn">{words.choose.left(left)}</Badge>;
  return null;
}

/** The price of one, and how many are wanted. */
function Amount(
  props: Props & {
    title: string;
    price: number | undefined;
    /** What it cost before, where that was more. */
    before: number | undefined;
    name: string;
    more: number;
    beside?: boolean;
  },
) {
  const { title, price, name, cart } = props;
  const words = useWords();
  const format = useFormat(props.shop.zone);
  const count = cart.counts[name] ?? 0;
  if (price === undefined) {
    return <span className="text-soft text-sm">{words.choose.otherCurrency(cart.currency)}</span>;
  }
  return (
    <div className={`flex shrink-0 ${props.beside ? 'items-center gap-3' : 'flex-col items-end gap-2'}`}>
      <span className="flex flex-wrap items-baseline justify-end gap-x-2 text-base font-semibold">
        {props.before !== undefined && (
          <s className="text-soft text-sm font-normal" data-before={props.before}>
            <span className="sr-only">{words.choose.before('')}</span>
            {format.money(props.before, cart.currency)}
          </s>
        )}
        {price === 0 ? words.choose.free : format.money(price, cart.currency)}
      </span>
      <div role="group" aria-label={title} className="flex items-center gap-1">
        {count > 0 && (
          <>
            <button
              type="button"
              className="round"
              aria-label={words.choose.less(title)}
              onClick={() => props.add(name, count - 1)}
            >
              <span aria-hidden>−</span>
            </button>
            <output
              className="w-9 text-center text-lg font-semibold"
              aria-label={words.choose.count(title, count)}
            >
              {count}
            </output>
          </>
        )}
        <button
          type="button"
          className="round"
          aria-label={words.choose.more(title)}
          disabled={props.more <= 0 || !props.shop.open}
          onClick={() => props.add(name, count + 1)}
        >
          <span aria-hidden>+</span>
        </button>
      </div>
    </div>
  );
}

/** Waitlists of what is sold out: of the product, or of each kind. */
function Queues({ product, shop, cart, at }: Props) {
  const gone = product.variations.length
    ? product.variations.filter((kind) => kind.availability === 'sold_out').map((kind) => kind.variation)
    : product.availability === 'sold_out'
      ? [undefined]
      : [];
  return gone.map((variation) => (
    <JoinWaitlist
      key={variation ?? ''}
      at={at}
      product={product.id}
      variation={variation}
      title={titleOf(shop, product.id, variation)}
      currency={cart.currency}
      most={Math.min(product.order_max ?? Infinity, shop.order_max)}
      wanted={gone.length === 1}
    />
  ));
}
