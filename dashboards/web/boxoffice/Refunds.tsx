// Money on its way back, of all orders; transfers that a person has to make can be noted here.
import { useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { address, part } from '../server/http';
import { useRows } from '../server/rows';
import { NoData, Said, Table, Th, Trouble } from '../ui/basics';
import { More } from '../ui/More';
import { useWords } from '../words/words';
import { Frame, numberOf, useEventFormat, useOffice } from './office';
import { ByTransfer, RefundBadge } from './OrderRefunds';
import { RefundRequests } from './RefundRequests';
import { at, key } from './server';
import { REFUND_STATUSES, type RefundRow } from './types';
import { useBoxWords } from './words';

export function Refunds() {
  const words = useBoxWords();
  const { org, event } = useOffice();
  const [asked, setAsked] = useSearchParams();
  const status = REFUND_STATUSES.find((one) => one === asked.get('status'));
  const [said, setSaid] = useState('');
  const list = useRows<RefundRow>(
    [...key(org, event), 'refunds'],
    address(at.refunds(org, event), { status }),
  );
  return (
    <Frame title={words.parts.refunds} hint={words.refunds.hint}>
      <div role="group" aria-label={words.orders.status} className="mb-4 flex flex-wrap gap-1.5">
        {([undefined, ...REFUND_STATUSES] as const).map((one) => (
          <button
            key={one ?? 'all'}
            type="button"
            aria-pressed={one === status}
            className={`min-h-8 rounded-full border px-3 text-sm ${one === status ? 'bg-fill border-transparent text-white' : 'border-field/60 bg-card hover:bg-sunk'}`}
            onClick={() => setAsked(one ? { status: one } : {})}
          >
            {one ? words.refunds.statuses[one] : words.any}
          </button>
        ))}
      </div>
      <RefundRequests />
      <Said>{said}</Said>
      <Trouble error={list.error} />
      <div className="card p-2">
        {list.rows?.length === 0 ? (
          <NoData>{status ? words.refunds.noneSo : words.refunds.none}</NoData>
        ) : (
          <Rows rows={list.rows ?? []} onDone={setSaid} />
        )}
        <More of={list} />
      </div>
    </Frame>
  );
}

function Rows({ rows, onDone }: { rows: RefundRow[]; onDone: (said: string) => void }) {
  const words = useBoxWords();
  const all = useWords();
  const format = useEventFormat();
  const { base } = useOffice();
  return (
    <Table
      label={words.parts.refunds}
      head={
        <>
          <Th>{words.refunds.order}</Th>
          <Th figure>{words.refunds.amount}</Th>
          <Th>{words.refunds.why}</Th>
          <Th>{words.orders.by}</Th>
          <Th>{words.order.state}</Th>
          <Th>{words.refunds.started}</Th>
          <Th>{all.actions}</Th>
        </>
      }
    >
      {rows.map((row) => (
        <tr key={row.id}>
          <td className="cell">
            <Link
              to={`${base}/orders/${part(row.order)}`}
              className="link font-mono"
              aria-label={words.orders.open(numberOf(row.order))}
            >
              {numberOf(row.order)}
            </Link>
          </td>
          <td className="cell figure font-medium">{format.money(row.amount, row.currency)}</td>
          <td className="cell">{words.refunds.whys[row.why]}</td>
          <td className="cell">{words.providers[row.provider]}</td>
          <td className="cell">
            <RefundBadge status={row.status} />
          </td>
          <td className="cell whitespace-nowrap">{format.moment(new Date(row.started))}</td>
          <td className="cell">
            {row.status === 'started' && row.provider === 'transfer' && (
              <ByTransfer order={row.order} refund={row.id} onDone={onDone} />
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
}
