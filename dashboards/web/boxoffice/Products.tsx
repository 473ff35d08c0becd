// What buyers can choose: products with their prices by time and count, kinds, taxes; and the form of one.
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { Badge, Button, Card, Choice, NoData, Table, Th } from '../ui/basics';
import { entries } from '../ui/entries';
import { useWords } from '../words/words';
import { currenciesOf, shareText } from './amounts';
import { between, productLines } from './describe';
import { AddButton, Beside, type OfForm, useEditing } from './editing';
import { Amount, Check, Count, Moment, Several, Share, Text } from './fields';
import { Goods } from './Goods';
import { Frame, useEventFormat, useOffer, useOffice } from './office';
import { useSaying } from './saying';
import { at, key } from './server';
import { Form, ShortName, useSetting, useShortName } from './setting';
import { KINDS, type Offer, type OfferedProduct, type Product, type Tier, type Variation } from './types';
import { useBoxWords } from './words';

export function Products() {
  const words = useBoxWords();
  const { org, event } = useOffice();
  const offer = useOffer();
  const editing = useEditing();
  const none = offer !== undefined && (offer?.products.length ?? 0) === 0;
  return (
    <Frame
      title={words.parts.products}
      hint={words.products.hint}
      aside={!none && <AddButton editing={editing}>{words.products.add}</AddButton>}
    >
      {offer !== undefined && (
        <Beside<Product>
          editing={editing}
          path={(id) => at.product(org, event, id)}
          columns="2xl:grid-cols-[1fr_36rem]"
          first={none}
          form={(of) => <ProductForm {...of} />}
        >
          <div className="card min-w-0 p-2">
            {none || !offer ? (
              <NoData>{words.products.none}</NoData>
            ) : (
              <List offer={offer} onEdit={editing.edit} />
            )}
          </div>
          {offer?.products.some((one) => one.kind === 'digital') && <Goods offer={offer} />}
        </Beside>
      )}
    </Frame>
  );
}

function List({ offer, onEdit }: { offer: Offer; onEdit: (id: string) => void }) {
  const words = useBoxWords();
  const all = useWords();
  return (
    <Table
      label={words.parts.products}
      head={
        <>
          <Th>{words.stock.product}</Th>
          <Th>{words.products.prices}</Th>
          <Th>{words.products.status}</Th>
          <Th figure>{words.stock.held}</Th>
          <Th figure>{words.stock.sold}</Th>
          <Th>{all.actions}</Th>
        </>
      }
    >
      {offer.products.map((row) => (
        <Line key={row.id} row={row} offer={offer} onEdit={() => onEdit(row.id)} />
      ))}
    </Table>
  );
}

function Line({ row, offer, onEdit }: { row: OfferedProduct; offer: Offer; onEdit: () => void }) {
  const words = useBoxWords();
  const all = useWords();
  const format = useEventFormat();
  return (
    <tr>
      <td className="cell min-w-44">
        <span className="font-medium">{row.title}</span>
        <span className="text-soft block text-xs">
          {words.products.kinds[row.kind]} · {row.id}
          {row.variations.length > 0 && ` · ${row.variations.map((one) => one.title).join(', ')}`}
        </span>
      </td>
      <td className="cell min-w-52">
        <ul>
          {row.tiers.map((tier, place) => (
            <li key={place} className="whitespace-nowrap">
              {tier.title}: {tier.prices.map((one) => format.money(one.minor, one.currency)).join(', ')}
              <span className="text-soft text-xs">
                {tier.until !== null && ` · ${words.products.until_(format.moment(new Date(tier.until)))}`}
                {tier.count !== null && ` · ${words.products.first(format.number(tier.count))}`}
              </span>
            </li>
          ))}
        </ul>
      </td>
      <td className="cell">
        <State row={row} offer={offer} />
      </td>
      <td className="cell figure">{format.number(row.held)}</td>
      <td className="cell figure">{format.number(row.sold)}</td>
      <td className="cell">
        <Button onClick={onEdit} aria-label={words.products.change(row.title)}>
          {all.edit}
        </Button>
      </td>
    </tr>
  );
}

/** Whether any quota counts a product, and so whether it can be sold. */
export const isCounted = (offer: Offer, product: string): boolean =>
  offer.quotas.some((quota) => quota.products.some((choice) => choice.product === product));

function State({ row, offer }: { row: OfferedProduct; offer: Offer }) {
  const words = useBoxWords().products;
  const { base } = useOffice();
  // Of the moment in which the page was opened: minutes do not matter here.
  const [now] = useState(() => Date.now());
  if (row.withdrawn) return <Badge>{words.isWithdrawn}</Badge>;
  if (!isCounted(offer, row.id)) {
    return (
      <span title={words.uncountedHint}>
        <Badge tone="warn">{words.uncounted}</Badge>{' '}
        <Link to={`${base}/quotas?edit=new&product=${row.id}`} className="link text-xs">
          {words.count}
        </Link>
      </span>
    );
  }
  if (row.from !== null && Date.parse(row.from) > now) return <Badge>{words.later}</Badge>;
  if (row.until !== null && Date.parse(row.until) <= now) return <Badge>{words.over}</Badge>;
  return row.hidden ? <Badge>{words.isHidden}</Badge> : <Badge tone="good">{words.onSale}</Badge>;
}

/** What prices are asked in when nobody has said yet. */
const FIRST_CURRENCY = 'EUR';

const emptyTier = (title: string): Tier => ({ title, prices: [], until: null, count: null });

const EMPTY: Product = {
  title: '',
  kind: 'admission',
  tiers: [emptyTier('Standard')],
  variations: [],
  tax: 0,
  from: null,
  until: null,
  order_max: null,
  hidden: false,
  with: [],
  waitlist: false,
  withdrawn: false,
};

function ProductForm({ id, seen, onDone, onCancel }: OfForm<Product>) {
  const words = useBoxWords();
  const all = useWords();
  const say = useSaying();
  const { org, event } = useOffice();
  const client = useQueryClient();
  const offer = useOffer();
  const [draft, setDraft] = useState<Product>(seen?.row ?? EMPTY);
  const [shortName, setShortName] = useShortName(draft.title);
  const own = id ?? shortName;
  const set = (part: Partial<Product>) => setDraft({ ...draft, ...part });
  const others = (offer?.products ?? []).filter((one) => one.id !== own);
  const known = currenciesOf(
    (seen ? [seen.row] : others).flatMap((one) => one.tiers.flatMap((tier) => tier.prices)),
  );
  const [currencies, setCurrencies] = useState((known.length > 0 ? known : [FIRST_CURRENCY]).join(', '));
  const codes = [...new Set(currencies.toUpperCase().match(/\b[A-Z]{3}\b/g) ?? [])];
  const change = useSetting<Product>(at.product(org, event, own), seen, () => {
    void client.invalidateQueries({ queryKey: key(org, event) });
    onDone();
  });
  const save = () => {
    const within = (prices: Tier['prices']) => prices.filter((one) => codes.includes(one.currency));
    change.save({
      ...draft,
      tiers: draft.tiers.map((tier) => ({
        ...tier,
        prices: within(tier.prices),
        ...(tier.original ? { original: within(tier.original) } : {}),
      })),
      variations: draft.variations.map((one) => ({ ...one, extra: within(one.extra) })),
    });
  };
  const { faultAt } = change;
  return (
    <Card
      title={seen ? words.products.change(seen.row.title) : words.products.add}
      hint={words.zone(say.format.zone)}
    >
      <Form
        change={change}
        differences={between(productLines(say))}
        submit={seen ? all.save : words.products.add}
        onSubmit={save}
        {...(onCancel ? { onCancel } : {})}
      >
        <div className="grid gap-4 sm:grid-cols-2">
          <Text
            autoFocus={onCancel !== undefined}
            label={words.name}
            required
            maxLength={200}
            value={draft.title}
            error={faultAt('title')}
            onChange={(title) => set({ title })}
          />
          {id === undefined ? <ShortName value={shortName} onChange={setShortName} /> : <span />}
          <div>
            <Choice
              label={words.products.kind}
              value={draft.kind}
              onChange={({ target }) => set({ kind: target.value as Product['kind'] })}
            >
              {KINDS.map((kind) => (
                <option key={kind} value={kind}>
                  {words.products.kinds[kind]}
                </option>
              ))}
            </Choice>
            <p className="text-soft mt-1 text-xs">{words.products.kindHints[draft.kind]}</p>
          </div>
          <Text
            label={words.products.currencies}
            required
            value={currencies}
            hint={words.products.currenciesHint}
            error={codes.length === 0 ? words.products.currencyWrong : undefined}
            onChange={setCurrencies}
          />
        </div>
        <Tiers tiers={draft.tiers} codes={codes} faultAt={faultAt} onChange={(tiers) => set({ tiers })} />
        <Variations
          all={draft.variations}
          codes={codes}
          lets={draft.kind === 'admission' || draft.kind === 'add_on'}
          faultAt={faultAt}
          onChange={(variations) => set({ variations })}
        />
        {draft.kind !== 'admission' && others.length > 0 && (
          <Several
            legend={words.products.with}
            hint={words.products.withHint}
            all={others.filter((one) => one.kind === 'admission')}
            chosen={draft.with}
            onChange={(chosen) => set({ with: chosen })}
          />
        )}
        <details className="border-line rounded-lg border p-3" open={seen !== null}>
          <summary className="min-h-6 cursor-pointer text-sm font-medium">
            {words.products.more} · {words.order.tax} {shareText(draft.tax)} %
          </summary>
          <div className="mt-3 grid gap-4 sm:grid-cols-2">
            <Share
              label={words.products.tax}
              required
              points={draft.tax}
              error={faultAt('tax')}
              onChange={(tax) => set({ tax })}
            />
            <Count
              label={words.products.orderMax}
              value={draft.order_max}
              error={faultAt('order_max')}
              onChange={(order_max) => set({ order_max })}
            />
            <Moment
              label={words.products.from}
              at={draft.from}
              error={faultAt('from')}
              onChange={(from) => set({ from })}
            />
            <Moment
              label={words.products.until}
              at={draft.until}
              error={faultAt('until')}
              onChange={(until) => set({ until })}
            />
            <Count
              label={words.products.perPerson}
              hint={words.products.perPersonHint}
              min={1}
              value={draft.per_person ?? null}
              error={faultAt('per_person')}
              onChange={(per_person) => set({ per_person })}
            />
            {draft.kind !== 'digital' && (
              <>
                <span />
                <Moment
                  label={words.products.validFrom}
                  at={draft.valid_from ?? null}
                  error={faultAt('valid_from')}
                  onChange={(valid_from) => set({ valid_from })}
                />
                <Moment
                  label={words.products.validUntil}
                  hint={words.products.validHint}
                  at={draft.valid_until ?? null}
                  error={faultAt('valid_until')}
                  onChange={(valid_until) => set({ valid_until })}
                />
              </>
            )}
            <div className="space-y-2 sm:col-span-2">
              {draft.kind === 'digital' && (
                <Check
                  label={words.products.reuse}
                  checked={draft.reuse ?? false}
                  onChange={(reuse) => set({ reuse })}
                />
              )}
              <Check
                label={words.products.waitlist}
                checked={draft.waitlist}
                onChange={(waitlist) => set({ waitlist })}
              />
              <Check
                label={words.products.hidden}
                checked={draft.hidden}
                onChange={(hidden) => set({ hidden })}
              />
              <Check
                label={words.products.withdrawn}
                checked={draft.withdrawn}
                onChange={(withdrawn) => set({ withdrawn })}
              />
            </div>
          </div>
        </details>
      </Form>
    </Card>
  );
}

type FaultAt = (field: string) => string | undefined;

function Tiers(props: {
  tiers: Tier[];
  codes: string[];
  faultAt: FaultAt;
  onChange: (tiers: Tier[]) => void;
}) {
  const words = useBoxWords().products;
  const { tiers, codes, faultAt } = props;
  const { put, add, remove } = entries(tiers, props.onChange);
  return (
    <fieldset className="space-y-3">
      <legend className="text-sm font-medium">{words.tiers}</legend>
      <p className="text-soft text-xs">{words.tiersHint}</p>
      {tiers.map((tier, place) => (
        <div key={place} className="bg-sunk/50 border-line grid gap-3 rounded-lg border p-3 sm:grid-cols-2">
          <Text
            label={words.tier}
            required
            value={tier.title}
            error={faultAt(`tiers[${place}].title`)}
            onChange={(title) => put(place, { title })}
          />
          <div className="grid gap-3">
            {codes.map((currency) => (
              <Amount
                key={currency}
                label={words.price(currency)}
                required
                amounts={tier.prices}
                currency={currency}
                error={faultAt(`tiers[${place}].prices`)}
                onChange={(prices) => put(place, { prices })}
              />
            ))}
          </div>
          <Moment
            label={words.tierFrom}
            at={tier.from ?? null}
            error={faultAt(`tiers[${place}].from`)}
            onChange={(from) => put(place, { from })}
          />
          <div className="grid gap-3">
            {codes.map((currency) => (
              <Amount
                key={currency}
                label={words.original(currency)}
                amounts={tier.original ?? []}
                currency={currency}
                error={faultAt(`tiers[${place}].original`)}
                onChange={(original) => put(place, { original })}
              />
            ))}
          </div>
          <Moment
            label={words.tierUntil}
            at={tier.until}
            error={faultAt(`tiers[${place}].until`)}
            onChange={(until) => put(place, { until })}
          />
          <div className="flex items-end gap-2">
            <Count
              className="flex-1"
              label={words.tierCount}
              value={tier.count}
              error={faultAt(`tiers[${place}].count`)}
              onChange={(count) => put(place, { count })}
            />
            {tiers.length > 1 && (
              <Button aria-label={words.removeTier(tier.title)} onClick={() => remove(place)}>
                <span aria-hidden>✕</span>
              </Button>
            )}
          </div>
          {faultAt(`tiers[${place}]`) !== undefined && faultAt(`tiers[${place}].title`) === undefined && (
            <p className="text-bad text-xs sm:col-span-2">{faultAt(`tiers[${place}]`)}</p>
          )}
        </div>
      ))}
      <Button onClick={() => add(emptyTier(''))}>{words.addTier}</Button>
    </fieldset>
  );
}

function Variations(props: {
  all: Variation[];
  codes: string[];
  /** Whether its kinds become tickets, which let in from a time on and until another. */
  lets: boolean;
  faultAt: FaultAt;
  onChange: (all: Variation[]) => void;
}) {
  const words = useBoxWords().products;
  const { all, codes, faultAt } = props;
  const list = entries(all, props.onChange);
  const { put } = list;
  const add = () => {
    // An id within the product, which stays when the kind is called otherwise.
    const taken = new Set(all.map((one) => one.variation));
    const free = Array.from({ length: all.length + 1 }, (_, n) => `kind-${n + 1}`).find(
      (id) => !taken.has(id),
    );
    list.add({ variation: free ?? 'kind', title: '', extra: [] });
  };
  return (
    <fieldset className="space-y-3">
      <legend className="text-sm font-medium">{words.variations}</legend>
      <p className="text-soft text-xs">{words.variationsHint}</p>
      {all.map((one, place) => (
        <div
          key={one.variation}
          className="bg-sunk/50 border-line grid items-start gap-3 rounded-lg border p-3 sm:grid-cols-2"
        >
          <Text
            label={words.variation}
            required
            value={one.title}
            error={faultAt(`variations[${place}].title`)}
            onChange={(title) => put(place, { title })}
          />
          <div className="flex items-end gap-2">
            <div className="grid flex-1 gap-3">
              {codes.map((currency) => (
                <Amount
                  key={currency}
                  label={words.extra(currency)}
                  amounts={one.extra}
                  currency={currency}
                  error={faultAt(`variations[${place}].extra`)}
                  onChange={(extra) => put(place, { extra })}
                />
              ))}
            </div>
            <Button aria-label={words.removeVariation(one.title)} onClick={() => list.remove(place)}>
              <span aria-hidden>✕</span>
            </Button>
          </div>
          {props.lets && (
            <>
              <Moment
                label={words.validFrom}
                at={one.valid_from ?? null}
                error={faultAt(`variations[${place}].valid_from`)}
                onChange={(valid_from) => put(place, { valid_from })}
              />
              <Moment
                label={words.validUntil}
                at={one.valid_until ?? null}
                error={faultAt(`variations[${place}].valid_until`)}
                onChange={(valid_until) => put(place, { valid_until })}
              />
            </>
          )}
        </div>
      ))}
      {faultAt('variations') !== undefined && <p className="text-bad text-xs">{faultAt('variations')}</p>}
      <Button onClick={add}>{words.addVariation}</Button>
    </fieldset>
  );
}
