// The form of one session.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { between } from '../boxoffice/describe';
import type { OfForm } from '../boxoffice/editing';
import { Check, Count, Text } from '../boxoffice/fields';
import { useOffice } from '../boxoffice/office';
import { Form, ShortName, useSetting, useShortName } from '../boxoffice/setting';
import type { EventRow } from '../server/types';
import { Button, Card, Choice } from '../ui/basics';
import { entries } from '../ui/entries';
import { useWords } from '../words/words';
import { Again } from './Again';
import { sessionLines } from './describe';
import { Instant, Prose, Remove, TakeOut } from './fields';
import { useWhole } from './plan';
import { at, everySpeaker, type Material, oneOf, type Session, type SessionRow } from './server';
import { useTelling } from './telling';
import { usePlanWords } from './words';

/** How long a new session lasts, milliseconds. */
const LONG_MS = 3_600_000;

const begun = (event: EventRow): Session => ({
  title: '',
  subtitle: '',
  summary: '',
  description: '',
  kind: '',
  starts: event.starts,
  ends: new Date(Date.parse(event.starts) + LONG_MS).toISOString(),
  room: null,
  track: null,
  speakers: [],
  materials: [],
  language: '',
  capacity: null,
  cancelled: false,
  recurrence: null,
  url: '',
});

/** What is written of what is read. */
function bodyOf(row: SessionRow): Session {
  const { title, subtitle, summary, description, kind, starts, ends, room, track, speakers } = row;
  const { materials, language, capacity, cancelled, recurrence, url } = row;
  const first = { title, subtitle, summary, description, kind, starts, ends, room, track, speakers };
  return { ...first, materials, language, capacity, cancelled, recurrence, url };
}

export function SessionForm({ id, seen, event, onDone, onCancel }: OfForm<SessionRow> & { event: EventRow }) {
  const plan = usePlanWords();
  const words = plan.sessions;
  const all = useWords();
  const telling = useTelling();
  const { org, event: name } = useOffice();
  const [draft, setDraft] = useState<Session>(seen ? bodyOf(seen.row) : begun(event));
  const [overlap, setOverlap] = useState(false);
  const [shortName, setShortName] = useShortName(draft.title);
  const path = oneOf(at.sessions(org, name), id ?? shortName);
  const change = useSetting<SessionRow, Session & { overlap: boolean }>(path, seen, onDone);
  const set = (part: Partial<Session>) => setDraft({ ...draft, ...part });
  const { faultAt } = change;
  // It stays as long as it was when it begins at another time.
  const begin = (starts: string) => {
    const length = Date.parse(draft.ends) - Date.parse(draft.starts);
    set({ starts, ends: new Date(Date.parse(starts) + length).toISOString() });
  };
  const text = (field: 'subtitle' | 'kind' | 'language' | 'url', label: string, hint?: string) => (
    <Text
      label={label}
      hint={hint}
      value={draft[field]}
      error={faultAt(field)}
      onChange={(value) => set({ [field]: value })}
    />
  );
  return (
    <Card title={seen ? plan.change(seen.row.title) : words.add} hint={plan.zone(telling.say.format.zone)}>
      <Form
        change={change}
        differences={between(sessionLines(telling))}
        submit={seen ? all.save : words.add}
        onSubmit={() => change.save({ ...draft, overlap })}
        {...(onCancel ? { onCancel } : {})}
      >
        <div className="grid gap-4 sm:grid-cols-2">
          <Text
            autoFocus
            label={words.name}
            required
            value={draft.title}
            error={faultAt('title')}
            onChange={(title) => set({ title })}
          />
          {id === undefined ? <ShortName value={shortName} onChange={setShortName} /> : <span />}
          <Instant label={words.starts} at={draft.starts} error={faultAt('starts')} onChange={begin} />
          <Instant
            label={words.ends}
            at={draft.ends}
            error={faultAt('ends')}
            onChange={(ends) => set({ ends })}
          />
          <Place draft={draft} onChange={set} />
          {text('kind', words.kind, words.kindHint)}
          <Count
            label={words.capacity}
            hint={words.capacityHint}
            value={draft.capacity}
            error={faultAt('capacity')}
            onChange={(capacity) => set({ capacity })}
          />
        </div>
        <Check label={words.overlap} checked={overlap} onChange={setOverlap} />
        <SpeakersOf
          chosen={draft.speakers}
          error={faultAt('speakers')}
          onChange={(speakers) => set({ speakers })}
        />
        <Prose
          label={words.summary}
          hint={plan.markdown}
          value={draft.summary}
          error={faultAt('summary')}
          onChange={(summary) => set({ summary })}
        />
        <Again
          recurrence={draft.recurrence}
          starts={draft.starts}
          faultAt={faultAt}
          onChange={(recurrence) => set({ recurrence })}
        />
        <Materials
          materials={draft.materials}
          faultAt={faultAt}
          onChange={(materials) => set({ materials })}
        />
        <details className="border-line rounded-lg border p-3">
          <summary className="min-h-6 cursor-pointer text-sm font-medium">{words.more}</summary>
          <div className="mt-3 space-y-4">
            <div className="grid gap-4 sm:grid-cols-2">
              {text('subtitle', words.subtitle)}
              {text('language', words.language, 'en, de, …')}
              {text('url', words.url, 'https://…')}
            </div>
            <Prose
              label={words.description}
              hint={plan.markdown}
              rows={6}
              value={draft.description}
              error={faultAt('description')}
              onChange={(description) => set({ description })}
            />
          </div>
        </details>
        <Check
          label={words.isCancelled}
          checked={draft.cancelled}
          onChange={(cancelled) => set({ cancelled })}
        />
      </Form>
      {seen && <Remove path={path} title={seen.row.title} onDone={onDone} />}
    </Card>
  );
}

/** Its room and track. */
function Place({ draft, onChange }: { draft: Session; onChange: (part: Partial<Session>) => void }) {
  const words = usePlanWords().sessions;
  const known = useWhole();
  const options = (all: { id: string; title: string }[] | undefined, chosen: string | null) => {
    const there = all ?? [];
    // What is chosen stays so while the others are not known.
    const missing = chosen !== null && !there.some((one) => one.id === chosen);
    return [...there, ...(missing ? [{ id: chosen, title: chosen }] : [])].map((one) => (
      <option key={one.id} value={one.id}>
        {one.title}
      </option>
    ));
  };
  return (
    <>
      <Choice
        label={words.room}
        value={draft.room ?? ''}
        onChange={({ target }) => onChange({ room: target.value || null })}
      >
        <option value="">{words.noRoom}</option>
        {options(known?.rooms, draft.room)}
      </Choice>
      <Choice
        label={words.track}
        value={draft.track ?? ''}
        onChange={({ target }) => onChange({ track: target.value || null })}
      >
        <option value="">{words.noTrack}</option>
        {options(known?.tracks, draft.track)}
      </Choice>
    </>
  );
}

/** Who speaks, in order. */
function SpeakersOf(props: {
  chosen: string[];
  error: string | undefined;
  onChange: (chosen: string[]) => void;
}) {
  const { chosen, onChange } = props;
  const plan = usePlanWords();
  const words = plan.sessions;
  const { org, event } = useOffice();
  const everybody = useQuery(everySpeaker(org, event)).data ?? [];
  const nameOf = (id: string) => everybody.find((one) => one.id === id)?.name ?? id;
  const list = entries(chosen, onChange);
  const others = everybody
    .filter((one) => !chosen.includes(one.id))
    .sort((a, b) => a.name.localeCompare(b.name));
  return (
    <fieldset className="space-y-2">
      <legend className="text-sm font-medium">{words.speakers}</legend>
      <ol className="space-y-1">
        {chosen.map((id, place) => (
          <li key={id} className="flex items-center justify-between gap-2 text-sm">
            {nameOf(id)}
            <span className="flex gap-2">
              {place > 0 && (
                <Button aria-label={plan.up(nameOf(id))} onClick={() => list.up(place)}>
                  <span aria-hidden>↑</span>
                </Button>
              )}
              <TakeOut title={nameOf(id)} onClick={() => list.remove(place)} />
            </span>
          </li>
        ))}
      </ol>
      {others.length > 0 && (
        <Choice
          label={words.addSpeaker}
          hideLabel
          value=""
          onChange={({ target }) => target.value && list.add(target.value)}
        >
          <option value="">{words.addSpeaker}</option>
          {others.map((one) => (
            <option key={one.id} value={one.id}>
              {[one.name, one.affiliation].filter(Boolean).join(', ')}
            </option>
          ))}
        </Choice>
      )}
      {props.error !== undefined && <p className="text-bad text-xs">{props.error}</p>}
    </fieldset>
  );
}

function Materials(props: {
  materials: Material[];
  faultAt: (field: string) => string | undefined;
  onChange: (materials: Material[]) => void;
}) {
  const words = usePlanWords().sessions;
  const list = entries(props.materials, props.onChange);
  return (
    <fieldset className="space-y-3">
      <legend className="text-sm font-medium">{words.materials}</legend>
      <p className="text-soft text-xs">{words.materialsHint}</p>
      {props.materials.map((one, place) => (
        <div key={place} className="flex items-end gap-2">
          <div className="grid flex-1 gap-3 sm:grid-cols-3">
            <Text
              label={words.material}
              value={one.title}
              error={props.faultAt(`materials[${place}].title`)}
              onChange={(title) => list.put(place, { title })}
            />
            <Text
              label={words.materialUrl}
              required
              value={one.url}
              error={props.faultAt(`materials[${place}].url`)}
              onChange={(url) => list.put(place, { url })}
            />
            <Choice
              label={words.audience}
              value={one.audience}
              onChange={({ target }) => list.put(place, { audience: target.value as Material['audience'] })}
            >
              {Object.entries(words.audiences).map(([audience, name]) => (
                <option key={audience} value={audience}>
                  {name}
                </option>
              ))}
            </Choice>
          </div>
          <TakeOut title={one.title || one.url} onClick={() => list.remove(place)} />
        </div>
      ))}
      <Button onClick={() => list.add({ title: '', url: '', audience: 'everybody' })}>
        {words.addMaterial}
      </Button>
    </fieldset>
  );
}
