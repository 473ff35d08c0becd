// Faults are shown at the line of their field.
import { expect, it } from 'vitest';
import { lineAt, linesByPath } from './places';

const text = JSON.stringify(
  {
    format: 1,
    fraud: {
      high: 5,
      rules: [
        { id: 'a "b"\\', all: [] },
        { id: '}],', weight: 2000 },
      ],
    },
    tail: [[1], -2.5e3],
  },
  null,
  2,
);
const line = (path: string) => text.split('\n')[lineAt(linesByPath(text), path) - 1]?.trim();

it('finds fields by their paths, past brackets in texts', () => {
  expect(line('format')).toBe('"format": 1,');
  expect(line('fraud.rules[0].id')).toBe('"id": "a \\"b\\"\\\\",');
  expect(line('fraud.rules[1].weight')).toBe('"weight": 2000');
  expect(line('tail[1]')).toBe('-2500');
});

it('falls back to what is around a field that is not there', () => {
  expect(line('fraud.rules[1].reason')).toBe('{');
  expect(line('fraud.rules[0].all[3]')).toBe('"all": []');
  expect(line('segments')).toBe('{');
});

it('reads a text on one line', () => {
  expect(linesByPath('{"a":[{"b":null}],"c":true}').get('a[0].b')).toBe(1);
});
