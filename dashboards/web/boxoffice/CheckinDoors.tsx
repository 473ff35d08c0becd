// Doors of an event: who may pass, whether again, and when; read with their tag, so that two who change one see both.
import { useState } from 'react';
import { part } from '../server/http';
import type { Read } from '../server/queries';
import { Button, Card, Choice, NoData, Said } from '../ui/basics';
import { useWords } from '../words/words';
import { useCheckinWords } from './checkinWords';
import { between } from './describe';
import { Moment, Several, Text } from './fields';
import { useOffer, useOffice, useTitleOf } from './office';
import { at } from './server';
import { Form, Seen, ShortName, useEdited, useSetting, useShortName } from './setting';
import { useBoxWords } from './words';

const AGAIN = ['never', 'after_exit', 'always'] as const;

interface Time {
  products: string[];
  from: string | null;
  until: string | null;
}

interface Door {
  title: string;
  products: string[];
  reentry: (typeof AGAIN)[number];
  times?: Time[];
}

export function Doors() {
  const words = useCheckinWords();
  const all = useWords();
  const { org, event } = useOffice();
  const doors = useOffer()?.doors ?? [];
  const [edited, edit] = useEdited();
  const [saved, setSaved] = useState(0);
  const done = () => {
    setSaved(saved + 1);
    edit(null);
  };
  const path = (id: string) => `${at.office(org, event)}/doors/${part(id)}`;
  return (
    <Card title={words.doors} hint={words.doorsHint} className="mb-4">
      {doors.length === 0 && <NoData>{words.noDoors}</NoData>}
      <ul className="mb-3 flex flex-wrap gap-2" aria-label={words.doors}>
        {doors.map((door) => (
          <li key={door.id}>
            <Button onClick={() => edit(door.id)}>{words.changeDoor(door.title || door.id)}</Button>
          </li>
        ))}
        <li>
          <Button look="main" onClick={() => edit('new')}>
            {words.addDoor}
          </Button>
        </li>
      </ul>
      <Said>{saved > 0 && edited === null && all.saved}</Said>
      {edited === 'new' && (
        <DoorForm key={`new ${saved}`} seen={null} path={path} onDone={done} onCancel={() => edit(null)} />
      )}
      {edited !== null && edited !== 'new' && (
        <Seen<Door> key={edited} path={path(edited)}>
          {(seen) => (
            <DoorForm id={edited} seen={seen} path={path} onDone={done} onCancel={() => edit(null)} />
          )}
        </Seen>
      )}
    </Card>
  );
}

function DoorForm(props: {
  id?: string;
  seen: Read<Door> | null;
  path: (id: string) => string;
  onDone: () => void;
  onCancel: () => void;
}) {
  const { id, seen } = props;
  const words = useCheckinWords();
  const { name } = useBoxWords();
  const all = useWords();
  const titleOf = useTitleOf();
  const offered = useOffer()?.products ?? [];
  const [draft, setDraft] = useState<Door>(seen?.row ?? { title: '', products: [], reentry: 'never' });
  const [shortName, setShortName] = useShortName(draft.title);
  const change = useSetting<Door>(props.path(id ?? shortName), seen, props.onDone);
  const set = (some: Partial<Door>) => setDraft({ ...draft, ...some });
  const times = draft.times ?? [];
  const setTime = (place: number, some: Partial<Time>) =>
    set({ times: times.map((time, own) => (own === place ? { ...time, ...some } : time)) });
  const time = ({ products, from, until }: Time) =>
    [...products.map((one) => titleOf(one)), from, until].map((one) => one ?? '–').join(' ');
  const lines = (it: Door): [string, string][] => [
    [name, it.title],
    [words.products, it.products.map((one) => titleOf(one)).join('\n')],
    [words.again, words.agains[it.reentry]],
    [words.times, (it.times ?? []).map(time).join('\n')],
  ];
  return (
    <Form
      change={change}
      differences={between(lines)}
      submit={seen ? all.save : words.addDoor}
      onSubmit={() => change.save(draft)}
      onCancel={props.onCancel}
    >
      <Text
        label={name}
        required
        maxLength={200}
        value={draft.title}
        error={change.faultAt('title')}
        onChange={(title) => set({ title })}
      />
      {id === undefined && <ShortName value={shortName} onChange={setShortName} />}
      <Several
        legend={words.products}
        hint={words.productsHint}
        all={offered}
        chosen={draft.products}
        onChange={(products) => set({ products })}
      />
      <Choice
        label={words.again}
        value={draft.reentry}
        onChange={({ target }) => set({ reentry: AGAIN.find((one) => one === target.value) ?? 'never' })}
      >
        {AGAIN.map((one) => (
          <option key={one} value={one}>
            {words.agains[one]}
          </option>
        ))}
      </Choice>
      {times.map((one, place) => (
        <fieldset key={place} className="border-line space-y-3 rounded-xl border p-3">
          <legend className="px-1 text-sm font-medium">{words.time(place + 1)}</legend>
          <Moment label={words.from} at={one.from} onChange={(from) => setTime(place, { from })} />
          <Moment
            label={words.until}
            at={one.until}
            error={change.faultAt(`times[${place}].until`)}
            onChange={(until) => setTime(place, { until })}
          />
          <Several
            legend={words.products}
            hint={words.timeHint}
            all={offered}
            chosen={one.products}
            onChange={(products) => setTime(place, { products })}
          />
          <Button onClick={() => set({ times: times.filter((_, own) => own !== place) })}>
            {all.remove}
          </Button>
        </fieldset>
      ))}
      <Button onClick={() => set({ times: [...times, { products: [], from: null, until: null }] })}>
        {words.addTime}
      </Button>
    </Form>
  );
}
