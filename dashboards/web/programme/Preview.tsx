// A form as the checkout asks it: the same questions after the same answers, and each edition that there was.
import { useQuery } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { Check, Several } from '../boxoffice/fields';
import { useOffice } from '../boxoffice/office';
import { setting } from '../boxoffice/server';
import { type Answers, keyOf, type Question, questionsOf } from '../shop/forms';
import { Card, Choice, Field, Lines, Trouble } from '../ui/basics';
import { askedOf, type FormRow, type FormSpec } from './questions';
import { at, oneOf } from './server';
import { usePlanWords } from './words';

export function Preview({ draft, row }: { draft: FormSpec; row: FormRow | undefined }) {
  const words = usePlanWords().forms;
  const { org, event } = useOffice();
  const [edition, setEdition] = useState<number | null>(null);
  const path = oneOf(oneOf(at.forms(org, event), row?.id ?? ''), 'editions');
  const old = useQuery({
    ...setting<FormRow>(org, event, oneOf(path, String(edition ?? ''))),
    enabled: edition !== null,
  });
  const shown = edition === null ? draft : old.data?.row;
  const earlier = Array.from({ length: (row?.edition ?? 1) - 1 }, (_, n) => (row?.edition ?? 1) - 1 - n);
  return (
    <Card title={words.preview} hint={words.previewHint}>
      <div className="space-y-4">
        {earlier.length > 0 && (
          <Choice
            label={words.look}
            value={edition ?? ''}
            onChange={({ target }) => setEdition(target.value === '' ? null : Number(target.value))}
          >
            <option value="">{words.newest(String(row?.edition ?? 1))}</option>
            {earlier.map((number) => (
              <option key={number} value={number}>
                {words.ofEdition(String(number))}
              </option>
            ))}
          </Choice>
        )}
        <Trouble error={old.error} />
        {shown && <Asked key={edition ?? 'draft'} spec={shown} />}
      </div>
    </Card>
  );
}

function Asked({ spec }: { spec: FormSpec }) {
  const [answers, setAnswers] = useState<Answers>({});
  const asked = { form: askedOf(spec), place: null };
  return (
    <div className="space-y-4">
      <h3 className="text-sm font-semibold">{spec.title || '…'}</h3>
      {questionsOf(asked, answers).map((question) => {
        const name = keyOf(asked, question.id);
        return (
          <Question_
            key={question.id}
            question={question}
            answer={answers[name] ?? ''}
            give={(answer) => setAnswers({ ...answers, [name]: answer })}
          />
        );
      })}
    </div>
  );
}

const TYPES: Partial<Record<Question['kind'], string>> = {
  number: 'number',
  date: 'date',
  email: 'email',
  phone: 'tel',
};

function Question_(props: { question: Question; answer: string; give: (answer: string) => void }) {
  const { question, answer, give } = props;
  const label = question.label || '…';
  const described = { label, ...(question.help ? { hint: question.help } : {}) };
  switch (question.kind) {
    case 'long_text':
      return (
        <Lines
          {...described}
          required={question.required}
          rows={3}
          value={answer}
          onChange={({ target }) => give(target.value)}
        />
      );
    case 'choice':
      return <Chosen question={question} answer={answer} give={give} />;
    case 'several':
      return (
        <Several
          legend={label}
          {...(question.help ? { hint: question.help } : {})}
          all={question.options.map(({ value, label: title }) => ({ id: value, title }))}
          chosen={answer.split('\n').filter(Boolean)}
          onChange={(chosen) => give(chosen.join('\n'))}
        />
      );
    case 'consent':
      return <Check label={label} checked={answer === 'yes'} onChange={(on) => give(on ? 'yes' : '')} />;
    default:
      return (
        <Field
          {...described}
          type={TYPES[question.kind] ?? 'text'}
          required={question.required}
          autoComplete="off"
          {...(question.kind === 'number' ? { min: question.min, max: question.max, step: 'any' } : {})}
          value={answer}
          onChange={({ target }) => give(target.value)}
        />
      );
  }
}

function Chosen({
  question,
  answer,
  give,
}: {
  question: Question;
  answer: string;
  give: (answer: string) => void;
}) {
  const help = useId();
  return (
    <div>
      <Choice
        label={question.label || '…'}
        value={answer}
        aria-describedby={question.help ? help : undefined}
        onChange={({ target }) => give(target.value)}
      >
        <option value=""></option>
        {question.options.map((one) => (
          <option key={one.value} value={one.value}>
            {one.label}
          </option>
        ))}
      </Choice>
      {question.help && (
        <p id={help} className="text-soft mt-1 text-xs">
          {question.help}
        </p>
      )}
    </div>
  );
}
