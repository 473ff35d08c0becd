// The organizations that a person is in.
import { Link } from 'react-router';
import { part } from '../server/http';
import { useMe } from '../server/session';
import { Badge, Heading, NoData } from '../ui/basics';
import { useWords } from '../words/words';

export function Organizations() {
  const words = useWords().organizations;
  const memberships = useMe()?.memberships ?? [];
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
    </>
  );
}
