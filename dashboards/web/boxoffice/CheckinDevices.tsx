// Links for devices of door staff: made, shown once as a QR code, revoked.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { ask, newWish, part } from '../server/http';
import { Button, Card, Confirm, Field, NoData, Secret, Table, Th, Trouble } from '../ui/basics';
import { textOf } from '../ui/form';
import { useFormat, useWords } from '../words/words';
import { useCheckinWords } from './checkinWords';

interface DeviceRow {
  name: string;
  made: string;
  last_used: string | null;
  expires: string | null;
}

interface Made {
  name: string;
  link: string;
  svg: string | null;
}

export function Devices({ base, instant }: { base: string; instant: (text: string) => string }) {
  const words = useCheckinWords();
  const client = useQueryClient();
  const path = `${base}/devices`;
  const [made, setMade] = useState<Made | null>(null);
  const [wish, setWish] = useState(newWish);
  const { data: rows, error } = useQuery({
    queryKey: ['checkin-devices', path],
    queryFn: async ({ signal }) => (await ask<DeviceRow[]>('GET', path, { signal })).data,
  });
  const refresh = () => client.invalidateQueries({ queryKey: ['checkin-devices', path] });
  const make = useMutation({
    mutationFn: (body: object) => ask<Made>('POST', path, { body, wish }),
    onSuccess: async ({ data }) => {
      setWish(newWish());
      setMade(data);
      await refresh();
    },
  });
  const revoke = useMutation({
    mutationFn: (name: string) => ask('DELETE', `${path}/${part(name)}`),
    onSuccess: async (_, name) => {
      if (made?.name === name) setMade(null);
      await refresh();
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    const expires = textOf(form, 'expires');
    make.mutate(
      { name: textOf(form, 'name'), ...(expires ? { expires: instant(expires) } : {}) },
      { onSuccess: () => element.reset() },
    );
  };
  return (
    <Card title={words.devices} hint={words.devicesHint} className="mb-4">
      <Trouble error={error ?? make.error ?? revoke.error} />
      {made && (
        <section className="bg-sunk mb-4 rounded-xl p-4" aria-label={words.show(made.name)}>
          <h3 className="text-sm font-semibold">{words.show(made.name)}</h3>
          <p className="text-soft mb-3 text-xs">{words.showHint}</p>
          {made.svg && (
            <img
              className="mb-3 size-60 rounded-lg bg-white p-2"
              src={`data:image/svg+xml,${encodeURIComponent(made.svg)}`}
              alt={words.qr(made.name)}
            />
          )}
          <Secret label={words.show(made.name)} text={made.link} />
        </section>
      )}
      {rows?.length === 0 && <NoData>{words.noDevices}</NoData>}
      {rows && rows.length > 0 && <List rows={rows} onRevoke={(name) => revoke.mutate(name)} />}
      <form onSubmit={submit} className="mt-4 flex flex-wrap items-end gap-3">
        <Field label={words.name} name="name" required maxLength={40} className="grow" />
        <Field label={words.expires} name="expires" type="datetime-local" />
        <Button type="submit" look="main" disabled={make.isPending}>
          {words.make}
        </Button>
      </form>
    </Card>
  );
}

function List({ rows, onRevoke }: { rows: DeviceRow[]; onRevoke: (name: string) => void }) {
  const words = useCheckinWords();
  const { never } = useWords();
  const format = useFormat();
  const when = (time: string | null) => (time === null ? never : format.moment(new Date(time)));
  return (
    <Table
      label={words.devices}
      head={
        <>
          <Th>{words.name}</Th>
          <Th>{words.made}</Th>
          <Th>{words.used}</Th>
          <Th>{words.expires}</Th>
          <Th>
            <span className="sr-only">{words.revoke}</span>
          </Th>
        </>
      }
    >
      {rows.map((row) => (
        <tr key={row.name}>
          <td className="cell font-medium">{row.name}</td>
          <td className="cell whitespace-nowrap">{when(row.made)}</td>
          <td className="cell whitespace-nowrap">{when(row.last_used)}</td>
          <td className="cell whitespace-nowrap">{when(row.expires)}</td>
          <td className="cell">
            <Confirm what={words.revokeOf(row.name)} onConfirm={() => onRevoke(row.name)}>
              {words.revoke}
            </Confirm>
          </td>
        </tr>
      ))}
    </Table>
  );
}
