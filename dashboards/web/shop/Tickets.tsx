// The tickets of an order: codes that doors read, and passing one on.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { ask, part } from '../server/http';
import { calendarQuery, Download } from './Papers';
import type { Own } from './OrderPage';
import { base } from './server';
import { titleOf } from './Totals';
import type { Order, Ticket } from './types';
import { Field, Note, Trouble, useDoing } from './ui';
import { useFormat, useWords } from './words/speaking';
import { newId, once, tab } from './wishes';

export function Tickets(own: Own) {
  const { order, at } = own;
  const words = useWords();
  const { data: calendar } = useQuery(calendarQuery(at));
  return (
    <section aria-label={words.order.tickets} className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center justify-between gap-3 print:hidden">
        <h2 className="text-lg font-semibold">{words.order.tickets}</h2>
        <div className="flex flex-wrap gap-2">
          {calendar && (
            <a className="button" href={calendar}>
              {words.order.calendar}
            </a>
          )}
          <button type="button" className="button" onClick={() => window.print()}>
            {words.order.print}
          </button>
        </div>
      </div>
      <ul className="flex flex-col gap-4">
        {order.tickets.map((ticket, number) => (
          <TicketCard key={ticket.id} {...own} ticket={ticket} number={number + 1} />
        ))}
      </ul>
    </section>
  );
}

function TicketCard(props: Own & { ticket: Ticket; number: number }) {
  const { shop, order, ticket } = props;
  const words = useWords();
  const format = useFormat(shop?.zone);
  const title = titleOf(shop, ticket.product, ticket.variation);
  const isOurs = ticket.text !== null;
  return (
    <li
      className={`card ticket overflow-hidden ${isOurs ? '' : 'opacity-80 print:hidden'}`}
      data-ticket={ticket.id}
    >
      <div className="flex flex-col sm:flex-row">
        {ticket.svg && (
          <div className="flex shrink-0 items-center justify-center bg-white p-4">
            {/* White on every theme: scanners want the contrast. */}
            <img
              src={`data:image/svg+xml;base64,${btoa(ticket.svg)}`}
              alt={words.order.code(title, ticket.name)}
              className="size-52"
              width={208}
              height={208}
            />
          </div>
        )}
        <div className="flex min-w-0 flex-1 flex-col gap-1 p-4 sm:p-5">
          <p className="text-soft text-xs">{words.order.ticket(props.number, order.tickets.length)}</p>
          <h3 className="text-lg font-semibold">{title}</h3>
          {ticket.name && <p>{ticket.name}</p>}
          {shop && (
            <p className="text-soft text-sm">
              {shop.title} · {format.moment(new Date(shop.starts))}
            </p>
          )}
          {(ticket.valid_from ?? ticket.valid_until) && (
            <p className="text-sm">
              {words.order.valid(
                ticket.valid_from ? format.moment(new Date(ticket.valid_from)) : '',
                ticket.valid_until ? format.moment(new Date(ticket.valid_until)) : '',
              )}
            </p>
          )}
          {isOurs && !ticket.admitted && <p className="text-soft text-sm">{words.order.show}</p>}
          {ticket.admitted && (
            <p className="text-good text-sm font-medium" data-admitted={ticket.admitted.at}>
              {words.order.used(
                format.moment(new Date(ticket.admitted.at)),
                [ticket.admitted.door, ticket.admitted.gate].filter(Boolean).join(', '),
              )}
            </p>
          )}
          {ticket.cancelled && <Note tone="bad">{words.order.voided}</Note>}
          {ticket.holder && (
            <Note tone="plain">{words.order.passedOn(ticket.holder.name || ticket.holder.email)}</Note>
          )}
          {isOurs && (
            <div className="mt-2 flex flex-wrap items-start gap-2 print:hidden">
              <Download
                secret={props.secret}
                path={`${base(props.at)}/orders/${part(order.id)}/tickets/${part(ticket.id)}/pdf`}
                name={`${title}.pdf`}
              >
                {words.order.pdf}
                <span className="sr-only">
                  : {title} {ticket.name}
                </span>
              </Download>
              <PassOn {...props} title={title} />
            </div>
          )}
        </div>
      </div>
    </li>
  );
}

function PassOn({ at, order, ticket, secret, show, title }: Own & { ticket: Ticket; title: string }) {
  const words = useWords();
  const doing = useDoing();
  const [open, setOpen] = useState(false);
  const [holder, setHolder] = useState({ email: '', name: '' });
  const [wrong, setWrong] = useState(false);
  if (!open) {
    return (
      <button type="button" className="button" onClick={() => setOpen(true)}>
        {words.order.transferTitle}
        <span className="sr-only">: {title}</span>
      </button>
    );
  }
  const pass = async () => {
    const body = { revision: ticket.revision, holder };
    const path = `${base(at)}/orders/${part(order.id)}/tickets/${part(ticket.id)}/transfer`;
    const send = async (wish: string, sent: typeof body) =>
      (await ask<Order>('POST', path, { wish, body: sent, secret })).data;
    show(await once(tab, `pass/${ticket.id}/${ticket.revision}`, body, send, newId));
  };
  return (
    <form
      noValidate
      aria-label={words.order.transferTitle}
      className="bg-sunk flex w-full flex-col gap-3 rounded-xl p-4"
      onSubmit={(submit) => {
        submit.preventDefault();
        const isWrong = !holder.email.includes('@');
        setWrong(isWrong);
        if (!isWrong) doing.run(pass);
      }}
    >
      <p className="text-sm">{words.order.transferText}</p>
      <Field
        label={words.checkout.email}
        type="email"
        autoComplete="off"
        autoFocus
        required
        value={holder.email}
        onChange={(event) => setHolder({ ...holder, email: event.target.value })}
        error={wrong ? words.emailWrong : undefined}
      />
      <Field
        label={words.checkout.name}
        autoComplete="off"
        value={holder.name}
        onChange={(event) => setHolder({ ...holder, name: event.target.value })}
      />
      <Trouble error={doing.error} />
      <div className="flex flex-wrap gap-2">
        <button type="submit" className="button button-main" disabled={doing.busy}>
          {words.order.transferDo}
        </button>
        <button type="button" className="button" onClick={() => setOpen(false)}>
          {words.cancel}
        </button>
      </div>
    </form>
  );
}
