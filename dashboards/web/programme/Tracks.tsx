// Tracks: what sessions are about.
import { useState } from 'react';
import { between } from '../boxoffice/describe';
import { AddButton, Beside, type OfForm, useEditing } from '../boxoffice/editing';
import { Check, Text } from '../boxoffice/fields';
import { useOffice } from '../boxoffice/office';
import { key } from '../boxoffice/server';
import { Form, ShortName, useSetting, useShortName } from '../boxoffice/setting';
import { useRows } from '../server/rows';
import { Button, Card, Field, NoData, Table, Th, Trouble } from '../ui/basics';
import { More } from '../ui/More';
import { useWords } from '../words/words';
import { trackLines } from './describe';
import { Remove } from './fields';
import { Plan } from './plan';
import { at, type Listed, oneOf, type Track } from './server';
import { useTelling } from './telling';
import { usePlanWords } from './words';

export function Tracks() {
  const words = usePlanWords();
  const { org, event } = useOffice();
  const editing = useEditing();
  const path = at.tracks(org, event);
  const list = useRows<Listed<Track>>([...key(org, event), 'programme', 'tracks'], path);
  return (
    <Plan
      title={words.parts.tracks}
      hint={words.tracks.hint}
      aside={<AddButton editing={editing}>{words.tracks.add}</AddButton>}
    >
      <Beside<Listed<Track>>
        editing={editing}
        path={(id) => oneOf(path, id)}
        columns="xl:grid-cols-[1fr_28rem]"
        form={(of) => <TrackForm {...of} />}
      >
        <Trouble error={list.error} />
        <div className="card min-w-0 p-2">
          {list.rows?.length === 0 && <NoData>{words.tracks.none}</NoData>}
          {list.rows && list.rows.length > 0 && <List rows={list.rows} onEdit={editing.edit} />}
          <More of={list} />
        </div>
      </Beside>
    </Plan>
  );
}

/** A dot in a track's colour; the name beside it says the same. */
export function Dot({ color }: { color: string }) {
  if (!color) return null;
  return (
    <span
      aria-hidden
      className="border-line me-1.5 inline-block size-3 rounded-full border align-middle"
      style={{ backgroundColor: color }}
    />
  );
}

function List({ rows, onEdit }: { rows: Listed<Track>[]; onEdit: (id: string) => void }) {
  const words = usePlanWords();
  const all = useWords();
  return (
    <Table
      label={words.parts.tracks}
      head={
        <>
          <Th>{words.name}</Th>
          <Th>{words.tracks.color}</Th>
          <Th>{all.actions}</Th>
        </>
      }
    >
      {rows.map((row) => (
        <tr key={row.id}>
          <th scope="row" className="cell min-w-36 font-medium">
            {row.title} <span className="text-soft block text-xs font-normal">{row.id}</span>
          </th>
          <td className="cell whitespace-nowrap">
            <Dot color={row.color} />
            {row.color || '–'}
          </td>
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

/** What a track that gets a colour begins with. */
const FIRST_COLOR = '#4f46e5';

function TrackForm({ id, seen, onDone, onCancel }: OfForm<Listed<Track>>) {
  const words = usePlanWords();
  const all = useWords();
  const telling = useTelling();
  const { org, event } = useOffice();
  const [draft, setDraft] = useState<Track>({
    title: seen?.row.title ?? '',
    color: seen?.row.color ?? FIRST_COLOR,
  });
  const [shortName, setShortName] = useShortName(draft.title);
  const set = (part: Partial<Track>) => setDraft({ ...draft, ...part });
  const path = oneOf(at.tracks(org, event), id ?? shortName);
  const change = useSetting<Track>(path, seen, onDone);
  const { faultAt } = change;
  return (
    <Card title={seen ? words.change(seen.row.title) : words.tracks.add}>
      <Form
        change={change}
        differences={between(trackLines(telling))}
        submit={seen ? all.save : words.tracks.add}
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
        <Check
          label={words.tracks.coloured}
          checked={draft.color !== ''}
          onChange={(on) => set({ color: on ? FIRST_COLOR : '' })}
        />
        {draft.color !== '' && (
          <Field
            label={words.tracks.color}
            type="color"
            required
            className="w-32"
            value={draft.color}
            error={faultAt('color')}
            onChange={({ target }) => set({ color: target.value })}
          />
        )}
      </Form>
      {seen && <Remove path={path} title={seen.row.title} onDone={onDone} />}
    </Card>
  );
}
