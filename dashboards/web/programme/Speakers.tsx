// Speakers: who they are, in public.
import { useState } from 'react';
import { between } from '../boxoffice/describe';
import type { OfForm } from '../boxoffice/editing';
import { Text } from '../boxoffice/fields';
import { useOffice } from '../boxoffice/office';
import { Form, ShortName, useSetting, useShortName } from '../boxoffice/setting';
import { Card } from '../ui/basics';
import { useWords } from '../words/words';
import { speakerLines } from './describe';
import { Links, Prose, Remove } from './fields';
import { Listing } from './Listing';
import { at, type Listed, oneOf, type Speaker } from './server';
import { useTelling } from './telling';
import { usePlanWords } from './words';

export function Speakers() {
  const words = usePlanWords().speakers;
  return (
    <Listing<Listed<Speaker>>
      part="speakers"
      name={(row) => row.name}
      columns={[{ title: words.affiliation, cell: (row) => row.affiliation }]}
      open="xl:grid-cols-[1fr_32rem]"
      form={(of) => <SpeakerForm {...of} />}
    />
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
