// A list of things that are set, and the form of one of them beside it: which one stands in the address.
import { Fragment, type ReactNode, useState } from 'react';
import type { Read } from '../server/queries';
import { Button, Said } from '../ui/basics';
import { useWords } from '../words/words';
import { Seen, useEdited } from './setting';

/** What the form of a thing is given. */
export interface OfForm<T> {
  /** Its id; none for a new one. */
  id?: string;
  seen: Read<T> | null;
  onDone: () => void;
  onCancel?: () => void;
}

export interface Editing {
  edited: string | null;
  edit: (id: string | null) => void;
  /** How often something was saved since the page was opened. */
  saved: number;
  done: () => void;
}

export function useEditing(): Editing {
  const [edited, edit] = useEdited();
  const [saved, setSaved] = useState(0);
  const done = () => {
    setSaved(saved + 1);
    edit(null);
  };
  return { edited, edit, saved, done };
}

/** The button that opens the form of a new thing; nothing while a form is open. */
export function AddButton({ editing, children }: { editing: Editing; children: string }) {
  if (editing.edited !== null) return null;
  return (
    <Button look="main" onClick={() => editing.edit('new')}>
      {children}
    </Button>
  );
}

/** The list, and beside it the form of what is edited. */
export function Beside<T>(props: {
  editing: Editing;
  /** Where the thing of an id is read. */
  path: (id: string) => string;
  /** The columns while a form is open. */
  columns: string;
  /** Nothing is there yet: the form of the first thing is open, and cannot be closed. */
  first?: boolean;
  form: (of: OfForm<T>) => ReactNode;
  children: ReactNode;
}) {
  const { edited, edit, saved, done } = props.editing;
  const all = useWords();
  const shown = edited ?? (props.first ? 'new' : null);
  const close = props.first ? {} : { onCancel: () => edit(null) };
  return (
    <>
      <Said>{saved > 0 && edited === null && all.saved}</Said>
      <div className={shown === null ? '' : `grid grid-cols-1 items-start gap-4 ${props.columns}`}>
        <div className="min-w-0 space-y-4">{props.children}</div>
        {shown === 'new' && (
          <Fragment key={`new ${saved}`}>{props.form({ seen: null, onDone: done, ...close })}</Fragment>
        )}
        {shown !== null && shown !== 'new' && (
          <Seen<T> key={shown} path={props.path(shown)}>
            {(seen) => props.form({ id: shown, seen, onDone: done, ...close })}
          </Seen>
        )}
      </div>
    </>
  );
}
