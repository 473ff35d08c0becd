// Rooms: where sessions take place.
import { useState } from 'react';
import { between } from '../boxoffice/describe';
import type { OfForm } from '../boxoffice/editing';
import { Count, Text } from '../boxoffice/fields';
import { useEventFormat, useOffice } from '../boxoffice/office';
import { Form, ShortName, useSetting, useShortName } from '../boxoffice/setting';
import { Card, Field } from '../ui/basics';
import { useWords } from '../words/words';
import { roomLines } from './describe';
import { Remove } from './fields';
import { Listing } from './Listing';
import { at, type Listed, oneOf, type Room } from './server';
import { useTelling } from './telling';
import { usePlanWords } from './words';

export function Rooms() {
  const words = usePlanWords().rooms;
  const format = useEventFormat();
  return (
    <Listing<Listed<Room>>
      part="rooms"
      name={(row) => row.title}
      columns={[
        { title: words.description, cell: (row) => row.description },
        {
          title: words.capacity,
          figure: true,
          cell: (row) => (row.capacity === null ? '–' : format.number(row.capacity)),
        },
        { title: words.rank, figure: true, cell: (row) => format.number(row.rank) },
      ]}
      open="xl:grid-cols-[1fr_28rem]"
      form={(of) => <RoomForm {...of} />}
    />
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
