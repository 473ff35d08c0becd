// Who is a member of the organization, in which role, limited to what; changing that, and inviting more.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { useParams } from 'react-router';
import { ask, newWish } from '../server/http';
import { events, kept, paths } from '../server/queries';
import { useRows } from '../server/rows';
import { useMe } from '../server/session';
import { type MemberRow, type Role, ROLES } from '../server/types';
import {
  Badge,
  Button,
  Card,
  Choice,
  Confirm,
  Field,
  Heading,
  Lines,
  NoData,
  Said,
  Table,
  Th,
  Trouble,
} from '../ui/basics';
import { linesOf, textOf } from '../ui/form';
import { More } from '../ui/More';
import { useFormat, useWords } from '../words/words';

export default function Members() {
  const words = useWords();
  const { organization = '' } = useParams();
  const client = useQueryClient();
  const list = useRows<MemberRow>(kept.members(organization), paths.members(organization));
  const [edited, setEdited] = useState<string>();
  const [changed, setChanged] = useState(false);
  const refresh = () => client.invalidateQueries({ queryKey: kept.members(organization) });
  const remove = useMutation({
    mutationFn: (user: string) => ask('DELETE', paths.member(organization, user)),
    onSuccess: refresh,
  });
  const row = list.rows?.find((one) => one.user === edited);
  return (
    <>
      <Heading title={words.members.title} />
      <Trouble error={list.error ?? remove.error} />
      <Said>{changed && words.members.changed}</Said>
      <div className="card mb-5 p-2">
        {list.rows?.length === 0 ? (
          <NoData>{words.members.none}</NoData>
        ) : (
          <Table label={words.members.title} head={<Head />}>
            {list.rows?.map((one) => (
              <Member
                key={one.user}
                row={one}
                onEdit={() => {
                  setChanged(false);
                  setEdited(one.user);
                }}
                onRemove={() => remove.mutate(one.user)}
              />
            ))}
          </Table>
        )}
        <More of={list} />
      </div>
      {row ? (
        <Change
          key={row.user}
          organization={organization}
          row={row}
          onDone={async (done) => {
            setEdited(undefined);
            setChanged(done);
            if (done) await refresh();
          }}
        />
      ) : (
        <Invite organization={organization} onDone={refresh} />
      )}
    </>
  );
}

function Head() {
  const words = useWords();
  return (
    <>
      <Th>{words.members.email}</Th>
      <Th>{words.members.name}</Th>
      <Th>{words.members.role}</Th>
      <Th>{words.members.scope}</Th>
      <Th>{words.actions}</Th>
    </>
  );
}

function Member(props: { row: MemberRow; onEdit: () => void; onRemove: () => void }) {
  const { row } = props;
  const words = useWords();
  const format = useFormat();
  const myself = useMe()?.user.id === row.user;
  const limits = [...row.events, ...row.campaigns];
  return (
    <tr>
      <td className="cell">
        {row.email} {!row.active && <Badge>{words.members.waiting}</Badge>}
      </td>
      <td className="cell">{row.name}</td>
      <td className="cell">{words.organizations.roles[row.role]}</td>
      <td className="cell">{limits.length > 0 ? format.list(limits) : words.all}</td>
      <td className="cell">
        {!myself && (
          <span className="flex flex-wrap gap-2">
            <Button onClick={props.onEdit} aria-label={words.members.edit(row.email)}>
              {words.edit}
            </Button>
            <Confirm what={words.members.remove(row.email)} onConfirm={props.onRemove}>
              {words.remove}
            </Confirm>
          </span>
        )}
      </td>
    </tr>
  );
}

function Change(props: {
  organization: string;
  row: MemberRow;
  onDone: (changed: boolean) => Promise<void>;
}) {
  const { organization, row, onDone } = props;
  const words = useWords();
  const change = useMutation({
    mutationFn: (body: object) => ask('PATCH', paths.member(organization, row.user), { body }),
    onSuccess: () => onDone(true),
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    change.mutate(grantIn(new FormData(event.currentTarget)));
  };
  return (
    <Card title={words.members.edit(row.email)} className="max-w-2xl">
      <form onSubmit={submit} className="space-y-4">
        <Grant
          organization={organization}
          role={row.role}
          events={row.events}
          campaigns={row.campaigns}
          focus
        />
        <Trouble error={change.error} />
        <div className="flex gap-2">
          <Button type="submit" look="main" disabled={change.isPending}>
            {words.save}
          </Button>
          <Button look="quiet" onClick={() => void onDone(false)}>
            {words.cancel}
          </Button>
        </div>
      </form>
    </Card>
  );
}

/** What a form says of the role and what it is limited to. */
function grantIn(form: FormData) {
  const role = textOf(form, 'role') as Role;
  return {
    role,
    events: form.getAll('event'),
    campaigns: role === 'advertiser' ? linesOf(textOf(form, 'campaigns')) : [],
  };
}

/** The role, and what it is limited to: events of the organization, and campaigns for advertisers. */
function Grant(props: {
  organization: string;
  role: Role;
  events: readonly string[];
  campaigns: readonly string[];
  focus?: boolean;
}) {
  const words = useWords();
  const [role, setRole] = useState(props.role);
  const { data = [] } = useQuery(events(props.organization));
  // An event may be gone, or not be there yet: the membership names it all the same.
  const unknown = props.events.filter((id) => !data.some((event) => event.id === id));
  const all = [...data, ...unknown.map((id) => ({ id, title: id }))];
  return (
    <>
      <Choice
        label={words.members.role}
        name="role"
        value={role}
        autoFocus={props.focus}
        onChange={({ target }) => setRole(target.value as Role)}
      >
        {ROLES.map((one) => (
          <option key={one} value={one}>
            {words.organizations.roles[one]}
          </option>
        ))}
      </Choice>
      {role === 'advertiser' ? (
        <Lines
          label={words.members.campaigns}
          name="campaigns"
          rows={3}
          hint={words.members.campaignsHint}
          defaultValue={props.campaigns.join('\n')}
        />
      ) : (
        <fieldset>
          <legend className="mb-1 text-sm font-medium">{words.members.events}</legend>
          <p className="text-soft mb-2 text-xs">{words.members.eventsHint}</p>
          <div className="max-h-56 space-y-1 overflow-y-auto">
            {all.map((event) => (
              <label key={event.id} className="flex min-h-6 items-center gap-2 text-sm">
                <input
                  type="checkbox"
                  name="event"
                  value={event.id}
                  defaultChecked={props.events.includes(event.id)}
                  className="size-4"
                />
                {event.title}
              </label>
            ))}
          </div>
        </fieldset>
      )}
    </>
  );
}

function Invite({ organization, onDone }: { organization: string; onDone: () => Promise<void> }) {
  const words = useWords();
  // A new wish for each invitation, which also empties the form.
  const [wish, setWish] = useState(newWish);
  const [invited, setInvited] = useState(false);
  const invite = useMutation({
    mutationFn: (body: object) => ask('POST', paths.members(organization), { body, wish }),
    onSuccess: async () => {
      setWish(newWish());
      setInvited(true);
      await onDone();
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const name = textOf(form, 'name');
    invite.mutate({ email: form.get('email'), ...(name ? { name } : {}), ...grantIn(form) });
  };
  return (
    <Card title={words.members.add} className="max-w-2xl">
      <form key={wish} onSubmit={submit} className="space-y-4">
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label={words.members.email} name="email" type="email" required />
          <Field label={words.members.name} name="name" />
        </div>
        <Grant organization={organization} role="analyst" events={[]} campaigns={[]} />
        <Trouble error={invite.error} />
        <div className="flex items-center gap-3">
          <Button type="submit" look="main" disabled={invite.isPending}>
            {words.members.invite}
          </Button>
          <Said>{invited && words.saved}</Said>
        </div>
      </form>
    </Card>
  );
}
