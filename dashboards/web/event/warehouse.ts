// Figures that no view has, asked of the warehouse in SQL: rarely, only of those who may, and said to be from there.
import { queryOptions, useQuery } from '@tanstack/react-query';
import { useMembership } from '../server/session';
import { runSql } from '../server/sql';
import { useFormat } from '../words/words';
import { useWhere } from './data';

/** Between two askings, milliseconds: rows land a few seconds after they happened, and a dashboard is one of many. */
const EVERY_MS = 15_000;

interface Asked {
  rows: unknown[][];
  at: Date;
}

const asked = (org: string, event: string, query: string) =>
  queryOptions({
    queryKey: ['warehouse', org, event, query],
    queryFn: async ({ signal }): Promise<Asked> => {
      const { rows } = await runSql(org, { query, parameters: { event }, limit: 1_000 }, signal);
      return { rows, at: new Date() };
    },
    refetchInterval: EVERY_MS,
    retry: false,
  });

function useWarehouse(query: string) {
  const { org, event } = useWhere();
  const may = useMembership(org)?.may.includes('run_sql') ?? false;
  return { ...useQuery({ ...asked(org, event, query), enabled: may }), may };
}

const REVENUE =
  "SELECT currency, sum(amount_minor) AS minor FROM records WHERE event = {event:String} AND kind = 'order_reported' AND currency != '' GROUP BY currency ORDER BY minor DESC LIMIT 3";

/** What was paid, by currency: currencies are never added up. */
export function useRevenue(): { text: string | undefined; at: Date | undefined; loaded: boolean } {
  const format = useFormat();
  const answer = useWarehouse(REVENUE);
  const sums =
    answer.data?.rows.map(([currency, minor]) => format.money(Number(minor), String(currency))) ?? [];
  return {
    text: sums.length > 0 ? sums.join(' + ') : undefined,
    at: answer.data?.at,
    loaded: !answer.may || !answer.isPending,
  };
}

export interface Share {
  name: string;
  people: number;
}

const split = (column: string) =>
  `SELECT ${column} AS name, uniqExact(actor) AS people FROM records WHERE event = {event:String} AND ${column} != '' GROUP BY name ORDER BY people DESC, name LIMIT 6`;

/** People by what `column` says of them; undefined while nobody has answered. */
export function useSplit(column: 'platform' | 'country'): {
  shares: Share[] | undefined;
  at: Date | undefined;
} {
  const answer = useWarehouse(split(column));
  return {
    shares: answer.data?.rows.map(([name, people]) => ({ name: String(name), people: Number(people) })),
    at: answer.data?.at,
  };
}
