// The organization's papers: invoices and credit notes in their gapless series, statements, and how they are written.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useParams, useSearchParams } from 'react-router';
import { address, part } from '../server/http';
import { useRows } from '../server/rows';
import { Badge, Button, Card, Field, Heading, Lines, NoData, Said, Table, Th, Trouble } from '../ui/basics';
import { More } from '../ui/More';
import { useFormat, useWords } from '../words/words';
import { Count, faultsOf } from './fields';
import { below, type InvoiceRow, type Invoicing, keyOf, once } from './organization';
import { useWish } from './wishes';
import { useBoxWords } from './words';

const KINDS = ['invoice', 'credit_note'] as const;

export default function Invoices() {
  const words = useBoxWords();
  const { organization = '' } = useParams();
  const [asked, setAsked] = useSearchParams();
  const kind = KINDS.find((one) => one === asked.get('kind'));
  const list = useRows<InvoiceRow>(
    [...keyOf(organization), 'invoices'],
    address(below.invoices(organization), { kind }),
  );
  const invoicing = useQuery(once<Invoicing>(organization, below.invoicing(organization)));
  return (
    <>
      <Heading title={words.invoices.title} hint={words.invoices.hint} />
      <Trouble error={list.error ?? invoicing.error} />
      <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-[1fr_24rem]">
        <div className="min-w-0 space-y-4">
          <div role="group" aria-label={words.invoices.kind} className="flex flex-wrap gap-1.5">
            {([undefined, ...KINDS] as const).map((one) => (
              <button
                key={one ?? 'all'}
                type="button"
                aria-pressed={one === kind}
                className={`min-h-8 rounded-full border px-3 text-sm ${one === kind ? 'bg-fill border-transparent text-white' : 'border-field/60 bg-card hover:bg-sunk'}`}
                onClick={() => setAsked(one ? { kind: one } : {})}
              >
                {one ? words.invoices.kinds[one] : words.any}
              </button>
            ))}
          </div>
          <div className="card p-2">
            {list.rows?.length === 0 ? (
              <NoData>{words.invoices.none}</NoData>
            ) : (
              <InvoiceTable organization={organization} rows={list.rows ?? []} />
            )}
            <More of={list} />
          </div>
        </div>
        <div className="min-w-0 space-y-4">
          <Statements organization={organization} />
          {invoicing.data && (
            <Writing key={JSON.stringify(invoicing.data)} organization={organization} spec={invoicing.data} />
          )}
        </div>
      </div>
    </>
  );
}

export function InvoiceTable({ organization, rows }: { organization: string; rows: InvoiceRow[] }) {
  const words = useBoxWords();
  const format = useFormat();
  return (
    <Table
      label={words.invoices.title}
      head={
        <>
          <Th>{words.invoices.number}</Th>
          <Th>{words.invoices.kind}</Th>
          <Th>{words.invoices.date}</Th>
          <Th figure>{words.invoices.gross}</Th>
          <Th figure>{words.invoices.tax}</Th>
          <Th>{words.refunds.order}</Th>
          <Th>PDF</Th>
        </>
      }
    >
      {rows.map((row) => (
        <tr key={row.number}>
          <th scope="row" className="cell font-medium whitespace-nowrap">
            {row.number}
            {row.corrects && (
              <span className="text-soft block text-xs font-normal">
                {words.invoices.corrects(row.corrects)}
              </span>
            )}
          </th>
          <td className="cell">
            <Badge tone={row.kind === 'invoice' ? 'plain' : 'warn'}>{words.invoices.kinds[row.kind]}</Badge>
          </td>
          <td className="cell whitespace-nowrap">{row.date}</td>
          <td className="cell figure font-medium">
            {format.money(row.kind === 'invoice' ? row.gross : -row.gross, row.currency)}
          </td>
          <td className="cell figure">
            {format.money(row.kind === 'invoice' ? row.tax : -row.tax, row.currency)}
          </td>
          <td className="cell">
            <Link
              className="link font-mono"
              to={`/o/${part(organization)}/events/${part(row.event)}/box-office/orders/${part(row.order)}`}
              aria-label={words.orders.open(row.order.slice(-8).toUpperCase())}
            >
              {row.order.slice(-8).toUpperCase()}
            </Link>
          </td>
          <td className="cell">
            <a
              className="link"
              href={below.invoicePdf(organization, row.number)}
              aria-label={words.invoices.pdf(row.number)}
              download
            >
              PDF
            </a>
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Statements({ organization }: { organization: string }) {
  const words = useBoxWords().invoices;
  const [from, setFrom] = useState('');
  const [until, setUntil] = useState('');
  const file = (as: '.csv' | '.pdf') => address(below.statements(organization, as), { from, until });
  return (
    <Card title={words.statements} hint={words.statementsHint}>
      <div className="grid grid-cols-2 gap-3">
        <Field label={words.from} type="date" value={from} onChange={({ target }) => setFrom(target.value)} />
        <Field
          label={words.until}
          type="date"
          value={until}
          onChange={({ target }) => setUntil(target.value)}
        />
      </div>
      <div className="mt-3 flex gap-2">
        <a className="button" href={file('.pdf')} download>
          PDF
        </a>
        <a className="button" href={file('.csv')} download>
          CSV
        </a>
      </div>
    </Card>
  );
}

function Writing({ organization, spec }: { organization: string; spec: Invoicing }) {
  const all = useWords();
  const words = useBoxWords().invoices;
  const [draft, setDraft] = useState(spec);
  const [saved, setSaved] = useState(false);
  const save = useWish(organization, 'PUT', below.invoicing(organization), () => setSaved(true));
  const faultAt = faultsOf(save.error);
  const text = (field: keyof Omit<Invoicing, 'year_begins'>, label: string, hint?: string) => (
    <Field
      label={label}
      hint={hint}
      autoComplete="off"
      maxLength={200}
      value={draft[field]}
      error={faultAt(field)}
      onChange={({ target }) => setDraft({ ...draft, [field]: target.value })}
    />
  );
  const lines = (field: 'address' | 'note' | 'bank', label: string, hint?: string) => (
    <Lines
      label={label}
      hint={hint}
      rows={3}
      value={draft[field]}
      error={faultAt(field)}
      onChange={({ target }) => setDraft({ ...draft, [field]: target.value })}
    />
  );
  return (
    <Card title={words.writing} hint={words.writingHint}>
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate(draft);
        }}
      >
        {text('name', words.issuer)}
        {lines('address', words.address)}
        {text('tax_id', words.taxId)}
        {text('invoice_prefix', words.prefix, words.prefixHint)}
        {text('credit_prefix', words.creditPrefix)}
        <Count
          label={words.year}
          required
          min={1}
          max={12}
          value={draft.year_begins}
          error={faultAt('year_begins')}
          onChange={(month) => setDraft({ ...draft, year_begins: month ?? 1 })}
        />
        {lines('note', words.note)}
        {lines('bank', words.bank, words.bankHint)}
        <Trouble error={save.error} />
        <Said>{saved && all.saved}</Said>
        <Button type="submit" look="main" disabled={save.isPending}>
          {all.save}
        </Button>
      </form>
    </Card>
  );
}
