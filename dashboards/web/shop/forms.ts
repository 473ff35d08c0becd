// Registration forms: which questions stand with a cart, which are asked after which answers, how answers are sent.
import { queryOptions } from '@tanstack/react-query';
import { ask, part, Refusal } from '../server/http';
import type { At } from './server';
import type { Position } from './types';

export type Kind =
  'text' | 'long_text' | 'number' | 'date' | 'choice' | 'several' | 'consent' | 'email' | 'phone' | 'country';

export interface Question {
  id: string;
  label: string;
  help: string;
  kind: Kind;
  required: boolean;
  options: { value: string; label: string }[];
  when?: { field: string; is: string[] };
  min?: number;
  max?: number;
}

export interface FormEdition {
  id: string;
  edition: number;
  title: string;
  asked: 'order' | 'ticket';
  /** With which products it is asked; with all, when none stand here. */
  products: string[];
  fields: Question[];
}

export type Answers = Record<string, string>;

/** A form as it is asked here: of the buyer, or for the position at a place of the order. */
export interface Asked {
  form: FormEdition;
  place: number | null;
}

export const formsQuery = (at: At) =>
  queryOptions({
    queryKey: ['forms', at.seller, at.event],
    queryFn: async ({ signal }) => {
      try {
        const path = `/v1/programmes/${part(at.seller)}/${part(at.event)}/forms`;
        return (await ask<FormEdition[]>('GET', path, { signal })).data;
      } catch (error) {
        // An event without a programme asks nothing.
        if (error instanceof Refusal && error.status === 404) return [];
        throw error;
      }
    },
  });

/** The forms that are asked with these positions, those of the buyer first. */
export function askedWith(
  forms: readonly FormEdition[],
  positions: readonly Position[],
  isTicket: (product: string) => boolean,
): Asked[] {
  const goes = (form: FormEdition, product: string) =>
    form.products.length === 0 || form.products.includes(product);
  const ofBuyer = forms
    .filter((form) => form.asked === 'order' && positions.some(({ product }) => goes(form, product)))
    .map((form) => ({ form, place: null }));
  const ofTickets = positions.flatMap(({ product }, place) =>
    forms
      .filter((form) => form.asked === 'ticket' && goes(form, product) && isTicket(product))
      .map((form) => ({ form, place })),
  );
  return [...ofBuyer, ...ofTickets];
}

/** The name that an answer is sent by. */
export const keyOf = ({ form, place }: Asked, field: string): string =>
  place === null ? `${form.id}.${field}` : `${form.id}.${place}.${field}`;

/** The questions that are asked after the answers so far. */
export function questionsOf(asked: Asked, answers: Answers): Question[] {
  const kept = new Map<string, string>();
  return asked.form.fields.filter((field) => {
    const before = field.when ? (kept.get(field.when.field) ?? '') : '';
    if (field.when && !before.split('\n').some((one) => field.when?.is.includes(one))) return false;
    kept.set(field.id, (answers[keyOf(asked, field.id)] ?? '').trim());
    return true;
  });
}

/** The names of questions that must be answered and are not. */
export const unanswered = (all: readonly Asked[], answers: Answers): string[] =>
  all.flatMap((asked) =>
    questionsOf(asked, answers)
      .filter((field) => field.required && !answers[keyOf(asked, field.id)]?.trim())
      .map((field) => keyOf(asked, field.id)),
  );

/** What is sent: answers to what is asked, with the edition of each form that was shown. */
export function sentOf(all: readonly Asked[], answers: Answers): Answers {
  const sent: Answers = {};
  for (const asked of all) {
    sent[`form:${asked.form.id}`] = String(asked.form.edition);
    for (const field of questionsOf(asked, answers)) {
      const key = keyOf(asked, field.id);
      const answer = answers[key]?.trim();
      if (answer) sent[key] = answer;
    }
  }
  return sent;
}
