// The events of an organization, the running ones first, each a way to its live dashboard.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { Link, useParams } from 'react-router';
import { phaseOf } from '../event/attention';
import { ask, newWish, part } from '../server/http';
import { events, paths } from '../server/queries';
import { useMay, useMembership } from '../server/session';
import type { EventRow } from '../server/types';
import { Badge, Button, Card, Field, Heading, NoData, Trouble } from '../ui/basics';
import { textOf } from '../ui/form';
import { instantIn } from '../words/format';
import { useFormat, useWords } from '../words/words';
import { useNow } from '../live/hooks';

const ORDER = { running: 0, before: 1, over: 2 };

export function Events() {
  const words = useWords().events;
  const { organization = '' } = useParams();
  const membership = useMembership(organization);
  const { data, error, isPending } = useQuery(events(organization));
  const now = useNow(60_000);
  const may = useMay(organization, 'manage_events');
  const sorted = [...(data ?? [])].sort(
    (a, b) => ORDER[phaseOf(a, now)] - ORDER[phaseOf(b, now)] || Date.parse(b.starts) - Date.parse(a.starts),
  );
  return (
    <>
      <Heading title={words.title} hint={membership?.name ?? organization} />
      <Trouble error={error} />
      {!isPending && !error && sorted.length === 0 && (
        <NoData>
          {words.none} {words.noneHint}
        </NoData>
      )}
      <ul className="grid gap-3 md:grid-cols-2 2xl:grid-cols-3">
        {sorted.map((row) => (
          <EventCard key={row.id} organization={organization} row={row} now={now} />
        ))}
      </ul>
      {may && <Schedule organization={organization} zone={membership?.zone ?? 'UTC'} />}
    </>
  );
}

function EventCard({ organization, row, now }: { organization: string; row: EventRow; now: number }) {
  const words = useWords().events;
  const format = useFormat();
  const phase = phaseOf(row, now);
  return (
    <li>
      <Link
        to={`/o/${part(organization)}/events/${part(row.id)}`}
        className="card hover:border-accent flex flex-col gap-2 p-5"
      >
        <span className="flex items-start justify-between gap-3">
          <span className="text-lg font-semibold">{row.title}</span>
          <Badge tone={phase === 'running' ? 'good' : 'plain'}>{words[phase]}</Badge>
        </span>
        <span className="text-soft text-sm">
          {format.moment(new Date(row.starts))} – {format.moment(new Date(row.ends))}
        </span>
        <span className="text-accent text-sm font-medium">{words.open}</span>
      </Link>
    </li>
  );
}

function Schedule({ organization, zone }: { organization: string; zone: string }) {
  const words = useWords();
  const client = useQueryClient();
  const [wish, setWish] = useState(newWish);
  const add = useMutation({
    mutationFn: (row: EventRow) =>
      ask('POST', `${paths.organization(organization)}/events`, { body: row, wish }),
    onSuccess: async () => {
      setWish(newWish());
      await client.invalidateQueries({ queryKey: events(organization).queryKey });
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => textOf(form, name);
    const instant = (name: string) => instantIn(text('zone'), text(name)).toISOString();
    add.mutate({
      id: text('id'),
      title: text('title'),
      zone: text('zone'),
      starts: instant('starts'),
      ends: instant('ends'),
    });
  };
  return (
    <Card title={words.events.add} className="mt-6 max-w-2xl">
      <form onSubmit={submit} className="grid gap-4 sm:grid-cols-2">
        <Field label={words.events.name} name="title" required maxLength={200} />
        <Field
          label={words.events.id}
          name="id"
          required
          pattern="[a-z0-9\-]{1,14}"
          hint={words.events.idHint}
        />
        <Field label={words.events.starts} name="starts" type="datetime-local" required />
        <Field label={words.events.ends} name="ends" type="datetime-local" required />
        <Field label={words.events.zone} name="zone" required defaultValue={zone} />
        <div className="flex items-end">
          <Button type="submit" look="main" disabled={add.isPending}>
            {words.events.add}
          </Button>
        </div>
        <div className="sm:col-span-2">
          <Trouble error={add.error} />
        </div>
      </form>
    </Card>
  );
}
