// Who is a member of the organization, in which role, limited to what; and inviting more.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { useParams } from 'react-router';
import { ask, newWish } from '../server/http';
import { members, paths } from '../server/queries';
import { useMe } from '../server/session';
import { type MemberRow, type Role, ROLES } from '../server/types';
import {
  Button,
  Card,
  Choice,
  Confirm,
  Field,
  Heading,
  NoData,
  Said,
  Table,
  Th,
  Trouble,
} from '../ui/basics';
import { textOf } from '../ui/form';
import { useFormat, useWords } from '../words/words';

export default function Members() {
  const words = useWords();
  const { organization = '' } = useParams();
  const client = useQueryClient();
  const { data, error, isPending } = useQuery(members(organization));
  const refresh = () => client.invalidateQueries({ queryKey: members(organization).queryKey });
  const change = useMutation({
    mutationFn: ({ user, role }: { user: string; role: Role }) =>
      ask('PATCH', paths.member(organization, user), { body: { role } }),
    onSuccess: refresh,
  });
  const remove = useMutation({
    mutationFn: (user: string) => ask('DELETE', paths.member(organization, user)),
    onSuccess: refresh,
  });
  return (
    <>
      <Heading title={words.members.title} />
      <Trouble error={error ?? change.error ?? remove.error} />
      <Said>{change.isSuccess && words.members.changed}</Said>
      <div className="card mb-5 p-2">
        {!isPending && data?.length === 0 ? (
          <NoData>{words.members.none}</NoData>
        ) : (
          <Table
            label={words.members.title}
            head={
              <>
                <Th>{words.members.email}</Th>
                <Th>{words.members.name}</Th>
                <Th>{words.members.role}</Th>
                <Th>{words.members.scope}</Th>
                <Th>{words.actions}</Th>
              </>
            }
          >
            {data?.map((row) => (
              <Member
                key={row.user}
                row={row}
                onRole={(role) => change.mutate({ user: row.user, role })}
                onRemove={() => remove.mutate(row.user)}
              />
            ))}
          </Table>
        )}
      </div>
      <Invite organization={organization} onDone={refresh} />
    </>
  );
}

function Member(props: { row: MemberRow; onRole: (role: Role) => void; onRemove: () => void }) {
  const { row } = props;
  const words = useWords();
  const format = useFormat();
  const myself = useMe()?.user.id === row.user;
  const limits = [...row.events, ...row.campaigns];
  return (
    <tr>
      <td className="cell">{row.email}</td>
      <td className="cell">{row.name}</td>
      <td className="cell">
        <Choice
          label={`${words.members.role}: ${row.email}`}
          hideLabel
          value={row.role}
          disabled={myself}
          onChange={(event) => props.onRole(event.target.value as Role)}
        >
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {words.organizations.roles[role]}
            </option>
          ))}
        </Choice>
      </td>
      <td className="cell">{limits.length > 0 ? format.list(limits) : words.all}</td>
      <td className="cell">
        {!myself && (
          <Confirm what={words.members.remove(row.email)} onConfirm={props.onRemove}>
            {words.remove}
          </Confirm>
        )}
      </td>
    </tr>
  );
}

const namesOf = (text: string) =>
  text
    .split(/[\s,]+/)
    .map((name) => name.trim())
    .filter(Boolean);

function Invite({ organization, onDone }: { organization: string; onDone: () => Promise<void> }) {
  const words = useWords();
  const [wish, setWish] = useState(newWish);
  const invite = useMutation({
    mutationFn: (body: object) => ask('POST', `${paths.organization(organization)}/members`, { body, wish }),
    onSuccess: async () => {
      setWish(newWish());
      await onDone();
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    const [events, campaigns] = [namesOf(textOf(form, 'events')), namesOf(textOf(form, 'campaigns'))];
    const body = {
      email: form.get('email'),
      role: form.get('role'),
      ...(form.get('name') ? { name: form.get('name') } : {}),
      ...(events.length > 0 ? { events } : {}),
      ...(campaigns.length > 0 ? { campaigns } : {}),
    };
    invite.mutate(body, { onSuccess: () => element.reset() });
  };
  return (
    <Card title={words.members.add} className="max-w-2xl">
      <form onSubmit={submit} className="grid gap-4 sm:grid-cols-2">
        <Field label={words.members.email} name="email" type="email" required />
        <Field label={words.members.name} name="name" />
        <Choice label={words.members.role} name="role" defaultValue="analyst">
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {words.organizations.roles[role]}
            </option>
          ))}
        </Choice>
        <Field label={words.members.events} name="events" hint={words.members.limitHint} />
        <Field label={words.members.campaigns} name="campaigns" hint={words.members.limitHint} />
        <div className="flex items-center gap-3 sm:col-span-2">
          <Button type="submit" look="main" disabled={invite.isPending}>
            {words.members.invite}
          </Button>
          <Said>{invite.isSuccess && words.saved}</Said>
        </div>
        <div className="sm:col-span-2">
          <Trouble error={invite.error} />
        </div>
      </form>
    </Card>
  );
}
