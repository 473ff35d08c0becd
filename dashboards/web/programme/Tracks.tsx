// Tracks: what sessions are about.
import { useState } from 'react';
import { between } from '../boxoffice/describe';
import type { OfForm } from '../boxoffice/editing';
import { Check, Text } from '../boxoffice/fields';
import { useOffice } from '../boxoffice/office';
import { Form, ShortName, useSetting, useShortName } from '../boxoffice/setting';
import { Card, Field } from '../ui/basics';
import { useWords } from '../words/words';
import { trackLines } from './describe';
import { Remove } from './fields';
import { Listing } from './Listing';
import { at, type Listed, oneOf, type Track } from './server';
import { useTelling } from './telling';
import { usePlanWords } from './words';

export function Tracks() {
  const words = usePlanWords().tracks;
  return (
    <Listing<Listed<Track>>
      part="tracks"
      name={(row) => row.title}
      columns={[
        {
          title: words.color,
          cell: (row) => (
            <span className="whitespace-nowrap">
              <Dot color={row.color} />
              {row.color || '–'}
            </span>
          ),
        },
      ]}
      open="xl:grid-cols-[1fr_28rem]"
      form={(of) => <TrackForm {...of} />}
    />
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
