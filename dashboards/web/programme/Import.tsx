// A programme from a file: first what would change, then the change, each with its report.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { Link } from 'react-router';
import { Check } from '../boxoffice/fields';
import { useEventFormat, useOffice } from '../boxoffice/office';
import { key } from '../boxoffice/server';
import { address, ask } from '../server/http';
import { Button, Card, Field, Table, Th, Trouble } from '../ui/basics';
import { Plan, useBase } from './plan';
import { at } from './server';
import { usePlanWords } from './words';

type Counts = Record<string, number>;

interface Imported {
  kind: string;
  title: string;
  zone: string | null;
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

/** Notes of an import that are shown; a file has few, or is of another kind. */
const NOTES_MAX = 50;

export function ImportPage() {
  const words = usePlanWords().import;
  const { org, event } = useOffice();
  const client = useQueryClient();
  const [file, setFile] = useState<File>();
  const [remove, setRemove] = useState(false);
  const send = useMutation({
    mutationFn: async ({ chosen, dry }: { chosen: File; dry: boolean }) => {
      const path = address(at.imports(org, event), { dry_run: String(dry), remove: String(remove) });
      const type = chosen.name.toLowerCase().endsWith('.json') ? 'application/json' : 'application/xml';
      return (await ask<Imported>('POST', path, { file: { content: chosen, type } })).data;
    },
    // Also after a failure: an import is applied in pieces.
    onSettled: () => client.invalidateQueries({ queryKey: key(org, event) }),
  });
  const told = send.data;
  const choose = (chosen: File | undefined) => {
    setFile(chosen);
    send.reset();
  };
  return (
    <Plan title={words.title} hint={words.hint}>
      <div className="max-w-3xl space-y-4">
        <div className="card space-y-3 p-4">
          <Field
            label={words.file}
            type="file"
            required
            accept=".xml,.json"
            onChange={({ target }) => choose(target.files?.[0])}
          />
          <Check
            label={words.removeOthers}
            checked={remove}
            onChange={(on) => {
              setRemove(on);
              send.reset();
            }}
          />
          <div className="flex flex-wrap gap-2">
            <Button
              disabled={!file || send.isPending}
              onClick={() => file && send.mutate({ chosen: file, dry: true })}
            >
              {words.dryRun}
            </Button>
            {file && told && !told.done && told.changes > 0 && (
              <Button
                look="main"
                disabled={send.isPending}
                onClick={() => send.mutate({ chosen: file, dry: false })}
              >
                {words.do}
              </Button>
            )}
          </div>
          <Trouble error={send.error} />
        </div>
        <div role="status">{told && <Report told={told} />}</div>
      </div>
    </Plan>
  );
}

function Report({ told }: { told: Imported }) {
  const all = usePlanWords();
  const words = all.import;
  const format = useEventFormat();
  const base = useBase();
  const changes = format.number(told.changes);
  const line = (name: string, counts: Counts): ReactNode => (
    <tr>
      <th scope="row" className="cell font-medium">
        {name}
      </th>
      {Object.keys(words.counted).map((what) => (
        <td key={what} className="cell figure">
          {format.number(counts[what] ?? 0)}
        </td>
      ))}
    </tr>
  );
  return (
    <Card title={words.report}>
      <div className="space-y-3 text-sm">
        <p className="font-medium">
          {told.done
            ? words.imported(changes)
            : told.changes === 0
              ? words.nothing(told.title)
              : words.wouldChange(changes, told.title, told.kind)}
        </p>
        <p className="text-soft">
          {told.starts &&
            told.ends &&
            words.span(format.moment(new Date(told.starts)), format.moment(new Date(told.ends)))}{' '}
          {told.zone && words.fileZone(told.zone)}
        </p>
        <Table
          label={words.report}
          head={
            <>
              <Th>{all.title}</Th>
              {Object.entries(words.counted).map(([what, name]) => (
                <Th key={what} figure>
                  {name}
                </Th>
              ))}
            </>
          }
        >
          {line(all.parts.sessions, told.sessions)}
          {line(all.parts.speakers, told.speakers)}
          {line(all.parts.rooms, told.rooms)}
          {line(all.parts.tracks, told.tracks)}
        </Table>
        {told.notes.length > 0 && (
          <>
            <p className="font-medium">{words.notes}</p>
            <ul className="text-warn list-disc ps-5">
              {told.notes.slice(0, NOTES_MAX).map((note) => (
                <li key={note}>{note}</li>
              ))}
            </ul>
          </>
        )}
        {told.done && (
          <Link className="link" to={`${base}/sessions`}>
            {words.toSessions}
          </Link>
        )}
      </div>
    </Card>
  );
}
