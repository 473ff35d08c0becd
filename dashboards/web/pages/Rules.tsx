// The rulebook of an organization: read, changed as forms or as JSON, reviewed, published.
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useParams } from 'react-router';
import { Guided } from '../rules/Guided';
import { Review } from '../rules/Review';
import { Source } from '../rules/Source';
import { type Entry, type Faults } from '../rules/fields';
import { Refusal } from '../server/http';
import { paths, type Read, rulesRead } from '../server/queries';
import { useMayEverywhere } from '../server/session';
import type { RulesRow } from '../server/types';
import { Badge, Button, Card, Heading, Said, Trouble } from '../ui/basics';
import { useChange } from '../ui/change';
import { ConflictOf, type Difference } from '../ui/Conflict';
import { useWords } from '../words/words';

const textOf = (document: unknown) => JSON.stringify(document, null, 2);

export default function Rules() {
  const words = useWords().rules;
  const { organization = '' } = useParams();
  const { data, error } = useQuery(rulesRead(organization));
  const [published, setPublished] = useState(false);
  return (
    <>
      <Heading title={words.title} hint={words.hint} />
      <Trouble error={error} />
      {data && <State row={data.row} />}
      <Said>{published && data && words.published(data.row.version)}</Said>
      {data && (
        <Book
          key={data.tag}
          organization={organization}
          seen={data}
          onPublished={() => setPublished(true)}
          onTouched={() => setPublished(false)}
        />
      )}
    </>
  );
}

function State({ row }: { row: RulesRow }) {
  const words = useWords().rules;
  return (
    <div className="mb-3 space-y-2 text-sm">
      <Badge tone={row.in_force > 0 ? 'good' : 'plain'}>
        {row.in_force > 0 ? words.version(row.in_force) : words.none}
      </Badge>
      {row.refused && <p className="text-bad">{words.refused(row.version, row.refused)}</p>}
    </div>
  );
}

type Way = 'guided' | 'json' | 'review';

function Book(props: {
  organization: string;
  seen: Read<RulesRow>;
  onPublished: () => void;
  onTouched: () => void;
}) {
  const { organization, seen } = props;
  const words = useWords().rules;
  const readOnly = !useMayEverywhere(organization, 'manage_organization');
  const before = useMemo(() => textOf(seen.row.document), [seen.row.document]);
  const [text, setText] = useState(before);
  const [way, setWay] = useState<Way>('guided');
  // Forms that keep what is typed begin anew when the text was changed elsewhere.
  const [round, setRound] = useState(0);
  const { document, unreadable } = useMemo(() => read(text), [text]);
  const change = useChange<RulesRow, Entry>({
    path: paths.rules(organization),
    method: 'PUT',
    seen,
    kept: [rulesRead(organization).queryKey],
    onDone: props.onPublished,
  });
  const faults = faultsOf(change.error);
  const write = (changed: string) => {
    props.onTouched();
    setText(changed);
  };
  const show = (chosen: Way) => {
    setRound(round + 1);
    setWay(chosen);
  };
  const same = text === before;
  return (
    <div className="max-w-4xl space-y-4">
      <ConflictOf
        change={change}
        differences={(now, yours) => differences(now.document, yours, words.sections)}
      />
      {readOnly && <p className="text-soft text-sm">{words.readOnly}</p>}
      <Ways way={way} readOnly={readOnly} unreadable={unreadable !== null} onWay={show} />
      <Trouble error={faults.size > 0 ? null : change.error} />
      {faults.size > 0 && way !== 'json' && <FaultList faults={faults} onShow={() => show('json')} />}
      {way === 'guided' && document && (
        <Guided
          key={round}
          document={document}
          faults={faults}
          readOnly={readOnly}
          onChange={(changed) => write(textOf(changed))}
        />
      )}
      {way === 'json' && (
        <Source text={text} unreadable={unreadable} faults={faults} readOnly={readOnly} onText={write} />
      )}
      {way === 'review' && <Review before={before} after={text} />}
      {!readOnly && (
        <div className="bg-page/95 border-line sticky bottom-0 flex flex-wrap gap-2 border-t py-3">
          {way === 'review' ? (
            <Button
              look="main"
              disabled={same || !document || change.pending}
              onClick={() => document && change.save(document)}
            >
              {words.publish}
            </Button>
          ) : (
            <Button look="main" disabled={same || !document} onClick={() => show('review')}>
              {words.review}
            </Button>
          )}
          <Button
            disabled={same}
            onClick={() => {
              write(before);
              setRound(round + 1);
            }}
          >
            {words.discard}
          </Button>
        </div>
      )}
    </div>
  );
}

function Ways(props: { way: Way; readOnly: boolean; unreadable: boolean; onWay: (way: Way) => void }) {
  const words = useWords().rules;
  const names = { guided: words.guided, json: words.json, review: words.review };
  const ways: Way[] = props.readOnly ? ['guided', 'json'] : ['guided', 'json', 'review'];
  return (
    <div className="flex flex-wrap gap-1" role="group" aria-label={words.title}>
      {ways.map((way) => (
        <Button
          key={way}
          look={props.way === way ? 'main' : 'quiet'}
          aria-pressed={props.way === way}
          disabled={way !== 'json' && props.unreadable}
          onClick={() => props.onWay(way)}
        >
          {names[way]}
        </Button>
      ))}
    </div>
  );
}

function FaultList({ faults, onShow }: { faults: Faults; onShow: () => void }) {
  const words = useWords().rules;
  return (
    <div role="alert">
      <Card title={words.faults} aside={<Button onClick={onShow}>{words.json}</Button>}>
        <ul className="text-bad space-y-1 text-sm">
          {[...faults].map(([path, problem]) => (
            <li key={path}>
              <code>{path}</code>: {problem}
            </li>
          ))}
        </ul>
      </Card>
    </div>
  );
}

function read(text: string): { document: Entry | null; unreadable: string | null } {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return { document: value as Entry, unreadable: null };
    }
    return { document: null, unreadable: '{ … }' };
  } catch (error) {
    return { document: null, unreadable: error instanceof Error ? error.message : '' };
  }
}

function faultsOf(error: unknown): Faults {
  const fields = error instanceof Refusal ? (error.problem.fields ?? []) : [];
  const faults = new Map<string, string>();
  for (const { field, problem } of fields) {
    const known = faults.get(field);
    faults.set(field, known === undefined ? problem : `${known}; ${problem}`);
  }
  return faults;
}

function differences(now: Entry, yours: Entry, names: Record<string, string>): Difference[] {
  const all = [...new Set([...Object.keys(now), ...Object.keys(yours)])];
  const told = (value: unknown) => (value === undefined ? '' : textOf(value));
  return all.map((name) => ({ name: names[name] ?? name, now: told(now[name]), yours: told(yours[name]) }));
}
