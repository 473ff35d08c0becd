// Who waits for what is sold out, in the order in which they are served, and why nobody has offered them anything yet.
import { useState } from 'react';
import { part } from '../server/http';
import { useRows } from '../server/rows';
import { Badge, Confirm, NoData, Said, Table, Th, Trouble } from '../ui/basics';
import { More } from '../ui/More';
import { useWords } from '../words/words';
import { useAct } from './act';
import { Frame, useEventFormat, useOffice, useTitleOf } from './office';
import { at, key } from './server';
import type { WaitingRow } from './types';
import { useBoxWords } from './words';

export function Waitlist() {
  const words = useBoxWords();
  const all = useWords();
  const { org, event } = useOffice();
  const [said, setSaid] = useState(false);
  const list = useRows<WaitingRow>([...key(org, event), 'waitlist'], at.waitlist(org, event));
  return (
    <Frame title={words.parts.waitlist} hint={words.waitlist.hint}>
      <Said>{said && words.moved}</Said>
      <Trouble error={isNothing(list.error) ? null : list.error} />
      <div className="card p-2">
        {list.rows?.length === 0 || isNothing(list.error) ? (
          <NoData>{words.waitlist.none}</NoData>
        ) : (
          <Table
            label={words.parts.waitlist}
            head={
              <>
                <Th figure>{words.waitlist.place}</Th>
                <Th>{words.waitlist.who}</Th>
                <Th>{words.waitlist.what}</Th>
                <Th figure>{words.waitlist.party}</Th>
                <Th>{words.waitlist.why}</Th>
                <Th>{all.actions}</Th>
              </>
            }
          >
            {list.rows?.map((row, place) => (
              <Row key={row.id} row={row} place={place + 1} onDone={() => setSaid(true)} />
            ))}
          </Table>
        )}
        <More of={list} />
      </div>
    </Frame>
  );
}

/** Before anything is sold nobody waits: the server knows no such box office yet. */
const isNothing = (error: unknown): boolean =>
  error instanceof Error && 'status' in error && error.status === 404;

function Row({ row, place, onDone }: { row: WaitingRow; place: number; onDone: () => void }) {
  const words = useBoxWords();
  const all = useWords();
  const format = useEventFormat();
  const titleOf = useTitleOf();
  const { org, event } = useOffice();
  const remove = useAct(`${at.waitlist(org, event)}/${part(row.id)}`, onDone, 'DELETE');
  const who = row.contact.name || row.contact.email || words.orders.erased;
  return (
    <tr>
      <td className="cell figure">{format.number(place)}</td>
      <td className="cell">
        {who}
        {row.contact.name && <span className="text-soft block text-xs">{row.contact.email}</span>}
      </td>
      <td className="cell">{titleOf(row.product, row.variation)}</td>
      <td className="cell figure">{format.number(row.party)}</td>
      <td className="cell">
        {row.why === 'next' ? <Badge tone="good">{words.waitlist.next}</Badge> : <Why row={row} />}
      </td>
      <td className="cell">
        <Confirm
          what={words.waitlist.remove(who)}
          disabled={remove.isPending}
          onConfirm={() => remove.mutate(undefined)}
        >
          {all.remove}
        </Confirm>
        <Trouble error={remove.error} />
      </td>
    </tr>
  );
}

function Why({ row }: { row: WaitingRow }) {
  const words = useBoxWords().waitlist;
  const count = useEventFormat().number(row.count ?? 0);
  if (row.why === 'too_few') return words.too_few(count);
  if (row.why === 'behind') return words.behind(count);
  return row.why === 'closed' ? words.closed : words.withdrawn;
}
