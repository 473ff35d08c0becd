// Small parts that every page is made of.
import { useId, useState, type ComponentProps, type ReactNode } from 'react';
import { Refusal } from '../server/http';
import { useWords } from '../words/words';
import type { Words } from '../words/en';

/** A part of a page with a heading. */
export function Card(props: {
  title: string;
  hint?: ReactNode;
  aside?: ReactNode;
  className?: string;
  children: ReactNode;
  level?: 2 | 3;
}) {
  const id = useId();
  const Heading = props.level === 3 ? 'h3' : 'h2';
  return (
    <section aria-labelledby={id} className={`card flex min-w-0 flex-col p-4 ${props.className ?? ''}`}>
      <header className="mb-3 flex flex-wrap items-baseline justify-between gap-x-3 gap-y-1">
        <div className="min-w-0">
          <Heading id={id} className="text-sm font-semibold">
            {props.title}
          </Heading>
          {props.hint !== undefined && <p className="text-soft text-xs">{props.hint}</p>}
        </div>
        {props.aside}
      </header>
      {props.children}
    </section>
  );
}

/** What stands where a figure would: nobody invents one. */
export function NoData({ children }: { children?: ReactNode }) {
  const words = useWords();
  return <p className="text-soft py-3 text-sm">{children ?? words.noData}</p>;
}

export function Button(props: ComponentProps<'button'> & { look?: 'main' | 'quiet' | 'bad' }) {
  const { look, className, type, ...rest } = props;
  const looks = { main: 'button-main', quiet: 'button-quiet', bad: 'button-bad' };
  return (
    <button
      type={type ?? 'button'}
      className={`button ${look ? looks[look] : ''} ${className ?? ''}`}
      {...rest}
    />
  );
}

interface Described {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  /** It narrows what is shown: that it may stay empty goes without saying. */
  filter?: boolean;
}

/** A label, hint and error around a field, bound to it for screen readers. */
function Labelled(
  props: Described & {
    className: string | undefined;
    required: boolean | undefined;
    children: (bound: { id: string; 'aria-invalid'?: true; 'aria-describedby'?: string }) => ReactNode;
  },
) {
  const { label, hint, error } = props;
  const id = useId();
  const words = useWords();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return (
    <div className={props.className ?? ''}>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
        {!props.required && !props.filter && (
          <span className="text-soft font-normal"> ({words.optional})</span>
        )}
      </label>
      {props.children({
        id,
        ...(error ? { 'aria-invalid': true } : {}),
        ...(described ? { 'aria-describedby': described } : {}),
      })}
      {hint && (
        <p id={`${id}-hint`} className="text-soft mt-1 text-xs">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="text-bad mt-1 text-xs">
          {error}
        </p>
      )}
    </div>
  );
}

/** A text field. */
export function Field(props: ComponentProps<'input'> & Described) {
  const { label, hint, error, filter = false, className, ...rest } = props;
  const described = { label, hint, error, filter };
  return (
    <Labelled {...described} className={className} required={rest.required}>
      {(bound) => <input className="field" {...bound} {...rest} />}
    </Labelled>
  );
}

/** A field of several lines. */
export function Lines(props: ComponentProps<'textarea'> & Described) {
  const { label, hint, error, className, ...rest } = props;
  return (
    <Labelled label={label} hint={hint} error={error} className={className} required={rest.required}>
      {(bound) => <textarea className="field font-mono" spellCheck={false} {...bound} {...rest} />}
    </Labelled>
  );
}

export function Choice(props: ComponentProps<'select'> & { label: string; hideLabel?: boolean }) {
  const { label, hideLabel, className, children, ...rest } = props;
  const id = useId();
  return (
    <div className={className ?? ''}>
      <label htmlFor={id} className={hideLabel ? 'sr-only' : 'mb-1 block text-sm font-medium'}>
        {label}
      </label>
      <select id={id} className="field" {...rest}>
        {children}
      </select>
    </div>
  );
}

/** What went wrong, in words that the person can act on. */
export function Trouble({ error }: { error: unknown }) {
  const words = useWords();
  if (!error) return null;
  return (
    <div role="alert" className="bg-bad-sunk text-bad rounded-lg px-3 py-2 text-sm">
      {troubleText(error, words)}
    </div>
  );
}

export function troubleText(error: unknown, words: Words): string {
  if (!(error instanceof Refusal)) return words.failed.title;
  const known = (words.failed as Record<string, unknown>)[error.code];
  const fields = error.problem.fields?.map((wrong) => `${wrong.field}: ${wrong.problem}`) ?? [];
  const text = typeof known === 'string' ? known : [firstUpper(error.message), ...fields].join(' · ');
  return error.retryAfter ? `${text} ${words.failed.retryIn(error.retryAfter)}` : text;
}

function firstUpper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A word with a colour; the colour never says anything alone. */
export function Badge({ tone, children }: { tone?: 'good' | 'warn' | 'bad' | 'plain'; children: ReactNode }) {
  const tones = {
    good: 'bg-good-sunk text-good',
    warn: 'bg-warn-sunk text-warn',
    bad: 'bg-bad-sunk text-bad',
    plain: 'bg-sunk text-soft',
  };
  return (
    <span
      className={`inline-flex items-center rounded-full px-2 py-0.5 text-xs font-medium ${tones[tone ?? 'plain']}`}
    >
      {children}
    </span>
  );
}

/** The first heading of a page, which also names the browser's tab. */
export function Heading(props: { title: string; hint?: ReactNode; aside?: ReactNode }) {
  return (
    <header className="mb-5 flex flex-wrap items-end justify-between gap-3">
      <title>{`${props.title} · Eventra`}</title>
      <div>
        <h1 className="text-2xl font-semibold tracking-tight">{props.title}</h1>
        {props.hint !== undefined && <p className="text-soft mt-1 text-sm">{props.hint}</p>}
      </div>
      {props.aside}
    </header>
  );
}

/** A table that scrolls inside itself when the screen is narrow; reachable by keyboard, as WCAG 2.1.1 wants. */
export function Table({ label, head, children }: { label: string; head: ReactNode; children: ReactNode }) {
  return (
    <div className="overflow-x-auto" tabIndex={0} role="group" aria-label={label}>
      <table className="w-full border-collapse text-sm">
        <thead>
          <tr className="border-line border-b">{head}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

export function Th({ figure, children }: { figure?: boolean; children: ReactNode }) {
  return (
    <th scope="col" className={`cell-head ${figure ? 'figure' : ''}`}>
      {children}
    </th>
  );
}

/** Copies a text that is shown once. */
export function Secret({ label, text }: { label: string; text: string }) {
  const words = useWords();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
  };
  return (
    <div className="flex flex-wrap items-center gap-2">
      <code
        className="bg-sunk min-w-0 flex-1 rounded-lg px-3 py-2 text-sm break-all"
        aria-label={label}
        role="group"
      >
        {text}
      </code>
      <Button onClick={() => void copy()}>{copied ? words.copied : words.copy}</Button>
    </div>
  );
}

/** A button that asks once more before it does what cannot be undone. */
export function Confirm(props: {
  what: string;
  children: ReactNode;
  onConfirm: () => void;
  disabled?: boolean;
}) {
  const words = useWords();
  const [asked, setAsked] = useState(false);
  if (!asked) {
    return (
      <Button look="bad" onClick={() => setAsked(true)} disabled={props.disabled}>
        {props.children}
      </Button>
    );
  }
  return (
    <span
      className="inline-flex flex-wrap items-center gap-2"
      role="group"
      aria-label={words.sure(props.what)}
    >
      <Button
        look="bad"
        autoFocus
        onClick={() => {
          setAsked(false);
          props.onConfirm();
        }}
      >
        {words.sure(props.what)}
      </Button>
      <Button look="quiet" onClick={() => setAsked(false)}>
        {words.cancel}
      </Button>
    </span>
  );
}

/** What a screen reader is told politely, such as that something was saved. */
export function Said({ children }: { children: ReactNode }) {
  return (
    <p role="status" className="text-good min-h-5 text-sm">
      {children}
    </p>
  );
}

/** A bar of a share, with the number beside it wherever it is used. */
export function Bar({ share, tone }: { share: number; tone?: 'good' | 'warn' | 'bad' }) {
  const width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  const tones = { good: 'bg-good', warn: 'bg-warn', bad: 'bg-bad' };
  return (
    <div aria-hidden className="bg-sunk h-2 w-full overflow-hidden rounded-full">
      <div
        className={`h-full rounded-full transition-[width] duration-500 ${tone ? tones[tone] : 'bg-series-1'}`}
        style={{ width }}
      />
    </div>
  );
}
