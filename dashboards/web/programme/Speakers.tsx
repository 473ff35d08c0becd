// Speakers: who they are, in public.
import { useState } from 'react';
import { between } from '../boxoffice/describe';
import { AddButton, Beside, type OfForm, useEditing } from '../boxoffice/editing';
import { Text } from '../boxoffice/fields';
import { useOffice } from '../boxoffice/office';
import { key } from '../boxoffice/server';
import { Form, ShortName, useSetting, useShortName } from '../boxoffice/setting';
import { useRows } from '../server/rows';
import { Button, Card, NoData, Table, Th, Trouble } from '../ui/basics';
import { More } from '../ui/More';
import { useWords } from '../words/words';
import { speakerLines } from './describe';
import { Links, Prose, Remove } from './fields';
import { Plan } from './plan';
import { at, type Listed, oneOf, type Speaker } from './server';
import { useTelling } from './telling';
import { usePlanWords } from './words';

export function Speakers() {
  const words = usePlanWords();
  const { org, event } = useOffice();
  const editing = useEditing();
  const path = at.speakers(org, event);
  const list = useRows<Listed<Speaker>>([...key(org, event), 'programme', 'speakers'], path);
  return (
    <Plan
      title={words.parts.speakers}
      hint={words.speakers.hint}
      aside={<AddButton editing={editing}>{words.speakers.add}</AddButton>}
    >
      <Beside<Listed<Speaker>>
        editing={editing}
        path={(id) => oneOf(path, id)}
        columns="xl:grid-cols-[1fr_32rem]"
        form={(of) => <SpeakerForm {...of} />}
      >
        <Trouble error={list.error} />
        <div className="card min-w-0 p-2">
          {list.rows?.length === 0 && <NoData>{words.speakers.none}</NoData>}
          {list.rows && list.rows.length > 0 && <List rows={list.rows} onEdit={editing.edit} />}
          <More of={list} />
        </div>
      </Beside>
    </Plan>
  );
}

function List({ rows, onEdit }: { rows: Listed<Speaker>[]; onEdit: (id: string) => void }) {
  const words = usePlanWords();
  const all = useWords();
  return (
    <Table
      label={words.parts.speakers}
      head={
        <>
          <Th>{words.name}</Th>
          <Th>{words.speakers.affiliation}</Th>
          <Th>{all.actions}</Th>
        </>
      }
    >
      {rows.map((row) => (
        <tr key={row.id}>
          <th scope="row" className="cell min-w-40 font-medium">
            {row.name} <span className="text-soft block text-xs font-normal">{row.id}</span>
          </th>
          <td className="cell min-w-40">{row.affiliation}</td>
          <td className="cell">
            <Button onClick={() => onEdit(row.id)} aria-label={words.change(row.name)}>
              {all.edit}
            </Button>
          </td>
        </tr>
      ))}
    </Table>
  );
}

const bodyOf = (seen: Speaker | undefined): Speaker => ({
  name: seen?.name ?? '',
  affiliation: seen?.affiliation ?? '',
  biography: seen?.biography ?? '',
  picture: seen?.picture ?? '',
  links: seen?.links ?? [],
});

function SpeakerForm({ id, seen, onDone, onCancel }: OfForm<Listed<Speaker>>) {
  const words = usePlanWords();
  const all = useWords();
  const telling = useTelling();
  const { org, event } = useOffice();
  const [draft, setDraft] = useState<Speaker>(bodyOf(seen?.row));
  const [shortName, setShortName] = useShortName(draft.name);
  const set = (part: Partial<Speaker>) => setDraft({ ...draft, ...part });
  const path = oneOf(at.speakers(org, event), id ?? shortName);
  const change = useSetting<Speaker>(path, seen, onDone);
  const { faultAt } = change;
  return (
    <Card title={seen ? words.change(seen.row.name) : words.speakers.add}>
      <Form
        change={change}
        differences={between(speakerLines(telling))}
        submit={seen ? all.save : words.speakers.add}
        onSubmit={() => change.save(draft)}
        {...(onCancel ? { onCancel } : {})}
      >
        <div className="grid gap-4 sm:grid-cols-2">
          <Text
            autoFocus
            label={words.name}
            required
            value={draft.name}
            error={faultAt('name')}
            onChange={(name) => set({ name })}
          />
          {id === undefined ? <ShortName value={shortName} onChange={setShortName} /> : <span />}
          <Text
            label={words.speakers.affiliation}
            value={draft.affiliation}
            error={faultAt('affiliation')}
            onChange={(affiliation) => set({ affiliation })}
          />
          <Text
            label={words.speakers.picture}
            hint={words.https}
            value={draft.picture}
            error={faultAt('picture')}
            onChange={(picture) => set({ picture })}
          />
        </div>
        <Prose
          label={words.speakers.biography}
          hint={words.markdown}
          rows={6}
          value={draft.biography}
          error={faultAt('biography')}
          onChange={(biography) => set({ biography })}
        />
        <Links links={draft.links} faultAt={faultAt} onChange={(links) => set({ links })} />
      </Form>
      {seen && <Remove path={path} title={seen.row.name} onDone={onDone} />}
    </Card>
  );
}
