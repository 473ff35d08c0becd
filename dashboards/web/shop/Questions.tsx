// The questions of registration forms, each as its kind of field.
import { useId, useMemo } from 'react';
import { keyOf, questionsOf, type Answers, type Asked, type Question } from './forms';
import { titleOf } from './Totals';
import type { Position, Shop } from './types';
import { Field, Part } from './ui';
import { useFormat, useWords } from './words/speaking';

export function Questions(props: {
  shop: Shop;
  asked: Asked[];
  positions: readonly Position[];
  answers: Answers;
  /** What is wrong with answers, by their names. */
  wrong: Record<string, string>;
  edit: (answers: Answers) => void;
}) {
  const { shop, answers } = props;
  const titled = (asked: Asked) => {
    const position = asked.place === null ? undefined : props.positions[asked.place];
    if (!position) return asked.form.title;
    const number = props.asked.filter((one) => one.form.id === asked.form.id).indexOf(asked) + 1;
    return `${asked.form.title} · ${titleOf(shop, position.product, position.variation)} ${number}`;
  };
  return props.asked.map((asked) => (
    <Part key={`${asked.form.id} ${asked.place ?? ''}`} title={titled(asked)}>
      <div className="flex flex-col gap-4">
        {questionsOf(asked, answers).map((question) => {
          const key = keyOf(asked, question.id);
          return (
            <Asking
              key={key}
              question={question}
              answer={answers[key] ?? ''}
              wrong={props.wrong[key]}
              give={(answer) => props.edit({ ...answers, [key]: answer })}
            />
          );
        })}
      </div>
    </Part>
  ));
}

interface AskingProps {
  question: Question;
  answer: string;
  wrong: string | undefined;
  give: (answer: string) => void;
}

function Asking(props: AskingProps) {
  const { question, answer, wrong, give } = props;
  switch (question.kind) {
    case 'long_text':
      return <LongText {...props} />;
    case 'choice':
    case 'country':
      return <Selection {...props} />;
    case 'several':
      return <Several {...props} />;
    case 'consent':
      return <Consent {...props} />;
    default:
      return (
        <Field
          label={question.label}
          {...(question.help ? { hint: question.help } : {})}
          type={{ number: 'number', date: 'date', email: 'email', phone: 'tel', text: 'text' }[question.kind]}
          {...(question.kind === 'number' ? { min: question.min, max: question.max, step: 'any' } : {})}
          required={question.required}
          value={answer}
          error={wrong}
          onChange={(event) => give(event.target.value)}
        />
      );
  }
}

/** What stands around a field that is no simple one. */
function useBinding({ question, wrong }: AskingProps) {
  const id = useId();
  const words = useWords();
  const described = [question.help && `${id}-help`, wrong && `${id}-wrong`].filter(Boolean).join(' ');
  return {
    bound: {
      id,
      ...(wrong ? { 'aria-invalid': true as const } : {}),
      ...(described ? { 'aria-describedby': described } : {}),
    },
    mark: question.required ? '' : ` (${words.optional})`,
    below: (
      <>
        {question.help && (
          <p id={`${id}-help`} className="text-soft mt-1 text-xs">
            {question.help}
          </p>
        )}
        {wrong && (
          <p id={`${id}-wrong`} className="text-bad mt-1 text-sm">
            {wrong}
          </p>
        )}
      </>
    ),
  };
}

function LongText(props: AskingProps) {
  const { bound, mark, below } = useBinding(props);
  return (
    <div>
      <label htmlFor={bound.id} className="mb-1 block text-sm font-medium">
        {props.question.label}
        <span className="text-soft font-normal">{mark}</span>
      </label>
      <textarea
        {...bound}
        className="field min-h-28 text-base"
        value={props.answer}
        onChange={(event) => props.give(event.target.value)}
      />
      {below}
    </div>
  );
}

/** Countries by their names in the buyer's language: every code of ISO 3166-1 that the browser has a name for. */
function useCountries(isAsked: boolean): { value: string; label: string }[] {
  const { language } = useFormat();
  return useMemo(() => {
    if (!isAsked) return [];
    const names = new Intl.DisplayNames(language, { type: 'region', fallback: 'none' });
    const letters = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ');
    const codes = letters.flatMap((one) => letters.map((other) => one + other));
    // Codes that stand for unions, unknown places and tests are no countries.
    const known = codes.filter((code) => !['EU', 'EZ', 'UN', 'QO', 'XA', 'XB', 'ZZ'].includes(code));
    const named = known.flatMap((value) => {
      const label = names.of(value);
      return label ? [{ value, label }] : [];
    });
    return named.sort((a, b) => a.label.localeCompare(b.label, language));
  }, [language, isAsked]);
}

function Selection(props: AskingProps) {
  const { bound, mark, below } = useBinding(props);
  const countries = useCountries(props.question.kind === 'country');
  const options = props.question.kind === 'country' ? countries : props.question.options;
  return (
    <div>
      <label htmlFor={bound.id} className="mb-1 block text-sm font-medium">
        {props.question.label}
        <span className="text-soft font-normal">{mark}</span>
      </label>
      <select
        {...bound}
        className="field min-h-12 text-base"
        value={props.answer}
        onChange={(event) => props.give(event.target.value)}
      >
        <option value=""></option>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      {below}
    </div>
  );
}

function Several(props: AskingProps) {
  const { bound, mark, below } = useBinding(props);
  const { 'aria-invalid': invalid, id, ...described } = bound;
  const chosen = props.answer.split('\n').filter(Boolean);
  const values = props.question.options.map((option) => option.value);
  return (
    <fieldset id={id} {...described}>
      <legend className="mb-1 text-sm font-medium">
        {props.question.label}
        <span className="text-soft font-normal">{mark}</span>
      </legend>
      {props.question.options.map((option) => (
        <label key={option.value} className="flex min-h-11 items-center gap-3 text-sm">
          <input
            type="checkbox"
            className="size-5"
            {...(invalid ? { 'aria-invalid': true } : {})}
            checked={chosen.includes(option.value)}
            onChange={(event) => {
              const next = event.target.checked
                ? [...chosen, option.value]
                : chosen.filter((one) => one !== option.value);
              props.give(values.filter((value) => next.includes(value)).join('\n'));
            }}
          />
          {option.label}
        </label>
      ))}
      {below}
    </fieldset>
  );
}

function Consent(props: AskingProps) {
  const { bound, mark, below } = useBinding(props);
  return (
    <div>
      <label htmlFor={bound.id} className="flex min-h-11 items-start gap-3 text-sm">
        <input
          {...bound}
          type="checkbox"
          className="mt-0.5 size-5 shrink-0"
          checked={props.answer === 'yes'}
          onChange={(event) => props.give(event.target.checked ? 'yes' : '')}
        />
        <span>
          {props.question.label}
          <span className="text-soft">{mark}</span>
        </span>
      </label>
      {below}
    </div>
  );
}
