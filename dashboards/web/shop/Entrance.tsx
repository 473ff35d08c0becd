// The way into the shop of an event that is not for everybody: its password, or the invitation of the link that was opened.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { useSearchParams } from 'react-router';
import { address, ask, part, Refusal } from '../server/http';
import { Missing } from './Missing';
import type { At } from './server';
import { Field, Heading, Note, reasonOf, Trouble, useDoing } from './ui';
import { useWords } from './words/speaking';

interface Way {
  asks: 'password' | 'invitation';
}

type Key = { password: string } | { invitation: string };

export function Entrance({ at }: { at: At }) {
  const words = useWords();
  const [search] = useSearchParams();
  const invitation = search.get('invitation') ?? '';
  const base = `/v1/programmes/${part(at.seller)}/${part(at.event)}`;
  const way = useQuery({
    queryKey: ['entrance', at.seller, at.event, invitation],
    queryFn: async ({ signal }) => {
      try {
        return (await ask<Way>('GET', address(`${base}/entrance`, { invitation }), { signal })).data;
      } catch (error) {
        if (error instanceof Refusal && error.status === 404) return null;
        throw error;
      }
    },
  });
  if (way.isPending) return <p role="status">{words.loading}</p>;
  if (!way.data) return way.error ? <Trouble error={way.error} /> : <Missing />;
  return way.data.asks === 'password' ? (
    <Password base={base} />
  ) : (
    <Invitation base={base} text={invitation} />
  );
}

/** Shows a key, and has everything asked again that was refused without it: the browser keeps the pass. */
function useEntering(base: string): (key: Key) => Promise<void> {
  const client = useQueryClient();
  return async (key) => {
    await ask('POST', `${base}/passes`, { body: key });
    await client.invalidateQueries();
  };
}

function Password({ base }: { base: string }) {
  const words = useWords();
  const doing = useDoing();
  const enter = useEntering(base);
  const field = useRef<HTMLFormElement>(null);
  const [password, setPassword] = useState('');
  const isWrong = reasonOf(doing.error) === 'key_wrong';
  const open = async () => {
    try {
      await enter({ password });
    } catch (error) {
      field.current?.querySelector('input')?.focus();
      throw error;
    }
  };
  return (
    <div className="card mx-auto max-w-md p-5 sm:p-6">
      <Heading title={words.entrance.passwordTitle} />
      <form
        ref={field}
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault();
          if (password) doing.run(open);
        }}
      >
        <Field
          label={words.entrance.password}
          hint={words.entrance.passwordText}
          type="password"
          autoComplete="off"
          autoFocus
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
          error={isWrong ? words.entrance.wrong : undefined}
        />
        {!isWrong && <Trouble error={doing.error} />}
        <button type="submit" className="button button-main button-wide" disabled={doing.busy}>
          {words.entrance.open}
        </button>
      </form>
    </div>
  );
}

function Invitation({ base, text }: { base: string; text: string }) {
  const words = useWords();
  const doing = useDoing();
  const enter = useEntering(base);
  const isUsed = reasonOf(doing.error) === 'invitation_gone';
  return (
    <div className="card mx-auto flex max-w-md flex-col gap-4 p-5 sm:p-6">
      <Heading title={words.entrance.invitationTitle}>
        <p className="mt-2">{words.entrance.invitationText}</p>
      </Heading>
      {isUsed ? (
        <Note tone="bad" role="alert">
          {words.entrance.used}
        </Note>
      ) : (
        <Trouble error={doing.error} />
      )}
      <button
        type="button"
        className="button button-main button-wide"
        disabled={doing.busy}
        onClick={() => doing.run(() => enter({ invitation: text }))}
      >
        {words.entrance.comeIn}
      </button>
    </div>
  );
}
