// An event and its programme: what it is called, when it is, and what can be visited or bought there.
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { Link, useParams } from 'react-router';
import { part } from '../server/http';
import { eventRead, itemRead, kept, paths, type Read } from '../server/queries';
import { useRows } from '../server/rows';
import type { EventRow, ItemRow } from '../server/types';
import { Button, Card, Field, Heading, NoData, Said, Table, Th, Trouble } from '../ui/basics';
import { useChange } from '../ui/change';
import { ConflictOf, type Difference, SaveButton } from '../ui/Conflict';
import { textOf } from '../ui/form';
import { More } from '../ui/More';
import { Zones } from '../ui/Zones';
import { instantIn, localIn } from '../words/format';
import { useFormat, useWords } from '../words/words';

export default function Programme() {
  const words = useWords().programme;
  const { organization = '', event = '' } = useParams();
  const { data, error } = useQuery(eventRead(organization, event));
  const [saved, setSaved] = useState(false);
  return (
    <>
      <Heading
        title={data?.row.title ?? event}
        hint={words.title}
        aside={
          <span className="flex flex-wrap gap-2">
            <Link to={`/o/${part(organization)}/events/${part(event)}/publication`} className="button">
              {words.publication}
            </Link>
            <Link to={`/o/${part(organization)}/events/${part(event)}`} className="button">
              {words.dashboard}
            </Link>
          </span>
        }
      />
      <Trouble error={error} />
      {data && (
        <Parts organization={organization} event={data.row}>
          <TheEvent
            key={data.tag}
            organization={organization}
            seen={data}
            saved={saved}
            onSaved={() => setSaved(true)}
          />
        </Parts>
      )}
    </>
  );
}

type WantedEvent = Omit<EventRow, 'id'>;

function TheEvent(props: {
  organization: string;
  seen: Read<EventRow>;
  saved: boolean;
  onSaved: () => void;
}) {
  const all = useWords();
  const words = all.events;
  const { organization, seen } = props;
  const { row } = seen;
  const change = useChange<EventRow, WantedEvent>({
    path: paths.event(organization, row.id),
    method: 'PUT',
    seen,
    kept: [kept.events(organization)],
    onDone: props.onSaved,
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const zone = textOf(form, 'zone');
    const instant = (name: string) => instantIn(zone, textOf(form, name)).toISOString();
    change.save({ title: textOf(form, 'title'), zone, starts: instant('starts'), ends: instant('ends') });
  };
  return (
    <div>
      <ConflictOf change={change} differences={(now, yours) => differences(now, yours, words)} />
      <Card title={all.programme.event} hint={row.id}>
        <form onSubmit={submit} className="space-y-4">
          <Field label={words.name} name="title" required maxLength={200} defaultValue={row.title} />
          <Moment label={words.starts} name="starts" required at={row.starts} zone={row.zone} />
          <Moment label={words.ends} name="ends" required at={row.ends} zone={row.zone} />
          <Field
            label={words.zone}
            name="zone"
            list="zones"
            required
            autoComplete="off"
            defaultValue={row.zone}
          />
          <Zones />
          <SaveButton change={change} saved={props.saved} />
        </form>
      </Card>
    </div>
  );
}

/** A time as clocks at the event show it. */
function Moment(props: { label: string; name: string; required?: boolean; at: string | null; zone: string }) {
  const { label, name, required = false, at, zone } = props;
  const shown = at === null ? '' : localIn(zone, new Date(at));
  return (
    <Field
      label={label}
      name={name}
      type="datetime-local"
      required={required}
      defaultValue={shown}
      {...(shown.length > 16 ? { step: 1 } : {})}
    />
  );
}

type EventNames = Record<'name' | 'zone' | 'starts' | 'ends', string>;

function differences(now: EventRow, yours: WantedEvent, names: EventNames): Difference[] {
  const time = (text: string, zone: string) => localIn(zone, new Date(text)).replace('T', ' ');
  return [
    { name: names.name, now: now.title, yours: yours.title },
    { name: names.zone, now: now.zone, yours: yours.zone },
    { name: names.starts, now: time(now.starts, now.zone), yours: time(yours.starts, yours.zone) },
    { name: names.ends, now: time(now.ends, now.zone), yours: time(yours.ends, yours.zone) },
  ];
}

/** The event and the thing that is changed on one side, the programme on the other. */
function Parts(props: { organization: string; event: EventRow; children: ReactNode }) {
  const { organization, event } = props;
  const all = useWords();
  const words = all.programme;
  const list = useRows<ItemRow>(
    [...kept.events(organization), event.id, 'items'],
    paths.items(organization, event.id),
  );
  const [edited, setEdited] = useState<string>();
  const [saved, setSaved] = useState(0);
  const close = (done: boolean) => {
    setEdited(undefined);
    if (done) setSaved(saved + 1);
  };
  const form = { organization, event, onDone: close };
  return (
    <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-[26rem_1fr]">
      <div className="min-w-0 space-y-4">
        {props.children}
        <Said>{saved > 0 && edited === undefined && all.saved}</Said>
        {edited === undefined ? (
          <ItemForm key={`new ${saved}`} {...form} seen={null} />
        ) : (
          <Known key={edited} {...form} item={edited} />
        )}
      </div>
      <Card title={words.items} hint={words.itemsHint}>
        <Trouble error={list.error} />
        {list.rows?.length === 0 ? (
          <NoData>{words.none}</NoData>
        ) : (
          <Table label={words.items} head={<ItemHead />}>
            {list.rows?.map((row) => (
              <ItemLine key={row.id} row={row} zone={event.zone} onEdit={() => setEdited(row.id)} />
            ))}
          </Table>
        )}
        <More of={list} />
      </Card>
    </div>
  );
}

function ItemHead() {
  const words = useWords();
  return (
    <>
      <Th>{words.programme.name}</Th>
      <Th>{words.programme.starts}</Th>
      <Th>{words.programme.track}</Th>
      <Th figure>{words.programme.capacity}</Th>
      <Th>{words.actions}</Th>
    </>
  );
}

function ItemLine({ row, zone, onEdit }: { row: ItemRow; zone: string; onEdit: () => void }) {
  const words = useWords();
  const format = useFormat();
  return (
    <tr>
      <td className="cell min-w-40">
        {row.title} <span className="text-soft block text-xs">{row.id}</span>
      </td>
      <td className="cell whitespace-nowrap">
        {row.starts ? localIn(zone, new Date(row.starts)).replace('T', ' ') : '–'}
      </td>
      <td className="cell">{row.track ?? ''}</td>
      <td className="cell figure">{row.capacity === null ? '–' : format.number(row.capacity)}</td>
      <td className="cell">
        <Button onClick={onEdit} aria-label={words.programme.change(row.title)}>
          {words.edit}
        </Button>
      </td>
    </tr>
  );
}

interface OfForm {
  organization: string;
  event: EventRow;
  onDone: (saved: boolean) => void;
}

function Known({ item, ...props }: OfForm & { item: string }) {
  const { data, error } = useQuery(itemRead(props.organization, props.event.id, item));
  if (!data) return <Trouble error={error} />;
  return <ItemForm key={data.tag} {...props} seen={data} />;
}

interface WantedItem {
  session?: string;
  title: string;
  track: string;
  starts: string | null;
  ends: string | null;
  capacity: number | null;
}

/** A thing that is new, or one as it was read. */
function ItemForm(props: OfForm & { seen: Read<ItemRow> | null }) {
  const { organization, event, seen, onDone } = props;
  const [id, setId] = useState(seen?.row.id ?? '');
  const change = useChange<ItemRow, WantedItem>({
    path: paths.item(organization, event.id, id),
    method: 'PUT',
    seen,
    kept: [kept.events(organization)],
    onDone: () => onDone(true),
  });
  const all = useWords();
  const words = all.programme;
  const submit = (sent: SubmitEvent<HTMLFormElement>) => {
    sent.preventDefault();
    change.save(itemIn(new FormData(sent.currentTarget), event.zone, seen?.row.session ?? id));
  };
  const row = seen?.row ?? NOTHING;
  return (
    <Card title={seen ? words.change(row.title) : words.add}>
      <ConflictOf change={change} differences={(now, yours) => itemDifferences(now, yours, words)} />
      <form onSubmit={submit} className="grid gap-4 sm:grid-cols-2">
        <Field
          label={words.name}
          name="title"
          required
          maxLength={200}
          defaultValue={row.title}
          autoFocus={seen !== null}
        />
        {!seen && (
          <Field
            label={words.id}
            required
            pattern="[a-z0-9\-]{1,14}"
            hint={all.events.idHint}
            autoComplete="off"
            value={id}
            onChange={({ target }) => setId(target.value)}
          />
        )}
        <Moment label={words.starts} name="starts" at={row.starts} zone={event.zone} />
        <Moment label={words.ends} name="ends" at={row.ends} zone={event.zone} />
        <Field label={words.track} name="track" defaultValue={row.track ?? ''} />
        <Field
          label={words.capacity}
          name="capacity"
          type="number"
          min={0}
          defaultValue={row.capacity ?? ''}
        />
        <label className="flex min-h-6 items-center gap-2 text-sm sm:col-span-2">
          <input
            type="checkbox"
            name="session"
            className="size-4"
            defaultChecked={seen === null || isSession(row)}
          />
          {words.isSession}
        </label>
        <div className="space-y-3 sm:col-span-2">
          <Trouble error={change.error} />
          <div className="flex gap-2">
            <Button type="submit" look="main" disabled={change.pending}>
              {seen ? all.save : words.add}
            </Button>
            {seen && (
              <Button look="quiet" onClick={() => onDone(false)}>
                {all.cancel}
              </Button>
            )}
          </div>
        </div>
      </form>
    </Card>
  );
}

const NOTHING: ItemRow = {
  id: '',
  session: null,
  title: '',
  track: null,
  starts: null,
  ends: null,
  capacity: null,
};

const isSession = (row: ItemRow) => !!row.session;

function itemIn(form: FormData, zone: string, session: string): WantedItem {
  const instant = (name: string) => {
    const text = textOf(form, name);
    return text ? instantIn(zone, text).toISOString() : null;
  };
  const capacity = textOf(form, 'capacity');
  return {
    ...(form.has('session') ? { session } : {}),
    title: textOf(form, 'title'),
    track: textOf(form, 'track'),
    starts: instant('starts'),
    ends: instant('ends'),
    capacity: capacity ? Number(capacity) : null,
  };
}

type ItemNames = Record<'name' | 'track' | 'starts' | 'ends' | 'capacity', string>;

function itemDifferences(now: ItemRow, yours: WantedItem, names: ItemNames): Difference[] {
  const text = (value: string | number | null) => (value === null ? '' : String(value));
  return [
    { name: names.name, now: now.title, yours: yours.title },
    { name: names.track, now: text(now.track), yours: yours.track },
    { name: names.starts, now: text(now.starts), yours: text(yours.starts) },
    { name: names.ends, now: text(now.ends), yours: text(yours.ends) },
    { name: names.capacity, now: text(now.capacity), yours: text(yours.capacity) },
  ];
}
