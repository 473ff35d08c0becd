// Which page stands at which address. Pages that few open, or that are large, are loaded when they are opened.
import { lazy, Suspense, type ReactNode } from 'react';
import { Navigate, Route, Routes, useLocation, useParams } from 'react-router';
import { Layout } from './Layout';
import { Dashboard, Wall } from './pages/Dashboard';
import { Events } from './pages/Events';
import { Begin, Needs } from './pages/Needs';
import { NotFound } from './pages/NotFound';
import { Organizations } from './pages/Organizations';
import { SignIn } from './pages/SignIn';
import { useQuery } from '@tanstack/react-query';
import { part } from './server/http';
import { firstEvents, me } from './server/queries';
import { useMay, useMe, useMembership } from './server/session';
import { Trouble } from './ui/basics';
import { Speaking, useWords } from './words/words';

const SignInLink = lazy(() => import('./pages/SignInLink'));
const ResetPassword = lazy(() => import('./pages/ResetPassword'));
const Role = lazy(() => import('./pages/Role'));
const Campaigns = lazy(() => import('./pages/Campaigns'));
const Settings = lazy(() => import('./pages/Settings'));
const Rules = lazy(() => import('./pages/Rules'));
const Checkin = lazy(() => import('./boxoffice/Checkin'));
const Payments = lazy(() => import('./boxoffice/Payments'));
const Invoices = lazy(() => import('./boxoffice/Invoices'));
const Webhooks = lazy(() => import('./boxoffice/Webhooks'));
const BoxOffice = lazy(() => import('./boxoffice/BoxOffice'));
const Items = lazy(() => import('./pages/Programme'));
const Programme = lazy(() => import('./programme/Programme'));
const Account = lazy(() => import('./pages/Account'));
const Members = lazy(() => import('./pages/Members'));
const Keys = lazy(() => import('./pages/Keys'));
const Audit = lazy(() => import('./pages/Audit'));
const Sql = lazy(() => import('./pages/Sql'));
const System = lazy(() => import('./pages/System'));
const Mailbox = lazy(() => import('./pages/Mailbox'));
const Reference = lazy(() => import('./pages/Reference'));

/** The pages of an organization, each with what somebody must be able to do there. */
const OF_ORGANIZATION = [
  ['events', ['read_views', 'manage_events'], Events],
  ['events/:event', 'read_views', Dashboard],
  ['events/:event/programme', 'manage_events', Items],
  ['events/:event/box-office/check-in', 'check_in', Checkin],
  ['events/:event/box-office/*', ['read_views', 'manage_events', 'manage_orders'], BoxOffice],
  ['events/:event/publication/*', 'manage_events', Programme],
  ['campaigns', 'read_campaigns', Campaigns],
  ['sql', 'run_sql', Sql],
  ['rules', ['manage_organization', 'read_views'], Rules],
  ['payments', 'manage_organization', Payments],
  ['invoices', 'manage_orders', Invoices],
  ['webhooks', 'manage_organization', Webhooks],
  ['settings', 'manage_organization', Settings],
  ['members', 'manage_members', Members],
  ['keys', 'manage_keys', Keys],
  ['audit', 'read_audit', Audit],
] as const;

export function App() {
  const person = useMe();
  return (
    <Speaking wanted={[person?.user.language]} zone={Intl.DateTimeFormat().resolvedOptions().timeZone}>
      <Suspense fallback={<Waiting />}>
        <Routes>
          <Route path="/sign-in" element={<SignIn />} />
          <Route path="/sign-in/link" element={<SignInLink />} />
          <Route path="/reset-password" element={<ResetPassword />} />
          <Route
            path="/o/:organization/events/:event/wall"
            element={
              <SignedIn>
                <OfOrganization>
                  <Needs act="read_views">
                    <Wall />
                  </Needs>
                </OfOrganization>
              </SignedIn>
            }
          />
          <Route
            element={
              <SignedIn>
                <OfOrganization>
                  <Layout />
                </OfOrganization>
              </SignedIn>
            }
          >
            <Route index element={<Start />} />
            <Route path="/organizations" element={<Organizations />} />
            <Route path="/account" element={<Account />} />
            <Route path="/o/:organization" element={<Begin />} />
            {OF_ORGANIZATION.map(([path, act, Page]) => (
              <Route
                key={path}
                path={`/o/:organization/${path}`}
                element={
                  <Needs act={act}>
                    <Page />
                  </Needs>
                }
              />
            ))}
            <Route path="/o/:organization/role" element={<Role />} />
            <Route path="/audit" element={<Audit />} />
            <Route path="/system" element={<System />} />
            <Route path="/mailbox" element={<Mailbox />} />
            <Route path="/reference" element={<Reference />} />
            <Route path="*" element={<NotFound />} />
          </Route>
        </Routes>
      </Suspense>
    </Speaking>
  );
}

function Waiting() {
  return (
    <p className="text-soft p-8 text-sm" role="status">
      {useWords().loading}
    </p>
  );
}

/** Leads to the sign-in page whoever is not signed in, and back afterwards. */
function SignedIn({ children }: { children: ReactNode }) {
  const { data: person, error } = useQuery(me);
  const { pathname, search } = useLocation();
  if (person === null)
    return <Navigate to={`/sign-in?to=${encodeURIComponent(pathname + search)}`} replace />;
  if (person === undefined) {
    return error ? (
      <main className="mx-auto max-w-md p-8">
        <Trouble error={error} />
      </main>
    ) : (
      <Waiting />
    );
  }
  return children;
}

/** Shows times in the zone of the organization at the address, in its language when the person chose none. */
function OfOrganization({ children }: { children: ReactNode }) {
  const { organization } = useParams();
  const membership = useMembership(organization ?? '');
  const person = useMe();
  return (
    <Speaking
      wanted={[person?.user.language, membership?.language]}
      zone={membership?.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone}
    >
      {children}
    </Speaking>
  );
}

/** The start: the one organization that somebody is in, or the choice. */
function Start() {
  const memberships = useMe()?.memberships ?? [];
  const only = memberships.length === 1 ? memberships[0] : undefined;
  return only ? <StartOf organization={only.organization} /> : <Organizations />;
}

/** The start of an organization: the dashboard of its one event, or what the role is for. */
function StartOf({ organization }: { organization: string }) {
  const may = useMay(organization, 'read_views');
  const { data, error } = useQuery({ ...firstEvents(organization), enabled: may });
  const base = `/o/${part(organization)}`;
  if (may && !data && !error) return <Waiting />;
  const only = data?.length === 1 ? data[0] : undefined;
  return <Navigate to={only ? `${base}/events/${part(only.id)}` : base} replace />;
}
