// Promo codes, which are stock like any other, and group discounts, which apply by themselves.
import { useState } from 'react';
import type { Read } from '../server/queries';
import { Badge, Button, Card, Choice, NoData, Table, Th } from '../ui/basics';
import { entries } from '../ui/entries';
import { useWords } from '../words/words';
import { currenciesOf } from './amounts';
import { between, discountLines, promoLines } from './describe';
import { AddButton, Beside, type OfForm, useEditing } from './editing';
import { Amount, Check, Count, Moment, Several, Share, Text } from './fields';
import { Frame, useEventFormat, useOffer, useOffice } from './office';
import { useSaying } from './saying';
import { at } from './server';
import { Form, Seen, ShortName, useSetting, useShortName } from './setting';
import type { Effect, GroupDiscount, Money, Promo, UsedPromo } from './types';
import { useBoxWords } from './words';

export function Discounts() {
  const words = useBoxWords();
  const { org, event } = useOffice();
  const offer = useOffer();
  const editing = useEditing();
  const promos = offer?.promos ?? [];
  return (
    <Frame
      title={words.parts.discounts}
      hint={words.discounts.hint}
      aside={<AddButton editing={editing}>{words.discounts.add}</AddButton>}
    >
      <Beside<Promo>
        editing={editing}
        path={(id) => at.promo(org, event, id)}
        columns="xl:grid-cols-[1fr_28rem]"
        form={(of) => <PromoForm {...of} />}
      >
        <Card title={words.discounts.promos}>
          {promos.length === 0 ? (
            <NoData>{words.discounts.none}</NoData>
          ) : (
            <Promos promos={promos} onEdit={editing.edit} />
          )}
        </Card>
        <Seen<GroupDiscount[]> path={at.discounts(org, event)}>
          {(seen) => seen && <Groups seen={seen} />}
        </Seen>
      </Beside>
    </Frame>
  );
}

function Promos({ promos, onEdit }: { promos: UsedPromo[]; onEdit: (id: string) => void }) {
  const words = useBoxWords().discounts;
  const all = useWords();
  const format = useEventFormat();
  const lines = promoLines(useSaying());
  return (
    <Table
      label={words.promos}
      head={
        <>
          <Th>{words.code}</Th>
          <Th>{words.effect}</Th>
          <Th figure>{words.used}</Th>
          <Th figure>{words.takenOff}</Th>
          <Th>{all.actions}</Th>
        </>
      }
    >
      {promos.map((one) => (
        <tr key={one.id}>
          <th scope="row" className="cell font-mono font-medium">
            {one.code} {one.withdrawn && <Badge>{words.withdrawn}</Badge>}
          </th>
          <td className="cell">{lines(one).find(([name]) => name === words.effect)?.[1]}</td>
          <td className="cell figure">
            {one.uses === null
              ? format.number(one.used)
              : words.usedOf(format.number(one.used), format.number(one.uses))}
          </td>
          <td className="cell figure">
            {one.budget
              ? words.usedOf(
                  format.money(one.taken_off, one.budget.currency),
                  format.money(one.budget.minor, one.budget.currency),
                )
              : '–'}
          </td>
          <td className="cell">
            <Button onClick={() => onEdit(one.id)} aria-label={words.change(one.code)}>
              {all.edit}
            </Button>
          </td>
        </tr>
      ))}
    </Table>
  );
}

const EMPTY: Promo = {
  code: '',
  effect: { percent: 1_000 },
  products: [],
  uses: null,
  per_person: null,
  positions: null,
  budget: null,
  from: null,
  until: null,
  withdrawn: false,
};

type EffectWord = 'percent' | 'off' | 'price' | 'reveal';
const EFFECTS: readonly EffectWord[] = ['percent', 'off', 'price', 'reveal'];
const wordOf = (effect: Effect): EffectWord =>
  effect === 'reveal' ? 'reveal' : 'percent' in effect ? 'percent' : 'off' in effect ? 'off' : 'price';
const amountsOf = (effect: Effect): Money[] =>
  effect === 'reveal' || 'percent' in effect ? [] : 'off' in effect ? effect.off : effect.price;
const effectOf = (word: EffectWord, amounts: Money[]): Effect =>
  word === 'reveal'
    ? 'reveal'
    : word === 'percent'
      ? { percent: 1_000 }
      : word === 'off'
        ? { off: amounts }
        : { price: amounts };

function PromoForm({ id, seen, onDone, onCancel }: OfForm<Promo>) {
  const all = useWords();
  const box = useBoxWords();
  const words = box.discounts;
  const say = useSaying();
  const { org, event } = useOffice();
  const offer = useOffer();
  const [draft, setDraft] = useState<Promo>(seen?.row ?? EMPTY);
  const [shortName, setShortName] = useShortName(draft.code);
  const change = useSetting<Promo>(at.promo(org, event, id ?? shortName), seen, onDone);
  const { faultAt } = change;
  const set = (part: Partial<Promo>) => setDraft({ ...draft, ...part });
  const products = offer?.products ?? [];
  const sold = currenciesOf(products.flatMap((one) => one.tiers.flatMap((tier) => tier.prices)));
  const currencies = [...new Set([...sold, ...currenciesOf(amountsOf(draft.effect))])];
  const word = wordOf(draft.effect);
  const budgetIn = draft.budget?.currency ?? currencies[0] ?? 'EUR';
  return (
    <Card title={seen ? words.change(seen.row.code) : words.add} hint={box.zone(say.format.zone)}>
      <Form
        change={change}
        differences={between(promoLines(say))}
        submit={seen ? all.save : words.add}
        onSubmit={() => change.save(draft)}
        {...(onCancel ? { onCancel } : {})}
      >
        <Text
          autoFocus
          label={words.code}
          hint={words.codeHint}
          required
          maxLength={64}
          value={draft.code}
          error={faultAt('code')}
          onChange={(code) => set({ code })}
        />
        {id === undefined && <ShortName value={shortName} onChange={setShortName} />}
        <Choice
          label={words.effect}
          value={word}
          onChange={({ target }) =>
            set({ effect: effectOf(target.value as EffectWord, amountsOf(draft.effect)) })
          }
        >
          {EFFECTS.map((one) => (
            <option key={one} value={one}>
              {words.effects[one]}
            </option>
          ))}
        </Choice>
        {draft.effect !== 'reveal' && 'percent' in draft.effect && (
          <Share
            label={words.percent}
            required
            points={draft.effect.percent}
            error={faultAt('effect.percent')}
            onChange={(percent) => set({ effect: { percent } })}
          />
        )}
        {(word === 'off' || word === 'price') &&
          currencies.map((currency) => (
            <Amount
              key={currency}
              label={words.amount(currency)}
              amounts={amountsOf(draft.effect)}
              currency={currency}
              error={faultAt(`effect.${word}`)}
              onChange={(amounts) => set({ effect: effectOf(word, amounts) })}
            />
          ))}
        <Several
          legend={words.products}
          hint={words.productsHint}
          all={products}
          chosen={draft.products}
          onChange={(chosen) => set({ products: chosen })}
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <Count
            label={words.uses}
            value={draft.uses}
            error={faultAt('uses')}
            onChange={(uses) => set({ uses })}
          />
          <Count
            label={words.perPerson}
            value={draft.per_person}
            error={faultAt('per_person')}
            onChange={(per_person) => set({ per_person })}
          />
          <Count
            label={words.positions}
            hint={words.positionsHint}
            value={draft.positions}
            error={faultAt('positions')}
            onChange={(positions) => set({ positions })}
          />
          <Amount
            label={`${words.budget}, ${budgetIn}`}
            amounts={draft.budget ? [draft.budget] : []}
            currency={budgetIn}
            error={faultAt('budget')}
            onChange={(amounts) => set({ budget: amounts[0] ?? null })}
          />
          <Moment
            label={words.from}
            at={draft.from}
            error={faultAt('from')}
            onChange={(from) => set({ from })}
          />
          <Moment
            label={words.until}
            at={draft.until}
            error={faultAt('until')}
            onChange={(until) => set({ until })}
          />
        </div>
        <Check
          label={words.withdrawn}
          checked={draft.withdrawn}
          onChange={(withdrawn) => set({ withdrawn })}
        />
      </Form>
    </Card>
  );
}

function Groups({ seen }: { seen: Read<GroupDiscount[]> }) {
  const words = useBoxWords().discounts;
  const all = useWords();
  const say = useSaying();
  const { org, event } = useOffice();
  const products = useOffer()?.products ?? [];
  const [draft, setDraft] = useState(seen.row);
  const change = useSetting<GroupDiscount[]>(at.discounts(org, event), seen);
  const { put, up, add, remove } = entries(draft, setDraft);
  const faultAt = (place: number, field: string) => change.faultAt(`discounts[${place}].${field}`);
  const changed = JSON.stringify(draft) !== JSON.stringify(seen.row);
  return (
    <Card title={words.groups} hint={words.groupsHint}>
      <Form
        change={change}
        differences={between(discountLines(say))}
        submit={all.save}
        onSubmit={() => change.save(draft)}
        {...(changed ? { onCancel: () => setDraft(seen.row) } : {})}
      >
        {draft.length === 0 && <NoData>{words.noGroups}</NoData>}
        {draft.map((one, place) => (
          <fieldset
            key={place}
            className="bg-sunk/50 border-line grid gap-3 rounded-lg border p-3 sm:grid-cols-2 xl:grid-cols-4"
          >
            <legend className="sr-only">{one.title || words.addGroup}</legend>
            <Text
              label={words.group}
              required
              value={one.title}
              error={faultAt(place, 'title')}
              onChange={(title) => put(place, { title })}
            />
            <Count
              label={words.atLeast}
              required
              min={2}
              value={one.at_least}
              error={faultAt(place, 'at_least')}
              onChange={(least) => put(place, { at_least: least ?? 2 })}
            />
            <Share
              label={words.off}
              required
              points={one.off}
              error={faultAt(place, 'off')}
              onChange={(off) => put(place, { off })}
            />
            <Count
              label={words.cheapest}
              hint={words.cheapestHint}
              value={one.cheapest}
              error={faultAt(place, 'cheapest')}
              onChange={(cheapest) => put(place, { cheapest })}
            />
            <div className="sm:col-span-2 xl:col-span-3">
              <Several
                legend={words.products}
                hint={words.productsHint}
                all={products}
                chosen={one.products}
                onChange={(chosen) => put(place, { products: chosen })}
              />
            </div>
            <div className="flex items-end justify-end gap-2">
              {place > 0 && (
                <Button aria-label={words.up(one.title)} onClick={() => up(place)}>
                  <span aria-hidden>↑</span>
                </Button>
              )}
              <Button aria-label={words.removeGroup(one.title)} onClick={() => remove(place)}>
                <span aria-hidden>✕</span>
              </Button>
            </div>
          </fieldset>
        ))}
        <Button onClick={() => add({ title: '', products: [], at_least: 2, off: 1_000, cheapest: null })}>
          {words.addGroup}
        </Button>
      </Form>
    </Card>
  );
}
