// Figures that no view has, asked of the warehouse in SQL: rarely, only of those who may, and said to be from there.
import { queryOptions, useQuery } from '@tanstack/react-query';
import { useMembership } from '../server/session';
import { runSql } from '../server/sql';
import { fromMicros } from '../words/format';
import { useWhere } from './data';

/** Between two askings, milliseconds: rows land a few seconds after they happened, and a dashboard is one of many. */
const EVERY_MS = 15_000;

interface Asked {
  rows: unknown[][];
  /** What the rows reflect the log until; undefined when the warehouse cannot say. */
  at: Date | undefined;
}

const asked = (org: string, event: string, query: string) =>
  queryOptions({
    queryKey: ['warehouse', org, event, query],
    queryFn: async ({ signal }): Promise<Asked> => {
      const { rows, until } = await runSql(org, { query, parameters: { event }, limit: 1_000 }, signal);
      return { rows, at: until === null ? undefined : fromMicros(until) };
    },
    refetchInterval: EVERY_MS,
    retry: false,
  });

function useWarehouse(query: string) {
  const { org, event } = useWhere();
  const may = useMembership(org)?.may.includes('run_sql') ?? false;
  return { ...useQuery({ ...asked(org, event, query), enabled: may }), may };
}

export interface Account {
  who: string;
  worst: number;
  records: number;
  reasons: string[];
  newest: string;
}

const ACCOUNTS =
  "SELECT lower(leftPad(hex(actor), 16, '0')) AS who, max(score) AS worst, count() AS records, argMax(reason_texts, (score, log_time)) AS reasons, toString(max(log_time)) AS newest FROM fraud_scores WHERE score > 0 AND {event:String} != '' GROUP BY actor ORDER BY worst DESC, records DESC, who LIMIT 6";

/** The accounts with the highest scores of the organization since the beginning. */
export function useWorstAccounts(): { accounts: Account[]; at: Date | undefined } {
  const answer = useWarehouse(ACCOUNTS);
  const accounts = answer.data?.rows.map(([who, worst, records, reasons, newest]) => ({
    who: String(who),
    worst: Number(worst),
    records: Number(records),
    reasons: reasons as string[],
    newest: String(newest),
  }));
  return { accounts: accounts ?? [], at: answer.data?.at };
}
