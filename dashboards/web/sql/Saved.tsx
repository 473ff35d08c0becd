// The organization's saved queries: opened, saved under a name, renamed, replaced by what is in the editor, removed.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { ask, newWish } from '../server/http';
import { kept, paths, queryRead, type Read } from '../server/queries';
import { useRows } from '../server/rows';
import { useMay } from '../server/session';
import type { QueryRow } from '../server/types';
import { Button, Card, Confirm, Field, NoData, Said, Trouble } from '../ui/basics';
import { useChange } from '../ui/change';
import { ConflictOf } from '../ui/Conflict';
import { textOf } from '../ui/form';
import { More } from '../ui/More';
import { useFormat, useWords } from '../words/words';

export function Saved(props: { organization: string; sql: string; onOpen: (sql: string) => void }) {
  const { organization, sql } = props;
  const words = useWords().sql;
  const client = useQueryClient();
  const may = useMay(organization, 'save_queries');
  const list = useRows<QueryRow>(kept.queries(organization), paths.queries(organization), false);
  const [edited, setEdited] = useState<string>();
  const [opened, setOpened] = useState<string>();
  const refresh = () => client.invalidateQueries({ queryKey: kept.queries(organization) });
  const remove = useMutation({
    mutationFn: (query: string) => ask('DELETE', paths.query(organization, query)),
    onSuccess: refresh,
  });
  return (
    <Card title={words.savedTitle}>
      {list.rows?.length === 0 && <NoData>{words.savedNone}</NoData>}
      <Trouble error={list.error ?? remove.error} />
      <ul className="space-y-2">
        {list.rows?.map((row) =>
          row.id === edited ? (
            <li key={row.id}>
              <Edit
                organization={organization}
                query={row.id}
                sql={sql}
                onDone={() => setEdited(undefined)}
              />
            </li>
          ) : (
            <Line
              key={row.id}
              row={row}
              may={may}
              onOpen={() => {
                setOpened(row.title);
                props.onOpen(row.sql);
              }}
              onEdit={() => setEdited(row.id)}
              onRemove={() => remove.mutate(row.id)}
            />
          ),
        )}
      </ul>
      <More of={list} />
      <Said>{opened && words.opened(opened)}</Said>
      {may && <SaveAs organization={organization} sql={sql} onDone={refresh} />}
    </Card>
  );
}

function Line(props: {
  row: QueryRow;
  may: boolean;
  onOpen: () => void;
  onEdit: () => void;
  onRemove: () => void;
}) {
  const words = useWords();
  const format = useFormat();
  const { row } = props;
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-2">
      <span className="min-w-0">
        <button type="button" className="link min-h-6 text-start text-sm" onClick={props.onOpen}>
          {row.title}
        </button>
        <span className="text-soft block text-xs">
          {words.sql.savedBy(row.by, format.day(new Date(row.saved)))}
        </span>
      </span>
      {props.may && (
        <span className="flex flex-wrap gap-1">
          <Button look="quiet" aria-label={words.sql.change(row.title)} onClick={props.onEdit}>
            {words.edit}
          </Button>
          <Confirm what={`${words.remove}: ${row.title}`} onConfirm={props.onRemove}>
            <span aria-hidden>×</span>
            <span className="sr-only">
              {words.remove}: {row.title}
            </span>
          </Confirm>
        </span>
      )}
    </li>
  );
}

function Edit(props: { organization: string; query: string; sql: string; onDone: () => void }) {
  const { data, error } = useQuery(queryRead(props.organization, props.query));
  if (!data) return <Trouble error={error} />;
  return <Form key={data.tag} {...props} seen={data} />;
}

interface Wanted {
  title: string;
  sql: string;
}

function Form(props: {
  organization: string;
  query: string;
  sql: string;
  seen: Read<QueryRow>;
  onDone: () => void;
}) {
  const { organization, query, seen } = props;
  const words = useWords();
  const change = useChange<QueryRow, Wanted>({
    path: paths.query(organization, query),
    method: 'PUT',
    seen,
    kept: [kept.queries(organization), queryRead(organization, query).queryKey],
    onDone: props.onDone,
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const sql = form.has('replace') ? props.sql : seen.row.sql;
    change.save({ title: textOf(form, 'title'), sql });
  };
  const differences = (now: QueryRow, yours: Wanted) => [
    { name: words.sql.queryName, now: now.title, yours: yours.title },
    { name: words.sql.editor, now: now.sql, yours: yours.sql },
  ];
  return (
    <form
      onSubmit={submit}
      aria-label={words.sql.change(seen.row.title)}
      className="border-line space-y-3 rounded-lg border p-3"
    >
      <ConflictOf change={change} differences={differences} />
      <Field
        label={words.sql.queryName}
        name="title"
        required
        maxLength={120}
        autoFocus
        defaultValue={seen.row.title}
      />
      <label className="flex min-h-6 items-center gap-2 text-sm">
        <input type="checkbox" name="replace" className="size-4" disabled={props.sql.trim() === ''} />
        {words.sql.replace}
      </label>
      <Trouble error={change.error} />
      <div className="flex gap-2">
        <Button type="submit" look="main" disabled={change.pending}>
          {words.save}
        </Button>
        <Button look="quiet" onClick={props.onDone}>
          {words.cancel}
        </Button>
      </div>
    </form>
  );
}

function SaveAs({
  organization,
  sql,
  onDone,
}: {
  organization: string;
  sql: string;
  onDone: () => Promise<void>;
}) {
  const words = useWords().sql;
  const [wish, setWish] = useState(newWish);
  const save = useMutation({
    mutationFn: (title: string) => ask('POST', paths.queries(organization), { body: { title, sql }, wish }),
    onSuccess: async () => {
      setWish(newWish());
      await onDone();
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    save.mutate(textOf(new FormData(event.currentTarget), 'title'));
  };
  return (
    <form key={wish} onSubmit={submit} className="mt-3 space-y-2">
      <Field label={words.queryName} name="title" required maxLength={120} />
      <Trouble error={save.error} />
      <Button type="submit" disabled={save.isPending || sql.trim() === ''}>
        {words.saveAs}
      </Button>
    </form>
  );
}
