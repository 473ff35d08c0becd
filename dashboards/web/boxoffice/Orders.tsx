// Orders, the newest first: by how far they are, and by whatever somebody at the phone can say of theirs.
import { useQuery } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { address, part } from '../server/http';
import { useRows } from '../server/rows';
import { Badge, Button, NoData, Table, Th, Trouble } from '../ui/basics';
import { More } from '../ui/More';
import { Frame, numberOf, useEventFormat, useOffice } from './office';
import { at, key, summary } from './server';
import { type OrderRow, type OrderStatus, STATUSES } from './types';
import { useBoxWords } from './words';

const TONES: Record<OrderStatus, 'good' | 'warn' | 'bad' | 'plain'> = {
  pending: 'warn',
  in_review: 'warn',
  confirmed: 'good',
  expired: 'plain',
  cancelled: 'plain',
  refused: 'bad',
};

export function StatusBadge({ status }: { status: OrderStatus }) {
  return <Badge tone={TONES[status]}>{useBoxWords().orders.statuses[status] ?? status}</Badge>;
}

export function Orders() {
  const words = useBoxWords();
  const { org, event } = useOffice();
  const [asked, setAsked] = useSearchParams();
  const status = STATUSES.find((one) => one === asked.get('status'));
  const search = asked.get('search') ?? '';
  const list = useRows<OrderRow>(
    [...key(org, event), 'orders'],
    address(at.orders(org, event), { status, search }),
  );
  const ask = (wanted: { status?: string | undefined; search?: string }) => {
    const next = { status, search, ...wanted };
    setAsked(Object.fromEntries(Object.entries(next).filter((one): one is [string, string] => !!one[1])));
  };
  const none = list.rows?.length === 0;
  return (
    <Frame title={words.parts.orders} hint={words.orders.hint}>
      <div className="mb-4 flex flex-wrap items-end gap-x-4 gap-y-3">
        <Search key={search} search={search} onSearch={(text) => ask({ search: text })} />
        <Statuses chosen={status} onChoose={(one) => ask({ status: one })} />
      </div>
      <Trouble error={list.error} />
      <div className="card p-2">
        {none ? (
          <None searched={search !== '' || status !== undefined} more={list.more !== undefined} />
        ) : (
          <Rows rows={list.rows ?? []} />
        )}
        {search === '' ? (
          <More of={list} />
        ) : (
          list.more && (
            <Button className="mt-3" onClick={list.more} disabled={list.loading}>
              {words.orders.further}
            </Button>
          )
        )}
      </div>
    </Frame>
  );
}

function None({ searched, more }: { searched: boolean; more: boolean }) {
  const words = useBoxWords().orders;
  return <NoData>{searched ? (more ? words.noneSoFar : words.noneFound) : words.none}</NoData>;
}

function Search({ search, onSearch }: { search: string; onSearch: (text: string) => void }) {
  const words = useBoxWords().orders;
  const [text, setText] = useState(search);
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    onSearch(text.trim());
  };
  return (
    <form onSubmit={submit} role="search" className="flex min-w-72 flex-1 items-end gap-2">
      <input
        className="field max-w-md flex-1"
        aria-label={words.search}
        placeholder={words.searchHint}
        type="search"
        maxLength={200}
        value={text}
        onChange={({ target }) => setText(target.value)}
      />
      <Button type="submit">{words.find}</Button>
    </form>
  );
}

function Statuses(props: {
  chosen: OrderStatus | undefined;
  onChoose: (status: OrderStatus | undefined) => void;
}) {
  const words = useBoxWords();
  const format = useEventFormat();
  const { org, event } = useOffice();
  const counts = useQuery(summary(org, event)).data?.orders;
  const all = counts && Object.values(counts).reduce((sum, one) => sum + one, 0);
  const shown = [undefined, ...STATUSES] as const;
  return (
    <div role="group" aria-label={words.orders.status} className="flex flex-wrap gap-1.5">
      {shown.map((status) => {
        const count = status ? counts?.[status] : all;
        return (
          <button
            key={status ?? 'all'}
            type="button"
            aria-pressed={props.chosen === status}
            className={`min-h-8 rounded-full border px-3 text-sm whitespace-nowrap ${props.chosen === status ? 'bg-fill border-transparent text-white' : 'border-field/60 bg-card hover:bg-sunk'}`}
            onClick={() => props.onChoose(status)}
          >
            {status ? words.orders.statuses[status] : words.any}
            {count !== undefined && <span className="ms-1.5 font-semibold">{format.number(count)}</span>}
          </button>
        );
      })}
    </div>
  );
}

function Rows({ rows }: { rows: OrderRow[] }) {
  const words = useBoxWords().orders;
  return (
    <Table
      label={useBoxWords().parts.orders}
      head={
        <>
          <Th>{words.number}</Th>
          <Th>{words.status}</Th>
          <Th>{words.buyer}</Th>
          <Th figure>{words.positions}</Th>
          <Th figure>{words.total}</Th>
          <Th figure>{words.paid}</Th>
          <Th>{words.by}</Th>
          <Th>{words.placed}</Th>
        </>
      }
    >
      {rows.map((row) => (
        <Row key={row.id} row={row} />
      ))}
    </Table>
  );
}

function Row({ row }: { row: OrderRow }) {
  const words = useBoxWords();
  const format = useEventFormat();
  const { base } = useOffice();
  return (
    <tr>
      <td className="cell">
        <Link
          to={`${base}/orders/${part(row.id)}`}
          className="link font-mono"
          aria-label={words.orders.open(numberOf(row.id))}
        >
          {numberOf(row.id)}
        </Link>
      </td>
      <td className="cell whitespace-nowrap">
        <StatusBadge status={row.status} />
      </td>
      <td className="cell min-w-44">
        {row.buyer.name || row.buyer.email || <span className="text-soft">{words.orders.erased}</span>}
        {row.buyer.name && <span className="text-soft block text-xs">{row.buyer.email}</span>}
      </td>
      <td className="cell figure">{format.number(row.positions)}</td>
      <td className="cell figure">{format.money(row.total, row.currency)}</td>
      <td className="cell figure">{format.money(row.paid, row.currency)}</td>
      <td className="cell">{words.providers[row.provider]}</td>
      <td className="cell whitespace-nowrap">{format.moment(new Date(row.placed))}</td>
    </tr>
  );
}
