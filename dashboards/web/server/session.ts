// Who is looking, and what they may do where: from `/v1/me`, which the first page waits for.
import { useQuery } from '@tanstack/react-query';
import { me } from './queries';
import type { Me, Membership } from './types';

/** Null while nobody is signed in; undefined until it is known. */
export const useMe = (): Me | null | undefined => useQuery(me).data;

export const useMembership = (organization: string): Membership | undefined =>
  useMe()?.memberships.find((one) => one.organization === organization);

/** Whether the person may do `act` in the organization. The server decides; this only hides what it would refuse. */
export const useMay = (organization: string, act: string): boolean =>
  useMembership(organization)?.may.includes(act) ?? false;

/** Whether the person may do `act` in the whole organization: a membership that is limited to events may not. */
export const useMayEverywhere = (organization: string, act: string): boolean => {
  const membership = useMembership(organization);
  const limited =
    membership?.role === 'advertiser'
      ? membership.campaigns.length > 0
      : (membership?.events.length ?? 0) > 0;
  return (membership?.may.includes(act) ?? false) && !limited;
};

/** Whether the person may do `act` for one event. */
export const useMayFor = (organization: string, act: string, event: string): boolean => {
  const membership = useMembership(organization);
  if (!membership?.may.includes(act)) return false;
  return membership.events.length === 0 || membership.events.includes(event);
};
