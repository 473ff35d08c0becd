// The organization's saved queries: opened, saved under a name, removed.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { ask, newWish } from '../server/http';
import { paths, savedQueries } from '../server/queries';
import { Button, Card, Confirm, Field, NoData, Trouble } from '../ui/basics';
import { textOf } from '../ui/form';
import { useWords } from '../words/words';

export function Saved(props: { organization: string; sql: string; onOpen: (sql: string) => void }) {
  const { organization } = props;
  const words = useWords();
  const client = useQueryClient();
  const [wish, setWish] = useState(newWish);
  const { data, isPending } = useQuery({ ...savedQueries(organization), retry: false });
  const refresh = () => client.invalidateQueries({ queryKey: savedQueries(organization).queryKey });
  const save = useMutation({
    mutationFn: (title: string) =>
      ask('POST', `${paths.organization(organization)}/queries`, { body: { title, sql: props.sql }, wish }),
    onSuccess: async () => {
      setWish(newWish());
      await refresh();
    },
  });
  const remove = useMutation({
    mutationFn: (query: string) => ask('DELETE', paths.query(organization, query)),
    onSuccess: refresh,
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const element = event.currentTarget;
    save.mutate(textOf(new FormData(element), 'title'), { onSuccess: () => element.reset() });
  };
  return (
    <Card title={words.sql.savedTitle}>
      {!isPending && (data?.length ?? 0) === 0 && <NoData>{words.sql.savedNone}</NoData>}
      <ul className="mb-3 space-y-1">
        {data?.map((row) => (
          <li key={row.id} className="flex flex-wrap items-center justify-between gap-2">
            <button
              type="button"
              className="link min-h-6 text-start text-sm"
              onClick={() => {
                props.onOpen(row.sql);
              }}
            >
              {row.title}
            </button>
            <Confirm what={`${words.remove}: ${row.title}`} onConfirm={() => remove.mutate(row.id)}>
              <span aria-hidden>×</span>
              <span className="sr-only">
                {words.remove}: {row.title}
              </span>
            </Confirm>
          </li>
        ))}
      </ul>
      <form onSubmit={submit} className="space-y-2">
        <Field label={words.sql.queryName} name="title" required maxLength={120} />
        <Trouble error={save.error ?? remove.error} />
        <Button type="submit" disabled={save.isPending || props.sql.trim() === ''}>
          {words.sql.saveAs}
        </Button>
      </form>
    </Card>
  );
}
