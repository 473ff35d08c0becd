// Buyers who ask for their money back, the longest waiting first, and what they are answered.
import { useState } from 'react';
import { Link } from 'react-router';
import { part } from '../server/http';
import { useRows } from '../server/rows';
import { Badge, Button, Card, Confirm, Field, Said, Trouble } from '../ui/basics';
import { More } from '../ui/More';
import { useAct } from './act';
import { numberOf, useEventFormat, useOffice } from './office';
import { at, key } from './server';
import { useBoxWords } from './words';

interface Request {
  id: string;
  order: string;
  positions: number[];
  reason: string;
  fee: number;
  asked: string;
  state: 'open' | 'granted' | 'declined';
  words: string | null;
}

/** Requests that wait for an answer; nothing where nobody has asked. */
export function RefundRequests() {
  const words = useBoxWords().requests;
  const { org, event } = useOffice();
  const list = useRows<Request>(
    [...key(org, event), 'refund-requests'],
    `${at.office(org, event)}/refund-requests?state=open`,
    false,
  );
  const [said, setSaid] = useState(false);
  if (!list.rows || list.rows.length === 0) return said ? <Said>{words.answered}</Said> : null;
  return (
    <Card title={words.title} hint={words.hint} className="border-warn mb-4">
      <ul className="divide-line divide-y">
        {list.rows.map((request) => (
          <Ask key={request.id} request={request} onDone={() => setSaid(true)} />
        ))}
      </ul>
      <More of={list} />
    </Card>
  );
}

function Ask({ request, onDone }: { request: Request; onDone: () => void }) {
  const all = useBoxWords();
  const words = all.requests;
  const format = useEventFormat();
  const { org, event, base } = useOffice();
  const [answer, setAnswer] = useState('');
  const act = useAct(`${at.office(org, event)}/refund-requests/${part(request.id)}/answer`, onDone);
  const say = (granted: boolean) => act.mutate({ granted, words: answer.trim() });
  return (
    <li className="grid gap-3 py-3 lg:grid-cols-[1fr_22rem]">
      <div className="min-w-0 text-sm">
        <p>
          <Link to={`${base}/orders/${part(request.order)}`} className="link font-mono">
            {all.orders.open(numberOf(request.order))}
          </Link>{' '}
          <Badge>
            {request.positions.length === 0
              ? all.order.cancelAll
              : all.order.cancelChosen(request.positions.length)}
          </Badge>
        </p>
        <p className="mt-1 whitespace-pre-wrap">{request.reason || words.noReason}</p>
        <p className="text-soft text-xs">{format.moment(new Date(request.asked))}</p>
      </div>
      <div className="space-y-2">
        <Field
          label={words.words}
          hint={words.wordsHint}
          maxLength={2000}
          value={answer}
          onChange={({ target }) => setAnswer(target.value)}
        />
        <div className="flex flex-wrap gap-2">
          <Confirm what={words.grantWhat} disabled={act.isPending} onConfirm={() => say(true)}>
            {words.grant}
          </Confirm>
          <Button disabled={act.isPending} onClick={() => say(false)}>
            {words.decline}
          </Button>
        </div>
        <Trouble error={act.error} />
      </div>
    </li>
  );
}
