// The SQL page: an editor that knows the tables, results as a table and a chart, saved queries, exports, cancelling.
import { useMutation, useQuery } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { useParams } from 'react-router';
import { newWish } from '../server/http';
import { cancelSql, exportSql, type Result, runSql, sqlSchema } from '../server/sql';
import { Editor } from '../sql/Editor';
import { ResultChart } from '../sql/ResultChart';
import { ResultTable } from '../sql/ResultTable';
import { Saved } from '../sql/Saved';
import { Button, Card, Choice, Heading, NoData, Said, Trouble } from '../ui/basics';
import { fromMicros } from '../words/format';
import { useFormat, useWords } from '../words/words';

const LIMITS = [100, 1_000, 10_000] as const;

const FIRST = 'SELECT kind, count() AS records\nFROM records\nGROUP BY kind\nORDER BY records DESC';

/** Questions to begin with. */
const EXAMPLES: Record<string, string> = {
  'Records by kind': FIRST,
  'Registrations by day':
    "SELECT toDate(event_time) AS day, count() AS registrations\nFROM records\nWHERE kind = 'registration_reported'\nGROUP BY day\nORDER BY day",
  'Revenue by currency':
    "SELECT currency, sum(amount_minor) AS minor, count() AS orders\nFROM records\nWHERE kind = 'order_reported'\nGROUP BY currency\nORDER BY minor DESC",
  'People by country':
    "SELECT country, uniqExact(actor) AS people\nFROM records\nWHERE country != ''\nGROUP BY country\nORDER BY people DESC\nLIMIT 20",
};

export default function Sql() {
  const words = useWords().sql;
  const { organization = '' } = useParams();
  const [text, setText] = useState(FIRST);
  const [limit, setLimit] = useState<number>(LIMITS[1]);
  const [cancelled, setCancelled] = useState(false);
  const running = useRef<{ id: string; stop: AbortController } | null>(null);
  const run = useMutation({
    mutationFn: async (query: string) => {
      setCancelled(false);
      const stop = new AbortController();
      running.current = { id: newWish(), stop };
      return runSql(organization, { query, limit, query_id: running.current.id }, stop.signal);
    },
  });
  const cancel = () => {
    const now = running.current;
    if (!now) return;
    setCancelled(true);
    now.stop.abort();
    // The engine is told as well: what nobody waits for must not go on working.
    void cancelSql(organization, now.id).catch(() => null);
  };
  const schema = useQuery({
    queryKey: ['organization', organization, 'schema'],
    queryFn: ({ signal }) => sqlSchema(organization, signal),
    staleTime: Infinity,
    retry: false,
  });
  return (
    <>
      <Heading title={words.title} hint={words.limits} />
      <div className="grid grid-cols-1 gap-4 xl:grid-cols-[1fr_18rem]">
        <div className="min-w-0 space-y-4">
          <Card title={words.editor} aside={<span className="text-soft text-xs">{words.runHint}</span>}>
            <Editor
              label={words.editor}
              text={text}
              tables={schema.data ?? []}
              onText={setText}
              onRun={() => run.mutate(text)}
            />
            <div className="mt-3 flex flex-wrap items-center gap-2">
              <Button
                look="main"
                onClick={() => run.mutate(text)}
                disabled={run.isPending || text.trim() === ''}
              >
                {words.run}
              </Button>
              <Button onClick={cancel} disabled={!run.isPending}>
                {words.cancel}
              </Button>
              <Choice
                label={words.limit}
                hideLabel
                className="w-36"
                value={limit}
                onChange={(event) => setLimit(Number(event.target.value))}
              >
                {LIMITS.map((one) => (
                  <Rows key={one} count={one} />
                ))}
              </Choice>
              <Exports organization={organization} query={text} />
            </div>
          </Card>
          <Card title={words.result} className="min-h-96">
            {cancelled && !run.isPending ? (
              <Said>{words.cancelled}</Said>
            ) : run.error ? (
              <Trouble error={run.error} />
            ) : run.data ? (
              <Shown result={run.data} />
            ) : (
              <NoData>{words.empty}</NoData>
            )}
          </Card>
        </div>
        <aside className="min-w-0 space-y-4" aria-label={words.savedTitle}>
          <Saved organization={organization} sql={text} onOpen={setText} />
          <Card title={words.examples}>
            <ul className="space-y-1">
              {Object.entries(EXAMPLES).map(([title, sql]) => (
                <li key={title}>
                  <button
                    type="button"
                    className="link min-h-6 text-start text-sm"
                    onClick={() => setText(sql)}
                  >
                    {title}
                  </button>
                </li>
              ))}
            </ul>
          </Card>
          <Card title={words.tables}>
            {schema.data ? (
              schema.data.map((table) => (
                <details key={table.name} className="py-1 text-sm">
                  <summary className="min-h-6 cursor-pointer font-mono text-xs" title={table.comment}>
                    {table.name}
                  </summary>
                  <ul className="text-soft ps-4 font-mono text-xs">
                    {table.columns.map((column) => (
                      <li key={column.name} title={column.comment}>
                        <span className="text-ink">{column.name}</span> {column.type}
                      </li>
                    ))}
                  </ul>
                </details>
              ))
            ) : (
              <NoData />
            )}
          </Card>
        </aside>
      </div>
    </>
  );
}

function Rows({ count }: { count: number }) {
  const words = useWords().sql;
  const format = useFormat();
  return <option value={count}>{words.rows(format.number(count))}</option>;
}

function Shown({ result }: { result: Result }) {
  const words = useWords().sql;
  const format = useFormat();
  const live = useWords().live;
  const [chart, setChart] = useState(false);
  const facts = [
    words.rows(format.number(result.rows.length)),
    words.took(format.duration(result.elapsedMs)),
    words.read(format.compact(result.rowsRead)),
    result.until === null ? null : live.asOf(format.exact(fromMicros(result.until))),
  ].filter((fact) => fact !== null);
  return (
    <div className="space-y-3">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="text-soft text-sm" role="status">
          {facts.join(' · ')}
          {result.truncated && ` · ${words.truncated(format.number(result.rows.length))}`}
        </p>
        <span className="flex gap-1">
          <Button look={chart ? 'quiet' : 'main'} aria-pressed={!chart} onClick={() => setChart(false)}>
            {words.table}
          </Button>
          <Button look={chart ? 'main' : 'quiet'} aria-pressed={chart} onClick={() => setChart(true)}>
            {words.chart}
          </Button>
        </span>
      </div>
      {chart ? <ResultChart result={result} /> : <ResultTable result={result} />}
    </div>
  );
}

function Exports({ organization, query }: { organization: string; query: string }) {
  const words = useWords().sql;
  const take = useMutation({
    mutationFn: async (kind: 'csv' | 'parquet') => {
      const blob = await exportSql(organization, query, kind);
      const link = document.createElement('a');
      link.href = URL.createObjectURL(blob);
      link.download = `eventra.${kind}`;
      link.click();
      URL.revokeObjectURL(link.href);
    },
  });
  return (
    <span className="flex flex-wrap items-center gap-2">
      {(['csv', 'parquet'] as const).map((kind) => (
        <Button key={kind} onClick={() => take.mutate(kind)} disabled={take.isPending}>
          {words.export} {kind === 'csv' ? 'CSV' : 'Parquet'}
        </Button>
      ))}
      <Trouble error={take.error} />
    </span>
  );
}
