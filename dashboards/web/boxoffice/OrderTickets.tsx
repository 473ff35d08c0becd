// The tickets of one order: whose they are, whether somebody was let in with them, and new ones for those that were lost.
import { Badge, Card, Confirm, Table, Th, Trouble } from '../ui/basics';
import { useWords } from '../words/words';
import { useAct } from './act';
import { useEventFormat, useOffer, useOffice, useTitleOf } from './office';
import type { OfOrder } from './OrderActions';
import { at } from './server';
import type { TicketHeld } from './types';
import { useBoxWords } from './words';

export function Tickets({ order, onDone }: OfOrder) {
  const words = useBoxWords().order;
  const all = useWords();
  if (order.tickets.length === 0) return null;
  return (
    <Card title={words.tickets}>
      <Table
        label={words.tickets}
        head={
          <>
            <Th>{words.position}</Th>
            <Th>{words.holder}</Th>
            <Th>{words.state}</Th>
            <Th>{all.actions}</Th>
          </>
        }
      >
        {order.tickets.map((ticket) => (
          <Ticket key={ticket.id} order={order.id} ticket={ticket} onDone={onDone} />
        ))}
      </Table>
    </Card>
  );
}

function Ticket({
  order,
  ticket,
  onDone,
}: {
  order: string;
  ticket: TicketHeld;
  onDone: (said: string) => void;
}) {
  const words = useBoxWords().order;
  const format = useEventFormat();
  const { org, event } = useOffice();
  const doors = useOffer()?.doors ?? [];
  const title = useTitleOf()(ticket.product, ticket.variation);
  const reissue = useAct(`${at.order(org, event, order)}/tickets/${ticket.id}/reissue`, () =>
    onDone(words.reissued),
  );
  return (
    <tr className={ticket.cancelled ? 'text-soft' : ''}>
      <td className="cell min-w-36">
        {title}
        <span className="text-soft block font-mono text-xs">{ticket.id.slice(-8)}</span>
      </td>
      <td className="cell">
        {ticket.holder ? ticket.holder.name || ticket.holder.email : '–'}
        {ticket.holder?.name && <span className="text-soft block text-xs">{ticket.holder.email}</span>}
      </td>
      <td className="cell">
        <Badge tone={ticket.cancelled ? 'plain' : 'good'}>
          {ticket.cancelled ? words.cancelled : words.valid}
        </Badge>{' '}
        {ticket.revision > 0 && (
          <span className="text-soft text-xs">{words.revision(format.number(ticket.revision))}</span>
        )}
        {ticket.admitted.map((one) => (
          <span key={one.door} className="block text-xs">
            {words.admitted(
              doors.find((door) => door.id === one.door)?.title ?? one.door,
              format.moment(new Date(one.at)),
            )}
          </span>
        ))}
      </td>
      <td className="cell">
        {!ticket.cancelled && (
          <Confirm
            what={words.reissueWhat(title)}
            disabled={reissue.isPending}
            onConfirm={() => reissue.mutate({ revision: ticket.revision })}
          >
            {words.reissue}
          </Confirm>
        )}
        <Trouble error={reissue.error} />
      </td>
    </tr>
  );
}
