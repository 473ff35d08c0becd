// Money of one order on its way back, and what a bank says of it.
import { Badge, Card, Confirm, NoData, Table, Th, Trouble } from '../ui/basics';
import { useWords } from '../words/words';
import { useAct } from './act';
import { useEventFormat, useOffice } from './office';
import type { OfOrder } from './OrderActions';
import { at } from './server';
import type { Refund, RefundStatus } from './types';
import { useBoxWords } from './words';

const TONES = { started: 'warn', settled: 'good', failed: 'bad' } as const;

export function RefundBadge({ status }: { status: RefundStatus }) {
  return <Badge tone={TONES[status]}>{useBoxWords().refunds.statuses[status] ?? status}</Badge>;
}

export function OrderRefunds({ order, onDone }: OfOrder) {
  const words = useBoxWords();
  const all = useWords();
  const byTransfer = (refund: Refund) =>
    refund.status === 'started' &&
    order.payments.some((one) => one.id === refund.payment && one.provider === 'transfer');
  return (
    <Card
      title={words.order.refunds}
      hint={order.refunds.some((one) => one.status === 'failed') ? words.refunds.again : undefined}
    >
      {order.refunds.length === 0 ? (
        <NoData>{words.order.noRefunds}</NoData>
      ) : (
        <Table
          label={words.order.refunds}
          head={
            <>
              <Th figure>{words.refunds.amount}</Th>
              <Th>{words.refunds.why}</Th>
              <Th>{words.order.state}</Th>
              {order.refunds.some(byTransfer) && <Th>{all.actions}</Th>}
            </>
          }
        >
          {order.refunds.map((refund) => (
            <tr key={refund.id}>
              <Amount refund={refund} currency={order.currency} />
              <td className="cell">{words.refunds.whys[refund.why]}</td>
              <td className="cell">
                <RefundBadge status={refund.status} />
              </td>
              {byTransfer(refund) && (
                <td className="cell">
                  <ByTransfer order={order.id} refund={refund.id} onDone={onDone} />
                </td>
              )}
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}

function Amount({ refund, currency }: { refund: Refund; currency: string }) {
  return <td className="cell figure font-medium">{useEventFormat().money(refund.amount, currency)}</td>;
}

/** What an organizer says of a refund that a person makes at a bank. */
export function ByTransfer(props: { order: string; refund: string; onDone: (said: string) => void }) {
  const words = useBoxWords();
  const { org, event } = useOffice();
  const path = `${at.order(org, event, props.order)}/refunds/${props.refund}`;
  const settle = useAct(`${path}/settlement`, () => props.onDone(words.moved));
  const fail = useAct(`${path}/failure`, () => props.onDone(words.moved));
  return (
    <span className="flex flex-wrap gap-2">
      <Confirm
        what={words.refunds.settleWhat}
        disabled={settle.isPending}
        onConfirm={() => settle.mutate(undefined)}
      >
        {words.refunds.settle}
      </Confirm>
      <Confirm
        what={words.refunds.failWhat}
        disabled={fail.isPending}
        onConfirm={() => fail.mutate({ reason: words.refunds.failReason })}
      >
        {words.refunds.fail}
      </Confirm>
      <Trouble error={settle.error ?? fail.error} />
    </span>
  );
}
