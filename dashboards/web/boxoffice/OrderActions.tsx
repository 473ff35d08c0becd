// What an organizer can do about an order: decide a review, note a transfer, cancel, pay back.
import { useState } from 'react';
import { Badge, Button, Card, Choice, Confirm, Field, Trouble } from '../ui/basics';
import { fromMicros } from '../words/format';
import { amountText, minorOf } from './amounts';
import { useAct } from './act';
import { Amount, Check } from './fields';
import { useEventFormat, useOffice } from './office';
import { at } from './server';
import type { Money, OrderDetail, Risk } from './types';
import { useBoxWords } from './words';

export interface OfOrder {
  order: OrderDetail;
  onDone: (said: string) => void;
}

/** An order that waits for the organizer: why, and the two ways on. */
export function ReviewIt({ order, onDone }: OfOrder) {
  const words = useBoxWords().order;
  const format = useEventFormat();
  const { org, event } = useOffice();
  const path = at.order(org, event, order.id);
  const approve = useAct(`${path}/approval`, () => onDone(words.approved));
  const refuse = useAct(`${path}/cancellation`, () => onDone(words.refused));
  const { review } = order;
  return (
    <Card title={words.review} className="border-warn">
      {review && (
        <>
          <p className="text-sm">{words.reviewText(format.number(review.score))}</p>
          <AsOfReview asOf={review.as_of} />
        </>
      )}
      {order.risk && <Reasons risk={order.risk} />}
      <div className="mt-3 flex flex-wrap gap-2">
        <Button look="main" disabled={approve.isPending} onClick={() => approve.mutate(undefined)}>
          {words.approve}
        </Button>
        <Confirm
          what={words.refuseWhat}
          disabled={refuse.isPending}
          onConfirm={() => refuse.mutate({ why: 'refused' })}
        >
          {words.refuse}
        </Confirm>
      </div>
      <div className="mt-3">
        <Trouble error={approve.error ?? refuse.error} />
      </div>
    </Card>
  );
}

/** What part of the log a score reflects, as people read it. */
function AsOfReview({ asOf }: { asOf: string }) {
  const words = useBoxWords().order;
  const format = useEventFormat();
  const { log_time, epoch } = JSON.parse(asOf) as { log_time: number; epoch: number };
  const time = format.exact(fromMicros(log_time));
  return <p className="text-soft mt-2 text-xs">{words.reviewAsOf(time, format.number(epoch))}</p>;
}

function Reasons({ risk }: { risk: Risk }) {
  const words = useBoxWords().order;
  const format = useEventFormat();
  return (
    <div className="mt-3">
      <h3 className="text-sm font-medium">{words.reasons(format.number(risk.score))}</h3>
      {risk.reasons.length === 0 ? (
        <p className="text-soft text-sm">{words.noReasons}</p>
      ) : (
        <ul className="mt-1 space-y-1">
          {risk.reasons.map((reason) => (
            <li key={reason.rule} className="flex flex-wrap items-baseline gap-2 text-sm">
              <Badge tone="warn">+{format.number(reason.weight)}</Badge> {reason.text}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Notes that money of a bank transfer has come. */
export function Receive({ order, onDone }: OfOrder) {
  const words = useBoxWords().order;
  const { org, event } = useOffice();
  const receive = useAct(`${at.order(org, event, order.id)}/receipts`, () => onDone(words.received));
  const [amounts, setAmounts] = useState<Money[]>([
    { minor: order.total - order.paid, currency: order.currency },
  ]);
  const [reference, setReference] = useState('');
  return (
    <Card title={words.receive} hint={words.receiveHint}>
      <form
        className="space-y-3"
        onSubmit={(event) => {
          event.preventDefault();
          receive.mutate({ amount: amounts[0]?.minor, reference: reference.trim() });
        }}
      >
        <Amount
          label={words.amount(order.currency)}
          required
          amounts={amounts}
          currency={order.currency}
          onChange={setAmounts}
        />
        <Field
          label={words.reference}
          required
          maxLength={200}
          autoComplete="off"
          value={reference}
          onChange={({ target }) => setReference(target.value)}
        />
        <Trouble error={receive.error} />
        <Button type="submit" look="main" disabled={receive.isPending}>
          {words.receive}
        </Button>
      </form>
    </Card>
  );
}

interface OfSome extends OfOrder {
  chosen: readonly number[];
}

/** Cancels the order or what was chosen of it, with its money or without. */
export function Cancel({ order, onDone, chosen }: OfSome) {
  const words = useBoxWords().order;
  const { org, event } = useOffice();
  const cancel = useAct(`${at.order(org, event, order.id)}/cancellation`, () => onDone(words.wasCancelled));
  const [why, setWhy] = useState('buyer');
  const [refund, setRefund] = useState(true);
  const some = chosen.length > 0 && order.status === 'confirmed';
  return (
    <Card title={words.cancel} hint={words.cancelHint}>
      <div className="space-y-3">
        <p className="text-sm font-medium">{some ? words.cancelChosen(chosen.length) : words.cancelAll}</p>
        <Choice label={words.why} value={why} onChange={({ target }) => setWhy(target.value)}>
          {Object.entries(words.whys).map(([one, name]) => (
            <option key={one} value={one}>
              {name}
            </option>
          ))}
        </Choice>
        {order.paid > 0 && <Check label={words.cancelWith} checked={refund} onChange={setRefund} />}
        <Trouble error={cancel.error} />
        <Confirm
          what={words.cancelWhat}
          disabled={cancel.isPending}
          onConfirm={() =>
            cancel.mutate({ why, positions: some ? chosen : [], refund: refund && order.paid > 0 })
          }
        >
          {words.cancelDo}
        </Confirm>
      </div>
    </Card>
  );
}

/** Pays back without cancelling: the credit, everything, the price of what was chosen, or any other amount. */
export function RefundSome({ order, onDone, chosen }: OfSome) {
  const words = useBoxWords().order;
  const format = useEventFormat();
  const { org, event } = useOffice();
  const refund = useAct(`${at.order(org, event, order.id)}/refunds`, () => onDone(words.wasRefunded));
  const money = (minor: number) => format.money(minor, order.currency);
  const items = chosen.reduce((sum, place) => sum + (order.positions[place]?.price ?? 0), 0);
  const ways = [
    ...(order.credit > 0
      ? [{ way: 'credit', text: words.refundCredit(money(order.credit)), minor: order.credit }]
      : []),
    ...(items > 0 && items <= order.refundable
      ? [{ way: 'items', text: words.refundItems(money(items)), minor: items }]
      : []),
    { way: 'full', text: words.refundFull(money(order.refundable)), minor: order.refundable },
  ];
  const [wanted, setWanted] = useState<string>();
  const [text, setText] = useState(amountText(order.refundable, order.currency));
  const way = wanted === 'other' || ways.some((one) => one.way === wanted) ? wanted : ways[0]?.way;
  const minor =
    way === 'other' ? minorOf(text, order.currency) : (ways.find((one) => one.way === way)?.minor ?? null);
  const isWrong = minor === null || minor <= 0 || minor > order.refundable;
  return (
    <Card title={words.refund} hint={words.refundHint}>
      <fieldset className="space-y-2">
        <legend className="sr-only">{words.refund}</legend>
        {[...ways, { way: 'other', text: words.refundOther }].map((one) => (
          <label key={one.way} className="flex min-h-6 items-center gap-2 text-sm">
            <input
              type="radio"
              name="refund"
              className="size-4"
              checked={way === one.way}
              onChange={() => setWanted(one.way)}
            />
            {one.text}
          </label>
        ))}
        {way === 'other' && (
          <Field
            label={words.amount(order.currency)}
            hint={words.refundMost(money(order.refundable))}
            required
            inputMode="decimal"
            autoComplete="off"
            value={text}
            error={isWrong ? words.refundMost(money(order.refundable)) : undefined}
            onChange={({ target }) => setText(target.value)}
          />
        )}
      </fieldset>
      <div className="mt-3 space-y-3">
        <Trouble error={refund.error} />
        <Confirm
          what={words.refundWhat(money(minor ?? 0))}
          disabled={refund.isPending || isWrong}
          onConfirm={() => refund.mutate({ amount: minor })}
        >
          {words.refundDo}
        </Confirm>
      </div>
    </Card>
  );
}
