// Something that an organizer sets: read with its tag, changed by a form, both sides shown when two change it.
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useSearchParams } from 'react-router';
import type { Read } from '../server/queries';
import { Button, Field, Trouble } from '../ui/basics';
import { useChange } from '../ui/change';
import { ConflictOf, type Difference } from '../ui/Conflict';
import { useWords } from '../words/words';
import { faultsOf } from './fields';
import { useOffice } from './office';
import { key, setting } from './server';
import { useBoxWords } from './words';

/** What is edited on a page of several things: an id, `new`, or nothing. It stands in the address. */
export function useEdited(): [string | null, (edited: string | null) => void] {
  const [search, setSearch] = useSearchParams();
  const edit = (edited: string | null) => setSearch(edited === null ? {} : { edit: edited });
  return [search.get('edit'), edit];
}

/** Reads what is set at `path`, and shows `children` of it; null for what is not there yet. */
export function Seen<T>(props: { path: string; children: (seen: Read<T> | null) => ReactNode }) {
  const { org, event } = useOffice();
  const { data, error } = useQuery(setting<T>(org, event, props.path));
  if (data === undefined) return <Trouble error={error} />;
  return <div key={data?.tag ?? 'none'}>{props.children(data)}</div>;
}

export function useSetting<T extends object, Body extends object = T>(
  path: string,
  seen: Read<T> | null,
  onDone?: () => void,
) {
  const { org, event } = useOffice();
  const change = useChange<T, Body>({
    path,
    method: 'PUT',
    seen,
    kept: [key(org, event)],
    ...(onDone ? { onDone } : {}),
  });
  return { ...change, faultAt: faultsOf(change.error) };
}

/** A form of one thing: what another one changed meanwhile, the fields, what went wrong, and the buttons. */
export function Form<T extends object, Body extends object>(props: {
  change: ReturnType<typeof useChange<T, Body>>;
  differences: (now: T, yours: Body) => Difference[];
  submit: string;
  onSubmit: () => void;
  onCancel?: () => void;
  said?: ReactNode;
  children: ReactNode;
}) {
  const { change } = props;
  const words = useWords();
  return (
    <>
      <ConflictOf change={change} differences={props.differences} />
      <form
        className="space-y-5"
        onSubmit={(event) => {
          event.preventDefault();
          props.onSubmit();
        }}
      >
        {props.children}
        <Trouble error={change.error} />
        <div className="flex flex-wrap items-center gap-2">
          <Button type="submit" look="main" disabled={change.pending}>
            {props.submit}
          </Button>
          {props.onCancel && (
            <Button look="quiet" onClick={props.onCancel}>
              {words.cancel}
            </Button>
          )}
          {props.said}
        </div>
      </form>
    </>
  );
}

/** A short name from a title: what most people would have typed. */
export function shortNameOf(title: string): string {
  const plain = title
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase();
  return plain
    .replace(/ß/g, 'ss')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 14)
    .replace(/^-+|-+$/g, '');
}

/** The short name of a new thing: follows its title until somebody types one. */
export function useShortName(title: string) {
  const [typed, setTyped] = useState<string>();
  return [typed ?? shortNameOf(title), setTyped] as const;
}

export function ShortName({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const words = useBoxWords();
  return (
    <Field
      label={words.shortName}
      hint={words.shortNameHint}
      required
      pattern="[a-z0-9\-]{1,14}"
      autoComplete="off"
      value={value}
      onChange={({ target }) => onChange(target.value)}
    />
  );
}
