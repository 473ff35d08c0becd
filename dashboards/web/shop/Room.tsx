// The waiting room: a place, where it stands, how long that takes, and how the draw can be checked.
import { useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';
import { ask, Refusal } from '../server/http';
import type { Cart, Change } from './cart';
import { base, placeQuery, type At } from './server';
import type { Place, Room, Shop } from './types';
import { clock, Field, Heading, Note, Part, Trouble, useDoing, useDraft, useLeft } from './ui';
import { useFormat, useWords } from './words/speaking';
import { newId, once, tab } from './wishes';

interface Props {
  at: At;
  shop: Shop;
  room: Room;
  cart: Cart;
  change: Change;
  /** How far the server's clock is ahead of ours, milliseconds. */
  ahead: number;
}

/** Shows what is behind the door to whoever was let in, and the waiting room to everybody else. */
export function RoomGate({ children, ...props }: Props & { children: ReactNode }) {
  const place = useQuery(placeQuery(props.at, props.cart.place));
  const isUnknown = place.error instanceof Refusal && place.error.status === 404;
  const standing = props.cart.place && !isUnknown ? place.data : undefined;
  if (standing?.standing === 'admitted') {
    return (
      <>
        <Admitted place={standing} ahead={props.ahead} />
        {children}
      </>
    );
  }
  return <Waiting {...props} place={standing} />;
}

function Admitted({ place, ahead }: { place: Place; ahead: number }) {
  const words = useWords();
  const left = useLeft(place.until, ahead);
  return (
    <div className="mb-5">
      <Note tone="good" role="status">
        {words.room.admitted(clock(left))}
      </Note>
    </div>
  );
}

function Waiting({
  at,
  shop,
  room,
  cart,
  change,
  place,
}: Omit<Props, 'ahead'> & { place: Place | undefined }) {
  const words = useWords();
  const format = useFormat(shop.zone);
  const opened = room.seed !== null;
  const isOver = place?.standing === 'over';
  return (
    <div className="mx-auto max-w-2xl">
      <Heading title={words.room.title}>
        <p className="mt-2">
          {opened ? words.room.after : words.room.opensAt(format.moment(new Date(room.opens)))}
        </p>
        {!opened && <p className="text-soft mt-1 text-sm">{words.room.before}</p>}
      </Heading>
      <div className="flex flex-col gap-5">
        {room.paused && <Note tone="warn">{words.room.paused}</Note>}
        {isOver && <Note tone="warn">{words.room.over}</Note>}
        {place && !isOver ? (
          <Standing place={place} room={room} shop={shop} />
        ) : (
          <Join at={at} change={change} again={isOver} />
        )}
        <Proof room={room} place={cart.place} />
      </div>
    </div>
  );
}

function Standing({ place, room, shop }: { place: Place; room: Room; shop: Shop }) {
  const words = useWords();
  const format = useFormat(shop.zone);
  const before = place.before ?? 0;
  const minutes = before / Math.max(1, room.per_minute);
  return (
    <div className="card p-6 text-center">
      <p role="status" className="text-xl font-semibold">
        {place.standing === 'undrawn' ? words.room.undrawn : words.room.waits(before)}
      </p>
      {place.standing === 'waits' && !room.paused && before > 0 && (
        <p className="text-soft mt-2">
          {words.room.about(format.duration(Math.max(60_000, Math.ceil(minutes) * 60_000)))}
        </p>
      )}
      <p className="text-soft mt-4 text-sm">{words.room.keepOpen}</p>
    </div>
  );
}

function Join({ at, change, again }: { at: At; change: Change; again: boolean }) {
  const words = useWords();
  const doing = useDoing();
  const [draft, edit] = useDraft('you', { email: '', name: '' });
  const [wrong, setWrong] = useState(false);
  const join = async () => {
    const send = async (wish: string, contact: typeof draft) =>
      (await ask<Place>('POST', `${base(at)}/room`, { wish, body: { contact } })).data;
    const { id } = await once(tab, `room/${at.seller}/${at.event}`, draft, send, newId);
    change((now) => ({ ...now, place: id }));
  };
  return (
    <Part title={words.room.joinTitle}>
      <form
        noValidate
        className="flex flex-col gap-4"
        onSubmit={(submit) => {
          submit.preventDefault();
          const isWrong = !draft.email.includes('@');
          setWrong(isWrong);
          if (!isWrong) doing.run(join);
        }}
      >
        <Field
          label={words.checkout.email}
          type="email"
          autoComplete="email"
          required
          value={draft.email}
          onChange={(event) => edit({ email: event.target.value })}
          error={wrong ? words.emailWrong : undefined}
        />
        <Field
          label={words.checkout.name}
          autoComplete="name"
          value={draft.name}
          onChange={(event) => edit({ name: event.target.value })}
        />
        <Trouble error={doing.error} />
        <button type="submit" className="button button-main button-wide" disabled={doing.busy}>
          {again ? words.room.again : words.room.join}
        </button>
      </form>
    </Part>
  );
}

function Proof({ room, place }: { room: Room; place: string }) {
  const words = useWords();
  const rows = [
    [words.room.commitment, room.commitment],
    [words.room.seed, room.seed ?? words.room.notYet],
    ...(place ? [[words.room.place, place] as const] : []),
  ] as const;
  return (
    <details className="card p-4 sm:p-6">
      <summary className="cursor-pointer font-semibold">{words.room.proof}</summary>
      <p className="text-soft mt-3 text-sm">{words.room.proofText}</p>
      <dl className="mt-3 flex flex-col gap-2 text-sm">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt className="text-soft">{name}</dt>
            <dd className="font-mono break-all">{value}</dd>
          </div>
        ))}
      </dl>
      {room.seed && place && (
        <>
          <p className="text-soft mt-3 text-sm">{words.room.check}</p>
          <pre className="bg-sunk mt-2 overflow-x-auto rounded-lg p-3 text-xs" tabIndex={0}>
            {`printf '%s' '${room.seed}' | b3sum\nprintf '%s\\n%s' '${room.seed}' '${place}' | b3sum`}
          </pre>
        </>
      )}
    </details>
  );
}
