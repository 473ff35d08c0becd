// When a session comes again: as fields where they can say it, as a rule of RFC 5545 otherwise.
import { useState } from 'react';
import { Check, Count, Text } from '../boxoffice/fields';
import { useEventFormat, useZone } from '../boxoffice/office';
import { Button, Choice, Field } from '../ui/basics';
import { localIn } from '../words/format';
import { Instant, TakeOut } from './fields';
import { DAYS, type Frequency, FREQUENCIES, ruleOf, type Simple, simpleOf } from './recurrence';
import type { Recurrence } from './server';
import { usePlanWords } from './words';

type How = 'never' | Frequency | 'own' | 'times';
const HOWS: readonly How[] = ['never', ...FREQUENCIES, 'own', 'times'];

function howOf(recurrence: Recurrence | null): How {
  if (!recurrence) return 'never';
  if (recurrence.rule === '') return 'times';
  return simpleOf(recurrence.rule)?.frequency ?? 'own';
}

export function Again(props: {
  recurrence: Recurrence | null;
  /** When it first begins. */
  starts: string;
  faultAt: (field: string) => string | undefined;
  onChange: (recurrence: Recurrence | null) => void;
}) {
  const { recurrence, starts, faultAt, onChange } = props;
  const words = usePlanWords().again;
  const [how, setHow] = useState(() => howOf(recurrence));
  const known = recurrence ?? { rule: '', except: [], also: [] };
  const simple = simpleOf(known.rule);
  const put = (part: Partial<Recurrence>) => onChange({ ...known, ...part });
  const choose = (chosen: How) => {
    setHow(chosen);
    if (chosen === 'never') onChange(null);
    else if (chosen === 'times') put({ rule: '' });
    else if (chosen === 'own') put({});
    else put({ rule: ruleOf({ interval: 1, days: [], ends: { count: 2 }, ...simple, frequency: chosen }) });
  };
  return (
    <fieldset className="border-line space-y-4 rounded-lg border p-3">
      <legend className="px-1 text-sm font-medium">{words.title}</legend>
      <Choice label={words.how} value={how} onChange={({ target }) => choose(target.value as How)}>
        {HOWS.map((one) => (
          <option key={one} value={one}>
            {words.hows[one]}
          </option>
        ))}
      </Choice>
      {how !== 'never' && <p className="text-soft text-xs">{words.clocks}</p>}
      {how === 'own' && (
        <Text
          label={words.rule}
          hint={words.ruleHint}
          required
          value={known.rule}
          error={faultAt('recurrence.rule')}
          onChange={(rule) => put({ rule })}
        />
      )}
      {how !== 'never' && how !== 'own' && how !== 'times' && simple && (
        <Fields
          simple={simple}
          starts={starts}
          error={faultAt('recurrence.rule')}
          onChange={(next) => put({ rule: ruleOf(next) })}
        />
      )}
      {how !== 'never' && (
        <>
          <Times
            label={words.also}
            add={words.addAlso}
            starts={starts}
            times={known.also}
            onChange={(also) => put({ also })}
          />
          <Times
            label={words.except}
            add={words.addExcept}
            starts={starts}
            times={known.except}
            onChange={(except) => put({ except })}
          />
          {faultAt('recurrence') !== undefined && <p className="text-bad text-xs">{faultAt('recurrence')}</p>}
        </>
      )}
    </fieldset>
  );
}

function Fields(props: {
  simple: Simple;
  starts: string;
  error: string | undefined;
  onChange: (simple: Simple) => void;
}) {
  const { simple, error } = props;
  const words = usePlanWords().again;
  const zone = useZone();
  const set = (part: Partial<Simple>) => props.onChange({ ...simple, ...part });
  const byDay = 'until' in simple.ends;
  const first = localIn(zone, new Date(props.starts)).slice(0, 10);
  return (
    <>
      {simple.frequency === 'WEEKLY' && <Days chosen={simple.days} onChange={(days) => set({ days })} />}
      <div className="grid gap-4 sm:grid-cols-2">
        <Count
          label={words.interval}
          required
          min={1}
          value={simple.interval}
          onChange={(interval) => set({ interval: Math.max(1, interval ?? 1) })}
        />
        <Choice
          label={words.ends}
          value={byDay ? 'day' : 'count'}
          onChange={({ target }) => set({ ends: target.value === 'day' ? { until: first } : { count: 2 } })}
        >
          <option value="count">{words.byCount}</option>
          <option value="day">{words.byDay}</option>
        </Choice>
        {'until' in simple.ends ? (
          <Field
            label={words.until}
            type="date"
            required
            min={first}
            value={simple.ends.until}
            error={error}
            onChange={({ target }) => target.value && set({ ends: { until: target.value } })}
          />
        ) : (
          <Count
            label={words.count}
            required
            min={1}
            max={1000}
            value={simple.ends.count}
            error={error}
            onChange={(count) => set({ ends: { count: Math.max(1, count ?? 1) } })}
          />
        )}
      </div>
    </>
  );
}

/** A Monday: what days of the week are named by. */
const MONDAY = Date.UTC(2026, 0, 5, 12);
const DAY_MS = 86_400_000;

function Days({ chosen, onChange }: { chosen: Simple['days']; onChange: (days: Simple['days']) => void }) {
  const words = usePlanWords().again;
  const { language } = useEventFormat();
  const names = new Intl.DateTimeFormat(language, { weekday: 'long', timeZone: 'UTC' });
  return (
    <fieldset>
      <legend className="mb-1 text-sm font-medium">{words.days}</legend>
      <div className="grid grid-cols-2 gap-x-4 gap-y-1 sm:grid-cols-4">
        {DAYS.map((day, place) => (
          <Check
            key={day}
            label={names.format(new Date(MONDAY + place * DAY_MS))}
            checked={chosen.includes(day)}
            onChange={(on) => onChange(DAYS.filter((one) => (one === day ? on : chosen.includes(one))))}
          />
        ))}
      </div>
    </fieldset>
  );
}

function Times(props: {
  label: string;
  add: string;
  starts: string;
  times: string[];
  onChange: (times: string[]) => void;
}) {
  const { times, onChange } = props;
  const format = useEventFormat();
  return (
    <div className="space-y-2">
      {times.map((at, place) => (
        <div key={place} className="flex items-end gap-2">
          <div className="flex-1">
            <Instant
              label={props.label}
              at={at}
              onChange={(next) => onChange(times.map((one, other) => (other === place ? next : one)))}
            />
          </div>
          <TakeOut
            title={format.moment(new Date(at))}
            onClick={() => onChange(times.filter((_, other) => other !== place))}
          />
        </div>
      ))}
      <Button onClick={() => onChange([...times, props.starts])}>{props.add}</Button>
    </div>
  );
}
