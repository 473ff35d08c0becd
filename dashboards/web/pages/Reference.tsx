// The API as its own document tells it (/v1/openapi.json): every route with parameters, bodies and answers.
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { send } from '../server/http';
import { type Document, operationsOf, type Operation, shapeOf } from '../reference/openapi';
import { Badge, Card, Field, Heading, NoData, Table, Th, Trouble } from '../ui/basics';
import { useWords } from '../words/words';

export default function Reference() {
  const words = useWords().reference;
  const [wanted, setWanted] = useState('');
  const { data, error } = useQuery({
    queryKey: ['openapi'],
    queryFn: async () => (await (await send('GET', '/v1/openapi.json')).json()) as Document,
    staleTime: Infinity,
  });
  const groups = useMemo(() => {
    const text = wanted.trim().toLowerCase();
    const all = data ? operationsOf(data) : [];
    return Map.groupBy(
      all.filter((one) => `${one.method} ${one.path} ${one.summary}`.toLowerCase().includes(text)),
      (one) => one.tag,
    );
  }, [data, wanted]);
  return (
    <>
      <Heading
        title={words.title}
        hint={words.hint}
        aside={
          <a className="button" href="/v1/openapi.json">
            {words.download}
          </a>
        }
      />
      <Trouble error={error} />
      <Field
        label={words.find}
        type="search"
        required
        className="mb-5 max-w-md"
        value={wanted}
        onChange={(event) => setWanted(event.target.value)}
      />
      {data &&
        [...groups].map(([tag, operations]) => (
          <Card key={tag} title={tag} className="mb-4">
            <div className="divide-line divide-y">
              {operations.map((one) => (
                <Route key={`${one.method} ${one.path}`} operation={one} document={data} />
              ))}
            </div>
          </Card>
        ))}
    </>
  );
}

const TONES: Partial<Record<string, 'good' | 'bad'>> = { GET: 'good', DELETE: 'bad' };

function Route({ operation, document }: { operation: Operation; document: Document }) {
  const [open, setOpen] = useState(false);
  return (
    <details
      className="py-1"
      onToggle={(event) => {
        setOpen(event.currentTarget.open);
      }}
    >
      <summary className="hover:bg-sunk flex cursor-pointer flex-wrap items-baseline gap-x-3 gap-y-1 rounded-lg px-2 py-1.5 text-sm">
        <Badge tone={TONES[operation.method] ?? 'warn'}>{operation.method}</Badge>
        <code className="break-all">{operation.path}</code>
        <span className="text-soft">{operation.summary}</span>
      </summary>
      {open && <Details operation={operation} document={document} />}
    </details>
  );
}

function Details({ operation, document }: { operation: Operation; document: Document }) {
  const words = useWords().reference;
  return (
    <div className="space-y-4 px-2 py-3 text-sm">
      {operation.description && <p className="max-w-3xl whitespace-pre-line">{operation.description}</p>}
      {operation.parameters.length > 0 && (
        <section>
          <h3 className="mb-1 font-medium">{words.parameters}</h3>
          <Table
            label={words.parameters}
            head={
              <>
                <Th>{words.name}</Th>
                <Th>{words.where}</Th>
                <Th>{words.type}</Th>
                <Th>{words.meaning}</Th>
              </>
            }
          >
            {operation.parameters.map((parameter) => (
              <tr key={parameter.in + parameter.name}>
                <td className="cell font-mono text-xs">
                  {parameter.name} {parameter.required && <Badge tone="warn">{words.required}</Badge>}
                </td>
                <td className="cell">{parameter.in}</td>
                <td className="cell font-mono text-xs">{shapeOf(parameter.schema, document)}</td>
                <td className="cell max-w-xl">{parameter.description}</td>
              </tr>
            ))}
          </Table>
        </section>
      )}
      {operation.body.length > 0 && (
        <Shapes
          title={words.body}
          rows={operation.body.map((body) => [body.type, shapeOf(body.schema, document)])}
        />
      )}
      <Shapes
        title={words.answers}
        rows={operation.answers.map((answer) => [
          `${answer.status} ${answer.description}`,
          answer.schema ? shapeOf(answer.schema, document) : '',
        ])}
      />
    </div>
  );
}

function Shapes({ title, rows }: { title: string; rows: [string, string][] }) {
  return (
    <section>
      <h3 className="mb-1 font-medium">{title}</h3>
      {rows.length === 0 && <NoData />}
      {rows.map(([name, shape]) => (
        <div key={name} className="mb-2">
          <p className="text-soft">{name}</p>
          {shape && (
            <pre tabIndex={0} className="bg-sunk max-h-80 overflow-auto rounded-lg p-3 text-xs">
              {shape}
            </pre>
          )}
        </div>
      ))}
    </section>
  );
}
