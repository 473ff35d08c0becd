// What an event says of itself in public: its page, whether it is published, who may see it; its programme from a file; a copy of it.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { address, newWish, part, Refusal } from '../server/http';
import { paths, type Read } from '../server/queries';
import { useRows } from '../server/rows';
import {
  Badge,
  Button,
  Card,
  Choice,
  Confirm,
  Field,
  Heading,
  Lines,
  Said,
  Secret,
  Table,
  Th,
  Trouble,
} from '../ui/basics';
import { useChange } from '../ui/change';
import { linesOf } from '../ui/form';
import { More } from '../ui/More';
import { instantIn } from '../words/format';
import { useWords } from '../words/words';
import { Check, Count, faultsOf } from './fields';
import { useEventFormat, useOffice, OfOffice, useZone } from './office';
import { Form } from './setting';
import { useAct } from './act';
import { key, setting } from './server';
import { useBoxWords } from './words';

interface Page {
  format: 'in_person' | 'virtual' | 'hybrid';
  summary: string;
  description: string;
  venue: string;
  address: { street: string; postal_code: string; locality: string; country: string };
  online: string;
  picture: string;
  picture_text: string;
  language: string;
  tags: string[];
}

interface Whole {
  status: 'draft' | 'published' | 'called_off';
  reason: string | null;
  access: string;
  page: Page;
  sessions: number;
  speakers: number;
  rooms: { id: string; title: string }[];
  tracks: { id: string; title: string }[];
  collisions: { starts: string; one: string; other: string; room: string; speaker: string | null }[];
  address: string;
}

export default function Publication() {
  const { organization = '', event = '' } = useParams();
  return (
    <OfOffice org={organization} event={event} key={`${organization} ${event}`}>
      <Shown />
    </OfOffice>
  );
}

const useBelow = (): string => {
  const { org, event } = useOffice();
  return `${paths.event(org, event)}/programme`;
};

function Shown() {
  const words = useBoxWords().publication;
  const { org, event, row } = useOffice();
  const { data, error } = useQuery(setting<Whole>(org, event, useBelow()));
  return (
    <>
      <Heading
        title={words.title}
        hint={row?.title ?? event}
        aside={
          data && (
            <a href={data.row.address} className="button">
              {data.row.status === 'published' ? words.look : words.preview}
            </a>
          )
        }
      />
      <Trouble error={error} />
      {data && (
        <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-[1fr_28rem]">
          <div className="min-w-0 space-y-4">
            <PageForm key={data.tag} seen={data} />
            <Import />
          </div>
          <div className="min-w-0 space-y-4">
            <Status key={data.tag} whole={data.row} />
            <Access key={data.row.access} />
            <Collisions whole={data.row} />
            <Duplicate />
          </div>
        </div>
      )}
    </>
  );
}

function PageForm({ seen }: { seen: Read<Whole> }) {
  const words = useBoxWords().publication;
  const all = useWords();
  const below = useBelow();
  const { org, event } = useOffice();
  const [draft, setDraft] = useState(seen.row.page);
  const [tags, setTags] = useState(draft.tags.join('\n'));
  const set = (part: Partial<Page>) => setDraft({ ...draft, ...part });
  // The tag is that of the whole, which is read at another address than the page is written to.
  const change = useChange<Whole, Page>({
    path: `${below}/page`,
    method: 'PUT',
    seen,
    kept: [key(org, event)],
  });
  const faultAt = faultsOf(change.error);
  const isOld = change.error instanceof Refusal && change.error.code === 'changed';
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
    <Card title={words.page} hint={words.pageHint}>
      <Form
        change={change}
        differences={() => []}
        submit={all.save}
        onSubmit={() => change.save({ ...draft, tags: linesOf(tags) })}
        said={<Said>{change.saved && !isOld && all.saved}</Said>}
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
          hint={words.descriptionHint}
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

/** An act on the programme with a body, sent once however often it is clicked. */
function useProgramme(path: string, method: 'POST' | 'PUT' | 'DELETE' = 'POST') {
  const [said, setSaid] = useState(false);
  const act = useAct(`${useBelow()}${path}`, () => setSaid(true), method);
  return { ...act, said };
}

function Status({ whole }: { whole: Whole }) {
  const words = useBoxWords().publication;
  const act = useProgramme('/status', 'PUT');
  const [reason, setReason] = useState('');
  const tones = { draft: 'plain', published: 'good', called_off: 'bad' } as const;
  return (
    <Card
      title={words.status}
      aside={<Badge tone={tones[whole.status]}>{words.statuses[whole.status]}</Badge>}
    >
      <div className="space-y-3">
        <Secret label={words.address} text={whole.address} />
        {whole.reason && <p className="text-sm">{whole.reason}</p>}
        {whole.status === 'published' ? (
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
        ) : (
          <Button look="main" disabled={act.isPending} onClick={() => act.mutate({ status: 'published' })}>
            {words.publish}
          </Button>
        )}
        <Trouble error={act.error} />
      </div>
    </Card>
  );
}

interface Invited {
  id: string;
  title: string;
  uses: number | null;
  used: number;
  revoked: boolean;
  link: string;
}

function Access() {
  const words = useBoxWords().publication;
  const all = useWords();
  const below = useBelow();
  const { org, event } = useOffice();
  const { data } = useQuery(setting<{ mode: string }>(org, event, `${below}/access`));
  const [wanted, setWanted] = useState<string>();
  const [password, setPassword] = useState('');
  const act = useProgramme('/access', 'PUT');
  const mode = wanted ?? data?.row.mode ?? 'public';
  return (
    <Card title={words.access}>
      <form
        className="space-y-3"
        onSubmit={(event) => {
          event.preventDefault();
          act.mutate({ mode, ...(mode === 'password' ? { password } : {}) });
        }}
      >
        <Choice label={words.who} value={mode} onChange={({ target }) => setWanted(target.value)}>
          {Object.entries(words.modes).map(([one, name]) => (
            <option key={one} value={one}>
              {name}
            </option>
          ))}
        </Choice>
        {mode === 'password' && (
          <Field
            label={words.password}
            type="text"
            minLength={6}
            required
            autoComplete="off"
            value={password}
            onChange={({ target }) => setPassword(target.value)}
          />
        )}
        <Trouble error={act.error} />
        <div className="flex items-center gap-3">
          <Button type="submit" disabled={act.isPending}>
            {all.save}
          </Button>
          <Said>{act.said && all.saved}</Said>
        </div>
      </form>
      {data?.row.mode === 'invitation' && <Invitations />}
    </Card>
  );
}

function Invitations() {
  const words = useBoxWords().publication;
  const format = useEventFormat();
  const below = useBelow();
  const { org, event } = useOffice();
  const list = useRows<Invited>([...key(org, event), 'invitations'], `${below}/invitations`);
  const invite = useProgramme('/invitations');
  const [title, setTitle] = useState('');
  const [uses, setUses] = useState<number | null>(1);
  return (
    <div className="border-line mt-4 space-y-3 border-t pt-4">
      <form
        className="grid gap-3 sm:grid-cols-[1fr_8rem_auto] sm:items-end"
        onSubmit={(event) => {
          event.preventDefault();
          invite.mutate({ title: title.trim(), ...(uses === null ? {} : { uses }) });
        }}
      >
        <Field
          label={words.invited}
          required
          value={title}
          onChange={({ target }) => setTitle(target.value)}
        />
        <Count label={words.devices} value={uses} onChange={setUses} />
        <Button type="submit" disabled={invite.isPending}>
          {words.invite}
        </Button>
      </form>
      <Trouble error={invite.error} />
      <ul className="space-y-3">
        {list.rows?.map((one) => (
          <li key={one.id} className="space-y-1 text-sm">
            <span className="flex flex-wrap items-center justify-between gap-2">
              <span>
                {one.title} <span className="text-soft text-xs">{words.used(format.number(one.used))}</span>{' '}
                {one.revoked && <Badge tone="bad">{words.revoked}</Badge>}
              </span>
              {!one.revoked && <Revoke id={one.id} title={one.title} />}
            </span>
            {!one.revoked && <Secret label={one.title} text={one.link} />}
          </li>
        ))}
      </ul>
      <More of={list} />
    </div>
  );
}

function Revoke({ id, title }: { id: string; title: string }) {
  const words = useBoxWords().publication;
  const act = useProgramme(`/invitations/${part(id)}`, 'DELETE');
  return (
    <Confirm what={words.revokeWhat(title)} disabled={act.isPending} onConfirm={() => act.mutate(undefined)}>
      {words.revoke}
    </Confirm>
  );
}

function Collisions({ whole }: { whole: Whole }) {
  const words = useBoxWords().publication;
  const format = useEventFormat();
  const room = (id: string) => whole.rooms.find((one) => one.id === id)?.title ?? id;
  const figures = [
    [words.sessions, whole.sessions],
    [words.speakers, whole.speakers],
    [words.rooms, whole.rooms.length],
    [words.tracks, whole.tracks.length],
  ] as const;
  return (
    <Card title={words.programme}>
      <dl className="grid grid-cols-4 gap-2 text-sm">
        {figures.map(([name, count]) => (
          <div key={name}>
            <dt className="text-soft text-xs">{name}</dt>
            <dd className="text-lg font-semibold">{format.number(count)}</dd>
          </div>
        ))}
      </dl>
      {whole.collisions.length > 0 && (
        <div className="mt-3">
          <Table
            label={words.collisions}
            head={
              <>
                <Th>{words.collisions}</Th>
                <Th>{words.at}</Th>
              </>
            }
          >
            {whole.collisions.map((one) => (
              <tr key={`${one.one} ${one.other} ${one.starts}`}>
                <td className="cell">
                  {one.one} × {one.other}{' '}
                  <span className="text-soft block text-xs">{one.speaker ?? room(one.room)}</span>
                </td>
                <td className="cell whitespace-nowrap">{format.moment(new Date(one.starts))}</td>
              </tr>
            ))}
          </Table>
        </div>
      )}
    </Card>
  );
}

interface Counts {
  [what: string]: number;
}

interface Imported {
  kind: string;
  title: string;
  starts: string | null;
  ends: string | null;
  rooms: Counts;
  tracks: Counts;
  speakers: Counts;
  sessions: Counts;
  changes: number;
  done: boolean;
  notes: string[];
}

/** Reads a programme from a file: first what would change, then the change. */
function Import() {
  const words = useBoxWords().publication;
  const below = useBelow();
  const { org, event } = useOffice();
  const client = useQueryClient();
  const [file, setFile] = useState<File>();
  const [remove, setRemove] = useState(false);
  const [told, setTold] = useState<Imported>();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const send = async (dry: boolean) => {
    if (!file) return;
    setBusy(true);
    setError(null);
    try {
      const answer = await fetch(
        address(`${below}/imports`, { dry_run: String(dry), remove: String(remove) }),
        {
          method: 'POST',
          credentials: 'same-origin',
          headers: {
            'content-type': file.name.endsWith('.json') ? 'application/json' : 'application/xml',
            'idempotency-key': newWish(),
          },
          body: file,
        },
      );
      const said = (await answer.json()) as { data: Imported; code: string; detail?: string };
      if (!answer.ok) throw new Refusal(answer.status, said);
      setTold(said.data);
      if (!dry) await client.invalidateQueries({ queryKey: key(org, event) });
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card title={words.import} hint={words.importHint}>
      <div className="space-y-3">
        <Field
          label={words.file}
          type="file"
          required
          accept=".xml,.json"
          onChange={({ target }) => {
            setFile(target.files?.[0]);
            setTold(undefined);
          }}
        />
        <Check label={words.removeOthers} checked={remove} onChange={setRemove} />
        <Trouble error={error} />
        <div className="flex flex-wrap gap-2">
          <Button disabled={!file || busy} onClick={() => void send(true)}>
            {words.dryRun}
          </Button>
          {told && !told.done && told.changes > 0 && (
            <Button look="main" disabled={busy} onClick={() => void send(false)}>
              {words.doImport}
            </Button>
          )}
        </div>
        {told && <Told told={told} />}
      </div>
    </Card>
  );
}

function Told({ told }: { told: Imported }) {
  const words = useBoxWords().publication;
  const format = useEventFormat();
  const line = (name: string, counts: Counts): ReactNode => (
    <tr>
      <th scope="row" className="cell font-medium">
        {name}
      </th>
      <td className="cell">
        {Object.entries(counts)
          .map(([what, count]) => `${words.counted[what] ?? what}: ${format.number(count)}`)
          .join(' · ')}
      </td>
    </tr>
  );
  return (
    <div role="status" className="space-y-3">
      <p className="text-sm">
        {told.done
          ? words.imported(format.number(told.changes))
          : words.wouldChange(format.number(told.changes), told.title, told.kind)}
      </p>
      <Table label={words.import} head={<Th>{words.programme}</Th>}>
        {line(words.rooms, told.rooms)}
        {line(words.tracks, told.tracks)}
        {line(words.speakers, told.speakers)}
        {line(words.sessions, told.sessions)}
      </Table>
      {told.notes.length > 0 && (
        <ul className="text-warn list-disc ps-5 text-sm">
          {told.notes.slice(0, NOTES_MAX).map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Notes of an import that are shown; a file has few, or is of another kind. */
const NOTES_MAX = 50;

function Duplicate() {
  const words = useBoxWords().publication;
  const zone = useZone();
  const { org, row } = useOffice();
  const navigate = useNavigate();
  const [title, setTitle] = useState(row?.title ?? '');
  const [id, setId] = useState('');
  const [starts, setStarts] = useState('');
  const below = useBelow();
  const act = useAct(
    `${below}/duplicates`,
    () => void navigate(`/o/${part(org)}/events/${part(id)}/publication`),
  );
  return (
    <Card title={words.duplicate} hint={words.duplicateHint}>
      <form
        className="space-y-3"
        onSubmit={(event) => {
          event.preventDefault();
          act.mutate({ id, title: title.trim(), starts: instantIn(zone, starts).toISOString() });
        }}
      >
        <Field
          label={words.newTitle}
          required
          maxLength={200}
          value={title}
          onChange={({ target }) => setTitle(target.value)}
        />
        <Field
          label={useBoxWords().shortName}
          required
          pattern="[a-z0-9\-]{1,14}"
          autoComplete="off"
          value={id}
          onChange={({ target }) => setId(target.value)}
        />
        <Field
          label={words.newStarts}
          type="datetime-local"
          required
          value={starts}
          onChange={({ target }) => setStarts(target.value)}
        />
        <Trouble error={act.error} />
        <Button type="submit" disabled={act.isPending}>
          {words.duplicate}
        </Button>
      </form>
    </Card>
  );
}
