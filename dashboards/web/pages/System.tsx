// How the process is, for those who run it: lag, epochs, snapshots, the log, the warehouse, errors, dead letters.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ask } from '../server/http';
import { useMe } from '../server/session';
import { deadLetters, type Replayed, system, type System as Told } from '../server/system';
import { Badge, Button, Card, Heading, NoData, Said, Table, Th, Trouble } from '../ui/basics';
import { fromMicros } from '../words/format';
import { useFormat, useWords } from '../words/words';

export default function System() {
  const words = useWords().system;
  const { data, error } = useQuery(system);
  return (
    <>
      <Heading title={words.title} hint={data ? `${words.hint} Eventra ${data.version}` : words.hint} />
      <Trouble error={error} />
      {data && (
        <div className="grid gap-4 lg:grid-cols-2 2xl:grid-cols-3">
          <Views told={data} />
          <Log told={data} />
          <Warehouse told={data} />
          <Errors told={data} />
        </div>
      )}
      <Letters />
    </>
  );
}

function Rows({ rows }: { rows: [string, ReactNode][] }) {
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2 text-sm">
      {rows.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-soft">{name}</dt>
          <dd className="text-end font-medium">{value ?? '–'}</dd>
        </div>
      ))}
    </dl>
  );
}

/** From here on the views are behind, milliseconds: the goal of the product is 100. */
const BEHIND_MS = 1_000;

function Views({ told }: { told: Told }) {
  const words = useWords().system;
  const format = useFormat();
  const { snapshot } = told;
  return (
    <Card title={words.views}>
      <Rows
        rows={[
          [words.state, <Badge tone={told.phase === 'Live' ? 'good' : 'warn'}>{told.phase}</Badge>],
          [words.epoch, format.number(told.as_of.epoch)],
          [words.asOf, format.exact(fromMicros(told.as_of.log_time))],
          [
            words.freshness,
            <Badge tone={told.behind_ms < BEHIND_MS ? 'good' : 'warn'}>
              {format.duration(told.behind_ms)}
            </Badge>,
          ],
          [words.lag, format.number(told.behind_records)],
          [words.replaying, format.number(told.replaying)],
          [words.skipped, format.number(told.skipped)],
          [words.rebuilds, format.number(told.rebuilds)],
          [words.snapshot, `${format.number(snapshot.epoch)} (${format.bytes(snapshot.bytes)})`],
          [words.snapshots, format.number(snapshot.written)],
          [words.givenUp, format.number(snapshot.given_up)],
        ]}
      />
    </Card>
  );
}

function Log({ told }: { told: Told }) {
  const words = useWords().system;
  const format = useFormat();
  const lanes = told.log.map((lane): [string, ReactNode] => [
    `${words.log}: ${lane.lane}`,
    `${format.bytes(lane.bytes)}, ${format.compact(lane.rows)}`,
  ]);
  return (
    <Card title={words.process}>
      <Rows
        rows={[
          [words.uptime, format.duration(told.uptime_s * 1_000)],
          [words.memory, format.bytes(told.resident_bytes)],
          ...lanes,
          [words.free, told.free_bytes === null ? null : format.bytes(told.free_bytes)],
          [words.duplicates, format.number(told.door.duplicates)],
          [words.dead, format.number(told.door.dead_letters)],
          [words.mails, format.number(told.mails_waiting)],
        ]}
      />
      <p className="text-soft mt-3 text-xs">{told.durability}</p>
    </Card>
  );
}

function Warehouse({ told }: { told: Told }) {
  const words = useWords().system;
  const format = useFormat();
  const { warehouse } = told;
  return (
    <Card title={words.sinks}>
      <Rows
        rows={[
          [
            words.state,
            <Badge tone={warehouse.state === 'running' ? 'good' : 'warn'}>{warehouse.state}</Badge>,
          ],
          [words.landed, warehouse.landed === null ? null : format.number(warehouse.landed)],
          [words.waiting, format.number(warehouse.waiting)],
          [words.rows, format.number(warehouse.rows)],
          [words.filling, warehouse.filling],
          [words.memory, format.bytes(warehouse.resident_bytes)],
        ]}
      />
    </Card>
  );
}

function Errors({ told }: { told: Told }) {
  const words = useWords().system;
  const aside = told.set_aside.map((one) => words.setAside(one.view, String(one.since)));
  const found = [told.last_error, told.snapshot.last_error, told.warehouse.error, ...aside].filter(
    (error) => !!error,
  );
  return (
    <Card title={words.errors} className="2xl:col-span-3">
      {found.length === 0 ? (
        <p className="text-good text-sm">{words.noErrors}</p>
      ) : (
        <ul className="space-y-2 text-sm">
          {found.map((error) => (
            <li key={error} className="bg-bad-sunk text-bad rounded-lg px-3 py-2 break-words">
              {error}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Letters() {
  const words = useWords().system;
  const format = useFormat();
  const client = useQueryClient();
  const organizations = useMe()?.memberships ?? [];
  const replay = useMutation({
    mutationFn: () => ask<Replayed>('POST', '/v1/system/dead-letters/replay'),
    onSuccess: () => client.invalidateQueries({ queryKey: ['organization'] }),
  });
  return (
    <Card
      title={words.dead}
      className="mt-4"
      aside={
        <Button onClick={() => replay.mutate()} disabled={replay.isPending}>
          {words.replay}
        </Button>
      }
    >
      <Trouble error={replay.error} />
      <Said>
        {replay.data &&
          words.replayed(format.number(replay.data.data.replayed), format.number(replay.data.data.still_bad))}
      </Said>
      {organizations.map((one) => (
        <LettersOf key={one.organization} organization={one.organization} name={one.name} />
      ))}
    </Card>
  );
}

function LettersOf({ organization, name }: { organization: string; name: string }) {
  const words = useWords().system;
  const format = useFormat();
  const { data, error } = useQuery(deadLetters(organization));
  return (
    <section>
      <h3 className="mb-1 text-sm font-medium">{name}</h3>
      <Trouble error={error} />
      {data?.length === 0 && <NoData>{words.deadNone}</NoData>}
      {data && data.length > 0 && (
        <Table
          label={`${words.dead}: ${name}`}
          head={
            <>
              <Th>{words.at}</Th>
              <Th>{words.reason}</Th>
              <Th>{words.field}</Th>
              <Th>{words.place}</Th>
            </>
          }
        >
          {data.map((row) => (
            <tr key={row.position}>
              <td className="cell whitespace-nowrap">{format.moment(new Date(row.at))}</td>
              <td className="cell">{row.reason}</td>
              <td className="cell">{row.field}</td>
              <td className="cell font-mono text-xs">{row.position}</td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}
