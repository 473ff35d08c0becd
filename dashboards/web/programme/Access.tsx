// Who may see an event and buy there, and the links of those who are invited.
import { useState } from 'react';
import { useAct } from '../boxoffice/act';
import { between } from '../boxoffice/describe';
import { Count } from '../boxoffice/fields';
import { useEventFormat, useOffice, useZone } from '../boxoffice/office';
import { key } from '../boxoffice/server';
import { Form, Seen, useSetting } from '../boxoffice/setting';
import type { Read } from '../server/queries';
import { useRows } from '../server/rows';
import { Badge, Button, Card, Choice, Confirm, Field, NoData, Said, Secret, Trouble } from '../ui/basics';
import { More } from '../ui/More';
import { instantIn } from '../words/format';
import { useWords } from '../words/words';
import { Plan } from './plan';
import { at, oneOf } from './server';
import { usePlanWords } from './words';

interface Mode {
  mode: string;
}

export function AccessPage() {
  const words = usePlanWords();
  const { org, event } = useOffice();
  const [saved, setSaved] = useState(false);
  return (
    <Plan title={words.parts.access} hint={words.access.hint}>
      <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-2">
        <Seen<Mode> path={at.access(org, event)}>
          {(seen) => seen && <ModeForm seen={seen} saved={saved} onSaved={() => setSaved(true)} />}
        </Seen>
        <Invitations />
      </div>
    </Plan>
  );
}

function ModeForm({ seen, saved, onSaved }: { seen: Read<Mode>; saved: boolean; onSaved: () => void }) {
  const words = usePlanWords().access;
  const all = useWords();
  const { org, event } = useOffice();
  const [mode, setMode] = useState(seen.row.mode);
  const [password, setPassword] = useState('');
  const change = useSetting<Mode, Mode & { password?: string }>(at.access(org, event), seen, onSaved);
  const isSet = seen.row.mode === 'password';
  return (
    <Card title={words.title}>
      <Form
        change={change}
        differences={between((it: Mode) => [[words.who, words.modes[it.mode] ?? it.mode]])}
        submit={all.save}
        onSubmit={() => change.save({ mode, ...(mode === 'password' && password ? { password } : {}) })}
        said={<Said>{saved && !change.pending && !change.error && !change.theirs && all.saved}</Said>}
      >
        <Choice label={words.who} value={mode} onChange={({ target }) => setMode(target.value)}>
          {Object.entries(words.modes).map(([one, name]) => (
            <option key={one} value={one}>
              {name}
            </option>
          ))}
        </Choice>
        {mode === 'password' && (
          <Field
            label={words.password}
            hint={isSet ? `${words.passwordHint} ${words.passwordKept}` : words.passwordHint}
            minLength={6}
            required={!isSet}
            autoComplete="off"
            value={password}
            error={change.faultAt('password')}
            onChange={({ target }) => setPassword(target.value)}
          />
        )}
      </Form>
    </Card>
  );
}

interface Invited {
  id: string;
  title: string;
  uses: number | null;
  used: number;
  until: string | null;
  revoked: boolean;
  link: string;
}

function Invitations() {
  const words = usePlanWords().access;
  const { org, event } = useOffice();
  const path = at.invitations(org, event);
  const list = useRows<Invited>([...key(org, event), 'programme', 'invitations'], path);
  return (
    <Card title={words.invitations} hint={words.invitationsHint}>
      <Invite />
      <Trouble error={list.error} />
      {list.rows?.length === 0 && <NoData>{words.none}</NoData>}
      <ul className="divide-line mt-3 divide-y">
        {list.rows?.map((one) => (
          <Invitation key={one.id} one={one} />
        ))}
      </ul>
      <More of={list} />
    </Card>
  );
}

function Invite() {
  const words = usePlanWords().access;
  const zone = useZone();
  const { org, event } = useOffice();
  const [title, setTitle] = useState('');
  const [uses, setUses] = useState<number | null>(1);
  const [until, setUntil] = useState('');
  const act = useAct(at.invitations(org, event), () => setTitle(''));
  return (
    <form
      className="grid gap-3 sm:grid-cols-2"
      onSubmit={(sent) => {
        sent.preventDefault();
        act.mutate({
          title: title.trim(),
          ...(uses === null ? {} : { uses }),
          ...(until === '' ? {} : { until: instantIn(zone, until).toISOString() }),
        });
      }}
    >
      <Field
        className="sm:col-span-2"
        label={words.invited}
        required
        value={title}
        onChange={({ target }) => setTitle(target.value)}
      />
      <Count label={words.devices} min={1} value={uses} onChange={setUses} />
      <Field
        label={words.until}
        type="datetime-local"
        value={until}
        onChange={({ target }) => setUntil(target.value)}
      />
      <div className="space-y-2 sm:col-span-2">
        <Trouble error={act.error} />
        <Button type="submit" disabled={act.isPending}>
          {words.invite}
        </Button>
      </div>
    </form>
  );
}

function Invitation({ one }: { one: Invited }) {
  const words = usePlanWords().access;
  const format = useEventFormat();
  const { org, event } = useOffice();
  const act = useAct(oneOf(at.invitations(org, event), one.id), () => undefined, 'DELETE');
  const used = words.used(format.number(one.used), one.uses === null ? null : format.number(one.uses));
  const ends = one.until === null ? [] : [words.ends(format.moment(new Date(one.until)))];
  return (
    <li className="space-y-2 py-3 text-sm">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <span>
          <b className="font-medium">{one.title}</b>{' '}
          <span className="text-soft text-xs">{[used, ...ends].join(' · ')}</span>{' '}
          {one.revoked && <Badge tone="bad">{words.revoked}</Badge>}
        </span>
        {!one.revoked && (
          <Confirm
            what={words.revokeWhat(one.title)}
            disabled={act.isPending}
            onConfirm={() => act.mutate(undefined)}
          >
            {words.revoke}
          </Confirm>
        )}
      </div>
      {!one.revoked && <Secret label={one.title} text={one.link} />}
      <Trouble error={act.error} />
    </li>
  );
}
