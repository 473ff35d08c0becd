// A new event like this one, moved in time on the event's clocks.
import { useState } from 'react';
import { Link } from 'react-router';
import { Text } from '../boxoffice/fields';
import { useEventFormat, useOffice } from '../boxoffice/office';
import { ShortName, useShortName } from '../boxoffice/setting';
import { useWish } from '../boxoffice/wishes';
import { part } from '../server/http';
import type { EventRow } from '../server/types';
import { Button, Card, Trouble } from '../ui/basics';
import { Instant } from './fields';
import { at } from './server';
import { usePlanWords } from './words';

interface Made {
  id: string;
  sessions: number;
  products: number;
}

export function Duplicate({ event }: { event: EventRow }) {
  const words = usePlanWords().status;
  const format = useEventFormat();
  const { org, event: id } = useOffice();
  const [title, setTitle] = useState('');
  const [shortName, setShortName] = useShortName(title);
  const [starts, setStarts] = useState(event.starts);
  const act = useWish<Made>(org, 'POST', at.duplicates(org, id));
  const made = act.data?.data;
  return (
    <Card title={words.duplicate} hint={words.duplicateHint}>
      <form
        className="space-y-3"
        onSubmit={(sent) => {
          sent.preventDefault();
          act.mutate({ id: shortName, title: title.trim(), starts });
        }}
      >
        <Text label={words.newTitle} required maxLength={200} value={title} onChange={setTitle} />
        <ShortName value={shortName} onChange={setShortName} />
        <Instant label={words.newStarts} at={starts} onChange={setStarts} />
        <Trouble error={act.error} />
        <Button type="submit" disabled={act.isPending}>
          {words.duplicate}
        </Button>
        {made && (
          <p role="status" className="text-sm">
            {words.made(format.number(made.sessions), format.number(made.products))}{' '}
            <Link className="link" to={`/o/${part(org)}/events/${part(made.id)}/publication`}>
              {words.open}
            </Link>
          </p>
        )}
      </form>
    </Card>
  );
}
