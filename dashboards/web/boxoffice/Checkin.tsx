// Check-in of an event: counts as they change, newest scans, who may come, links for door staff.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { useParams } from 'react-router';
import { address, ask, newWish, part } from '../server/http';
import { useRows } from '../server/rows';
import { Badge, Bar, Button, Card, Choice, Confirm, Field, NoData, Table, Th, Trouble } from '../ui/basics';
import { textOf } from '../ui/form';
import { More } from '../ui/More';
import { instantIn } from '../words/format';
import { useFormat } from '../words/words';
import { useCheckinWords } from './checkinWords';
import { Devices } from './CheckinDevices';
import { Doors } from './CheckinDoors';
import { type Counted, type DoorCounts, type Lately, useDoorCounts } from './doorCounts';
import { Frame, OfOffice, useEventFormat, useMayHere, useOffice } from './office';
import { at } from './server';

const STATES = ['', 'expected', 'inside', 'outside', 'void'] as const;
type State = (typeof STATES)[number];

interface TicketRow {
  id: string;
  order: string;
  product: string;
  holder: string;
  email: string | null;
  state: Exclude<State, ''>;
  last: { id: string; at: string; gate: string; device: string; outcome: string } | null;
}

export default function Checkin() {
  const { organization = '', event = '' } = useParams();
  return (
    <OfOffice org={organization} event={event} key={`${organization} ${event}`}>
      <Watched />
    </OfOffice>
  );
}

function Watched() {
  const words = useCheckinWords();
  const { org, event } = useOffice();
  const base = at.office(org, event);
  const { counts, live } = useDoorCounts(`${base}/doors/feed`);
  const manages = useMayHere('manage_events');
  const format = useEventFormat();
  const client = useQueryClient();
  const takeBack = useMutation({
    mutationFn: (scan: { door: string; id: string; ticket: string }) =>
      ask('POST', `${base}/doors/${part(scan.door)}/scans/${part(scan.id)}/void`, {
        body: { ticket: scan.ticket },
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['checkin', base] }),
  });
  return (
    <Frame
      title={words.title}
      hint={words.hint}
      aside={
        <a className="button button-main" href={`/scan/${part(org)}/${part(event)}`}>
          {words.scanner}
        </a>
      }
    >
      <Trouble error={takeBack.error} />
      {counts && (
        <>
          <div className="mb-4 grid gap-4 lg:grid-cols-2">
            {counts.doors.map((door) => (
              <Door key={door.id} door={door} />
            ))}
          </div>
          <p role="status" className="text-soft mb-4 text-xs" data-live={live}>
            {live ? words.reach(counts.offset) : words.connecting}
          </p>
          <Card title={words.lately} className="mb-4">
            <Newest
              counts={counts}
              clock={(time) => format.exact(new Date(time))}
              onTakeBack={(scan) => takeBack.mutate(scan)}
            />
          </Card>
          {counts.doors.length > 0 && (
            <List base={base} counts={counts} clock={(time) => format.moment(new Date(time))} />
          )}
        </>
      )}
      {manages && <Doors />}
      {manages && <Devices base={base} instant={(text) => instantIn(format.zone, text).toISOString()} />}
    </Frame>
  );
}

function Door({ door }: { door: DoorCounts['doors'][number] }) {
  const words = useCheckinWords();
  const format = useFormat();
  const figures = (of: Counted) =>
    [of.inside, of.admitted, of.expected].map((figure, place) => (
      <td key={place} className="cell figure">
        {format.number(figure)}
      </td>
    ));
  return (
    <Card title={door.title || door.id}>
      <p className="mb-1 text-3xl font-semibold" data-inside={door.inside}>
        {format.number(door.inside)} <span className="text-soft text-base font-normal">{words.inside}</span>
      </p>
      <Bar share={door.expected > 0 ? door.admitted / door.expected : 0} tone="good" />
      <div className="mt-2">
        <Table
          label={words.countsOf(door.title || door.id)}
          head={
            <>
              <Th>{words.product}</Th>
              <Th figure>{words.inside}</Th>
              <Th figure>{words.admitted}</Th>
              <Th figure>{words.expected}</Th>
            </>
          }
        >
          {door.products.map((product) => (
            <tr key={product.id}>
              <td className="cell">{product.title}</td>
              {figures(product)}
            </tr>
          ))}
        </Table>
      </div>
    </Card>
  );
}

const TONES: Record<string, 'good' | 'warn' | 'bad' | 'plain'> = {
  admitted: 'good',
  left: 'plain',
  voided: 'plain',
  duplicate: 'warn',
  not_now: 'warn',
};

function Outcome({ of }: { of: string }) {
  const words = useCheckinWords();
  return <Badge tone={TONES[of] ?? 'bad'}>{words.outcome[of] ?? of}</Badge>;
}

const counts = (outcome: string) => outcome === 'admitted' || outcome === 'left';

function Newest(props: {
  counts: DoorCounts;
  clock: (at: string) => string;
  onTakeBack: (scan: Lately) => void;
}) {
  const words = useCheckinWords();
  const { lately, doors } = props.counts;
  const titles = new Map(doors.map((door) => [door.id, door]));
  if (lately.length === 0) return <NoData>{words.noneYet}</NoData>;
  return (
    <Table
      label={words.lately}
      head={
        <>
          <Th>{words.at}</Th>
          <Th>{words.outcomeHead}</Th>
          <Th>{words.ticket}</Th>
          <Th>{words.door}</Th>
          <Th>{words.device}</Th>
          <Th>
            <span className="sr-only">{words.takeBack}</span>
          </Th>
        </>
      }
    >
      {lately.map((look) => {
        const door = titles.get(look.door);
        const product = door?.products.find(({ id }) => id === look.product)?.title ?? look.product;
        return (
          <tr key={look.offset}>
            <td className="cell whitespace-nowrap">{props.clock(look.at)}</td>
            <td className="cell">
              <span className="flex flex-wrap gap-1">
                <Outcome of={look.outcome} />
                {look.corrected && look.outcome !== 'voided' && <Badge tone="warn">{words.corrected}</Badge>}
              </span>
            </td>
            <td className="cell">
              {product} <span className="text-soft">{look.ticket.slice(0, 8)}</span>
            </td>
            <td className="cell">{[door?.title, look.gate].filter(Boolean).join(' · ')}</td>
            <td className="cell">{look.device}</td>
            <td className="cell">
              {counts(look.outcome) && (
                <Confirm what={words.takeBackOf} onConfirm={() => props.onTakeBack(look)}>
                  {words.takeBack}
                </Confirm>
              )}
            </td>
          </tr>
        );
      })}
    </Table>
  );
}

function List(props: { base: string; counts: DoorCounts; clock: (at: string) => string }) {
  const words = useCheckinWords();
  const { base } = props;
  const { doors } = props.counts;
  const [asked, setAsked] = useState<{ door: string; state: State; search: string }>({
    door: doors[0]?.id ?? '',
    state: '',
    search: '',
  });
  const client = useQueryClient();
  const path = `${base}/doors/${part(asked.door)}`;
  const list = useRows<TicketRow>(
    ['checkin', base],
    address(`${path}/tickets`, { state: asked.state, search: asked.search }),
  );
  const letIn = useMutation({
    mutationFn: (ticket: string) => {
      const scan = { id: newWish(), ticket, at: new Date().toISOString(), device: words.byHand };
      return ask('POST', `${path}/scans`, { body: { scans: [scan] } });
    },
    onSuccess: () => client.invalidateQueries({ queryKey: ['checkin', base] }),
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const state = STATES.find((one) => one === form.get('state')) ?? '';
    setAsked({ door: textOf(form, 'door'), state, search: textOf(form, 'search') });
  };
  return (
    <Card title={words.list} className="mb-4">
      <form onSubmit={submit} role="search" className="mb-3 flex flex-wrap items-end gap-3">
        <Choice label={words.door} name="door" defaultValue={asked.door}>
          {doors.map((door) => (
            <option key={door.id} value={door.id}>
              {door.title || door.id}
            </option>
          ))}
        </Choice>
        <Choice label={words.state} name="state" defaultValue={asked.state}>
          {STATES.map((state) => (
            <option key={state} value={state}>
              {words.states[state]}
            </option>
          ))}
        </Choice>
        <Field label={words.search} name="search" type="search" className="grow" />
        <Button type="submit">{words.find}</Button>
      </form>
      <Trouble error={list.error ?? letIn.error} />
      {list.rows?.length === 0 ? (
        <NoData>{words.nobody}</NoData>
      ) : (
        <Table
          label={words.list}
          head={
            <>
              <Th>{words.holder}</Th>
              <Th>{words.ticket}</Th>
              <Th>{words.state}</Th>
              <Th>{words.last}</Th>
              <Th>
                <span className="sr-only">{words.letIn}</span>
              </Th>
            </>
          }
        >
          {list.rows?.map((row) => (
            <tr key={row.id}>
              <td className="cell">
                {row.holder} <span className="text-soft block text-xs">{row.email}</span>
              </td>
              <td className="cell">{row.id.slice(0, 8)}</td>
              <td className="cell">{words.states[row.state]}</td>
              <td className="cell">
                {row.last && (
                  <>
                    {props.clock(row.last.at)} <Outcome of={row.last.outcome} />{' '}
                    <span className="text-soft">
                      {[row.last.gate, row.last.device].filter(Boolean).join(' · ')}
                    </span>
                  </>
                )}
              </td>
              <td className="cell">
                {row.state !== 'inside' && row.state !== 'void' && (
                  <Button disabled={letIn.isPending} onClick={() => letIn.mutate(row.id)}>
                    {words.letIn}
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
      <More of={list} />
    </Card>
  );
}
