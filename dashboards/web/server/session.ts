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
