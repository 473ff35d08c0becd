// One order: what was bought, what was paid, its tickets, everything that happened to it, and what can be done about it.
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { Link, useParams } from 'react-router';
import { Badge, Card, NoData, Table, Th, Trouble } from '../ui/basics';
import { shareText } from './amounts';
import { Frame, numberOf, useEventFormat, useOffice, useTitleOf } from './office';
import { Cancel, Receive, RefundSome, ReviewIt } from './OrderActions';
import { StatusBadge } from './Orders';
import { Papers } from './OrderPapers';
import { OrderRefunds } from './OrderRefunds';
import { Tickets } from './OrderTickets';
import { order } from './server';
import { Timeline } from './Timeline';
import type { OrderDetail } from './types';
import { useBoxWords } from './words';

export function Order() {
  const words = useBoxWords();
  const { org, event, base } = useOffice();
  const { order: id = '' } = useParams();
  const { data, error } = useQuery(order(org, event, id));
  return (
    <Frame
      title={words.order.title(numberOf(id))}
      hint={<span className="font-mono text-xs break-all">{id}</span>}
      aside={
        <Link to={`${base}/orders`} className="button">
          {words.order.back}
        </Link>
      }
    >
      <Trouble error={error} />
      {data && <Shown order={data} />}
    </Frame>
  );
}

function Shown({ order }: { order: OrderDetail }) {
  const words = useBoxWords();
  const [chosen, setChosen] = useState<readonly number[]>([]);
  // What was cancelled meanwhile is chosen no longer.
  const live = chosen.filter((place) => !order.cancelled[place]);
  const [said, setSaid] = useState('');
  const onDone = (text: string) => {
    setSaid(text);
    setChosen([]);
  };
  const of = { order, onDone };
  return (
    <>
      <p role="status" className="text-good mb-2 min-h-5 text-sm">
        {said}
      </p>
      <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-[1fr_26rem]">
        <div className="min-w-0 space-y-4">
          {order.status === 'in_review' && <ReviewIt {...of} />}
          <Facts order={order} />
          <Positions order={order} chosen={live} onChoose={setChosen} />
          <Tickets {...of} />
          <Payments order={order} />
          <OrderRefunds {...of} />
          <Papers {...of} />
        </div>
        <div className="min-w-0 space-y-4">
          {order.status === 'pending' && order.provider === 'transfer' && <Receive {...of} />}
          {['pending', 'confirmed'].includes(order.status) && <Cancel {...of} chosen={live} />}
          {order.refundable > 0 && <RefundSome key={order.refundable} {...of} chosen={live} />}
          <Card title={words.order.timeline} hint={words.order.timelineHint}>
            <Timeline order={order} />
          </Card>
        </div>
      </div>
    </>
  );
}

function Facts({ order }: { order: OrderDetail }) {
  const words = useBoxWords();
  const format = useEventFormat();
  const money = (minor: number) => format.money(minor, order.currency);
  const answers = Object.entries(order.buyer.answers);
  return (
    <section className="card grid gap-4 p-4 sm:grid-cols-2 lg:grid-cols-4">
      <Fact name={words.orders.status}>
        <StatusBadge status={order.status} />
        {order.due !== null && (
          <span className="text-soft block text-xs">
            {words.order.due(format.moment(new Date(order.due)))}
          </span>
        )}
      </Fact>
      <Fact name={words.orders.buyer}>
        {order.buyer.name || order.buyer.email || words.orders.erased}
        {order.buyer.email && (
          <a className="link block text-xs break-all" href={`mailto:${order.buyer.email}`}>
            {order.buyer.email}
          </a>
        )}
      </Fact>
      <Fact name={words.order.paid}>
        <span className="text-lg font-semibold">{money(order.paid)}</span>{' '}
        <span className="text-soft text-xs whitespace-nowrap">/ {money(order.total)}</span>
        {order.credit > 0 && (
          <span className="block" title={words.order.creditHint}>
            <Badge tone="warn">
              {words.order.credit}: {money(order.credit)}
            </Badge>
          </span>
        )}
      </Fact>
      <Fact name={words.orders.placed}>
        {format.moment(new Date(order.placed))}
        <span className="text-soft block text-xs">{words.providers[order.provider]}</span>
      </Fact>
      {answers.length > 0 && (
        <div className="sm:col-span-2 lg:col-span-4">
          <Fact name={words.order.answers}>
            <ul className="text-sm">
              {answers.map(([question, answer]) => (
                <li key={question}>
                  <span className="text-soft">{question}:</span> {answer}
                </li>
              ))}
            </ul>
          </Fact>
        </div>
      )}
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <p className="text-soft text-xs">{name}</p>
      <div className="text-sm">{children}</div>
    </div>
  );
}

function Positions(props: {
  order: OrderDetail;
  chosen: readonly number[];
  onChoose: (chosen: number[]) => void;
}) {
  const { order, chosen } = props;
  const words = useBoxWords().order;
  const format = useEventFormat();
  const titleOf = useTitleOf();
  const money = (minor: number) => format.money(minor, order.currency);
  const mayChoose = order.refundable > 0 || order.status === 'confirmed';
  const choose = (place: number, on: boolean) =>
    props.onChoose(on ? [...chosen, place].sort((a, b) => a - b) : chosen.filter((other) => other !== place));
  return (
    <Card
      title={words.positions}
      hint={mayChoose && order.positions.length > 1 ? words.chooseFirst : undefined}
    >
      <Table
        label={words.positions}
        head={
          <>
            {mayChoose && (
              <Th>
                <span className="sr-only">{words.choose('')}</span>
              </Th>
            )}
            <Th>{words.position}</Th>
            <Th figure>{words.off}</Th>
            <Th figure>{words.tax}</Th>
            <Th figure>{words.price}</Th>
            <Th>{words.state}</Th>
          </>
        }
      >
        {order.positions.map((position, place) => {
          const title = titleOf(position.product, position.variation);
          const gone = order.cancelled[place] ?? false;
          const off = position.promo_off + position.group_off;
          return (
            <tr key={place} className={gone ? 'text-soft' : ''}>
              {mayChoose && (
                <td className="cell w-8">
                  <input
                    type="checkbox"
                    className="size-4"
                    aria-label={words.choose(`${place + 1}: ${title}`)}
                    disabled={gone}
                    checked={chosen.includes(place)}
                    onChange={({ target }) => choose(place, target.checked)}
                  />
                </td>
              )}
              <td className="cell min-w-40">{title}</td>
              <td className="cell figure">{off > 0 ? `−${money(off)}` : ''}</td>
              <td className="cell figure whitespace-nowrap">
                {money(position.tax)}{' '}
                <span className="text-soft text-xs">({shareText(position.rate)} %)</span>
              </td>
              <td className={`cell figure font-medium ${gone ? 'line-through' : ''}`}>
                {money(position.price)}
              </td>
              <td className="cell">{gone && <Badge>{words.cancelled}</Badge>}</td>
            </tr>
          );
        })}
        <tr>
          <th scope="row" colSpan={mayChoose ? 4 : 3} className="cell text-end font-medium">
            {words.total}
          </th>
          <td className="cell figure font-semibold">{money(order.total)}</td>
          <td className="cell" />
        </tr>
      </Table>
    </Card>
  );
}

function Payments({ order }: { order: OrderDetail }) {
  const words = useBoxWords();
  const format = useEventFormat();
  return (
    <Card title={words.order.payments}>
      {order.payments.length === 0 ? (
        <NoData>{words.order.noPayments}</NoData>
      ) : (
        <Table
          label={words.order.payments}
          head={
            <>
              <Th>{words.order.attempt}</Th>
              <Th>{words.orders.by}</Th>
              <Th>{words.order.state}</Th>
              <Th figure>{words.order.total}</Th>
              <Th figure>{words.order.captured}</Th>
              <Th>{words.order.reference}</Th>
            </>
          }
        >
          {order.payments.map((one) => (
            <tr key={one.id}>
              <td className="cell">{format.number(one.attempt)}</td>
              <td className="cell">{words.providers[one.provider]}</td>
              <td className="cell">
                <Badge tone={one.status === 'captured' ? 'good' : one.status === 'failed' ? 'bad' : 'plain'}>
                  {words.order.payment[one.status] ?? one.status}
                </Badge>
              </td>
              <td className="cell figure">{format.money(one.amount, order.currency)}</td>
              <td className="cell figure">{format.money(one.captured, order.currency)}</td>
              <td className="cell font-mono text-xs break-all">{one.reference}</td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}
