// Asks for a link to a new password, and sets the password of whoever comes with one.
import { useMutation } from '@tanstack/react-query';
import type { SubmitEvent } from 'react';
import { Link } from 'react-router';
import { ask } from '../server/http';
import { Button, Field, Said, Trouble } from '../ui/basics';
import { NewPassword } from '../ui/fields';
import { textOf } from '../ui/form';
import { useFragment } from '../ui/fragment';
import { useWords } from '../words/words';
import { Entrance } from './Entrance';

export default function ResetPassword() {
  const token = useFragment().get('token');
  return token ? <Choose key={token} token={token} /> : <AskFor />;
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
          <NewPassword label={words.reset.password} name="password" />
          <Trouble error={set.error} />
          <Button type="submit" look="main" className="w-full" disabled={set.isPending}>
            {words.reset.set}
          </Button>
        </form>
      )}
    </Entrance>
  );
}
