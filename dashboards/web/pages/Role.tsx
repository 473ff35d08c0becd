// What somebody may do in an organization, in plain words.
import { Link, useParams } from 'react-router';
import { part } from '../server/http';
import { useMembership } from '../server/session';
import type { Membership } from '../server/types';
import { Card, Heading, NoData } from '../ui/basics';
import { useFormat, useWords } from '../words/words';

export default function Role({ refused = false }: { refused?: boolean }) {
  const { organization = '' } = useParams();
  const membership = useMembership(organization);
  const words = useWords().role;
  return membership ? (
    <Rights membership={membership} title={refused ? words.refused : words.title} />
  ) : (
    <Stranger />
  );
}

function Stranger() {
  const words = useWords();
  return (
    <>
      <Heading title={words.organizations.title} />
      <p className="mb-4 text-sm">{words.role.stranger}</p>
      <Link to="/organizations" className="button">
        {words.organizations.title}
      </Link>
    </>
  );
}

function Rights({ membership, title }: { membership: Membership; title: string }) {
  const words = useWords();
  const role = membership.role ? words.organizations.roles[membership.role] : words.organizations.admin;
  const acts = membership.may;
  return (
    <>
      <Heading title={title} hint={words.role.hint(role, membership.name)} />
      <Card title={words.role.may} className="max-w-2xl">
        {acts.length === 0 ? (
          <NoData>{words.role.nothing}</NoData>
        ) : (
          <ul className="list-disc space-y-1 ps-5 text-sm">
            {acts.map((act) => (
              <li key={act}>
                <Act act={act} organization={membership.organization} />
              </li>
            ))}
          </ul>
        )}
        <Limits membership={membership} />
      </Card>
    </>
  );
}

/** Where what may be done is done; acts without a page of their own have none. */
const PAGES: Readonly<Record<string, string>> = {
  read_views: 'events',
  read_campaigns: 'campaigns',
  run_sql: 'sql',
  manage_organization: 'settings',
  manage_members: 'members',
  manage_keys: 'keys',
  read_audit: 'audit',
};

function Act({ act, organization }: { act: string; organization: string }) {
  const text = useWords().role.acts[act] ?? act;
  const page = PAGES[act];
  if (page === undefined) return text;
  return (
    <Link to={`/o/${part(organization)}/${page}`} className="link">
      {text}
    </Link>
  );
}

function Limits({ membership }: { membership: Membership }) {
  const words = useWords().role;
  const format = useFormat();
  const { role, events, campaigns } = membership;
  return (
    <div className="mt-3 space-y-1 text-sm">
      {events.length > 0 && (
        <p>
          {words.onlyEvents} {format.list(events)}
        </p>
      )}
      {campaigns.length > 0 && (
        <p>
          {words.onlyCampaigns} {format.list(campaigns)}
        </p>
      )}
      {role === 'advertiser' && campaigns.length === 0 && <p>{words.noCampaigns}</p>}
    </div>
  );
}
