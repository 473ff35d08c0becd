// One question of a form while it is edited: its words, the kind of its answer, when it is asked.
import { Check, Count, Text } from '../boxoffice/fields';
import type { Kind } from '../shop/forms';
import { Button, Choice, Lines } from '../ui/basics';
import { entries } from '../ui/entries';
import { TakeOut } from './fields';
import {
  type Asking,
  bounded,
  boundsOf,
  firstAnswer,
  type FormSpec,
  hasOptions,
  KINDS,
  ofKind,
  relabelled,
  unconditional,
  withName,
  withOption,
} from './questions';
import { usePlanWords } from './words';

type FaultAt = (field: string) => string | undefined;

interface OfQuestion {
  fields: Asking[];
  place: number;
  /** The form as it was read: answers that buyers have seen keep their values. */
  seen: FormSpec | undefined;
  faultAt: FaultAt;
  onChange: (fields: Asking[]) => void;
}

export function QuestionFields(props: OfQuestion & { onUp: () => void; onRemove: () => void }) {
  const { fields, place, onChange } = props;
  const plan = usePlanWords();
  const words = plan.forms;
  const field = fields[place];
  if (!field) return null;
  const faultAt = (part: string) => props.faultAt(`fields[${place}].${part}`);
  const set = (next: Asking) => onChange(fields.map((one) => (one.key === next.key ? next : one)));
  const title = field.label || words.field(place + 1);
  return (
    <fieldset className="bg-sunk/50 border-line space-y-3 rounded-lg border p-3">
      <legend className="sr-only">{title}</legend>
      <div className="flex items-start justify-between gap-2">
        <span aria-hidden className="text-soft pt-1.5 text-xs font-medium">
          {words.field(place + 1)}
        </span>
        <span className="flex gap-2">
          {place > 0 && (
            <Button aria-label={plan.up(title)} onClick={props.onUp}>
              <span aria-hidden>↑</span>
            </Button>
          )}
          {fields.length > 1 && <TakeOut title={title} onClick={props.onRemove} />}
        </span>
      </div>
      <div className="grid gap-3 sm:grid-cols-2">
        <Text
          className="sm:col-span-2"
          label={words.label}
          required
          value={field.label}
          error={faultAt('label')}
          onChange={(label) => onChange(relabelled(fields, field.key, label))}
        />
        <Choice
          label={words.kind}
          value={field.kind}
          onChange={({ target }) => set(ofKind(field, target.value as Kind))}
        >
          {KINDS.map((kind) => (
            <option key={kind} value={kind}>
              {words.kinds[kind]}
            </option>
          ))}
        </Choice>
        <Text
          label={words.id}
          hint={words.idHint}
          required
          pattern="[a-z0-9_]{1,40}"
          disabled={!field.fresh}
          value={field.id}
          error={faultAt('id')}
          onChange={(id) => onChange(withName(fields, field.key, id))}
        />
        <Text
          className="sm:col-span-2"
          label={words.help}
          value={field.help}
          error={faultAt('help')}
          onChange={(help) => set({ ...field, help })}
        />
        <Bounds field={field} faultAt={faultAt} onChange={set} />
      </div>
      {hasOptions(field.kind) && <Options {...props} field={field} error={faultAt('options')} />}
      <When fields={fields} place={place} faultAt={faultAt} onChange={set} />
      <Check
        label={words.required}
        checked={field.required}
        onChange={(required) => set({ ...field, required })}
      />
    </fieldset>
  );
}

/** The lowest and the highest, of numbers and of characters. */
function Bounds(props: { field: Asking; faultAt: FaultAt; onChange: (field: Asking) => void }) {
  const { field, faultAt } = props;
  const words = usePlanWords().forms;
  const of = boundsOf(field.kind);
  if (of === null) return null;
  const put = (name: 'min' | 'max', value: number | null) => props.onChange(bounded(field, name, value));
  return (['min', 'max'] as const).map((name) => (
    <Count
      key={name}
      label={words[name][of]}
      value={field[name] ?? null}
      error={faultAt(name)}
      onChange={(value) => put(name, value)}
    />
  ));
}

function Options(props: OfQuestion & { field: Asking; error: string | undefined }) {
  const { fields, field, seen, onChange } = props;
  const words = usePlanWords().forms;
  const known = field.fresh
    ? []
    : (seen?.fields.find((one) => one.id === field.id)?.options ?? []).map((one) => one.value);
  const list = entries(field.options, (options) =>
    onChange(fields.map((one) => (one.key === field.key ? { ...one, options } : one))),
  );
  // An answer gets its value with its first word; until then it has one of its own, which nobody has seen.
  const add = () => list.add({ value: `answer_${field.options.length + 1}`, label: '' });
  return (
    <fieldset className="space-y-2">
      <legend className="text-sm font-medium">{words.options}</legend>
      {field.options.map((option, place) => (
        <div key={place} className="flex items-end gap-2">
          <Text
            className="flex-1"
            label={words.option(place + 1)}
            required
            value={option.label}
            onChange={(label) => onChange(withOption(fields, field.key, place, label, known))}
          />
          {field.options.length > 1 && (
            <TakeOut title={option.label || words.option(place + 1)} onClick={() => list.remove(place)} />
          )}
        </div>
      ))}
      {props.error !== undefined && <p className="text-bad text-xs">{props.error}</p>}
      <Button onClick={add}>{words.addOption}</Button>
    </fieldset>
  );
}

/** After which answer to a question before it one is asked. */
function When(props: {
  fields: Asking[];
  place: number;
  faultAt: FaultAt;
  onChange: (field: Asking) => void;
}) {
  const { fields, place, faultAt, onChange } = props;
  const words = usePlanWords().forms;
  const field = fields[place];
  const before = fields.slice(0, place);
  if (!field || before.length === 0) return null;
  const other = before.find((one) => one.id === field.when?.field);
  const choose = (id: string) => {
    const chosen = before.find((one) => one.id === id);
    onChange(chosen ? { ...field, when: { field: id, is: firstAnswer(chosen) } } : unconditional(field));
  };
  const say = (is: string[]) => field.when && onChange({ ...field, when: { ...field.when, is } });
  return (
    <div className="grid items-start gap-3 sm:grid-cols-2">
      <div>
        <Choice label={words.when} value={other?.id ?? ''} onChange={({ target }) => choose(target.value)}>
          <option value="">{words.always}</option>
          {before.map((one) => (
            <option key={one.key} value={one.id}>
              {words.after(one.label || one.id)}
            </option>
          ))}
        </Choice>
        {faultAt('when.field') !== undefined && <p className="text-bad text-xs">{faultAt('when.field')}</p>}
      </div>
      {other && field.when && (
        <Answers other={other} is={field.when.is} error={faultAt('when.is')} onChange={say} />
      )}
    </div>
  );
}

function Answers(props: {
  other: Asking;
  is: string[];
  error: string | undefined;
  onChange: (is: string[]) => void;
}) {
  const { other, is, error, onChange } = props;
  const words = usePlanWords().forms;
  const options = other.kind === 'consent' ? [{ value: 'yes', label: words.yes }] : other.options;
  if (options.length === 0) {
    return (
      <Lines
        label={words.is}
        hint={words.isHint}
        required
        rows={2}
        value={is.join('\n')}
        error={error}
        onChange={({ target }) => onChange(target.value.split('\n'))}
      />
    );
  }
  return (
    <fieldset className="space-y-1">
      <legend className="mb-1 text-sm font-medium">{words.is}</legend>
      {options.map((option) => (
        <Check
          key={option.value}
          label={option.label || option.value}
          checked={is.includes(option.value)}
          onChange={(on) =>
            onChange(
              options
                .map((one) => one.value)
                .filter((value) => (value === option.value ? on : is.includes(value))),
            )
          }
        />
      ))}
      {error !== undefined && <p className="text-bad text-xs">{error}</p>}
    </fieldset>
  );
}
