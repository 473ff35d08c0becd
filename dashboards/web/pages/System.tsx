// How the process is, for those who run it: lag, epochs, snapshots, the warehouse, errors, dead letters.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ask } from '../server/http';
import { type DeadLetters, deadLetters, type System as Told, system } from '../server/system';
import { Badge, Button, Card, Heading, NoData, Said, Table, Th, Trouble } from '../ui/basics';
import { useFormat, useWords } from '../words/words';
import type { ReactNode } from 'react';

export default function System() {
  const words = useWords().system;
  const { data, error } = useQuery(system);
  return (
    <>
      <Heading title={words.title} hint={words.hint} />
      <Trouble error={error} />
      {data && (
        <div className="grid gap-4 lg:grid-cols-2">
          <Process told={data} />
          <Warehouse told={data} />
          <Errors told={data} />
          <Letters />
        </div>
      )}
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

/** From this freshness on the views are behind, milliseconds: the goal of the product is 100. */
const BEHIND_MS = 1_000;

function Process({ told }: { told: Told }) {
  const words = useWords().system;
  const format = useFormat();
  const number = (value: number | null | undefined) =>
    value === null || value === undefined ? null : format.number(value);
  return (
    <Card title={words.title}>
      <Rows
        rows={[
          [words.uptime, told.uptime_ms === undefined ? null : format.duration(told.uptime_ms)],
          [words.epoch, number(told.epoch)],
          [words.lag, number(told.lag_records)],
          [
            words.freshness,
            told.freshness_ms === undefined ? null : (
              <Badge tone={told.freshness_ms < BEHIND_MS ? 'good' : 'warn'}>
                {format.duration(told.freshness_ms)}
              </Badge>
            ),
          ],
          [words.records, number(told.records)],
          [words.facts, number(told.facts)],
          [words.log, told.log_bytes === undefined ? null : format.bytes(told.log_bytes)],
          [words.memory, told.resident_bytes === undefined ? null : format.bytes(told.resident_bytes)],
          [words.duplicates, number(told.duplicates)],
          [words.dead, number(told.dead_letters)],
          ...(told.late ?? []).map(([view, late]): [string, ReactNode] => [
            `${words.late}: ${view}`,
            number(late),
          ]),
        ]}
      />
    </Card>
  );
}

function Warehouse({ told }: { told: Told }) {
  const words = useWords().system;
  const format = useFormat();
  const { warehouse } = told;
  if (!warehouse) {
    return (
      <Card title={words.sinks}>
        <NoData />
      </Card>
    );
  }
  const number = (value: number | null | undefined) =>
    value === null || value === undefined ? null : format.number(value);
  return (
    <Card title={words.sinks}>
      <Rows
        rows={[
          [
            words.state,
            <Badge tone={warehouse.state === 'running' ? 'good' : 'warn'}>{warehouse.state}</Badge>,
          ],
          [words.landed, number(warehouse.landed)],
          [words.waiting, number(warehouse.waiting)],
          [words.rows, number(warehouse.rows)],
          [words.filling, warehouse.filling],
          [
            words.memory,
            warehouse.resident_bytes === undefined ? null : format.bytes(warehouse.resident_bytes),
          ],
        ]}
      />
    </Card>
  );
}

function Errors({ told }: { told: Told }) {
  const words = useWords().system;
  const found = [told.warehouse?.error, ...(told.errors ?? [])].filter((error) => !!error);
  return (
    <Card title={words.errors}>
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
  const { data, error } = useQuery(deadLetters);
  const replay = useMutation({
    mutationFn: () => ask<{ taken?: number }>('POST', '/v1/system/dead-letters/replay', { body: {} }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['system'] }),
  });
  const rows: DeadLetters = data ?? [];
  return (
    <Card
      title={words.dead}
      aside={
        <Button onClick={() => replay.mutate()} disabled={replay.isPending || rows.length === 0}>
          {words.replay}
        </Button>
      }
    >
      <Trouble error={error ?? replay.error} />
      <Said>{replay.data && words.replayed(format.number(replay.data.data.taken ?? 0))}</Said>
      {!error && rows.length === 0 ? (
        <NoData>{words.deadNone}</NoData>
      ) : (
        <Table
          label={words.dead}
          head={
            <>
              <Th>{words.reason}</Th>
              <Th>{words.field}</Th>
              <Th figure>{words.count}</Th>
            </>
          }
        >
          {rows.map((row, n) => (
            <tr key={n}>
              <td className="cell">{row.reason}</td>
              <td className="cell">{row.field}</td>
              <td className="cell figure">{format.number(row.count)}</td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}
