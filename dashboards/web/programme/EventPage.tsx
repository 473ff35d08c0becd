// What an event says of itself, whether that is published, what collides in its programme, and a copy of it.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { useAct } from '../boxoffice/act';
import { between } from '../boxoffice/describe';
import { useEventFormat, useOffice } from '../boxoffice/office';
import { Form, Seen, useSetting } from '../boxoffice/setting';
import type { Read } from '../server/queries';
import {
  Badge,
  Button,
  Card,
  Choice,
  Confirm,
  Field,
  Lines,
  Said,
  Secret,
  Table,
  Th,
  Trouble,
} from '../ui/basics';
import { linesOf } from '../ui/form';
import { useWords } from '../words/words';
import { pageLines } from './describe';
import { Duplicate } from './Duplicate';
import { Plan, useBase } from './plan';
import { at, EVERY_MS, type Page, whole, type Whole } from './server';
import { useTelling } from './telling';
import { usePlanWords } from './words';

export function EventPage() {
  const words = usePlanWords();
  const { org, event, row } = useOffice();
  const { data: known } = useQuery({ ...whole(org, event), refetchInterval: EVERY_MS });
  const [saved, setSaved] = useState(false);
  return (
    <Plan title={words.parts.page} hint={words.page.hint}>
      <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-[1fr_28rem]">
        <div className="min-w-0">
          <Seen<Page> path={at.page(org, event)}>
            {(seen) => seen && <PageForm seen={seen} saved={saved} onSaved={() => setSaved(true)} />}
          </Seen>
        </div>
        <div className="min-w-0 space-y-4">
          {known && <Status whole={known} />}
          {known && known.collisions.length > 0 && <Collisions whole={known} />}
          {row && <Duplicate event={row} />}
        </div>
      </div>
    </Plan>
  );
}

function PageForm({ seen, saved, onSaved }: { seen: Read<Page>; saved: boolean; onSaved: () => void }) {
  const plan = usePlanWords();
  const words = plan.page;
  const all = useWords();
  const telling = useTelling();
  const { org, event } = useOffice();
  const [draft, setDraft] = useState(seen.row);
  const [tags, setTags] = useState(draft.tags.join('\n'));
  const set = (part: Partial<Page>) => setDraft({ ...draft, ...part });
  const change = useSetting<Page>(at.page(org, event), seen, onSaved);
  const { faultAt } = change;
  const field = (
    name: 'venue' | 'online' | 'picture' | 'picture_text' | 'language',
    label: string,
    hint?: string,
  ) => (
    <Field
      label={label}
      hint={hint}
      value={draft[name]}
      error={faultAt(name)}
      onChange={({ target }) => set({ [name]: target.value })}
    />
  );
  const place = (name: keyof Page['address'], label: string) => (
    <Field
      label={label}
      value={draft.address[name]}
      error={faultAt(`address.${name}`)}
      onChange={({ target }) => set({ address: { ...draft.address, [name]: target.value } })}
    />
  );
  return (
    <Card title={words.title}>
      <Form
        change={change}
        differences={between(pageLines(telling))}
        submit={all.save}
        onSubmit={() => change.save({ ...draft, tags: linesOf(tags) })}
        said={<Said>{saved && !change.pending && !change.error && !change.theirs && all.saved}</Said>}
      >
        <Choice
          label={words.format}
          value={draft.format}
          onChange={({ target }) => set({ format: target.value as Page['format'] })}
        >
          {Object.entries(words.formats).map(([one, name]) => (
            <option key={one} value={one}>
              {name}
            </option>
          ))}
        </Choice>
        <Field
          label={words.summary}
          hint={words.summaryHint}
          value={draft.summary}
          error={faultAt('summary')}
          onChange={({ target }) => set({ summary: target.value })}
        />
        <Lines
          label={words.description}
          hint={plan.markdown}
          rows={8}
          value={draft.description}
          error={faultAt('description')}
          onChange={({ target }) => set({ description: target.value })}
        />
        <div className="grid gap-4 sm:grid-cols-2">
          {draft.format !== 'virtual' && (
            <>
              {field('venue', words.venue)}
              {place('street', words.street)}
              {place('postal_code', words.postalCode)}
              {place('locality', words.locality)}
              {place('country', words.country)}
            </>
          )}
          {draft.format !== 'in_person' && field('online', words.online, words.onlineHint)}
          {field('picture', words.picture, 'https://…')}
          {field('picture_text', words.pictureText)}
          {field('language', words.language, 'en, de, …')}
        </div>
        <Lines
          label={words.tags}
          hint={words.tagsHint}
          rows={3}
          value={tags}
          error={faultAt('tags')}
          onChange={({ target }) => setTags(target.value)}
        />
      </Form>
    </Card>
  );
}

const TONES = { draft: 'plain', published: 'good', called_off: 'bad' } as const;

function Status({ whole }: { whole: Whole }) {
  const words = usePlanWords().status;
  const { org, event } = useOffice();
  const act = useAct(at.status(org, event), () => undefined, 'PUT');
  const [reason, setReason] = useState('');
  return (
    <Card
      title={words.title}
      aside={<Badge tone={TONES[whole.status]}>{words.statuses[whole.status]}</Badge>}
    >
      <div className="space-y-3">
        <Secret label={words.address} text={whole.address} />
        {whole.reason && <p className="text-sm">{whole.reason}</p>}
        {whole.status === 'draft' && (
          <Button look="main" disabled={act.isPending} onClick={() => act.mutate({ status: 'published' })}>
            {words.publish}
          </Button>
        )}
        {whole.status === 'published' && (
          <>
            <Button disabled={act.isPending} onClick={() => act.mutate({ status: 'draft' })}>
              {words.withdraw}
            </Button>
            <Field
              label={words.reason}
              hint={words.reasonHint}
              value={reason}
              maxLength={500}
              onChange={({ target }) => setReason(target.value)}
            />
            <Confirm
              what={words.callOffWhat}
              disabled={act.isPending}
              onConfirm={() => act.mutate({ status: 'called_off', reason })}
            >
              {words.callOff}
            </Confirm>
          </>
        )}
        <Trouble error={act.error} />
      </div>
    </Card>
  );
}

function Collisions({ whole }: { whole: Whole }) {
  const words = usePlanWords().status;
  const format = useEventFormat();
  const base = useBase();
  const room = (id: string | null) => whole.rooms.find((one) => one.id === id)?.title ?? id ?? '';
  return (
    <Card title={words.collisions}>
      <Table
        label={words.collisions}
        head={
          <>
            <Th>{words.sessions}</Th>
            <Th>{words.at}</Th>
          </>
        }
      >
        {whole.collisions.map((one) => (
          <tr key={`${one.one} ${one.other} ${one.starts}`}>
            <td className="cell">
              <Link className="link" to={`${base}/sessions?edit=${encodeURIComponent(one.one)}`}>
                {one.one_title}
              </Link>{' '}
              ×{' '}
              <Link className="link" to={`${base}/sessions?edit=${encodeURIComponent(one.other)}`}>
                {one.other_title}
              </Link>
              <span className="text-soft block text-xs">{one.speaker ?? room(one.room)}</span>
            </td>
            <td className="cell whitespace-nowrap">{format.moment(new Date(one.starts))}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
