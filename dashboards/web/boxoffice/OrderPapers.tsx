// The papers of one order: its invoice and credit notes, and its mail, which can go out again.
import { useQuery } from '@tanstack/react-query';
import { address } from '../server/http';
import { Button, Card, NoData, Trouble } from '../ui/basics';
import { useAct } from './act';
import { InvoiceTable } from './Invoices';
import { useOffice } from './office';
import type { OfOrder } from './OrderActions';
import { below, type InvoiceRow, once } from './organization';
import { at } from './server';
import { useBoxWords } from './words';

export function Papers({ order, onDone }: OfOrder) {
  const words = useBoxWords();
  const { org, event } = useOffice();
  const path = address(below.invoices(org), { event, order: order.id });
  const { data } = useQuery(once<InvoiceRow[]>(org, path, true));
  const again = useAct(`${at.order(org, event, order.id)}/letters`, () => onDone(words.order.mailed));
  return (
    <Card
      title={words.order.papers}
      aside={
        <Button disabled={again.isPending} onClick={() => again.mutate(undefined)}>
          {words.order.mail}
        </Button>
      }
    >
      <Trouble error={again.error} />
      {data && data.length > 0 ? (
        <InvoiceTable organization={org} rows={data} />
      ) : (
        <NoData>{words.invoices.none}</NoData>
      )}
    </Card>
  );
}
