// The events of an organization, those that are running or come up first, each a way to its live dashboard.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { Link, useParams } from 'react-router';
import { phaseOf } from '../event/attention';
import { address, ask, newWish, part } from '../server/http';
import { kept, paths } from '../server/queries';
import { useRows } from '../server/rows';
import { useMayEverywhere, useMayFor, useMembership } from '../server/session';
import type { EventRow } from '../server/types';
import { Badge, Button, Card, Field, Heading, NoData, Trouble } from '../ui/basics';
import { textOf } from '../ui/form';
import { More } from '../ui/More';
import { instantIn } from '../words/format';
import { useFormat, useWords } from '../words/words';

export function Events() {
  const words = useWords().events;
  const { organization = '' } = useParams();
  const membership = useMembership(organization);
  // The lists are of the moment in which the page was opened: events must not move from one to the other between pages.
  const [opened] = useState(() => new Date());
  const at = opened.toISOString();
  const path = paths.events(organization);
  const current = useRows<EventRow>(kept.events(organization), address(path, { from: at }));
  const [wanted, setWanted] = useState(false);
  const none = current.rows?.length === 0;
  const past = useRows<EventRow>(
    kept.events(organization),
    wanted || none ? address(path, { to: at }) : null,
  );
  const over = past.rows?.filter((row) => phaseOf(row, opened.getTime()) === 'over');
  const may = useMayEverywhere(organization, 'manage_events');
  return (
    <>
      <Heading title={words.title} hint={membership?.name ?? organization} />
      <Trouble error={current.error ?? past.error} />
      {none && over?.length === 0 && (
        <NoData>
          {words.none} {may && words.noneHint}
        </NoData>
      )}
      <EventList organization={organization} rows={current.rows ?? []} now={opened.getTime()} />
      <More of={current} />
      {over && over.length > 0 && (
        <section className="mt-6">
          <h2 className="mb-3 text-sm font-semibold">{words.pastTitle}</h2>
          <EventList organization={organization} rows={over} now={opened.getTime()} />
          <More of={past} />
        </section>
      )}
      {!wanted && !none && current.rows && (
        <Button look="quiet" className="mt-4" onClick={() => setWanted(true)}>
          {words.past}
        </Button>
      )}
      {may && <Schedule organization={organization} zone={membership?.zone ?? 'UTC'} />}
    </>
  );
}

function EventList({ organization, rows, now }: { organization: string; rows: EventRow[]; now: number }) {
  return (
    <ul className="grid gap-3 md:grid-cols-2 2xl:grid-cols-3">
      {rows.map((row) => (
        <EventCard key={row.id} organization={organization} row={row} now={now} />
      ))}
    </ul>
  );
}

function EventCard({ organization, row, now }: { organization: string; row: EventRow; now: number }) {
  const words = useWords();
  const format = useFormat();
  const phase = phaseOf(row, now);
  const views = useMayFor(organization, 'read_views', row.id);
  const manage = useMayFor(organization, 'manage_events', row.id);
  const path = `/o/${part(organization)}/events/${part(row.id)}`;
  return (
    <li className="card flex flex-col gap-2 p-5">
      <span className="flex items-start justify-between gap-3">
        <span className="text-lg font-semibold">{row.title}</span>
        <Badge tone={phase === 'running' ? 'good' : 'plain'}>{words.events[phase]}</Badge>
      </span>
      <span className="text-soft text-sm">
        <bdi>{format.moment(new Date(row.starts))}</bdi> – <bdi>{format.moment(new Date(row.ends))}</bdi>
      </span>
      <span className="mt-1 flex flex-wrap gap-2">
        {views && (
          <Link to={path} className="button button-main" aria-label={`${words.events.open}: ${row.title}`}>
            {words.events.open}
          </Link>
        )}
        {manage && (
          <Link to={`${path}/programme`} className="button" aria-label={words.events.edit(row.title)}>
            {words.edit}
          </Link>
        )}
      </span>
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
      await client.invalidateQueries({ queryKey: kept.events(organization) });
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
