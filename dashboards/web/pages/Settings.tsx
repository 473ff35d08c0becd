// What holds for the whole organization: its name, zone, language, and the sites whose pages may call the API.
import { useQuery } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { useParams } from 'react-router';
import { me, organizationRead, paths, type Read } from '../server/queries';
import type { OrganizationRow } from '../server/types';
import { Card, Field, Heading, Lines, Trouble } from '../ui/basics';
import { useChange } from '../ui/change';
import { ConflictOf, type Difference, SaveButton } from '../ui/Conflict';
import { LanguageChoice } from '../ui/fields';
import { linesOf, textOf } from '../ui/form';
import { Zones } from '../ui/Zones';
import { useWords } from '../words/words';

export default function Settings() {
  const words = useWords().settings;
  const { organization = '' } = useParams();
  const { data, error } = useQuery(organizationRead(organization));
  const [saved, setSaved] = useState(false);
  return (
    <>
      <Heading title={words.title} hint={words.hint} />
      <Trouble error={error} />
      {data && (
        <Form
          key={data.tag}
          seen={data}
          organization={organization}
          saved={saved}
          onSaved={() => setSaved(true)}
        />
      )}
    </>
  );
}

type Wanted = Omit<OrganizationRow, 'id'>;

function Form(props: {
  organization: string;
  seen: Read<OrganizationRow>;
  saved: boolean;
  onSaved: () => void;
}) {
  const { organization, seen } = props;
  const words = useWords().settings;
  const change = useChange<OrganizationRow, Wanted>({
    path: paths.organization(organization),
    method: 'PATCH',
    seen,
    // The zone and language of all pages are from `/v1/me`.
    kept: [organizationRead(organization).queryKey, me.queryKey],
    onDone: props.onSaved,
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    change.save({
      name: textOf(form, 'name'),
      zone: textOf(form, 'zone'),
      language: textOf(form, 'language'),
      origins: linesOf(textOf(form, 'origins')),
    });
  };
  const { row } = seen;
  return (
    <div className="max-w-2xl">
      <ConflictOf change={change} differences={(now, yours) => differences(now, yours, words)} />
      <Card title={row.id}>
        <form onSubmit={submit} className="space-y-4">
          <Field label={words.name} name="name" required maxLength={200} defaultValue={row.name} />
          <Field
            label={words.zone}
            name="zone"
            required
            list="zones"
            hint={words.zoneHint}
            defaultValue={row.zone}
            autoComplete="off"
          />
          <Zones />
          <LanguageChoice label={words.language} auto={words.languageAuto} chosen={row.language} />
          <Lines
            label={words.origins}
            name="origins"
            rows={4}
            hint={words.originsHint}
            defaultValue={row.origins.join('\n')}
          />
          <SaveButton change={change} saved={props.saved} />
        </form>
      </Card>
    </div>
  );
}

type Names = Record<'name' | 'zone' | 'language' | 'origins', string>;

function differences(now: OrganizationRow, yours: Wanted, names: Names): Difference[] {
  return [
    { name: names.name, now: now.name, yours: yours.name },
    { name: names.zone, now: now.zone, yours: yours.zone },
    { name: names.language, now: now.language, yours: yours.language },
    { name: names.origins, now: now.origins.join('\n'), yours: yours.origins.join('\n') },
  ];
}
