// Opens a one-time sign-in link: its token stands after `#`, which browsers send to nobody.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type SubmitEvent, useEffect, useRef, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { ask } from '../server/http';
import { me } from '../server/queries';
import { Button, Trouble } from '../ui/basics';
import { CodeField } from '../ui/fields';
import { codeOf } from '../ui/form';
import { useFragment } from '../ui/fragment';
import { useWords } from '../words/words';
import { Entrance } from './Entrance';
import { pathOf, wantsCode } from './SignIn';

export default function SignInLink() {
  const fragment = useFragment();
  return <Opened key={fragment.get('token')} fragment={fragment} />;
}

function Opened({ fragment }: { fragment: URLSearchParams }) {
  const words = useWords().signIn;
  const client = useQueryClient();
  const navigate = useNavigate();
  const token = fragment.get('token');
  const [withCode, setWithCode] = useState(false);
  const open = useMutation({
    mutationFn: (code: string) =>
      ask('POST', '/v1/logins/link', { body: { token, as: 'cookie', ...(code ? { code } : {}) } }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: me.queryKey });
      await navigate(pathOf(fragment.get('to')), { replace: true });
    },
    onError: (error) => {
      if (wantsCode(error)) setWithCode(true);
    },
  });
  const begun = useRef(false);
  const { mutate } = open;
  useEffect(() => {
    // Once: the link is good for one use, and React runs effects twice in development.
    if (begun.current || !token) return;
    begun.current = true;
    mutate('');
  }, [mutate, token]);
  if (withCode) {
    const submit = (event: SubmitEvent<HTMLFormElement>) => {
      event.preventDefault();
      mutate(codeOf(new FormData(event.currentTarget)));
    };
    return (
      <Entrance title={words.title}>
        <form onSubmit={submit} className="space-y-4">
          <CodeField />
          <Trouble error={open.error} />
          <Button type="submit" look="main" className="w-full" disabled={open.isPending}>
            {words.submit}
          </Button>
        </form>
      </Entrance>
    );
  }
  const text = !token ? words.linkMissing : open.error ? words.linkRefused : words.link;
  return (
    <Entrance title={words.title}>
      <p role="status" className="text-sm">
        {text}
      </p>
      {(!token || open.error) && (
        <Link to="/sign-in" className="link mt-4 inline-block text-sm">
          {words.linkAgain}
        </Link>
      )}
    </Entrance>
  );
}
