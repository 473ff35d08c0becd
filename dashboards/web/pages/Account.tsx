// A person's own page: name, language, password, second factor, logins.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { SubmitEvent } from 'react';
import { ask, part } from '../server/http';
import { kept, me } from '../server/queries';
import { useRows } from '../server/rows';
import { useMe } from '../server/session';
import type { LoginRow, Me } from '../server/types';
import { Badge, Button, Card, Confirm, Field, Heading, Said, Table, Th, Trouble } from '../ui/basics';
import { LanguageChoice, NewPassword } from '../ui/fields';
import { More } from '../ui/More';
import { deviceOf } from '../words/device';
import { useFormat, useWords } from '../words/words';
import { SecondFactor } from './SecondFactor';

export default function Account() {
  const words = useWords();
  const person = useMe();
  if (!person) return null;
  return (
    <>
      <Heading title={words.account.title} hint={person.user.email} />
      <div className="grid max-w-5xl items-start gap-4 lg:grid-cols-2">
        <Profile person={person} />
        <Password person={person} />
        <SecondFactor person={person} />
        <Logins />
      </div>
    </>
  );
}

/** Asks who I am again, since what was shown of me has changed. */
function useRefresh() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: me.queryKey });
}

function Profile({ person }: { person: Me }) {
  const words = useWords();
  const refresh = useRefresh();
  const change = useMutation({
    mutationFn: (body: object) => ask('PATCH', '/v1/me', { body }),
    onSuccess: refresh,
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    change.mutate({ name: form.get('name'), language: form.get('language') });
  };
  return (
    <Card title={words.account.profile}>
      <form onSubmit={submit} className="space-y-4">
        <Field label={words.account.name} name="name" autoComplete="name" defaultValue={person.user.name} />
        <LanguageChoice
          label={words.account.language}
          auto={words.account.languageAuto}
          chosen={person.user.language}
        />
        <Trouble error={change.error} />
        <Said>{change.isSuccess && words.saved}</Said>
        <Button type="submit" look="main" disabled={change.isPending}>
          {words.save}
        </Button>
      </form>
    </Card>
  );
}

function Password({ person }: { person: Me }) {
  const words = useWords();
  const refresh = useRefresh();
  const change = useMutation({
    mutationFn: (body: object) => ask('PUT', '/v1/me/password', { body }),
    onSuccess: refresh,
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    const body = { new: form.get('new'), ...(person.user.has_password ? { old: form.get('old') } : {}) };
    change.mutate(body, { onSuccess: () => element.reset() });
  };
  return (
    <Card title={words.account.password}>
      <form onSubmit={submit} className="space-y-4">
        <input type="hidden" name="username" autoComplete="username" value={person.user.email} readOnly />
        {person.user.has_password && (
          <Field
            label={words.account.oldPassword}
            name="old"
            type="password"
            autoComplete="current-password"
            required
          />
        )}
        <NewPassword label={words.account.newPassword} name="new" />
        <Trouble error={change.error} />
        <Said>{change.isSuccess && words.saved}</Said>
        <Button type="submit" look="main" disabled={change.isPending}>
          {words.account.setPassword}
        </Button>
      </form>
    </Card>
  );
}

function Logins() {
  const words = useWords();
  const client = useQueryClient();
  const list = useRows<LoginRow>(kept.logins, '/v1/me/logins');
  const { rows, error } = list;
  const end = useMutation({
    mutationFn: (login: string | null) =>
      ask('DELETE', login ? `/v1/me/logins/${part(login)}` : '/v1/me/logins'),
    onSuccess: () => client.invalidateQueries({ queryKey: kept.logins }),
  });
  const others = rows?.some((row) => !row.current) ?? false;
  return (
    <Card title={words.account.logins} hint={words.account.loginsHint}>
      <Trouble error={error ?? end.error} />
      <Table
        label={words.account.logins}
        head={
          <>
            <Th>{words.account.device}</Th>
            <Th>{words.account.opened}</Th>
            <Th>{words.actions}</Th>
          </>
        }
      >
        {rows?.map((row) => (
          <LoginLine key={row.id} row={row} onEnd={() => end.mutate(row.id)} />
        ))}
      </Table>
      <More of={list} />
      {others && (
        <div className="mt-3">
          <Confirm what={words.account.endOthers} onConfirm={() => end.mutate(null)}>
            {words.account.endOthers}
          </Confirm>
        </div>
      )}
    </Card>
  );
}

function LoginLine({ row, onEnd }: { row: LoginRow; onEnd: () => void }) {
  const words = useWords();
  const format = useFormat();
  return (
    <tr>
      <td className="cell">
        <span title={row.device}>{deviceOf(row.device) || words.unknown}</span>{' '}
        {row.current && <Badge tone="good">{words.account.thisLogin}</Badge>}
      </td>
      <td className="cell whitespace-nowrap">{format.moment(new Date(row.opened))}</td>
      <td className="cell">
        {!row.current && (
          <Button look="bad" onClick={onEnd}>
            {words.account.end}
          </Button>
        )}
      </td>
    </tr>
  );
}
