// The box office at a glance: what is still missing until somebody can buy, what waits, what is left.
import { Link } from 'react-router';
import { useQuery } from '@tanstack/react-query';
import { part } from '../server/http';
import type { Read } from '../server/queries';
import { Badge, Button, Card, Confirm, NoData, Table, Th, Trouble } from '../ui/basics';
import { ConflictOf } from '../ui/Conflict';
import { between, salesLines } from './describe';
import { Frame, useEventFormat, useMayHere, useOffer, useOffice } from './office';
import BoxItems from './NeedsAttention';
import { StatusBadge } from './Orders';
import { isCounted } from './Products';
import { StockTable } from './Quotas';
import { at, offer as offerOf, summary } from './server';
import { useSaying } from './saying';
import { useBoxItems } from './summary';
import { Seen, useSetting } from './setting';
import { Trend } from './Trend';
import { type Offer, type Sales, STATUSES } from './types';
import { useBoxWords } from './words';

export function Start() {
  const words = useBoxWords();
  const { org, event } = useOffice();
  const { error } = useQuery(offerOf(org, event));
  const offer = useOffer();
  const manages = useMayHere('manage_events');
  const sees = useMayHere('manage_orders');
  const sells = offer?.products.some((one) => !one.withdrawn && isCounted(offer, one.id)) ?? false;
  return (
    <Frame
      title={words.title}
      hint={manages ? words.overview.hint : `${words.overview.hint} ${words.readOnly}`}
      aside={
        <a href={`/shop/${part(org)}/${part(event)}`} className="button">
          {words.shop}
        </a>
      }
    >
      <Trouble error={error} />
      <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-[1fr_24rem]">
        <div className="min-w-0 space-y-4">
          {manages && offer !== undefined && !(sells && offer?.sales.open) && <Steps offer={offer} />}
          {offer && offer.quotas.length > 0 && <StockTable offer={offer} />}
          {offer && offer.products.length > 0 && <Trend />}
          {offer !== undefined && (offer?.quotas.length ?? 0) === 0 && !manages && (
            <NoData>{words.overview.noStock}</NoData>
          )}
          {offer && offer.doors.length > 0 && <Doors offer={offer} />}
        </div>
        <div className="min-w-0 space-y-4">
          {sees && <Attention />}
          {manages && (
            <Seen<Sales> path={at.sales(org, event)}>
              {(seen) => seen && <Open key={seen.tag} seen={seen} />}
            </Seen>
          )}
          {sees && <Counts />}
        </div>
      </div>
    </Frame>
  );
}

/** What is missing until somebody can buy, in the order in which it is done. */
function Steps({ offer }: { offer: Offer | null }) {
  const words = useBoxWords().overview;
  const { base } = useOffice();
  const products = offer?.products.filter((one) => !one.withdrawn) ?? [];
  const counted = products.some((one) => offer && isCounted(offer, one.id));
  const first = products[0]?.id;
  const steps = [
    { text: words.stepProduct, to: `${base}/products?edit=new`, done: products.length > 0 },
    {
      text: words.stepQuota,
      to: `${base}/quotas?edit=new${first ? `&product=${first}` : ''}`,
      done: counted,
    },
    { text: words.stepOpen, to: `${base}/settings`, done: counted && (offer?.sales.open ?? false) },
  ];
  return (
    <Card title={words.steps} hint={words.stepsHint}>
      <ol className="space-y-2">
        {steps.map((step, place) => (
          <li key={step.to} className="flex items-center gap-3 text-sm">
            <span
              aria-hidden
              className={`inline-flex size-6 shrink-0 items-center justify-center rounded-full text-xs font-semibold ${step.done ? 'bg-good-sunk text-good' : 'bg-sunk text-soft'}`}
            >
              {step.done ? '✓' : place + 1}
            </span>
            {step.done ? (
              <span className="text-soft">{step.text}</span>
            ) : (
              <Link className="link" to={step.to}>
                {step.text}
              </Link>
            )}
            <span className="sr-only">{step.done ? words.done : words.todo}</span>
          </li>
        ))}
      </ol>
    </Card>
  );
}

function Attention() {
  const words = useBoxWords().overview;
  const { org, event } = useOffice();
  const items = useBoxItems(org, event, true);
  return (
    <Card
      title={words.attention}
      aside={<Badge tone={items.length === 0 ? 'good' : 'warn'}>{items.length}</Badge>}
    >
      {items.length === 0 ? (
        <p className="text-good text-sm">{words.nothing}</p>
      ) : (
        <ul className="space-y-1.5">
          <BoxItems org={org} event={event} items={items} />
        </ul>
      )}
    </Card>
  );
}

/** Opens or closes sales: the one switch that is needed in a hurry. */
function Open({ seen }: { seen: Read<Sales> }) {
  const words = useBoxWords().overview;
  const { org, event } = useOffice();
  const say = useSaying();
  const change = useSetting<Sales>(at.sales(org, event), seen);
  const { open } = seen.row;
  const save = () => change.save({ ...seen.row, open: !open });
  return (
    <Card
      title={words.sales}
      aside={<Badge tone={open ? 'good' : 'bad'}>{open ? words.open : words.closed}</Badge>}
    >
      <ConflictOf change={change} differences={between(salesLines(say))} />
      <Trouble error={change.error} />
      {open ? (
        <Confirm what={words.closeSales} disabled={change.pending} onConfirm={save}>
          {words.close}
        </Confirm>
      ) : (
        <Button look="main" disabled={change.pending} onClick={save}>
          {words.openSales}
        </Button>
      )}
    </Card>
  );
}

function Counts() {
  const words = useBoxWords();
  const format = useEventFormat();
  const { org, event, base } = useOffice();
  const { data } = useQuery(summary(org, event));
  return (
    <Card title={words.parts.orders}>
      {data ? (
        <ul className="space-y-1.5 text-sm">
          {STATUSES.map((status) => (
            <li key={status} className="flex items-center justify-between gap-3">
              <Link to={`${base}/orders?status=${status}`} className="min-h-6">
                <StatusBadge status={status} />
              </Link>
              <span className="font-semibold">{format.number(data.orders[status])}</span>
            </li>
          ))}
        </ul>
      ) : (
        <NoData>{words.orders.none}</NoData>
      )}
    </Card>
  );
}

function Doors({ offer }: { offer: Offer }) {
  const words = useBoxWords();
  const format = useEventFormat();
  return (
    <Card title={words.overview.doors}>
      <Table
        label={words.overview.doors}
        head={
          <>
            <Th>{words.name}</Th>
            <Th figure>{words.scans['admitted']}</Th>
          </>
        }
      >
        {offer.doors.map((door) => (
          <tr key={door.id}>
            <td className="cell">{door.title}</td>
            <td className="cell figure">{format.number(door.admitted)}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
