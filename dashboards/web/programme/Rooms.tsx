// Rooms: where sessions take place.
import { useState } from 'react';
import { between } from '../boxoffice/describe';
import { AddButton, Beside, type OfForm, useEditing } from '../boxoffice/editing';
import { Count, Text } from '../boxoffice/fields';
import { useEventFormat, useOffice } from '../boxoffice/office';
import { key } from '../boxoffice/server';
import { Form, ShortName, useSetting, useShortName } from '../boxoffice/setting';
import { useRows } from '../server/rows';
import { Button, Card, Field, NoData, Table, Th, Trouble } from '../ui/basics';
import { More } from '../ui/More';
import { useWords } from '../words/words';
import { roomLines } from './describe';
import { Remove } from './fields';
import { Plan } from './plan';
import { at, type Listed, oneOf, type Room } from './server';
import { useTelling } from './telling';
import { usePlanWords } from './words';

export function Rooms() {
  const words = usePlanWords();
  const { org, event } = useOffice();
  const editing = useEditing();
  const path = at.rooms(org, event);
  const list = useRows<Listed<Room>>([...key(org, event), 'programme', 'rooms'], path);
  return (
    <Plan
      title={words.parts.rooms}
      hint={words.rooms.hint}
      aside={<AddButton editing={editing}>{words.rooms.add}</AddButton>}
    >
      <Beside<Listed<Room>>
        editing={editing}
        path={(id) => oneOf(path, id)}
        columns="xl:grid-cols-[1fr_28rem]"
        form={(of) => <RoomForm {...of} />}
      >
        <Trouble error={list.error} />
        <div className="card min-w-0 p-2">
          {list.rows?.length === 0 && <NoData>{words.rooms.none}</NoData>}
          {list.rows && list.rows.length > 0 && <List rows={list.rows} onEdit={editing.edit} />}
          <More of={list} />
        </div>
      </Beside>
    </Plan>
  );
}

function List({ rows, onEdit }: { rows: Listed<Room>[]; onEdit: (id: string) => void }) {
  const words = usePlanWords();
  const all = useWords();
  const format = useEventFormat();
  return (
    <Table
      label={words.parts.rooms}
      head={
        <>
          <Th>{words.name}</Th>
          <Th>{words.rooms.description}</Th>
          <Th figure>{words.rooms.capacity}</Th>
          <Th figure>{words.rooms.rank}</Th>
          <Th>{all.actions}</Th>
        </>
      }
    >
      {rows.map((row) => (
        <tr key={row.id}>
          <th scope="row" className="cell min-w-36 font-medium">
            {row.title} <span className="text-soft block text-xs font-normal">{row.id}</span>
          </th>
          <td className="cell min-w-44">{row.description}</td>
          <td className="cell figure">{row.capacity === null ? '–' : format.number(row.capacity)}</td>
          <td className="cell figure">{format.number(row.rank)}</td>
          <td className="cell">
            <Button onClick={() => onEdit(row.id)} aria-label={words.change(row.title)}>
              {all.edit}
            </Button>
          </td>
        </tr>
      ))}
    </Table>
  );
}

const EMPTY: Room = { title: '', description: '', capacity: null, rank: 0 };

const bodyOf = ({ title, description, capacity, rank }: Room): Room => ({
  title,
  description,
  capacity,
  rank,
});

function RoomForm({ id, seen, onDone, onCancel }: OfForm<Listed<Room>>) {
  const words = usePlanWords();
  const all = useWords();
  const telling = useTelling();
  const { org, event } = useOffice();
  const [draft, setDraft] = useState<Room>(bodyOf(seen?.row ?? EMPTY));
  const [shortName, setShortName] = useShortName(draft.title);
  const set = (part: Partial<Room>) => setDraft({ ...draft, ...part });
  const path = oneOf(at.rooms(org, event), id ?? shortName);
  const change = useSetting<Room>(path, seen, onDone);
  const { faultAt } = change;
  return (
    <Card title={seen ? words.change(seen.row.title) : words.rooms.add}>
      <Form
        change={change}
        differences={between(roomLines(telling))}
        submit={seen ? all.save : words.rooms.add}
        onSubmit={() => change.save(draft)}
        {...(onCancel ? { onCancel } : {})}
      >
        <Text
          autoFocus
          label={words.name}
          required
          value={draft.title}
          error={faultAt('title')}
          onChange={(title) => set({ title })}
        />
        {id === undefined && <ShortName value={shortName} onChange={setShortName} />}
        <Text
          label={words.rooms.description}
          value={draft.description}
          error={faultAt('description')}
          onChange={(description) => set({ description })}
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <Count
            label={words.rooms.capacity}
            value={draft.capacity}
            error={faultAt('capacity')}
            onChange={(capacity) => set({ capacity })}
          />
          <Field
            label={words.rooms.rank}
            hint={words.rooms.rankHint}
            type="number"
            step={1}
            value={draft.rank}
            error={faultAt('rank')}
            onChange={({ target }) => set({ rank: Math.round(Number(target.value)) })}
          />
        </div>
      </Form>
      {seen && <Remove path={path} title={seen.row.title} onDone={onDone} />}
    </Card>
  );
}
