// The organization's API keys: made, rotated, removed; a secret is shown once.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { useParams } from 'react-router';
import { ask, newWish } from '../server/http';
import { kept, paths } from '../server/queries';
import { useRows } from '../server/rows';
import type { KeyRow } from '../server/types';
import {
  Badge,
  Button,
  Card,
  Confirm,
  Field,
  Heading,
  NoData,
  Secret,
  Table,
  Th,
  Trouble,
} from '../ui/basics';
import { More } from '../ui/More';
import { textOf } from '../ui/form';
import { instantIn } from '../words/format';
import { useFormat, useWords } from '../words/words';

const SCOPES = ['write', 'read', 'sql', 'manage'] as const;
/** How long the old secret of a rotated key still works, seconds; the words on the button say the same. */
const GRACE_S = 3_600;

export default function Keys() {
  const words = useWords();
  const { organization = '' } = useParams();
  const client = useQueryClient();
  const list = useRows<KeyRow>(kept.keys(organization), paths.keys(organization));
  const { rows, error } = list;
  const [secret, setSecret] = useState<{ name: string; secret: string }>();
  const refresh = () => client.invalidateQueries({ queryKey: kept.keys(organization) });
  const rotate = useMutation({
    mutationFn: (name: string) =>
      ask<{ secret: string }>('POST', `${paths.key(organization, name)}/rotation`, {
        body: { grace_s: GRACE_S },
      }),
    onSuccess: async ({ data: made }, name) => {
      setSecret({ name, secret: made.secret });
      await refresh();
    },
  });
  const remove = useMutation({
    mutationFn: (name: string) => ask('DELETE', paths.key(organization, name)),
    onSuccess: refresh,
  });
  return (
    <>
      <Heading title={words.keys.title} hint={words.keys.hint} />
      <Trouble error={error ?? rotate.error ?? remove.error} />
      {secret && (
        <Card title={words.keys.secret(secret.name)} hint={words.keys.secretHint} className="mb-4 max-w-3xl">
          <Secret label={words.keys.secret(secret.name)} text={secret.secret} />
        </Card>
      )}
      <div className="card mb-5 p-2">
        {rows?.length === 0 ? (
          <NoData>{words.keys.none}</NoData>
        ) : (
          <Table
            label={words.keys.title}
            head={
              <>
                <Th>{words.keys.name}</Th>
                <Th>{words.keys.scopes}</Th>
                <Th>{words.keys.made}</Th>
                <Th>{words.keys.used}</Th>
                <Th>{words.keys.expires}</Th>
                <Th>{words.actions}</Th>
              </>
            }
          >
            {rows?.map((row) => (
              <Key
                key={row.name}
                row={row}
                onRotate={() => rotate.mutate(row.name)}
                onRemove={() => remove.mutate(row.name)}
              />
            ))}
          </Table>
        )}
        <More of={list} />
      </div>
      <Make organization={organization} onMade={setSecret} onDone={refresh} />
    </>
  );
}

function Key({ row, onRotate, onRemove }: { row: KeyRow; onRotate: () => void; onRemove: () => void }) {
  const words = useWords();
  const format = useFormat();
  const when = (time: string | null, absent: string) => (time ? format.moment(new Date(time)) : absent);
  return (
    <tr>
      <td className="cell font-medium">{row.name}</td>
      <td className="cell">
        <span className="flex flex-wrap gap-1">
          {row.scopes.map((scope) => (
            <Badge key={scope}>{scopeText(scope, words.keys.scope)}</Badge>
          ))}
        </span>
      </td>
      <td className="cell whitespace-nowrap">{when(row.made, '–')}</td>
      <td className="cell whitespace-nowrap">{when(row.last_used, words.never)}</td>
      <td className="cell whitespace-nowrap">{when(row.expires, words.never)}</td>
      <td className="cell">
        <span className="flex flex-wrap gap-2">
          <Button onClick={onRotate} title={words.keys.rotateHint}>
            {words.keys.rotate}
          </Button>
          <Confirm what={words.keys.remove(row.name)} onConfirm={onRemove}>
            {words.remove}
          </Confirm>
        </span>
      </td>
    </tr>
  );
}

const scopeText = (scope: string, words: Record<string, string>) => words[scope] ?? scope;

function Make(props: {
  organization: string;
  onMade: (made: { name: string; secret: string }) => void;
  onDone: () => Promise<void>;
}) {
  const words = useWords().keys;
  const format = useFormat();
  const [wish, setWish] = useState(newWish);
  const make = useMutation({
    mutationFn: (body: object) =>
      ask<{ name: string; secret: string }>('POST', `${paths.organization(props.organization)}/keys`, {
        body,
        wish,
      }),
    onSuccess: async ({ data }) => {
      setWish(newWish());
      props.onMade(data);
      await props.onDone();
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    const expires = textOf(form, 'expires');
    const body = {
      name: form.get('name'),
      scopes: form.getAll('scope'),
      ...(expires ? { expires: instantIn(format.zone, expires).toISOString() } : {}),
    };
    make.mutate(body, { onSuccess: () => element.reset() });
  };
  return (
    <Card title={words.add} className="max-w-2xl">
      <form onSubmit={submit} className="space-y-4">
        <Field label={words.name} name="name" required maxLength={60} />
        <fieldset>
          <legend className="mb-1 text-sm font-medium">{words.scopes}</legend>
          <div className="flex flex-wrap gap-x-5 gap-y-2">
            {SCOPES.map((scope) => (
              <label key={scope} className="flex min-h-6 items-center gap-2 text-sm">
                <input
                  type="checkbox"
                  name="scope"
                  value={scope}
                  defaultChecked={scope === 'read'}
                  className="size-4"
                />
                {words.scope[scope]}
              </label>
            ))}
          </div>
        </fieldset>
        <Field label={words.expires} name="expires" type="datetime-local" />
        <Trouble error={make.error} />
        <Button type="submit" look="main" disabled={make.isPending}>
          {words.add}
        </Button>
      </form>
    </Card>
  );
}
