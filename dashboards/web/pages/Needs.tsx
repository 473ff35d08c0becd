// What stands before the pages of an organization: whoever may not see one is told what they may do instead.
import { lazy, type ReactNode } from 'react';
import { Navigate, useParams } from 'react-router';
import { part } from '../server/http';
import { useMembership } from '../server/session';

const Role = lazy(() => import('./Role'));

/** Shows the page to whoever may do one of these acts somewhere in the organization. */
export function Needs({ act, children }: { act: string | readonly string[]; children: ReactNode }) {
  const { organization = '' } = useParams();
  const may = useMembership(organization)?.may ?? [];
  const acts = typeof act === 'string' ? [act] : act;
  return acts.some((one) => may.includes(one)) ? children : <Role refused />;
}

/** Where somebody begins in an organization: at what their role is for. */
export function Begin() {
  const { organization = '' } = useParams();
  const may = useMembership(organization)?.may ?? [];
  const base = `/o/${part(organization)}`;
  if (may.includes('read_views')) return <Navigate to={`${base}/events`} replace />;
  if (may.includes('read_campaigns')) return <Navigate to={`${base}/campaigns`} replace />;
  return <Role />;
}
