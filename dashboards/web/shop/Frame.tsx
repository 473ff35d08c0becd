// What stands around every page of a shop: whose event it is, and what a buyer chooses about the page itself.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Link, Outlet, useLocation, useNavigate, useParams } from 'react-router';
import { Refusal } from '../server/http';
import { useCart } from './cart';
import { Entrance } from './Entrance';
import { home, shopQuery, type At } from './server';
import type { Shop } from './types';
import { Note } from './ui';
import { LANGUAGES, useFormat, useLanguage, useWords } from './words/speaking';

export function useAt(): At {
  const { seller = '', event = '' } = useParams();
  return { seller, event };
}

/** Mails to those who wait lead here with the entry behind `#`. */
function useTurnInLink(at: At) {
  const navigate = useNavigate();
  const { hash } = useLocation();
  const wait = new URLSearchParams(hash.slice(1)).get('wait');
  useEffect(() => {
    if (wait) void navigate(`${home(at)}/waitlist/${encodeURIComponent(wait)}`, { replace: true });
  });
}

export function Frame() {
  const at = useAt();
  useTurnInLink(at);
  const words = useWords();
  const [cart] = useCart(at.seller, at.event);
  const shop = useQuery(shopQuery(at, cart.code));
  // Too many requests are none of that.
  const gone = shop.error instanceof Refusal && [400, 403, 404, 410].includes(shop.error.status);
  // What somebody has is theirs, by its secret, also where others are not let in.
  const isOwn = /\/(orders|waitlist)\/[^/]+$/.test(useLocation().pathname);
  return (
    <div className="flex min-h-dvh flex-col">
      <a href="#main" className="sr-only focus:not-sr-only focus:bg-card focus:p-3">
        {words.skip}
      </a>
      <Banner at={at} shop={shop.data} />
      <main
        id="main"
        tabIndex={-1}
        className="mx-auto w-full max-w-5xl flex-1 px-4 py-6 outline-none sm:px-6"
      >
        {shop.isError && !gone && (
          <div className="mb-4">
            <Note tone="warn" role="status">
              {words.offline}
            </Note>
          </div>
        )}
        {gone && !isOwn && (!shop.data || shop.isRefetchError) ? <Entrance at={at} /> : <Outlet />}
      </main>
      <Foot at={at} orders={cart.orders.map((order) => order.id)} zone={shop.data?.zone} />
    </div>
  );
}

function Banner({ at, shop }: { at: At; shop: Shop | undefined }) {
  const words = useWords();
  return (
    <header className="bg-card border-line border-b print:hidden">
      <div className="mx-auto flex min-h-20 max-w-5xl flex-wrap items-center justify-between gap-x-6 gap-y-1 px-4 py-3 sm:px-6">
        {shop && (
          <>
            <div className="min-w-0">
              <Link to={home(at)} className="text-lg font-semibold tracking-tight hover:underline">
                {shop.title}
              </Link>
              <Dates shop={shop} />
            </div>
            <p className="text-soft text-sm">
              {words.soldBy(shop.seller)}
              {shop.page !== null && (
                <>
                  {' · '}
                  <a className="link" href={shop.page}>
                    {words.eventPage}
                  </a>
                </>
              )}
            </p>
          </>
        )}
      </div>
    </header>
  );
}

function Dates({ shop }: { shop: Shop }) {
  const format = useFormat(shop.zone);
  const range = new Intl.DateTimeFormat(format.language, { dateStyle: 'long', timeZone: format.zone });
  return <p className="text-soft text-sm">{range.formatRange(new Date(shop.starts), new Date(shop.ends))}</p>;
}

function Foot({ at, orders, zone }: { at: At; orders: string[]; zone: string | undefined }) {
  const words = useWords();
  const { language, speak } = useLanguage();
  return (
    <footer className="border-line text-soft mt-8 border-t text-sm print:hidden">
      <div className="mx-auto flex max-w-5xl flex-wrap items-center gap-x-6 gap-y-3 px-4 py-5 pb-28 sm:px-6 lg:pb-5">
        {zone && <p className="me-auto">{words.inZone(zone)}</p>}
        {orders.length > 0 && (
          <nav aria-label={words.myOrders} className="flex flex-wrap gap-3">
            {orders.map((id) => (
              <Link key={id} to={`${home(at)}/orders/${encodeURIComponent(id)}`} className="link">
                {words.order.number(shortOf(id))}
              </Link>
            ))}
          </nav>
        )}
        <label className="flex items-center gap-2">
          {words.language}
          <select
            className="border-field bg-card text-ink min-h-9 rounded-lg border px-2"
            value={language}
            onChange={(change) => speak(change.target.value)}
          >
            {Object.entries(LANGUAGES).map(([tag, name]) => (
              <option key={tag} value={tag} lang={tag}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <Theme />
      </div>
    </footer>
  );
}

/** The end of an order's id, which is also what bank transfers name. */
export const shortOf = (id: string): string => (id.split('-').at(-1) ?? id).slice(-12).toUpperCase();

function Theme() {
  const words = useWords();
  const [theme, setTheme] = useState(() => document.documentElement.dataset['theme'] ?? 'system');
  useEffect(() => {
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    try {
      if (theme === 'system') localStorage.removeItem('eventra-theme');
      else localStorage.setItem('eventra-theme', theme);
    } catch {
      // It is not remembered, and looks so all the same.
    }
  }, [theme]);
  return (
    <label className="flex items-center gap-2">
      {words.theme.name}
      <select
        className="border-field bg-card text-ink min-h-9 rounded-lg border px-2"
        value={theme}
        onChange={(change) => setTheme(change.target.value)}
      >
        {(['system', 'light', 'dark'] as const).map((name) => (
          <option key={name} value={name}>
            {words.theme[name]}
          </option>
        ))}
      </select>
    </label>
  );
}
