// What a buyer may change about an order: the names on it.
import { useState } from 'react';
import { ask, part } from '../server/http';
import type { Own } from './OrderPage';
import { base } from './server';
import { titleOf } from './Totals';
import type { Contact, Order } from './types';
import { Field, Part, Trouble, useDoing } from './ui';
import { useWords } from './words/speaking';
import { newId, once, tab } from './wishes';

export function Changes(own: Own) {
  const { order } = own;
  const words = useWords();
  const [open, setOpen] = useState(false);
  const [said, setSaid] = useState('');
  const mayChange = ['pending', 'in_review', 'confirmed'].includes(order.status);
  // Nothing is known of somebody who was erased.
  if (!mayChange || !order.buyer.email) return null;
  return (
    <Part title={words.checkout.you}>
      <p>
        {order.buyer.name} · {order.buyer.email}
      </p>
      {open ? (
        <Names
          {...own}
          onDone={(text) => {
            setOpen(false);
            setSaid(text);
          }}
        />
      ) : (
        <button type="button" className="button mt-3" onClick={() => setOpen(true)}>
          {words.order.names}
        </button>
      )}
      <p role="status" className="text-good mt-2 text-sm empty:hidden">
        {said}
      </p>
    </Part>
  );
}

function Names({ at, order, shop, secret, show, onDone }: Own & { onDone: (said: string) => void }) {
  const words = useWords();
  const doing = useDoing();
  const [name, setName] = useState(order.buyer.name);
  const [names, setNames] = useState<string[]>(order.buyer.attendees ?? []);
  const own = order.tickets.filter((ticket) => ticket.text !== null);
  const save = async () => {
    const buyer: Contact = { ...order.buyer, name };
    const attendees = order.positions.map((_, place) => names[place]?.trim() ?? '');
    if (attendees.some(Boolean)) buyer.attendees = attendees;
    else delete buyer.attendees;
    const path = `${base(at)}/orders/${part(order.id)}/buyer`;
    const send = async (wish: string, sent: { buyer: Contact }) =>
      (await ask<Order>('PUT', path, { wish, body: sent, secret })).data;
    show(await once(tab, `names/${order.id}`, { buyer }, send, newId));
    onDone(words.order.namesDone);
  };
  return (
    <form
      noValidate
      className="mt-4 flex flex-col gap-4"
      onSubmit={(submit) => {
        submit.preventDefault();
        doing.run(save);
      }}
    >
      <Field
        label={words.checkout.name}
        required
        maxLength={200}
        autoComplete="name"
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      {own.map((ticket, number) => (
        <Field
          key={ticket.id}
          label={words.checkout.attendee(titleOf(shop, ticket.product, ticket.variation), number + 1)}
          maxLength={200}
          autoComplete="off"
          placeholder={name}
          value={names[ticket.position] ?? ''}
          onChange={(event) => {
            const next = order.positions.map((_, place) => names[place] ?? '');
            next[ticket.position] = event.target.value;
            setNames(next);
          }}
        />
      ))}
      <Trouble error={doing.error} />
      <div className="flex gap-2">
        <button type="submit" className="button button-main" disabled={doing.busy || !name.trim()}>
          {words.order.save}
        </button>
        <button type="button" className="button" onClick={() => onDone('')}>
          {words.cancel}
        </button>
      </div>
    </form>
  );
}
