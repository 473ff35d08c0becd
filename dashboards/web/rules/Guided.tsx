// The rules as forms: a section for each thing, an entry for each rule, faults beside their fields.
import { createContext, use, useState } from 'react';
import { Button, Card, Field as Input, Lines } from '../ui/basics';
import { linesOf } from '../ui/form';
import { useWords } from '../words/words';
import {
  conditionOf,
  conditionText,
  entriesOf,
  type Entry,
  entryOf,
  faultAt,
  type Faults,
  type Field,
  FRAUD,
  KINDS,
  LATENESS,
  LISTS,
  type Section,
  SECTIONS,
  set,
  type Thing,
} from './fields';

interface Around {
  faults: Faults;
  readOnly: boolean;
}

const Current = createContext<Around>({ faults: new Map(), readOnly: true });

export function Guided(props: Around & { document: Entry; onChange: (document: Entry) => void }) {
  const words = useWords().rules;
  const { document, onChange, faults, readOnly } = props;
  return (
    <Current value={{ faults, readOnly }}>
      <datalist id="kinds">
        {KINDS.map((kind) => (
          <option key={kind} value={kind} />
        ))}
      </datalist>
      <div className="space-y-4">
        {SECTIONS.map((section) => (
          <Card key={section} title={words.sections[section]}>
            <Fault text={faultAt(faults, section)} />
            <SectionOf
              section={section}
              value={document[section]}
              onChange={(value) => onChange(set(document, section, value))}
            />
          </Card>
        ))}
      </div>
    </Current>
  );
}

function SectionOf(props: { section: Section; value: unknown; onChange: (value: unknown) => void }) {
  const { section, value, onChange } = props;
  const of = LISTS[section];
  if (section === 'fraud') {
    return <Fields of={FRAUD} entry={entryOf(value)} path="fraud" onChange={onChange} />;
  }
  if (section === 'lateness') return <Lateness value={entryOf(value)} onChange={onChange} />;
  return <Rows thing={section} of={of ?? []} rows={entriesOf(value)} path={section} onChange={onChange} />;
}

/** Views by their names: shown as rows of which one field is the name. */
function Lateness({ value, onChange }: { value: Entry; onChange: (value: Entry) => void }) {
  const rows = Object.entries(value).map(([view, rest]) => ({ view, ...entryOf(rest) }));
  const change = (next: Entry[]) => {
    const named = next.map(({ view, ...rest }) => [typeof view === 'string' ? view : '', rest] as const);
    onChange(Object.fromEntries(named));
  };
  const pathOf = (place: number) => `lateness.${rows[place]?.view ?? ''}`;
  return (
    <Rows thing="lateness" of={LATENESS} rows={rows} pathOf={pathOf} path="lateness" onChange={change} />
  );
}

function Rows(props: {
  thing: Thing;
  of: readonly Field[];
  rows: Entry[];
  path: string;
  pathOf?: (place: number) => string;
  onChange: (rows: Entry[]) => void;
}) {
  const { thing, of, rows, path, onChange } = props;
  const words = useWords().rules;
  const { readOnly } = use(Current);
  // An entry keeps its name while others come and go, so that what is typed stays where it was typed.
  const [keys, setKeys] = useState(() => rows.map((_, place) => place));
  const [next, setNext] = useState(rows.length);
  const add = () => {
    setKeys([...keys, next]);
    setNext(next + 1);
    onChange([...rows, {}]);
  };
  const remove = (place: number) => {
    setKeys(keys.filter((_, at) => at !== place));
    onChange(rows.filter((_, at) => at !== place));
  };
  return (
    <div className="space-y-3">
      {rows.map((row, place) => (
        <Row
          key={keys[place] ?? place}
          of={of}
          row={row}
          thing={thing}
          path={props.pathOf?.(place) ?? `${path}[${place}]`}
          fresh={(keys[place] ?? 0) >= rows.length}
          onChange={(changed) => onChange(rows.map((known, at) => (at === place ? changed : known)))}
          onRemove={() => remove(place)}
        />
      ))}
      {!readOnly && <Button onClick={add}>{words.add(words.things[thing])}</Button>}
    </div>
  );
}

function Row(props: {
  of: readonly Field[];
  row: Entry;
  thing: Thing;
  path: string;
  fresh: boolean;
  onChange: (row: Entry) => void;
  onRemove: () => void;
}) {
  const { of, row, path, thing } = props;
  const words = useWords().rules;
  const { faults, readOnly } = use(Current);
  const wrong = faultAt(faults, path, true) !== undefined;
  const named = row[of[0]?.name ?? ''];
  const title = typeof named === 'string' && named !== '' ? named : words.things[thing];
  const [open, setOpen] = useState(named === undefined);
  return (
    <details
      className={`rounded-lg border p-3 ${wrong ? 'border-bad' : 'border-line'}`}
      open={open || wrong}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary className="min-h-6 cursor-pointer text-sm font-medium">{title}</summary>
      <div className="mt-3 space-y-3">
        <Fault text={faultAt(faults, path)} />
        <Fields of={of} entry={row} path={path} onChange={props.onChange} />
        {!readOnly && (
          <Button look="bad" onClick={props.onRemove}>
            {words.removeOne(title)}
          </Button>
        )}
      </div>
    </details>
  );
}

function Fields(props: {
  of: readonly Field[];
  entry: Entry;
  path: string;
  onChange: (entry: Entry) => void;
}) {
  const { of, entry, path, onChange } = props;
  const words = useWords().rules;
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      {of.map((field) =>
        field.kind === 'rows' ? (
          <fieldset key={field.name} className="min-w-0 sm:col-span-2">
            <legend className="mb-2 text-sm font-medium">{words.fields[field.name]}</legend>
            <Rows
              thing={field.thing}
              of={field.of}
              rows={entriesOf(entry[field.name])}
              path={`${path}.${field.name}`}
              onChange={(rows) => onChange({ ...entry, [field.name]: rows })}
            />
          </fieldset>
        ) : (
          <OneField
            key={field.name}
            field={field}
            value={entry[field.name]}
            path={`${path}.${field.name}`}
            onChange={(value) => onChange(set(entry, field.name, value))}
          />
        ),
      )}
    </div>
  );
}

interface OfField {
  field: Exclude<Field, { kind: 'rows' }>;
  value: unknown;
  path: string;
  onChange: (value: unknown) => void;
}

function OneField({ field, value, path, onChange }: OfField) {
  const words = useWords().rules;
  const { faults, readOnly } = use(Current);
  const many = field.kind === 'lines' || field.kind === 'condition' ? field.kind : null;
  const common = {
    label: words.fields[field.name] ?? field.name,
    error: faultAt(faults, path, many !== null),
    hint: words.hints[field.name] ?? (field.kind === 'lines' ? words.perLine : undefined),
    required: field.required ?? false,
    readOnly,
  };
  if (many) return <TextOf {...common} kind={many} value={value} onChange={onChange} />;
  if (field.kind === 'number') {
    return (
      <Input
        {...common}
        type="number"
        value={typeof value === 'number' ? value : ''}
        onChange={({ target }) => onChange(target.value === '' ? undefined : target.valueAsNumber)}
      />
    );
  }
  return (
    <Input
      {...common}
      value={typeof value === 'string' ? value : ''}
      autoComplete="off"
      spellCheck={field.name === 'reason' || field.name === 'title'}
      {...(field.suggest ? { list: field.suggest } : {})}
      onChange={({ target }) => onChange(target.value)}
    />
  );
}

/** Several lines: the text is kept as it is typed, since lines that are empty yet mean nothing in the document. */
function TextOf(props: {
  label: string;
  hint: string | undefined;
  error: string | undefined;
  required: boolean;
  readOnly: boolean;
  kind: 'lines' | 'condition';
  value: unknown;
  onChange: (value: unknown) => void;
}) {
  const { kind, value, onChange, ...rest } = props;
  const [text, setText] = useState(() =>
    kind === 'condition' ? conditionText(value) : Array.isArray(value) ? value.join('\n') : '',
  );
  return (
    <Lines
      {...rest}
      rows={Math.min(10, Math.max(2, text.split('\n').length))}
      value={text}
      onChange={({ target }) => {
        setText(target.value);
        onChange(kind === 'condition' ? conditionOf(target.value) : linesOf(target.value));
      }}
    />
  );
}

function Fault({ text }: { text: string | undefined }) {
  return text === undefined ? null : <p className="text-bad mb-2 text-sm">{text}</p>;
}
