// Documents of an order: tickets and invoices as PDF, the event as a calendar. What a server does not offer is not shown.
import { queryOptions, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ask, part, Refusal, send } from '../server/http';
import type { Own } from './OrderPage';
import { base, type At } from './server';
import { Part, Trouble, useDoing } from './ui';
import { useFormat, useWords } from './words/speaking';

/** How long a document that was opened is kept, milliseconds: browsers read it at once. */
const KEPT_MS = 60_000;

interface Invoice {
  number: string;
  kind: string;
  date: string;
  gross: number;
  currency: string;
}

/** Where the event's calendar file is; null where there is none. */
export const calendarQuery = (at: At) =>
  queryOptions({
    queryKey: ['calendar', at.seller, at.event],
    queryFn: async () => {
      const path = `/e/${part(at.seller)}/${part(at.event)}/calendar.ics`;
      const answer = await fetch(path, { method: 'HEAD' }).catch(() => undefined);
      const isCalendar = answer?.headers.get('content-type')?.startsWith('text/calendar') ?? false;
      return answer?.ok && isCalendar ? path : null;
    },
    staleTime: Infinity,
  });

/** Saves a document that only who has the order's secret may see. */
export function Download(props: { path: string; name: string; secret: string; children: ReactNode }) {
  const doing = useDoing();
  const save = async () => {
    const response = await send('GET', props.path, { secret: props.secret });
    const address = URL.createObjectURL(await response.blob());
    const link = document.createElement('a');
    link.href = address;
    link.download = props.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
  };
  return (
    <>
      <button type="button" className="button" disabled={doing.busy} onClick={() => doing.run(save)}>
        {props.children}
      </button>
      <Trouble error={doing.error} />
    </>
  );
}

export function Papers({ at, order, shop, secret }: Own) {
  const words = useWords();
  const format = useFormat(shop?.zone);
  const path = `${base(at)}/orders/${part(order.id)}/invoices`;
  const { data } = useQuery({
    queryKey: ['invoices', order.id, order.status, order.refunds.length],
    queryFn: async () => {
      try {
        return (await ask<Invoice[]>('GET', path, { secret })).data;
      } catch (error) {
        if (error instanceof Refusal && error.status === 404) return [];
        throw error;
      }
    },
    enabled: order.total > 0 && order.status !== 'pending',
    // Invoices are written a moment after what they are about.
    refetchInterval: (query) => (query.state.data?.length ? false : 5_000),
  });
  if (!data?.length) return null;
  return (
    <Part title={words.order.invoices}>
      <ul className="flex flex-col gap-2">
        {data.map((invoice) => {
          const title =
            invoice.kind === 'invoice'
              ? words.order.invoice(invoice.number)
              : words.order.creditNote(invoice.number);
          return (
            <li key={invoice.number} className="flex flex-wrap items-center justify-between gap-3 text-sm">
              <span>
                {title} <span className="text-soft">· {format.money(invoice.gross, invoice.currency)}</span>
              </span>
              <Download
                secret={secret}
                path={`${path}/${part(invoice.number)}/pdf`}
                name={`${invoice.number}.pdf`}
              >
                {words.order.pdf}
                <span className="sr-only">: {title}</span>
              </Download>
            </li>
          );
        })}
      </ul>
    </Part>
  );
}
