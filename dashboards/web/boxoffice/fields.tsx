// Fields that the forms of a box office share, and what the server found wrong at their place.
import { type ReactNode, useState } from 'react';
import { Refusal } from '../server/http';
import { Field } from '../ui/basics';
import { instantIn, localIn } from '../words/format';
import { amountText, countOf, inCurrency, minorOf, sharesOf, shareText } from './amounts';
import { useZone } from './office';
import type { Money } from './types';
import { useBoxWords } from './words';

/** What the server found wrong, by field as it names them: `tiers[0].prices`. */
export function faultsOf(error: unknown): (field: string) => string | undefined {
  const faults = error instanceof Refusal ? (error.problem.fields ?? []) : [];
  return (field) => {
    const found = faults.filter((one) => one.field === field || one.field.startsWith(`${field}[`));
    return found.map((one) => one.problem).join(' · ') || undefined;
  };
}

interface OfText {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: string | undefined;
  error?: string | undefined;
  required?: boolean;
  className?: string;
}

export function Text({
  onChange,
  ...props
}: OfText & { maxLength?: number; pattern?: string; disabled?: boolean; autoFocus?: boolean }) {
  return <Field {...props} autoComplete="off" onChange={({ target }) => onChange(target.value)} />;
}

/** What a field says that takes something else than texts: the text as typed, and what it stands for. */
function useTyped<T>(value: T, show: (value: T) => string, same: (a: T, b: T) => boolean) {
  const [typed, setTyped] = useState({ text: show(value), value });
  const text = same(typed.value, value) ? typed.text : show(value);
  return [text, (next: string, read: T) => setTyped({ text: next, value: read })] as const;
}

/** A whole number; null when nothing stands there. */
export function Count(
  props: Omit<OfText, 'value' | 'onChange'> & {
    value: number | null;
    onChange: (value: number | null) => void;
    min?: number;
    max?: number;
  },
) {
  const { value, onChange, ...rest } = props;
  return (
    <Field
      {...rest}
      type="number"
      inputMode="numeric"
      min={rest.min ?? 0}
      step={1}
      value={value ?? ''}
      onChange={({ target }) => onChange(countOf(target.value))}
    />
  );
}

/** A number of seconds, as minutes or hours. */
export function Long(
  props: Omit<OfText, 'value' | 'onChange'> & {
    seconds: number;
    unit: 60 | 3600;
    onChange: (seconds: number) => void;
  },
) {
  const { seconds, unit, onChange, ...rest } = props;
  return (
    <Field
      {...rest}
      type="number"
      inputMode="decimal"
      min={0}
      step="any"
      value={Number((seconds / unit).toFixed(3))}
      onChange={({ target }) => onChange(Math.round(Number(target.value) * unit))}
    />
  );
}

/** A share in hundredths of a percent. */
export function Share(
  props: Omit<OfText, 'value' | 'onChange'> & {
    points: number;
    onChange: (points: number) => void;
  },
) {
  const { points, onChange, error, ...rest } = props;
  const words = useBoxWords();
  const [wrong, setWrong] = useState(false);
  const [text, type] = useTyped(points, shareText, Object.is);
  return (
    <Field
      {...rest}
      inputMode="decimal"
      autoComplete="off"
      error={wrong ? words.shareWrong : error}
      value={text}
      onChange={({ target }) => {
        const read = sharesOf(target.value);
        target.setCustomValidity(read === null ? words.shareWrong : '');
        setWrong(read === null);
        type(target.value, read ?? points);
        if (read !== null) onChange(read);
      }}
    />
  );
}

/** The amount of one currency among several; none when the field is empty and need not be filled. */
export function Amount(
  props: Omit<OfText, 'value' | 'onChange'> & {
    amounts: Money[];
    currency: string;
    onChange: (amounts: Money[]) => void;
  },
) {
  const { amounts, currency, onChange, error, ...rest } = props;
  const words = useBoxWords();
  const [wrong, setWrong] = useState(false);
  const show = (minor: number | undefined) => (minor === undefined ? '' : amountText(minor, currency));
  const [text, type] = useTyped(inCurrency(amounts, currency), show, Object.is);
  const set = (typed: string, target: HTMLInputElement) => {
    const minor = minorOf(typed, currency);
    const isWrong = minor === null && typed.trim() !== '';
    target.setCustomValidity(isWrong ? words.amountWrong : '');
    setWrong(isWrong);
    const others = amounts.filter((one) => one.currency !== currency);
    type(typed, minor ?? undefined);
    onChange(minor === null ? others : [...others, { minor, currency }]);
  };
  return (
    <Field
      {...rest}
      inputMode="decimal"
      autoComplete="off"
      error={wrong ? words.amountWrong : error}
      value={text}
      onChange={({ target }) => set(target.value, target)}
    />
  );
}

/** A time in RFC 3339, as clocks at the event show it. */
export function Moment(
  props: Omit<OfText, 'value' | 'onChange'> & {
    at: string | null;
    onChange: (at: string | null) => void;
  },
) {
  const { at, onChange, ...rest } = props;
  const zone = useZone();
  const show = (value: string | null) => (value === null ? '' : localIn(zone, new Date(value)).slice(0, 16));
  const [text, type] = useTyped(at, show, Object.is);
  return (
    <Field
      {...rest}
      type="datetime-local"
      value={text}
      onChange={({ target }) => {
        const read = target.value === '' ? null : instantIn(zone, target.value).toISOString();
        type(target.value, read);
        onChange(read);
      }}
    />
  );
}

export function Check(props: {
  label: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}) {
  return (
    <label className="flex min-h-6 items-start gap-2 text-sm">
      <input
        type="checkbox"
        className="mt-0.5 size-4 shrink-0"
        checked={props.checked}
        disabled={props.disabled}
        onChange={({ target }) => props.onChange(target.checked)}
      />
      <span>{props.label}</span>
    </label>
  );
}

/** Some of a few things, by name. */
export function Several(props: {
  legend: string;
  hint?: string;
  all: { id: string; title: string }[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
}) {
  const { all, chosen } = props;
  return (
    <fieldset>
      <legend className="mb-1 text-sm font-medium">{props.legend}</legend>
      {props.hint !== undefined && <p className="text-soft mb-2 text-xs">{props.hint}</p>}
      <div className="max-h-56 space-y-1 overflow-y-auto">
        {all.map((one) => (
          <Check
            key={one.id}
            label={one.title}
            checked={chosen.includes(one.id)}
            onChange={(on) =>
              props.onChange(
                all.map(({ id }) => id).filter((id) => (id === one.id ? on : chosen.includes(id))),
              )
            }
          />
        ))}
      </div>
    </fieldset>
  );
}
