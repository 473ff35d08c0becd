import { expect, it } from 'vitest';
import { ruleOf, simpleOf } from './recurrence';

it('shows a rule as fields and says it again', () => {
  for (const rule of [
    'FREQ=DAILY;COUNT=4',
    'FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;UNTIL=20261120',
    'FREQ=MONTHLY;COUNT=12',
  ]) {
    const simple = simpleOf(rule);
    expect(simple && ruleOf(simple)).toBe(rule);
  }
  expect(simpleOf('rrule:freq=weekly;byday=we,mo;count=3')?.days).toEqual(['MO', 'WE']);
});

it('leaves what fields cannot show to whoever wrote it', () => {
  for (const rule of [
    '',
    'FREQ=YEARLY;COUNT=2',
    'FREQ=MONTHLY;BYDAY=-1FR;COUNT=6',
    'FREQ=DAILY;BYHOUR=9;COUNT=2',
    'FREQ=WEEKLY;UNTIL=20261120T080000Z',
    'FREQ=DAILY',
    'FREQ=DAILY;COUNT=2;UNTIL=20261120',
    'FREQ=DAILY;COUNT=2;COUNT=3',
    'FREQ=DAILY;INTERVAL=0;COUNT=2',
  ]) {
    expect(simpleOf(rule), rule).toBeNull();
  }
});
