// The waiting room before a rush: when it opens, how fast it lets people in, and the proof that the draw was fair.
import { useState } from 'react';
import type { Read } from '../server/queries';
import { Badge, Card, Secret } from '../ui/basics';
import { useWords } from '../words/words';
import { between, roomLines } from './describe';
import { Check, Count, Long, Moment } from './fields';
import { Frame, useEventFormat, useOffer, useOffice } from './office';
import { useSaying } from './saying';
import { at } from './server';
import { Form, Seen, useSetting } from './setting';
import type { Offer, Room } from './types';
import { useBoxWords } from './words';

export function WaitingRoom() {
  const words = useBoxWords();
  const { org, event } = useOffice();
  const offer = useOffer();
  return (
    <Frame title={words.parts.room} hint={words.room.hint}>
      <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-[26rem_1fr]">
        <Seen<Room> path={at.room(org, event)}>{(seen) => <RoomForm seen={seen} />}</Seen>
        {offer?.room ? (
          <Proof offer={offer} room={offer.room} />
        ) : (
          <p className="text-soft text-sm">{words.room.none}</p>
        )}
      </div>
    </Frame>
  );
}

/** How a room is set: all but the commitment, which is the server's. */
interface Wanted {
  opens: string;
  per_minute: number;
  stay_s: number;
  paused: boolean;
}

/** A room in a form: nobody has said when it opens at first. */
type Drafted = Omit<Room, 'commitment' | 'opens'> & { opens: string | null };

function RoomForm({ seen }: { seen: Read<Room> | null }) {
  const words = useBoxWords();
  const all = useWords();
  const say = useSaying();
  const { org, event, row } = useOffice();
  const [draft, setDraft] = useState<Drafted>(
    seen?.row ?? { opens: null, per_minute: 100, stay_s: 600, paused: false },
  );
  const set = (part: Partial<typeof draft>) => setDraft({ ...draft, ...part });
  const change = useSetting<Room, Wanted>(at.room(org, event), seen);
  const { faultAt } = change;
  const differences = (now: Room, yours: Wanted) => between(roomLines(say))(now, { ...now, ...yours });
  return (
    <Card title={words.parts.room} hint={words.zone(row?.zone ?? 'UTC')}>
      <Form
        change={change}
        differences={differences}
        submit={seen ? all.save : words.room.save}
        onSubmit={() => {
          const { opens, per_minute, stay_s, paused } = draft;
          change.save({ opens: opens ?? '', per_minute, stay_s, paused });
        }}
      >
        <Moment
          label={words.room.opens}
          required
          at={draft.opens}
          error={faultAt('opens')}
          onChange={(opens) => set({ opens })}
        />
        <Count
          label={words.room.perMinute}
          required
          min={1}
          value={draft.per_minute}
          error={faultAt('per_minute')}
          onChange={(n) => set({ per_minute: n ?? 1 })}
        />
        <Long
          label={words.room.stay}
          required
          unit={60}
          seconds={draft.stay_s}
          error={faultAt('stay_s')}
          onChange={(stay_s) => set({ stay_s })}
        />
        <Check label={words.room.paused} checked={draft.paused} onChange={(paused) => set({ paused })} />
      </Form>
    </Card>
  );
}

function Proof({ offer, room }: { offer: Offer; room: Room }) {
  const words = useBoxWords().room;
  const format = useEventFormat();
  const state = offer.room_state;
  const figures = [
    [words.came, state?.came ?? 0],
    [words.admitted, state?.admitted ?? 0],
    [words.waiting, (state?.came ?? 0) - (state?.admitted ?? 0)],
  ] as const;
  return (
    <div className="min-w-0 space-y-4">
      <dl className="grid grid-cols-3 gap-3">
        {figures.map(([name, figure]) => (
          <div key={name} className="card p-4">
            <dt className="text-soft text-sm">{name}</dt>
            <dd className="text-2xl font-semibold">{format.number(figure)}</dd>
          </div>
        ))}
      </dl>
      <Card
        title={words.proof}
        hint={words.proofHint}
        aside={room.paused ? <Badge tone="warn">{words.paused}</Badge> : undefined}
      >
        <div className="space-y-4">
          <div>
            <h3 className="text-sm font-medium">{words.commitment}</h3>
            <p className="text-soft mb-1 text-xs">{words.commitmentHint}</p>
            <Secret label={words.commitment} text={room.commitment} />
          </div>
          <div>
            <h3 className="mb-1 text-sm font-medium">{words.seed}</h3>
            {state?.seed ? (
              <Secret label={words.seed} text={state.seed} />
            ) : (
              <p className="text-soft text-sm">{words.seedNot}</p>
            )}
          </div>
          {state?.seed && (
            <div>
              <h3 className="mb-1 text-sm font-medium">{words.check}</h3>
              <Secret label={words.check} text={`printf %s ${state.seed} | b3sum`} />
            </div>
          )}
        </div>
      </Card>
    </div>
  );
}
