// What stands around every page: the organization, the ways to its pages, the person, the theme.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Suspense, useEffect, useRef, useState } from 'react';
import { NavLink, Outlet, useLocation, useNavigate, useParams } from 'react-router';
import { ask, part } from './server/http';
import { useMe, useMembership } from './server/session';
import { Button, Choice } from './ui/basics';
import { useWords } from './words/words';

export function Layout() {
  const words = useWords();
  const { pathname } = useLocation();
  const [open, setOpen] = useState(false);
  const [shownFor, setShownFor] = useState(pathname);
  // A new page closes the menu of phones.
  if (shownFor !== pathname) {
    setShownFor(pathname);
    setOpen(false);
  }
  useFocusOnChange(pathname);
  return (
    <div className="lg:grid lg:min-h-dvh lg:grid-cols-[14rem_1fr]">
      <a href="#content" className="button button-main fixed start-2 -top-20 z-50 focus:top-2">
        {words.skip}
      </a>
      <header className="border-line bg-card lg:sticky lg:top-0 lg:h-dvh lg:border-e">
        <div className="border-line flex items-center justify-between gap-2 border-b px-4 py-3 lg:border-0">
          <NavLink to="/" className="flex items-center gap-2 font-semibold tracking-tight">
            <img src="/icon.svg" alt="" width={24} height={24} /> {words.product}
          </NavLink>
          <Button
            className="lg:hidden"
            aria-expanded={open}
            aria-controls="menu"
            onClick={() => setOpen(!open)}
          >
            {words.nav.menu}
          </Button>
        </div>
        <div
          id="menu"
          className={`${open ? 'block' : 'hidden'} px-3 pb-4 lg:flex lg:h-[calc(100dvh-3.5rem)] lg:flex-col`}
        >
          <Switcher />
          <Ways />
          <Person />
        </div>
      </header>
      <main id="content" tabIndex={-1} className="min-w-0 px-4 py-4 outline-none lg:px-6">
        <Suspense fallback={<p className="text-soft text-sm">{words.loading}</p>}>
          <Outlet />
        </Suspense>
      </main>
    </div>
  );
}

/** A new page begins at its content, for those who hear it or use the keyboard. */
function useFocusOnChange(pathname: string): void {
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    document.getElementById('content')?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [pathname]);
}

function Switcher() {
  const words = useWords();
  const navigate = useNavigate();
  const { organization = '' } = useParams();
  const memberships = useMe()?.memberships ?? [];
  if (memberships.length === 0) return null;
  return (
    <Choice
      label={words.nav.organization}
      hideLabel
      className="mt-3 lg:mt-0"
      value={organization}
      onChange={(event) =>
        void navigate(event.target.value ? `/o/${part(event.target.value)}` : '/organizations')
      }
    >
      <option value="">{words.organizations.title}</option>
      {memberships.map((one) => (
        <option key={one.organization} value={one.organization}>
          {one.name}
        </option>
      ))}
    </Choice>
  );
}

function Ways() {
  const words = useWords().nav;
  const { organization } = useParams();
  const admin = useMe()?.platform_admin ?? false;
  return (
    <nav aria-label={words.main} className="mt-3 flex-1 space-y-0.5">
      {organization !== undefined && <OrganizationWays organization={organization} />}
      {admin && <Way to="/system">{words.system}</Way>}
      {admin && <Way to="/mailbox">{words.mailbox}</Way>}
      {admin && <Way to="/audit">{words.platformAudit}</Way>}
      <Way to="/reference">{words.reference}</Way>
    </nav>
  );
}

function OrganizationWays({ organization }: { organization: string }) {
  const words = useWords().nav;
  const base = `/o/${part(organization)}`;
  const may = useMembership(organization)?.may ?? [];
  return (
    <>
      {WAYS.map(
        ([act, page]) =>
          may.includes(act) && (
            <Way key={page} to={`${base}/${page}`}>
              {words[page]}
            </Way>
          ),
      )}
      <Way to={`${base}/role`}>{words.role}</Way>
    </>
  );
}

/** The pages of an organization, with what somebody must be able to do there. */
const WAYS = [
  ['read_views', 'events'],
  ['read_campaigns', 'campaigns'],
  ['run_sql', 'sql'],
  ['manage_organization', 'rules'],
  ['manage_members', 'members'],
  ['manage_keys', 'keys'],
  ['manage_organization', 'payments'],
  ['manage_orders', 'invoices'],
  ['manage_organization', 'webhooks'],
  ['manage_organization', 'settings'],
  ['read_audit', 'audit'],
] as const;

function Way({ to, children }: { to: string; children: string }) {
  return (
    <NavLink
      to={to}
      className={({ isActive }) =>
        `block rounded-lg px-3 py-2 text-sm font-medium ${isActive ? 'bg-sunk text-ink' : 'text-soft hover:bg-sunk hover:text-ink'}`
      }
    >
      {children}
    </NavLink>
  );
}

function Person() {
  const words = useWords();
  const person = useMe();
  const client = useQueryClient();
  const navigate = useNavigate();
  const signOut = useMutation({
    mutationFn: () => ask('DELETE', '/v1/logins/current'),
    onSettled: async () => {
      client.clear();
      await navigate('/sign-in?out=1');
    },
  });
  return (
    <div className="border-line mt-3 space-y-2 border-t pt-3">
      <NavLink to="/account" className="hover:bg-sunk block rounded-lg px-3 py-2 text-sm">
        <span className="block truncate font-medium">{person?.user.name || person?.user.email}</span>
        <span className="text-soft block text-xs">{words.nav.account}</span>
      </NavLink>
      <Theme />
      <Button look="quiet" className="w-full" onClick={() => signOut.mutate()}>
        {words.nav.signOut}
      </Button>
    </div>
  );
}

const THEME = 'eventra-theme';

export function Theme() {
  const words = useWords().nav;
  const [theme, setTheme] = useState(() => document.documentElement.dataset['theme'] ?? '');
  const choose = (chosen: string) => {
    setTheme(chosen);
    if (chosen) document.documentElement.dataset['theme'] = chosen;
    else delete document.documentElement.dataset['theme'];
    try {
      localStorage.setItem(THEME, chosen);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
  };
  return (
    <Choice label={words.theme} hideLabel value={theme} onChange={(event) => choose(event.target.value)}>
      <option value="">{words.auto}</option>
      <option value="light">{words.light}</option>
      <option value="dark">{words.dark}</option>
    </Choice>
  );
}
