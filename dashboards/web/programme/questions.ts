// Registration forms while they are edited. Pure: what is typed goes in, what is sent comes out.
import type { FormEdition, Kind, Question } from '../shop/forms';

/** What a form is to be, as the API takes it. */
export interface FormSpec {
  title: string;
  asked: 'order' | 'ticket';
  products: string[];
  fields: Question[];
  withdrawn: boolean;
}

export type FormRow = FormSpec & { id: string; edition: number };

export const KINDS: readonly Kind[] = [
  'text',
  'long_text',
  'number',
  'date',
  'choice',
  'several',
  'consent',
  'email',
  'phone',
  'country',
];

/** A question of a draft. */
export interface Asking extends Question {
  /** What the page knows it by: its name may change. */
  key: number;
  /** It was never saved: its name follows from what is asked. */
  fresh: boolean;
}

export interface Draft extends Omit<FormSpec, 'fields'> {
  fields: Asking[];
}

export const hasOptions = (kind: Kind): boolean => kind === 'choice' || kind === 'several';
/** What a lowest and a highest count: the number, or the characters of a text. */
export const boundsOf = (kind: Kind): 'number' | 'text' | null =>
  kind === 'number' ? 'number' : kind === 'text' || kind === 'long_text' ? 'text' : null;

export function draftOf(row: FormSpec | undefined): Draft {
  if (!row) {
    return { title: '', asked: 'order', products: [], withdrawn: false, fields: [emptyField([])] };
  }
  const { title, asked, products, withdrawn } = row;
  const fields = row.fields.map((field, key) => ({ ...field, key, fresh: false }));
  return { title, asked, products, withdrawn, fields };
}

export function sentOf(draft: Draft): FormSpec {
  const fields = draft.fields.map(({ id, label, help, kind, required, options, when, min, max }) => ({
    ...{ id, label, help, kind, required, options },
    ...(when ? { when } : {}),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
  }));
  const { title, asked, products, withdrawn } = draft;
  return { title, asked, products, withdrawn, fields };
}

/** A draft as the checkout would ask it. */
export const askedOf = (draft: FormSpec): FormEdition => ({ ...draft, id: 'preview', edition: 0 });

export function emptyField(all: readonly Asking[]): Asking {
  const key = all.reduce((most, one) => Math.max(most, one.key + 1), 0);
  const id = freeName(
    'question',
    all.map((one) => one.id),
    ID_MAX,
  );
  return { key, fresh: true, id, label: '', help: '', kind: 'text', required: false, options: [] };
}

/** The most characters of a field's name, and of an answer's value. */
const ID_MAX = 40;
const VALUE_MAX = 60;

/** A name of `a-z`, `0-9` and `_` that says what a text says. */
export function nameOf(text: string, most = ID_MAX): string {
  const plain = text
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/ß/g, 'ss');
  return plain
    .replace(/[^a-z0-9]+/g, '_')
    .slice(0, most)
    .replace(/^_+|_+$/g, '');
}

/** The name, with a number where it is taken. */
function freeName(name: string, taken: readonly string[], most: number): string {
  for (let number = 1; number <= taken.length; number += 1) {
    const tried = number === 1 ? name : `${name.slice(0, most - 4)}_${number}`;
    if (!taken.includes(tried)) return tried;
  }
  return taken.length === 0 ? name : `${name.slice(0, most - 4)}_${taken.length + 1}`;
}

/** The questions with another name for one; conditions go on to mean it. */
function renamed(fields: readonly Asking[], from: string, to: string): Asking[] {
  return fields.map((one) => {
    const when = one.when?.field === from ? { ...one.when, field: to } : one.when;
    return { ...one, id: one.id === from ? to : one.id, ...(when ? { when } : {}) };
  });
}

/** Asks a question in other words; the name of one that was never saved follows. */
export function relabelled(fields: readonly Asking[], key: number, label: string): Asking[] {
  const field = fields.find((one) => one.key === key);
  if (!field) return [...fields];
  const others = fields.filter((one) => one.key !== key).map((one) => one.id);
  const id = field.fresh ? freeName(nameOf(label) || 'question', others, ID_MAX) : field.id;
  return renamed(fields, field.id, id).map((one) => (one.key === key ? { ...one, label } : one));
}

/** Gives a question that was never saved another name. */
export function withName(fields: readonly Asking[], key: number, id: string): Asking[] {
  const field = fields.find((one) => one.key === key);
  if (!field) return [...fields];
  // Two of the same name cannot be told apart by conditions: they keep the first.
  const taken = fields.some((one) => one.key !== key && one.id === id);
  const named = taken ? [...fields] : renamed(fields, field.id, id);
  return named.map((one) => (one.key === key ? { ...one, id } : one));
}

/** Names an answer; the value of one that buyers have never seen (`known` are the others) follows from its words. */
export function withOption(
  fields: readonly Asking[],
  key: number,
  place: number,
  label: string,
  known: readonly string[],
): Asking[] {
  const field = fields.find((one) => one.key === key);
  const option = field?.options[place];
  if (!field || !option) return [...fields];
  const others = field.options.filter((_, other) => other !== place).map((one) => one.value);
  const stays = option.value !== '' && known.includes(option.value);
  const value = stays ? option.value : freeName(nameOf(label, VALUE_MAX) || 'answer', others, VALUE_MAX);
  return fields.map((one) => {
    if (one.key === key) {
      const options = one.options.map((old, other) => (other === place ? { value, label } : old));
      return { ...one, options };
    }
    if (one.when?.field !== field.id) return one;
    const is = one.when.is.map((answer) => (answer === option.value ? value : answer));
    return { ...one, when: { ...one.when, is } };
  });
}

/** Makes a question take another kind of answer. */
export function ofKind(field: Asking, kind: Kind): Asking {
  const { min, max, ...rest } = field;
  const blank = { value: '', label: '' };
  const first = [
    { ...blank, value: 'answer' },
    { ...blank, value: 'answer_2' },
  ];
  const options = hasOptions(kind) ? (field.options.length > 0 ? field.options : first) : [];
  const bounds = boundsOf(kind) === boundsOf(field.kind) && boundsOf(kind) !== null;
  return {
    ...rest,
    kind,
    options,
    ...(bounds && min !== undefined ? { min } : {}),
    ...(bounds && max !== undefined ? { max } : {}),
  };
}

/** Sets the lowest or the highest of a question, or lifts it. */
export function bounded(field: Asking, name: 'min' | 'max', value: number | null): Asking {
  const { min, max, ...rest } = field;
  const wanted = { min, max, [name]: value ?? undefined };
  return {
    ...rest,
    ...(wanted.min === undefined ? {} : { min: wanted.min }),
    ...(wanted.max === undefined ? {} : { max: wanted.max }),
  };
}

/** The answer that a condition on a question begins with. */
export function firstAnswer(field: Question | undefined): string[] {
  if (field?.kind === 'consent') return ['yes'];
  const first = field?.options[0]?.value;
  return first ? [first] : [];
}

/** The question, asked whatever was answered before. */
export function unconditional(field: Asking): Asking {
  const always = { ...field };
  delete always.when;
  return always;
}

/** The questions without one, and without conditions on it. */
export function without(fields: readonly Asking[], key: number): Asking[] {
  const gone = fields.find((one) => one.key === key)?.id;
  return fields
    .filter((one) => one.key !== key)
    .map((one) => (one.when?.field === gone ? unconditional(one) : one));
}

/** Moves a question up; a condition on one that comes after now is dropped. */
export function movedUp(fields: readonly Asking[], place: number): Asking[] {
  const [before, one] = [fields[place - 1], fields[place]];
  if (!before || !one) return [...fields];
  const kept = one.when?.field === before.id ? without([before, one], before.key)[0] : one;
  return fields.map((field, other) =>
    other === place - 1 ? (kept ?? one) : other === place ? before : field,
  );
}
