// Small parts of the shop's pages.
import { useEffect, useId, useRef, useState, type ComponentProps, type ReactNode } from 'react';
import { Refusal } from '../server/http';
import { useWords } from './words/speaking';
import type { Words } from './words/en';

/** The first heading of a page, which also names the browser's tab. */
export function Heading({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <header className="mb-5">
      <title>{title}</title>
      <h1 className="text-2xl font-semibold tracking-tight sm:text-3xl">{title}</h1>
      {children}
    </header>
  );
}

/** A part of a page with a heading of its own. */
export function Part(props: { title: string; hint?: string; className?: string; children: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={`card p-4 sm:p-6 ${props.className ?? ''}`}>
      <h2 id={id} className="text-lg font-semibold">
        {props.title}
      </h2>
      {props.hint && <p className="text-soft mt-0.5 text-sm">{props.hint}</p>}
      <div className="mt-4">{props.children}</div>
    </section>
  );
}

export function Field(
  props: ComponentProps<'input'> & { label: string; hint?: string; error?: string | undefined },
) {
  const { label, hint, error, className, ...rest } = props;
  const id = useId();
  const words = useWords();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  return (
    <div className={className ?? ''}>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
        {!rest.required && <span className="text-soft font-normal"> ({words.optional})</span>}
      </label>
      <input
        id={id}
        className="field min-h-12 text-base"
        {...(error ? { 'aria-invalid': true } : {})}
        {...(described ? { 'aria-describedby': described } : {})}
        {...rest}
      />
      {hint && (
        <p id={`${id}-hint`} className="text-soft mt-1 text-xs">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="text-bad mt-1 text-sm">
          {error}
        </p>
      )}
    </div>
  );
}

/** What is said aside, in a tone; the tone never says anything alone. */
export function Note(props: {
  tone: 'good' | 'warn' | 'bad' | 'plain';
  role?: 'alert' | 'status';
  children: ReactNode;
}) {
  const tones = {
    good: 'bg-good-sunk text-good',
    warn: 'bg-warn-sunk text-warn',
    bad: 'bg-bad-sunk text-bad',
    plain: 'bg-sunk text-ink',
  };
  return (
    <div role={props.role} className={`note ${tones[props.tone]}`}>
      {props.children}
    </div>
  );
}

export function Badge({ tone, children }: { tone?: 'good' | 'warn' | 'bad'; children: ReactNode }) {
  const tones = {
    good: 'bg-good-sunk text-good',
    warn: 'bg-warn-sunk text-warn',
    bad: 'bg-bad-sunk text-bad',
    plain: 'bg-sunk text-soft',
  };
  return (
    <span className={`inline-flex rounded-full px-2.5 py-0.5 text-xs font-medium ${tones[tone ?? 'plain']}`}>
      {children}
    </span>
  );
}

/** What went wrong, in words that a buyer can act on. */
export function Trouble({ error }: { error: unknown }) {
  const words = useWords();
  if (!error) return null;
  return (
    <Note tone="bad" role="alert">
      {troubleText(error, words)}
    </Note>
  );
}

/** The rules' sentence, in the buyer's language. */
export function troubleText(error: unknown, words: Words): string {
  if (!(error instanceof Refusal)) return words.failed.title;
  const { reason } = error.problem;
  const known = words.failed.reasons[reason ?? ''];
  if (typeof known === 'string') return known;
  if (known) return known(/\d+(?!.*\d)/.exec(error.message)?.[0] ?? '');
  if (error.status === 0) return words.failed.unreachable;
  if (error.code === 'rate_limited') return words.failed.rate_limited;
  if (error.status >= 500) return words.failed.title;
  const fields = error.problem.fields?.map((wrong) => `${wrong.field}: ${wrong.problem}`) ?? [];
  return [error.message.charAt(0).toUpperCase() + error.message.slice(1), ...fields].join(' · ');
}

/** Why a box office refused, as a word that stays; empty for anything else. */
export const reasonOf = (error: unknown): string =>
  error instanceof Refusal ? (error.problem.reason ?? '') : '';

/** One thing at a time: a second click while the first is on its way does nothing. */
export function useDoing(): {
  busy: boolean;
  error: unknown;
  run: (work: () => Promise<void>) => void;
  clear: () => void;
} {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  // State is seen a moment later; two clicks may come before that.
  const running = useRef(false);
  const run = (work: () => Promise<void>) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setError(null);
    work()
      .catch((problem: unknown) => setError(problem))
      .finally(() => {
        running.current = false;
        setBusy(false);
      });
  };
  return { busy, error, run, clear: () => setError(null) };
}

/** Seconds until an instant of the server, whose clock is `ahead` milliseconds ahead of ours; at least 0. */
export function useLeft(until: string | null | undefined, ahead: number): number {
  const [now, tick] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => tick(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return until ? Math.max(0, Math.ceil((Date.parse(until) - now - ahead) / 1_000)) : 0;
}

/** `12:34`, or `1:02:03`. */
export function clock(seconds: number): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** A text that is kept for the tab while somebody fills in a form. */
export function useDraft<T extends object>(name: string, empty: T): [T, (change: Partial<T>) => void] {
  const key = `eventra-draft/${name}`;
  const [draft, setDraft] = useState<T>(() => {
    try {
      return { ...empty, ...(JSON.parse(sessionStorage.getItem(key) ?? '{}') as Partial<T>) };
    } catch {
      return empty;
    }
  });
  const change = (part: Partial<T>) =>
    setDraft((before) => {
      const next = { ...before, ...part };
      try {
        sessionStorage.setItem(key, JSON.stringify(next));
      } catch {
        // Kept by the page alone.
      }
      return next;
    });
  return [draft, change];
}
