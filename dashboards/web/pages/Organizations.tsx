// The organizations that a person is in; platform admins make new ones here.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { ask, newWish, part } from '../server/http';
import { me } from '../server/queries';
import { useMe } from '../server/session';
import type { OrganizationRow } from '../server/types';
import { Badge, Button, Card, Field, Heading, NoData, Trouble } from '../ui/basics';
import { textOf } from '../ui/form';
import { Zones } from '../ui/Zones';
import { useWords } from '../words/words';

export function Organizations() {
  const words = useWords().organizations;
  const person = useMe();
  const memberships = person?.memberships ?? [];
  const admin = person?.platform_admin ?? false;
  return (
    <>
      <Heading title={words.title} />
      {memberships.length === 0 ? (
        <NoData>{words.none}</NoData>
      ) : (
        <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
          {memberships.map((one) => (
            <li key={one.organization}>
              <Link to={`/o/${part(one.organization)}`} className="card hover:border-accent block p-5">
                <span className="block text-lg font-semibold">{one.name}</span>
                <span className="text-soft mt-1 flex items-center gap-2 text-sm">
                  <Badge>{one.role ? words.roles[one.role] : words.admin}</Badge> {one.zone}
                </span>
              </Link>
            </li>
          ))}
        </ul>
      )}
      {admin && <Make />}
    </>
  );
}

function Make() {
  const words = useWords().organizations;
  const client = useQueryClient();
  const navigate = useNavigate();
  const [wish] = useState(newWish);
  const make = useMutation({
    mutationFn: (body: object) => ask<OrganizationRow>('POST', '/v1/organizations', { body, wish }),
    onSuccess: async ({ data }) => {
      await client.invalidateQueries({ queryKey: me.queryKey });
      await navigate(`/o/${part(data.id)}`);
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    make.mutate({ id: textOf(form, 'id'), name: textOf(form, 'name'), zone: textOf(form, 'zone') });
  };
  return (
    <Card title={words.add} className="mt-6 max-w-2xl">
      <form onSubmit={submit} className="grid gap-4 sm:grid-cols-2">
        <Field label={words.name} name="name" required maxLength={200} />
        <Field label={words.id} name="id" required pattern="[a-z0-9\-]{1,14}" autoComplete="off" />
        <Field
          label={words.zone}
          name="zone"
          list="zones"
          required
          autoComplete="off"
          defaultValue={Intl.DateTimeFormat().resolvedOptions().timeZone}
        />
        <Zones />
        <div className="flex items-end">
          <Button type="submit" look="main" disabled={make.isPending}>
            {words.add}
          </Button>
        </div>
        <div className="sm:col-span-2">
          <Trouble error={make.error} />
        </div>
      </form>
    </Card>
  );
}
