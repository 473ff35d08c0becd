// Where the event's money is: the ledger's balances, what can be paid out, and what was.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useRows } from '../server/rows';
import { Card, Confirm, NoData, Said, Table, Th, Trouble } from '../ui/basics';
import { More } from '../ui/More';
import { useAct } from './act';
import { Frame, useEventFormat, useOffice } from './office';
import { at, key, ledger, payable } from './server';
import type { Account, Balance, Payable, PayoutRow } from './types';
import { useBoxWords } from './words';

export function MoneyPage() {
  const words = useBoxWords();
  const { org, event } = useOffice();
  const balances = useQuery(ledger(org, event));
  const currencies = [...new Set((balances.data ?? []).map((one) => one.currency))];
  return (
    <Frame title={words.parts.money} hint={words.money.hint}>
      <Trouble error={balances.error} />
      <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-2">
        <Card title={words.money.ledger}>
          {balances.data !== undefined && currencies.length === 0 && <NoData>{words.money.none}</NoData>}
          <div className="space-y-5">
            {currencies.map((currency) => (
              <Ledger
                key={currency}
                currency={currency}
                rows={(balances.data ?? []).filter((one) => one.currency === currency)}
              />
            ))}
          </div>
        </Card>
        <div className="min-w-0 space-y-4">
          <Payouts />
          <Exports />
        </div>
      </div>
    </Frame>
  );
}

function useAccount(): (account: Account) => string {
  const words = useBoxWords();
  return (account) =>
    typeof account === 'string'
      ? (words.money.accounts[account] ?? account)
      : words.money.held(words.providers[account.provider] ?? account.provider);
}

function Ledger({ currency, rows }: { currency: string; rows: Balance[] }) {
  const words = useBoxWords().money;
  const format = useEventFormat();
  const name = useAccount();
  const money = (minor: number) => (minor === 0 ? '' : format.money(minor, currency));
  const debit = rows.reduce((sum, one) => sum + Math.max(0, one.balance), 0);
  const credit = rows.reduce((sum, one) => sum + Math.max(0, -one.balance), 0);
  return (
    <Table
      label={`${words.ledger} ${currency}`}
      head={
        <>
          <Th>
            {words.account} ({currency})
          </Th>
          <Th figure>{words.debit}</Th>
          <Th figure>{words.credit}</Th>
        </>
      }
    >
      {rows.map((row) => (
        <tr key={JSON.stringify(row.account)}>
          <th scope="row" className="cell font-normal">
            {name(row.account)}
          </th>
          <td className="cell figure">{money(Math.max(0, row.balance))}</td>
          <td className="cell figure">{money(Math.max(0, -row.balance))}</td>
        </tr>
      ))}
      <tr>
        <th scope="row" className="cell font-semibold">
          {words.sum}
        </th>
        <td className="cell figure font-semibold">{format.money(debit, currency)}</td>
        <td className="cell figure font-semibold">{format.money(credit, currency)}</td>
      </tr>
    </Table>
  );
}

function Payouts() {
  const words = useBoxWords();
  const format = useEventFormat();
  const { org, event } = useOffice();
  const { data } = useQuery(payable(org, event));
  const list = useRows<PayoutRow>([...key(org, event), 'payouts'], data ? at.payouts(org, event) : null);
  const [said, setSaid] = useState('');
  const ready = (data ?? []).filter((one) => one.amount > 0);
  return (
    <Card title={words.money.payouts} hint={words.money.payoutsHint}>
      <Said>{said}</Said>
      {ready.length === 0 ? (
        <p className="text-soft pb-3 text-sm">{words.money.nothing}</p>
      ) : (
        <ul className="mb-4 space-y-2">
          {ready.map((one) => (
            <PayOut
              key={`${one.provider} ${one.currency}`}
              of={one}
              onDone={() => setSaid(words.money.paid)}
            />
          ))}
        </ul>
      )}
      <Trouble error={list.error} />
      {list.rows?.length === 0 ? (
        <NoData>{words.money.noPayouts}</NoData>
      ) : (
        list.rows && (
          <Table
            label={words.money.payouts}
            head={
              <>
                <Th>{words.money.at}</Th>
                <Th>{words.orders.by}</Th>
                <Th figure>{words.money.amount}</Th>
                <Th figure>{words.money.commission}</Th>
                <Th>{words.money.by}</Th>
              </>
            }
          >
            {list.rows.map((row) => (
              <tr key={row.id}>
                <td className="cell whitespace-nowrap">{format.moment(new Date(row.at))}</td>
                <td className="cell">{words.providers[row.provider]}</td>
                <td className="cell figure font-medium">{format.money(row.amount, row.currency)}</td>
                <td className="cell figure">{format.money(row.commission, row.currency)}</td>
                <td className="cell">{row.by}</td>
              </tr>
            ))}
          </Table>
        )
      )}
      <More of={list} />
    </Card>
  );
}

function PayOut({ of, onDone }: { of: Payable; onDone: () => void }) {
  const words = useBoxWords();
  const { org, event } = useOffice();
  const amount = useEventFormat().money(of.amount, of.currency);
  const pay = useAct(at.payouts(org, event), onDone);
  return (
    <li className="flex flex-wrap items-center justify-between gap-2 text-sm">
      <span>{words.money.payable(words.providers[of.provider] ?? of.provider, amount)}</span>
      <Confirm
        what={words.money.payOutWhat(amount)}
        disabled={pay.isPending}
        onConfirm={() => pay.mutate({ provider: of.provider, currency: of.currency, amount: of.amount })}
      >
        {words.money.payOut}
      </Confirm>
      <Trouble error={pay.error} />
    </li>
  );
}

const EXPORTS = ['orders', 'tickets', 'scans', 'ledger'] as const;

/** Everything as files for spreadsheets. */
function Exports() {
  const words = useBoxWords().exports;
  const zone = useEventFormat().zone;
  const { org, event } = useOffice();
  return (
    <Card title={words.title} hint={words.hint(zone)}>
      <div className="flex flex-wrap gap-2">
        {EXPORTS.map((one) => (
          <a key={one} className="button" href={`${at.office(org, event)}/exports/${one}.csv`} download>
            {words.parts[one]}
          </a>
        ))}
      </div>
    </Card>
  );
}
