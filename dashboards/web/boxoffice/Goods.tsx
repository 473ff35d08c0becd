// The stock of digital products: how many codes there are, more of them, and taking out what is left.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ask } from '../server/http';
import { Button, Card, Choice, Confirm, Lines, Table, Th, Trouble } from '../ui/basics';
import { linesOf } from '../ui/form';
import { useEventFormat, useMayHere, useOffice, useTitleOf } from './office';
import { at, goodsCounts, key } from './server';
import type { Offer } from './types';
import { useBoxWords } from './words';
import { useAct } from './act';

/** Codes that the server takes at once. */
const BATCH_MAX = 1_000;

export function Goods({ offer }: { offer: Offer }) {
  const words = useBoxWords().goods;
  const { org, event } = useOffice();
  const may = useMayHere('manage_orders');
  const { data, error } = useQuery({ ...goodsCounts(org, event), enabled: may });
  const choices = offer.products
    .filter((one) => one.kind === 'digital')
    .flatMap(({ id, variations }): Chosen[] =>
      variations.length > 0
        ? variations.map(({ variation }) => ({ product: id, variation }))
        : [{ product: id, variation: null }],
    );
  if (!may) return null;
  const countOf = (choice: Chosen) =>
    data?.find((one) => one.product === choice.product && one.variation === choice.variation) ?? NOTHING;
  return (
    <Card title={words.title} hint={words.hint}>
      <Trouble error={error} />
      <div className="space-y-4">
        {data && <Counts rows={choices.map((choice) => ({ ...choice, ...countOf(choice) }))} />}
        <Add choices={choices} />
      </div>
    </Card>
  );
}

const NOTHING = { free: 0, owed: 0, given: 0 };

interface Chosen {
  product: string;
  variation: string | null;
}

interface Row extends Chosen {
  free: number;
  owed: number;
  given: number;
}

function Counts({ rows }: { rows: Row[] }) {
  const words = useBoxWords().goods;
  const format = useEventFormat();
  const titleOf = useTitleOf();
  return (
    <Table
      label={words.title}
      head={
        <>
          <Th>{words.product}</Th>
          <Th figure>{words.free}</Th>
          <Th figure>{words.owed}</Th>
          <Th figure>{words.given}</Th>
        </>
      }
    >
      {rows.map((row) => (
        <tr key={`${row.product} ${row.variation ?? ''}`}>
          <th scope="row" className="cell font-medium">
            {titleOf(row.product, row.variation)}
            {row.free > 0 && <Withdraw row={row} />}
          </th>
          <td className="cell figure">{format.number(row.free)}</td>
          <td className={`cell figure ${row.owed > 0 ? 'text-warn font-medium' : ''}`}>
            {format.number(row.owed)}
          </td>
          <td className="cell figure">{format.number(row.given)}</td>
        </tr>
      ))}
    </Table>
  );
}

/** Takes what is left of a product out of stock, as many at once as the server takes. */
function Withdraw({ row }: { row: Row }) {
  const words = useBoxWords().goods;
  const format = useEventFormat();
  const { org, event } = useOffice();
  const client = useQueryClient();
  const act = useMutation({
    mutationFn: async () => {
      const goods = await freeGoods(at.goods(org, event), row);
      await ask('POST', `${at.goods(org, event)}/withdrawals`, { body: { goods } });
    },
    onSettled: () => client.invalidateQueries({ queryKey: key(org, event) }),
  });
  const most = format.number(Math.min(row.free, BATCH_MAX));
  return (
    <div className="mt-1 font-normal">
      <Confirm what={words.withdrawWhat(most)} disabled={act.isPending} onConfirm={() => act.mutate()}>
        {words.withdraw}
      </Confirm>
      <Trouble error={act.error} />
    </div>
  );
}

/** Ids of codes in stock, at most a batch. */
async function freeGoods(path: string, row: Row): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null | undefined;
  do {
    const asked = new URLSearchParams({ product: row.product, state: 'free', limit: '200' });
    if (cursor) asked.set('cursor', cursor);
    const page = await ask<{ id: string; variation: string | null }[]>('GET', `${path}?${asked.toString()}`);
    found.push(...page.data.filter((one) => one.variation === row.variation).map((one) => one.id));
    cursor = page.next;
  } while (cursor && found.length < BATCH_MAX);
  return found.slice(0, BATCH_MAX);
}

function Add({ choices }: { choices: Chosen[] }) {
  const words = useBoxWords().goods;
  const format = useEventFormat();
  const titleOf = useTitleOf();
  const { org, event } = useOffice();
  const [place, setPlace] = useState(0);
  const [texts, setTexts] = useState('');
  const [sent, setSent] = useState(0);
  const act = useAct(at.goods(org, event), () => {
    setSent(lines.length);
    setTexts('');
  });
  const lines = linesOf(texts);
  const choice = choices[place];
  const tooMany = lines.length > BATCH_MAX;
  const added = act.data?.data as { new: number } | undefined;
  return (
    <form
      className="space-y-3"
      onSubmit={(event_) => {
        event_.preventDefault();
        if (choice && !tooMany) act.mutate({ ...choice, texts: lines });
      }}
    >
      {choices.length > 1 && (
        <Choice label={words.product} value={place} onChange={({ target }) => setPlace(Number(target.value))}>
          {choices.map((one, number) => (
            <option key={number} value={number}>
              {titleOf(one.product, one.variation)}
            </option>
          ))}
        </Choice>
      )}
      <Lines
        label={words.texts}
        hint={words.textsHint}
        required
        rows={5}
        autoComplete="off"
        value={texts}
        error={tooMany ? words.tooMany(format.number(BATCH_MAX)) : undefined}
        onChange={({ target }) => setTexts(target.value)}
      />
      <Trouble error={act.error} />
      <div className="flex flex-wrap items-center gap-3">
        <Button type="submit" disabled={act.isPending || lines.length === 0 || tooMany}>
          {words.add}
        </Button>
        <span role="status" className="text-good text-sm">
          {added && texts === '' && words.added(format.number(added.new), format.number(sent))}
        </span>
      </div>
    </form>
  );
}
