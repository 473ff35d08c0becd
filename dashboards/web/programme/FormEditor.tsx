// The editor of one form, beside what buyers see of it.
import { useState } from 'react';
import { between } from '../boxoffice/describe';
import type { OfForm } from '../boxoffice/editing';
import { Check, Several, Text } from '../boxoffice/fields';
import { useOffer, useOffice } from '../boxoffice/office';
import { Form, ShortName, useSetting, useShortName } from '../boxoffice/setting';
import { Button, Card, Choice } from '../ui/basics';
import { useWords } from '../words/words';
import { formLines } from './describe';
import {
  draftOf,
  emptyField,
  type Draft,
  type FormRow,
  type FormSpec,
  movedUp,
  sentOf,
  without,
} from './questions';
import { Preview } from './Preview';
import { QuestionFields } from './QuestionFields';
import { at, oneOf } from './server';
import { useTelling } from './telling';
import { usePlanWords } from './words';

export function FormEditor({ id, seen, onDone, onCancel }: OfForm<FormRow>) {
  const plan = usePlanWords();
  const words = plan.forms;
  const all = useWords();
  const telling = useTelling();
  const { org, event } = useOffice();
  const products = useOffer()?.products ?? [];
  const [draft, setDraft] = useState<Draft>(() => draftOf(seen?.row));
  const [shortName, setShortName] = useShortName(draft.title);
  const path = oneOf(at.forms(org, event), id ?? shortName);
  const change = useSetting<FormRow, FormSpec>(path, seen, onDone);
  const set = (part: Partial<Draft>) => setDraft({ ...draft, ...part });
  const { faultAt } = change;
  return (
    <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-[1fr_24rem]">
      <Card title={seen ? plan.change(seen.row.title) : words.add}>
        <Form
          change={change}
          differences={between(formLines(telling))}
          submit={seen ? all.save : words.add}
          onSubmit={() => change.save(sentOf(draft))}
          {...(onCancel ? { onCancel } : {})}
        >
          <div className="grid gap-4 sm:grid-cols-2">
            <Text
              autoFocus
              label={plan.name}
              required
              value={draft.title}
              error={faultAt('title')}
              onChange={(title) => set({ title })}
            />
            {id === undefined ? <ShortName value={shortName} onChange={setShortName} /> : <span />}
            <Choice
              label={words.asked}
              value={draft.asked}
              onChange={({ target }) => set({ asked: target.value as Draft['asked'] })}
            >
              {Object.entries(words.askeds).map(([asked, name]) => (
                <option key={asked} value={asked}>
                  {name}
                </option>
              ))}
            </Choice>
          </div>
          {products.length > 0 && (
            <Several
              legend={words.products}
              hint={words.productsHint}
              all={products}
              chosen={draft.products}
              onChange={(chosen) => set({ products: chosen })}
            />
          )}
          <ol className="space-y-3" aria-label={words.fields}>
            {draft.fields.map((field, place) => (
              <li key={field.key}>
                <QuestionFields
                  fields={draft.fields}
                  place={place}
                  seen={seen?.row}
                  faultAt={faultAt}
                  onChange={(fields) => set({ fields })}
                  onUp={() => set({ fields: movedUp(draft.fields, place) })}
                  onRemove={() => set({ fields: without(draft.fields, field.key) })}
                />
              </li>
            ))}
          </ol>
          {faultAt('fields') !== undefined && <p className="text-bad text-xs">{faultAt('fields')}</p>}
          <Button onClick={() => set({ fields: [...draft.fields, emptyField(draft.fields)] })}>
            {words.addField}
          </Button>
          <Check
            label={words.withdrawn}
            checked={draft.withdrawn}
            onChange={(withdrawn) => set({ withdrawn })}
          />
        </Form>
      </Card>
      <Preview draft={sentOf(draft)} row={seen?.row} />
    </div>
  );
}
