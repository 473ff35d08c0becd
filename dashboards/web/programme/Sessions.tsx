// Sessions: what takes place, by when it begins, found by title, day, room and track.
import { useState } from 'react';
import { AddButton, Beside, useEditing } from '../boxoffice/editing';
import { useEventFormat, useOffice } from '../boxoffice/office';
import { key } from '../boxoffice/server';
import { address } from '../server/http';
import { useRows } from '../server/rows';
import { Badge, Button, Choice, Field, NoData, Table, Th, Trouble } from '../ui/basics';
import { More } from '../ui/More';
import { useWords } from '../words/words';
import { Plan, useWhole } from './plan';
import { at, oneOf, type SessionRow } from './server';
import { SessionForm } from './SessionForm';
import { Dot } from './Tracks';
import { usePlanWords } from './words';

interface Wanted {
  search: string;
  day: string;
  room: string;
  track: string;
}

const ALL: Wanted = { search: '', day: '', room: '', track: '' };

export function Sessions() {
  const words = usePlanWords();
  const format = useEventFormat();
  const { org, event, row } = useOffice();
  const editing = useEditing();
  const [wanted, setWanted] = useState(ALL);
  const path = at.sessions(org, event);
  const list = useRows<SessionRow>(
    [...key(org, event), 'programme', 'sessions'],
    address(path, { ...wanted }),
  );
  const filtered = Object.values(wanted).some((one) => one !== '');
  return (
    <Plan
      title={words.parts.sessions}
      hint={`${words.sessions.hint} ${words.zone(format.zone)}`}
      aside={<AddButton editing={editing}>{words.sessions.add}</AddButton>}
    >
      <Beside<SessionRow>
        editing={editing}
        path={(id) => oneOf(path, id)}
        columns="2xl:grid-cols-[1fr_42rem]"
        form={(of) => row && <SessionForm {...of} event={row} />}
      >
        <Filters wanted={wanted} onChange={setWanted} />
        <Trouble error={list.error} />
        <div className="card min-w-0 p-2">
          {list.rows?.length === 0 && (
            <NoData>{filtered ? words.sessions.noneSuch : words.sessions.none}</NoData>
          )}
          {list.rows && list.rows.length > 0 && <List rows={list.rows} onEdit={editing.edit} />}
          <More of={list} />
        </div>
      </Beside>
    </Plan>
  );
}

function Filters({ wanted, onChange }: { wanted: Wanted; onChange: (wanted: Wanted) => void }) {
  const words = usePlanWords().sessions;
  const known = useWhole();
  const [text, setText] = useState(wanted.search);
  const set = (part: Partial<Wanted>) => onChange({ ...wanted, ...part });
  return (
    <form
      role="search"
      className="grid grid-cols-2 items-end gap-3 lg:grid-cols-[1fr_11rem_11rem_11rem_auto]"
      onSubmit={(event) => {
        event.preventDefault();
        set({ search: text.trim() });
      }}
    >
      <Field
        className="col-span-2 lg:col-span-1"
        label={words.find}
        filter
        type="search"
        value={text}
        onChange={({ target }) => setText(target.value)}
      />
      <Field
        label={words.day}
        filter
        type="date"
        value={wanted.day}
        onChange={({ target }) => set({ day: target.value })}
      />
      <Choice label={words.room} value={wanted.room} onChange={({ target }) => set({ room: target.value })}>
        <option value="">{words.any}</option>
        {known?.rooms.map((one) => (
          <option key={one.id} value={one.id}>
            {one.title}
          </option>
        ))}
      </Choice>
      <Choice
        label={words.track}
        value={wanted.track}
        onChange={({ target }) => set({ track: target.value })}
      >
        <option value="">{words.any}</option>
        {known?.tracks.map((one) => (
          <option key={one.id} value={one.id}>
            {one.title}
          </option>
        ))}
      </Choice>
      <Button type="submit">{words.search}</Button>
    </form>
  );
}

function List({ rows, onEdit }: { rows: SessionRow[]; onEdit: (id: string) => void }) {
  const words = usePlanWords();
  const all = useWords();
  return (
    <Table
      label={words.parts.sessions}
      head={
        <>
          <Th>{words.sessions.session}</Th>
          <Th>{words.sessions.when}</Th>
          <Th>{words.sessions.room}</Th>
          <Th>{words.sessions.track}</Th>
          <Th figure>{words.sessions.places}</Th>
          <Th>{all.actions}</Th>
        </>
      }
    >
      {rows.map((row) => (
        <Line key={row.id} row={row} onEdit={() => onEdit(row.id)} />
      ))}
    </Table>
  );
}

function Line({ row, onEdit }: { row: SessionRow; onEdit: () => void }) {
  const words = usePlanWords();
  const all = useWords();
  const known = useWhole();
  const room = known?.rooms.find((one) => one.id === row.room);
  const track = known?.tracks.find((one) => one.id === row.track);
  return (
    <tr>
      <th scope="row" className="cell min-w-52 font-medium">
        {row.title} {row.cancelled && <Badge tone="bad">{words.sessions.cancelled}</Badge>}
        <span className="text-soft block text-xs font-normal">
          {[row.kind, row.id].filter(Boolean).join(' · ')}
        </span>
      </th>
      <td className="cell min-w-44">
        <Times row={row} />
      </td>
      <td className="cell">{room?.title ?? row.room ?? '–'}</td>
      <td className="cell">
        <Dot color={track?.color ?? ''} />
        {track?.title ?? row.track ?? '–'}
      </td>
      <td className="cell figure">
        <Places row={row} />
      </td>
      <td className="cell">
        <Button onClick={onEdit} aria-label={words.change(row.title)}>
          {all.edit}
        </Button>
      </td>
    </tr>
  );
}

/** When it takes place, with how far clocks are ahead of UTC where there are several: they may be changed in between. */
function Times({ row }: { row: SessionRow }) {
  const words = usePlanWords().sessions;
  const format = useEventFormat();
  const first = row.times[0] ?? row;
  if (row.times.length <= 1) return <span>{format.moment(new Date(first.starts))}</span>;
  const exact = new Intl.DateTimeFormat(format.language, {
    timeZone: format.zone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'shortOffset',
  });
  return (
    <details>
      <summary className="min-h-6 cursor-pointer">
        {format.moment(new Date(first.starts))} <Badge>{words.times(format.number(row.times.length))}</Badge>
      </summary>
      <ol className="mt-1 max-h-56 overflow-y-auto text-xs" tabIndex={0}>
        {row.times.map((time) => (
          <li key={time.id} className="py-0.5 whitespace-nowrap">
            {exact.format(new Date(time.starts))}
          </li>
        ))}
      </ol>
    </details>
  );
}

function Places({ row }: { row: SessionRow }) {
  const words = usePlanWords().sessions;
  const format = useEventFormat();
  if (row.capacity === null) return '–';
  const sum = (of: 'taken' | 'waiting') => row.times.reduce((all, time) => all + (time[of] ?? 0), 0);
  const waiting = sum('waiting');
  return (
    <>
      {words.taken(format.number(sum('taken')), format.number(row.capacity * Math.max(1, row.times.length)))}
      {waiting > 0 && (
        <span className="text-warn block text-xs">{words.waiting(format.number(waiting))}</span>
      )}
    </>
  );
}
