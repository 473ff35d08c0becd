import { describe, expect, it } from 'vitest';
import { askedWith, type FormEdition, keyOf, type Question, questionsOf, sentOf, unanswered } from './forms';
import type { Position } from './types';

const question = (id: string, change: Partial<Question> = {}): Question => ({
  id,
  label: id,
  help: '',
  kind: 'text',
  required: false,
  options: [],
  ...change,
});

const form = (change: Partial<FormEdition>): FormEdition => ({
  id: 'diet',
  edition: 3,
  title: 'Diet',
  asked: 'order',
  products: [],
  fields: [
    question('eats', { kind: 'several', required: true }),
    question('which', { required: true, when: { field: 'eats', is: ['other'] } }),
    question('since', { when: { field: 'which', is: ['x'] } }),
  ],
  ...change,
});

const positions = ['pass', 'shirt', 'pass'].map((product) => ({ product }) as Position);
const isTicket = (product: string) => product !== 'shirt';

describe('forms', () => {
  it('are asked of the buyer once, and for each ticket of their products', () => {
    const forms = [form({ id: 'a', asked: 'ticket', products: ['pass', 'shirt'] }), form({ id: 'b' })];
    const asked = askedWith(forms, positions, isTicket).map((one) => [one.form.id, one.place]);
    expect(asked).toEqual([
      ['b', null],
      ['a', 0],
      ['a', 2],
    ]);
    expect(askedWith([form({ products: ['meal'] })], positions, isTicket)).toEqual([]);
  });

  it('ask what follows from answers, and only then', () => {
    const [asked] = askedWith([form({})], positions, isTicket);
    if (!asked) throw new Error('nothing is asked');
    const names = (answers: Record<string, string>) => questionsOf(asked, answers).map((one) => one.id);
    expect(names({})).toEqual(['eats']);
    expect(names({ 'diet.eats': 'fish\nother' })).toEqual(['eats', 'which']);
    expect(names({ 'diet.eats': 'other', 'diet.which': 'x' })).toEqual(['eats', 'which', 'since']);
    // What was answered before another answer made the question go away opens nothing.
    expect(names({ 'diet.eats': 'fish', 'diet.which': 'x' })).toEqual(['eats']);
    expect(unanswered([asked], { 'diet.eats': 'other' })).toEqual(['diet.which']);
  });

  it('are sent with their edition, without what is not asked', () => {
    const asked = askedWith([form({ asked: 'ticket' })], positions, isTicket);
    const sent = sentOf(asked, { 'diet.0.eats': ' other ', 'diet.0.which': 'x', 'diet.2.which': 'y' });
    expect(sent).toEqual({ 'form:diet': '3', 'diet.0.eats': 'other', 'diet.0.which': 'x' });
    expect(asked.map((one) => keyOf(one, 'eats'))).toEqual(['diet.0.eats', 'diet.2.eats']);
  });
});
