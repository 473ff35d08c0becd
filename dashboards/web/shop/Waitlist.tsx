// Waiting for what is sold out.
import { useEffect, useId, useRef, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { ask } from '../server/http';
import { base, home, type At } from './server';
import { Field, Note, Trouble, useDoing, useDraft } from './ui';
import { useLanguage, useWords } from './words/speaking';
import { newId, once, tab } from './wishes';

/** How many one entry may wait for, as a choice. */
const PARTY_MAX = 10;

export function JoinWaitlist(props: {
  at: At;
  product: string;
  variation: string | undefined;
  title: string;
  currency: string;
  most: number;
  /** Whether an address that names the product means this one. */
  wanted: boolean;
}) {
  const { at, product, variation, title } = props;
  const words = useWords();
  const doing = useDoing();
  const { language } = useLanguage();
  const partyId = useId();
  const [search] = useSearchParams();
  // The event's page leads here with what is sold out.
  const isNamed = props.wanted && search.get('wait') === product;
  const [open, setOpen] = useState(isNamed);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (isNamed) form.current?.scrollIntoView({ block: 'center' });
  }, [isNamed]);
  const [draft, edit] = useDraft('you', { email: '', name: '' });
  const [party, setParty] = useState(1);
  const [wrong, setWrong] = useState(false);
  const [joined, setJoined] = useState('');
  if (joined) {
    return (
      <div className="mt-3">
        <Note tone="good" role="status">
          {words.wait.joined}{' '}
          <Link className="underline" to={`${home(at)}/waitlist/${encodeURIComponent(joined)}`}>
            {words.wait.where}
          </Link>
        </Note>
      </div>
    );
  }
  if (!open) {
    return (
      <button type="button" className="button mt-3" onClick={() => setOpen(true)}>
        {words.wait.join}
        <span className="sr-only">: {title}</span>
      </button>
    );
  }
  const join = async () => {
    const body = {
      product,
      ...(variation ? { variation } : {}),
      party,
      currency: props.currency,
      contact: { ...draft, language },
    };
    const send = async (wish: string, sent: typeof body) =>
      (await ask<{ id: string }>('POST', `${base(at)}/waitlist`, { wish, body: sent })).data;
    const name = `wait/${at.seller}/${at.event}/${product}/${variation ?? ''}`;
    setJoined((await once(tab, name, body, send, newId)).id);
  };
  return (
    <form
      ref={form}
      noValidate
      aria-label={words.wait.title(title)}
      className="bg-sunk mt-3 flex flex-col gap-3 rounded-xl p-4"
      onSubmit={(submit) => {
        submit.preventDefault();
        const isWrong = !draft.email.includes('@');
        setWrong(isWrong);
        if (!isWrong) doing.run(join);
      }}
    >
      <p className="text-sm font-semibold">{words.wait.title(title)}</p>
      <p className="text-soft text-sm">{words.wait.text}</p>
      <Field
        label={words.checkout.email}
        type="email"
        autoComplete="email"
        autoFocus
        required
        value={draft.email}
        onChange={(event) => edit({ email: event.target.value })}
        error={wrong ? words.emailWrong : undefined}
      />
      <Field
        label={words.checkout.name}
        autoComplete="name"
        value={draft.name}
        onChange={(event) => edit({ name: event.target.value })}
      />
      <div>
        <label htmlFor={partyId} className="mb-1 block text-sm font-medium">
          {words.wait.party}
        </label>
        <select
          id={partyId}
          className="field w-auto"
          value={party}
          onChange={(event) => setParty(Number(event.target.value))}
        >
          {Array.from({ length: Math.min(props.most, PARTY_MAX) }, (_, n) => (
            <option key={n}>{n + 1}</option>
          ))}
        </select>
      </div>
      <Trouble error={doing.error} />
      <div className="flex gap-2">
        <button type="submit" className="button button-main" disabled={doing.busy}>
          {words.wait.join}
        </button>
        <button type="button" className="button" onClick={() => setOpen(false)}>
          {words.cancel}
        </button>
      </div>
    </form>
  );
}
