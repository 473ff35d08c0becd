import { expect, it } from 'vitest';
import { type Asking, draftOf, movedUp, ofKind, relabelled, sentOf, without, withOption } from './questions';

const field = (key: number, id: string, more: Partial<Asking> = {}): Asking => ({
  ...{ key, id, fresh: true, label: id, help: '', kind: 'text', required: false, options: [] },
  ...more,
});

const two = (): Asking[] => [
  field(0, 'diet', { kind: 'choice', options: [{ value: 'other', label: 'Other' }] }),
  field(1, 'which', { when: { field: 'diet', is: ['other'] } }),
];

it('names a new question by what it asks, and lets conditions follow', () => {
  const fields = relabelled(two(), 0, 'Was darfst du essen?');
  expect(fields.map((one) => one.id)).toEqual(['was_darfst_du_essen', 'which']);
  expect(fields[1]?.when?.field).toBe('was_darfst_du_essen');
});

it('keeps the name of a question that has answers', () => {
  const fields = relabelled([field(0, 'diet', { fresh: false })], 0, 'Food?');
  expect(fields[0]).toMatchObject({ id: 'diet', label: 'Food?' });
});

it('gives each its own name', () => {
  const fields = relabelled(relabelled([field(0, 'a'), field(1, 'b'), field(2, 'c')], 1, 'A'), 2, 'A');
  expect(fields.map((one) => one.id)).toEqual(['a', 'a_2', 'a_3']);
});

it('lets conditions follow an answer that is called otherwise, unless somebody has given it', () => {
  const fresh = withOption(two(), 0, 0, 'Something else', []);
  expect(fresh[0]?.options).toEqual([{ value: 'something_else', label: 'Something else' }]);
  expect(fresh[1]?.when?.is).toEqual(['something_else']);
  const known = withOption(two(), 0, 0, 'Something else', ['other']);
  expect(known[0]?.options).toEqual([{ value: 'other', label: 'Something else' }]);
});

it('drops conditions on what is gone or comes later', () => {
  expect(without(two(), 0)[0]?.when).toBeUndefined();
  expect(movedUp(two(), 1).map((one) => [one.id, one.when])).toEqual([
    ['which', undefined],
    ['diet', undefined],
  ]);
});

it('sends what the API takes and no more', () => {
  const sent = sentOf({ ...draftOf(undefined), title: 'Food', fields: [ofKind(field(0, 'n'), 'number')] });
  expect(sent.fields).toEqual([
    { id: 'n', label: 'n', help: '', kind: 'number', required: false, options: [] },
  ]);
});
