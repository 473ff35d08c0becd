// Asks for a link to a new password, and sets the password of whoever comes with one.
import { useMutation } from '@tanstack/react-query';
import { type SubmitEvent, useEffect, useState } from 'react';
import { Link } from 'react-router';
import { ask } from '../server/http';
import { Button, Field, Said, Trouble } from '../ui/basics';
import { textOf } from '../ui/form';
import { useWords } from '../words/words';
import { Entrance } from './Entrance';

export default function ResetPassword() {
  const [token] = useState(() => new URLSearchParams(window.location.hash.slice(1)).get('token'));
  useEffect(() => {
    // The token must not stay in the history of the browser.
    if (token) window.history.replaceState(null, '', window.location.pathname);
  }, [token]);
  return token ? <Choose token={token} /> : <AskFor />;
}

function AskFor() {
  const words = useWords();
  const request = useMutation({
    mutationFn: (email: string) => ask('POST', '/v1/password-resets', { body: { email } }),
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    request.mutate(textOf(new FormData(event.currentTarget), 'email'));
  };
  return (
    <Entrance title={words.reset.title}>
      <form onSubmit={submit} className="space-y-4">
        <p className="text-soft text-sm">{words.reset.text}</p>
        <Field label={words.signIn.email} name="email" type="email" autoComplete="username" required />
        <Trouble error={request.error} />
        <Said>{request.isSuccess && words.reset.sent}</Said>
        <Button type="submit" look="main" className="w-full" disabled={request.isPending}>
          {words.reset.submit}
        </Button>
        <Link to="/sign-in" className="link inline-block text-sm">
          {words.signIn.linkAgain}
        </Link>
      </form>
    </Entrance>
  );
}

/** The shortest password that the server takes, characters. */
const PASSWORD_MIN = 12;

function Choose({ token }: { token: string }) {
  const words = useWords();
  const set = useMutation({
    mutationFn: (password: string) => ask('PUT', '/v1/password-resets', { body: { token, password } }),
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    set.mutate(textOf(new FormData(event.currentTarget), 'password'));
  };
  return (
    <Entrance title={words.reset.choose}>
      {set.isSuccess ? (
        <>
          <Said>{words.reset.done}</Said>
          <Link to="/sign-in" className="button button-main mt-4 w-full">
            {words.signIn.submit}
          </Link>
        </>
      ) : (
        <form onSubmit={submit} className="space-y-4">
          <Field
            label={words.reset.password}
            name="password"
            type="password"
            autoComplete="new-password"
            minLength={PASSWORD_MIN}
            hint={words.reset.passwordHint}
            required
          />
          <Trouble error={set.error} />
          <Button type="submit" look="main" className="w-full" disabled={set.isPending}>
            {words.reset.set}
          </Button>
        </form>
      )}
    </Entrance>
  );
}
