// Somebody's place in a waitlist, and what is kept for them when their turn has come.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { ask, part, Refusal } from '../server/http';
import { useCart, type Line } from './cart';
import { useAt } from './Frame';
import { base, holdQuery, home, shopQuery, turnQuery } from './server';
import { Totals } from './Totals';
import type { Position } from './types';
import { Heading, Note, Trouble, useDoing } from './ui';
import { useFormat, useWords } from './words/speaking';
import { newId } from './wishes';

export default function TurnPage() {
  const at = useAt();
  const { wait = '' } = useParams();
  const words = useWords();
  const turn = useQuery(turnQuery(at, wait));
  const { data: shop } = useQuery(shopQuery(at, ''));
  const hold = useQuery(holdQuery(at, turn.data?.hold ?? undefined));
  const client = useQueryClient();
  const navigate = useNavigate();
  const format = useFormat(shop?.zone);
  const doing = useDoing();
  const [, change] = useCart(at.seller, at.event);
  const [left, setLeft] = useState(false);
  if (left) return <Note tone="plain">{words.wait.left}</Note>;
  const isOver = turn.data !== undefined && turn.data.before === null && turn.data.hold === null;
  if (isOver || (turn.error instanceof Refusal && turn.error.status === 404)) {
    return (
      <>
        <Heading title={words.wait.overTitle} />
        <p className="mb-4">{words.wait.overText}</p>
        <Link className="button" to={home(at)}>
          {words.order.again}
        </Link>
      </>
    );
  }
  if (!turn.data) return <p role="status">{words.loading}</p>;
  const leave = async () => {
    await ask('DELETE', `${base(at)}/waitlist/${part(wait)}`, { wish: newId() });
    setLeft(true);
  };
  if (!turn.data.hold) {
    return (
      <div className="mx-auto max-w-2xl">
        <Heading title={words.wait.waitTitle} />
        <div className="card p-6 text-center">
          <p role="status" className="text-xl font-semibold">
            {words.wait.before(turn.data.before ?? 0)}
          </p>
          <p className="text-soft mt-3 text-sm">{words.wait.waitText}</p>
        </div>
        <div className="mt-4 flex flex-col gap-3">
          <Trouble error={doing.error} />
          <button
            type="button"
            className="button self-start"
            disabled={doing.busy}
            onClick={() => doing.run(leave)}
          >
            {words.wait.leave}
          </button>
        </div>
      </div>
    );
  }
  const take = async () => {
    const kept = await client.query({ ...holdQuery(at, turn.data.hold ?? undefined), staleTime: 'static' });
    const lines = linesOf(kept.positions);
    change((now) => ({ ...now, currency: kept.currency, hold: { id: kept.id, lines, total: kept.total } }));
    await navigate(`${home(at)}/checkout`);
  };
  return (
    <div className="mx-auto max-w-2xl">
      <Heading title={words.wait.turnTitle}>
        {turn.data.until && (
          <p className="mt-2">{words.wait.turnText(format.moment(new Date(turn.data.until)))}</p>
        )}
      </Heading>
      <div className="card p-5">
        {hold.data && <Totals shop={shop} currency={hold.data.currency} positions={hold.data.positions} />}
      </div>
      <div className="mt-4 flex flex-col gap-3">
        <Trouble error={doing.error} />
        <button
          type="button"
          className="button button-main button-wide"
          disabled={doing.busy}
          onClick={() => doing.run(take)}
        >
          {words.wait.take}
        </button>
      </div>
    </div>
  );
}

/** The lines that positions came of. */
function linesOf(positions: readonly Position[]): Line[] {
  const lines = new Map<string, Line>();
  for (const { product, variation } of positions) {
    const name = `${product}/${variation ?? ''}`;
    const count = (lines.get(name)?.count ?? 0) + 1;
    lines.set(name, { product, ...(variation ? { variation } : {}), count });
  }
  return [...lines.values()];
}
