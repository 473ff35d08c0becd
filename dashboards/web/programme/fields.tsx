// Fields that the forms of a programme share: times in RFC 3339, removal, links.
import { useState } from 'react';
import { useAct } from '../boxoffice/act';
import { Text } from '../boxoffice/fields';
import { useZone } from '../boxoffice/office';
import { Button, Confirm, Field, Lines, Trouble } from '../ui/basics';
import { entries } from '../ui/entries';
import { useWords } from '../words/words';
import { instantIn, localIn } from '../words/format';
import type { Link } from './server';
import { usePlanWords } from './words';

/** A time in RFC 3339, as clocks at the event show it; nothing is told of while the field is empty or half typed. */
export function Instant(props: {
  label: string;
  at: string;
  error?: string | undefined;
  hint?: string;
  onChange: (at: string) => void;
}) {
  const { at, onChange, ...rest } = props;
  const zone = useZone();
  const shown = at === '' ? '' : localIn(zone, new Date(at)).slice(0, 16);
  const [typed, setTyped] = useState({ text: shown, at });
  return (
    <Field
      {...rest}
      type="datetime-local"
      required
      value={typed.at === at ? typed.text : shown}
      onChange={({ target }) => {
        const read = target.value === '' ? at : instantIn(zone, target.value).toISOString();
        setTyped({ text: target.value, at: read });
        if (read !== at) onChange(read);
      }}
    />
  );
}

/** A text of several lines. */
export function Prose(props: {
  label: string;
  value: string;
  rows?: number;
  hint?: string;
  error?: string | undefined;
  onChange: (value: string) => void;
}) {
  const { onChange, ...rest } = props;
  return <Lines rows={4} {...rest} onChange={({ target }) => onChange(target.value)} />;
}

/** Removes the thing at `path`; what still names it refuses that. */
export function Remove({ path, title, onDone }: { path: string; title: string; onDone: () => void }) {
  const words = usePlanWords();
  const all = useWords();
  const act = useAct(path, onDone, 'DELETE');
  return (
    <div className="mt-4 space-y-2">
      <Confirm
        what={words.removeWhat(title)}
        disabled={act.isPending}
        onConfirm={() => act.mutate(undefined)}
      >
        {all.remove}
      </Confirm>
      <Trouble error={act.error} />
    </div>
  );
}

/** Takes one of a list out. */
export function TakeOut({ title, onClick }: { title: string; onClick: () => void }) {
  const words = usePlanWords();
  return (
    <Button aria-label={words.takeOut(title)} onClick={onClick}>
      <span aria-hidden>✕</span>
    </Button>
  );
}

/** Addresses with names. */
export function Links(props: {
  links: Link[];
  faultAt: (field: string) => string | undefined;
  onChange: (links: Link[]) => void;
}) {
  const words = usePlanWords().speakers;
  const list = entries(props.links, props.onChange);
  return (
    <fieldset className="space-y-3">
      <legend className="text-sm font-medium">{words.links}</legend>
      {props.links.map((one, place) => (
        <div key={place} className="flex items-end gap-2">
          <div className="grid flex-1 gap-3 sm:grid-cols-2">
            <Text
              label={words.linkTitle}
              value={one.title}
              error={props.faultAt(`links[${place}].title`)}
              onChange={(title) => list.put(place, { title })}
            />
            <Text
              label={words.url}
              required
              value={one.url}
              error={props.faultAt(`links[${place}].url`)}
              onChange={(url) => list.put(place, { url })}
            />
          </div>
          <TakeOut title={one.title || one.url} onClick={() => list.remove(place)} />
        </div>
      ))}
      <Button onClick={() => list.add({ title: '', url: '' })}>{words.addLink}</Button>
    </fieldset>
  );
}
