// How many there are of what: quotas with what is held, sold and free, which product counts where, and the form of one.
import { useState } from 'react';
import { useSearchParams } from 'react-router';
import { Bar, Button, Card, NoData, Table, Th } from '../ui/basics';
import { useWords } from '../words/words';
import { between, quotaLines } from './describe';
import { AddButton, Beside, type OfForm, useEditing } from './editing';
import { Check, Count, Text } from './fields';
import { Frame, useEventFormat, useMayHere, useOffer, useOffice } from './office';
import { useSaying } from './saying';
import { at } from './server';
import { Form, ShortName, useSetting, useShortName } from './setting';
import type { Choice, CountedQuota, Offer, OfferedProduct, Quota } from './types';
import { useBoxWords } from './words';

export function Quotas() {
  const words = useBoxWords();
  const { org, event } = useOffice();
  const offer = useOffer();
  const [search] = useSearchParams();
  const editing = useEditing();
  const none = (offer?.quotas.length ?? 0) === 0;
  return (
    <Frame
      title={words.parts.quotas}
      hint={words.quotas.hint}
      aside={<AddButton editing={editing}>{words.quotas.add}</AddButton>}
    >
      {offer !== undefined && (
        <Beside<Quota>
          editing={editing}
          path={(id) => at.quota(org, event, id)}
          columns="xl:grid-cols-[1fr_26rem]"
          form={(of) => <QuotaForm {...of} first={search.get('product')} />}
        >
          {none || !offer ? (
            <NoData>{words.quotas.none}</NoData>
          ) : (
            <StockTable offer={offer} onEdit={editing.edit} />
          )}
          {offer && offer.products.length > 0 && !none && <Matrix offer={offer} />}
        </Beside>
      )}
    </Frame>
  );
}

/** What is held, sold and free of each quota, as it stands now. */
export function StockTable({ offer, onEdit }: { offer: Offer; onEdit?: (id: string) => void }) {
  const words = useBoxWords();
  const all = useWords();
  const may = useMayHere('manage_events') && onEdit !== undefined;
  return (
    <Card title={words.overview.stock} hint={words.overview.stockHint}>
      <Table
        label={words.overview.stock}
        head={
          <>
            <Th>{words.stock.quota}</Th>
            <Th>{words.stock.share}</Th>
            <Th figure>{words.stock.sold}</Th>
            <Th figure>{words.stock.held}</Th>
            <Th figure>{words.stock.left}</Th>
            <Th figure>{words.stock.size}</Th>
            {may && <Th>{all.actions}</Th>}
          </>
        }
      >
        {offer.quotas.map((quota) => (
          <StockLine key={quota.id} quota={quota} {...(may ? { onEdit: () => onEdit(quota.id) } : {})} />
        ))}
      </Table>
    </Card>
  );
}

/** Of this share no more may be left for a quota to be nearly sold out, as the server's summary has it. */
const NEARLY = 0.1;

function StockLine({ quota, onEdit }: { quota: CountedQuota; onEdit?: () => void }) {
  const words = useBoxWords();
  const all = useWords();
  const format = useEventFormat();
  const used = quota.held + quota.sold;
  const share = quota.size === null || quota.size === 0 ? (quota.size === 0 ? 1 : 0) : used / quota.size;
  const tone = share >= 1 ? 'bad' : share >= 1 - NEARLY ? 'warn' : undefined;
  return (
    <tr>
      <th scope="row" className="cell min-w-36 font-medium">
        {quota.title} <span className="text-soft block text-xs font-normal">{quota.id}</span>
      </th>
      <td className="cell w-56 min-w-32">
        {quota.size !== null && (
          <>
            <Bar share={share} {...(tone ? { tone } : {})} />
            <span className="text-soft text-xs">{format.percent(Math.min(1, share))}</span>
          </>
        )}
      </td>
      <td className="cell figure">{format.number(quota.sold)}</td>
      <td className="cell figure">{format.number(quota.held)}</td>
      <td className="cell figure font-medium">{quota.left === null ? '∞' : format.number(quota.left)}</td>
      <td className="cell figure">
        {quota.size === null ? words.quotas.unlimited : format.number(quota.size)}
      </td>
      {onEdit && (
        <td className="cell">
          <Button onClick={onEdit} aria-label={words.quotas.change(quota.title)}>
            {all.edit}
          </Button>
        </td>
      )}
    </tr>
  );
}

/** Whether one of the choices that a quota counts is this kind of this product. */
const counts = (quota: Quota, product: string, variation: string | null) =>
  quota.products.some(
    (one) => one.product === product && (one.variation === null || one.variation === variation),
  );

function Matrix({ offer }: { offer: Offer }) {
  const words = useBoxWords();
  return (
    <Card title={words.quotas.matrix} hint={words.quotas.matrixHint}>
      <Table
        label={words.quotas.matrix}
        head={
          <>
            <Th>{words.stock.product}</Th>
            {offer.quotas.map((quota) => (
              <th key={quota.id} scope="col" className="cell-head text-center">
                {quota.title}
              </th>
            ))}
          </>
        }
      >
        {offer.products.flatMap((product) =>
          choicesOf(product).map((choice) => (
            <tr key={`${product.id} ${choice.variation ?? ''}`}>
              <th scope="row" className="cell font-medium whitespace-nowrap">
                {choice.title}
              </th>
              {offer.quotas.map((quota) => (
                <td key={quota.id} className="cell text-center">
                  <Mark on={counts(quota, product.id, choice.variation)} />
                </td>
              ))}
            </tr>
          )),
        )}
      </Table>
    </Card>
  );
}

function Mark({ on }: { on: boolean }) {
  const words = useBoxWords().quotas;
  return (
    <>
      <span
        aria-hidden
        className={`inline-block size-3.5 rounded-full ${on ? 'bg-series-1' : 'border-line border-2'}`}
      />
      <span className="sr-only">{on ? words.counts : words.countsNot}</span>
    </>
  );
}

/** A product as one thing, or each of its kinds. */
function choicesOf(product: OfferedProduct): { variation: string | null; title: string }[] {
  if (product.variations.length === 0) return [{ variation: null, title: product.title }];
  return product.variations.map((one) => ({
    variation: one.variation,
    title: `${product.title}, ${one.title}`,
  }));
}

function QuotaForm({ id, seen, first, onDone, onCancel }: OfForm<Quota> & { first: string | null }) {
  const words = useBoxWords();
  const all = useWords();
  const say = useSaying();
  const { org, event } = useOffice();
  const offer = useOffer();
  const wanted = offer?.products.find((one) => one.id === first);
  const empty = {
    title: wanted?.title ?? '',
    size: null,
    products: wanted ? [{ product: wanted.id, variation: null }] : [],
  };
  const [draft, setDraft] = useState<Quota>(seen?.row ?? empty);
  const [shortName, setShortName] = useShortName(draft.title);
  const own = id ?? shortName;
  const change = useSetting<Quota>(at.quota(org, event, own), seen, onDone);
  const set = (part: Partial<Quota>) => setDraft({ ...draft, ...part });
  const has = (choice: Choice) =>
    draft.products.some((one) => one.product === choice.product && one.variation === choice.variation);
  // All kinds and one of them exclude each other: what is chosen takes the place of the other.
  const toggle = (choice: Choice, on: boolean) => {
    const others = draft.products.filter(
      (one) =>
        one.product !== choice.product ||
        (choice.variation !== null && one.variation !== null && one.variation !== choice.variation),
    );
    set({
      products: on
        ? [...others, choice]
        : draft.products.filter(
            (one) => !(one.product === choice.product && one.variation === choice.variation),
          ),
    });
  };
  return (
    <Card title={seen ? words.quotas.change(seen.row.title) : words.quotas.add}>
      <Form
        change={change}
        differences={between(quotaLines(say))}
        submit={seen ? all.save : words.quotas.add}
        onSubmit={() => change.save(draft)}
        {...(onCancel ? { onCancel } : {})}
      >
        <Text
          autoFocus
          label={words.name}
          required
          maxLength={200}
          value={draft.title}
          error={change.faultAt('title')}
          onChange={(title) => set({ title })}
        />
        {id === undefined && <ShortName value={shortName} onChange={setShortName} />}
        <Count
          label={words.quotas.size}
          hint={words.quotas.sizeHint}
          value={draft.size}
          error={change.faultAt('size')}
          onChange={(size) => set({ size })}
        />
        <fieldset className="space-y-1">
          <legend className="mb-1 text-sm font-medium">{words.quotas.products}</legend>
          {(offer?.products ?? []).map((product) => (
            <div key={product.id} className="space-y-1">
              <Check
                label={product.variations.length > 0 ? words.quotas.allKinds(product.title) : product.title}
                checked={has({ product: product.id, variation: null })}
                onChange={(on) => toggle({ product: product.id, variation: null }, on)}
              />
              {product.variations.map((one) => (
                <div key={one.variation} className="ps-6">
                  <Check
                    label={`${product.title}, ${one.title}`}
                    checked={has({ product: product.id, variation: one.variation })}
                    onChange={(on) => toggle({ product: product.id, variation: one.variation }, on)}
                  />
                </div>
              ))}
            </div>
          ))}
          {change.faultAt('products') !== undefined && (
            <p className="text-bad text-xs">{change.faultAt('products')}</p>
          )}
        </fieldset>
      </Form>
    </Card>
  );
}
