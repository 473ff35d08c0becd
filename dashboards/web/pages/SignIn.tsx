// Sign in by password and second factor, or with a provider that the server knows.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { Link, Navigate, useSearchParams } from 'react-router';
import { address, ask, part, Refusal } from '../server/http';
import { me, providers } from '../server/queries';
import { Button, Field, Said, Trouble } from '../ui/basics';
import { CodeField } from '../ui/fields';
import { codeOf } from '../ui/form';
import { useWords } from '../words/words';
import { Entrance } from './Entrance';

/** Only paths of our own pages: `//host` would lead away. */
export function pathOf(to: string | null): string {
  return to && /^\/(?![/\\])/.test(to) ? to : '/';
}

/** Whether the server asks for (another) code of the second factor. */
export const wantsCode = (error: unknown) =>
  error instanceof Refusal && ['second_factor_needed', 'second_factor_wrong'].includes(error.code);

/** What a provider's answer led to stands in the address. */
function refusalIn(parameters: URLSearchParams): Refusal | null {
  const code = parameters.get('problem');
  return code ? new Refusal(403, { code }) : null;
}

export function SignIn() {
  const words = useWords().signIn;
  const client = useQueryClient();
  const [parameters] = useSearchParams();
  const to = pathOf(parameters.get('to'));
  const person = useQuery(me).data;
  const [withCode, setWithCode] = useState(false);
  const signIn = useMutation({
    mutationFn: (body: object) => ask('POST', '/v1/logins', { body: { ...body, as: 'cookie' } }),
    onSuccess: () => client.invalidateQueries({ queryKey: me.queryKey }),
    onError: (error) => {
      if (wantsCode(error)) setWithCode(true);
    },
  });
  if (person) return <Navigate to={to} replace />;
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const code = codeOf(form);
    signIn.mutate({ email: form.get('email'), password: form.get('password'), ...(code ? { code } : {}) });
  };
  const asking = signIn.error instanceof Refusal && signIn.error.code === 'second_factor_needed';
  return (
    <Entrance title={words.title}>
      <form onSubmit={submit} className="space-y-4">
        {parameters.has('out') && !signIn.error && <Said>{words.signedOut}</Said>}
        <Field label={words.email} name="email" type="email" autoComplete="username" required />
        <Field
          label={words.password}
          name="password"
          type="password"
          autoComplete="current-password"
          required
        />
        {withCode && <CodeField />}
        {!asking && <Trouble error={signIn.error ?? refusalIn(parameters)} />}
        <Button type="submit" look="main" className="w-full" disabled={signIn.isPending}>
          {words.submit}
        </Button>
        <p className="text-sm">
          <Link to="/reset-password" className="link">
            {words.forgot}
          </Link>
        </p>
      </form>
      <Providers to={to} />
    </Entrance>
  );
}

function Providers({ to }: { to: string }) {
  const words = useWords().signIn;
  const offered = useQuery(providers).data?.providers ?? [];
  if (offered.length === 0) return null;
  return (
    <div className="border-line mt-5 space-y-2 border-t pt-4">
      {offered.map((provider) => (
        <a
          key={provider.id}
          className="button w-full"
          href={address(`/v1/oidc/${part(provider.id)}`, { return_to: to })}
        >
          {words.with(provider.name)}
        </a>
      ))}
    </div>
  );
}
