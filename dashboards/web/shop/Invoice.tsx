// Whom an invoice is made out to, for those who need more on it than their name.
import { Field } from './ui';
import { useId } from 'react';
import { useWords } from './words/speaking';

export interface Wanted {
  wanted: boolean;
  company: string;
  address: string;
  tax: string;
}

export const NO_INVOICE: Wanted = { wanted: false, company: '', address: '', tax: '' };

/** What the server takes of an address, bytes; letters of most languages take two. */
const ADDRESS_MAX = 400;

/** What is sent of it: the first lines of an invoice are whose it is. */
export function invoiceOf(invoice: Wanted): { address?: string; tax_id?: string } {
  if (!invoice.wanted) return {};
  const lines = [invoice.company, ...invoice.address.split('\n')].map((line) => line.trim()).filter(Boolean);
  const tax = invoice.tax.trim();
  return { ...(lines.length > 0 ? { address: lines.join('\n') } : {}), ...(tax ? { tax_id: tax } : {}) };
}

export function InvoiceFields(props: {
  invoice: Wanted;
  edit: (change: Partial<Wanted>) => void;
  /** What is wrong with the address. */
  wrong: string | undefined;
}) {
  const { invoice, edit, wrong } = props;
  const words = useWords();
  const id = useId();
  return (
    <div className="flex flex-col gap-4">
      <label className="flex min-h-11 items-start gap-3 text-sm">
        <input
          type="checkbox"
          className="mt-0.5 size-5 shrink-0"
          checked={invoice.wanted}
          onChange={(event) => edit({ wanted: event.target.checked })}
        />
        <span>
          {words.checkout.invoice.want}
          <span className="text-soft block text-xs">{words.checkout.invoice.hint}</span>
        </span>
      </label>
      {invoice.wanted && (
        <>
          <Field
            label={words.checkout.invoice.company}
            autoComplete="organization"
            maxLength={200}
            value={invoice.company}
            onChange={(event) => edit({ company: event.target.value })}
          />
          <div>
            <label htmlFor={id} className="mb-1 block text-sm font-medium">
              {words.checkout.invoice.address}
            </label>
            <textarea
              id={id}
              required
              className="field min-h-28 text-base"
              autoComplete="street-address"
              maxLength={ADDRESS_MAX}
              aria-describedby={`${id}-hint${wrong ? ` ${id}-wrong` : ''}`}
              {...(wrong ? { 'aria-invalid': true } : {})}
              value={invoice.address}
              onChange={(event) => edit({ address: event.target.value })}
            />
            <p id={`${id}-hint`} className="text-soft mt-1 text-xs">
              {words.checkout.invoice.addressHint}
            </p>
            {wrong && (
              <p id={`${id}-wrong`} className="text-bad mt-1 text-sm">
                {wrong}
              </p>
            )}
          </div>
          <Field
            label={words.checkout.invoice.tax}
            autoComplete="off"
            maxLength={64}
            value={invoice.tax}
            onChange={(event) => edit({ tax: event.target.value })}
          />
        </>
      )}
    </div>
  );
}
