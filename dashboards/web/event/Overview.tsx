// The first row of the dashboard: what needs action, how things stand, and the totals.
import { lazy, type ReactNode, Suspense, useEffect, useState } from 'react';
import { isUrgent } from '../boxoffice/attention';
import { useBoxItems } from '../boxoffice/summary';
import { useCondition, useEarlier, useNow } from '../live/hooks';
import type { AsOf } from '../live/protocol';
import { useMayFor } from '../server/session';
import type * as t from '../server/types';
import { Badge, Bar, Card, NoData } from '../ui/basics';
import { type Format, fromMicros } from '../words/format';
import { useFormat, useWords } from '../words/words';
import { attention, type Item, phaseOf, urgencyOf } from './attention';
import {
  type Revenue,
  useDeadLetters,
  useEventRow,
  useFraud,
  useItems,
  useLate,
  usePeople,
  useReadiness,
  useRevenue,
  useSessions,
  useTotals,
  useVisits,
  useWhere,
} from './data';

// With the words of the box office, which the dashboard needs only when something there needs somebody.
const BoxItems = lazy(() => import('../boxoffice/NeedsAttention'));

/** People who registered, as far as records tell: distinct people, not records, since one may register twice. */
const peopleOf = (kinds: ReadonlyMap<string, t.KindTotals>, kind: string) => kinds.get(kind)?.uniques.count;

export function Attention() {
  const words = useWords();
  const now = useNow(10_000);
  const { kinds } = useTotals();
  const { org, event } = useWhere();
  const may = useMayFor(org, 'manage_orders', event);
  const box = useBoxItems(org, event, may);
  const items = attention({
    now,
    event: useEventRow(),
    readiness: useReadiness().data,
    registered: peopleOf(kinds, 'registration_reported') ?? 0,
    checkedIn: peopleOf(kinds, 'check_in_reported') ?? 0,
    sessions: useSessions() ?? [],
    items: useItems(),
    fraud: useFraud().data,
    late: useLate().data,
  });
  return (
    <Card
      title={words.dashboard.attention.title}
      aside={
        <Count
          count={items.length + box.length}
          urgent={[...items.map(urgencyOf)].includes('bad') || box.some(isUrgent)}
        />
      }
      className="lg:col-span-5"
    >
      {items.length + box.length === 0 ? (
        <p className="text-good py-1 text-sm">{words.dashboard.attention.none}</p>
      ) : (
        <ul className="space-y-1.5">
          {items.map((item) => (
            <AttentionItem key={item.what + ('session' in item ? item.session : '')} item={item} />
          ))}
          {box.length > 0 && (
            <Suspense>
              <BoxItems org={org} event={event} items={box} />
            </Suspense>
          )}
        </ul>
      )}
    </Card>
  );
}

/** Tells screen readers how many things need action; only when the number changed, and never more often than that. */
function Count({ count, urgent }: { count: number; urgent: boolean }) {
  return (
    <span role="status">
      <Badge tone={count === 0 ? 'good' : urgent ? 'bad' : 'warn'}>{count}</Badge>
    </span>
  );
}

function AttentionItem({ item }: { item: Item }) {
  const words = useWords().dashboard.attention;
  const format = useFormat();
  const bad = urgencyOf(item) === 'bad';
  const texts = {
    notReady: () => words.notReady,
    noCheckIns: () => words.noCheckIns,
    fewCheckIns: (it: Item) => words.fewCheckIns(format.percent('share' in it ? it.share : 0)),
    fraud: (it: Item) => words.fraud(format.compact('count' in it ? it.count : 0)),
    late: (it: Item) => words.late(format.compact('count' in it ? it.count : 0)),
    full: (it: Item) => ('title' in it ? words.full(it.title, format.percent(it.share)) : ''),
  };
  const targets: Partial<Record<Item['what'], string>> = { fraud: '#fraud', full: '#availability' };
  const target = targets[item.what];
  const text = texts[item.what](item);
  return (
    <li
      className={`flex gap-2 rounded-lg px-3 py-2 text-sm ${bad ? 'bg-bad-sunk text-bad' : 'bg-warn-sunk text-warn'}`}
    >
      <span aria-hidden>{bad ? '●' : '▲'}</span>
      {target ? (
        <a href={target} className="underline-offset-2 hover:underline">
          {text}
        </a>
      ) : (
        text
      )}
    </li>
  );
}

export function Status() {
  const words = useWords().dashboard;
  const format = useFormat();
  const event = useEventRow();
  const readiness = useReadiness();
  const late = useLate().data;
  const { asOf } = useTotals();
  const now = useNow(10_000);
  const dead = useDeadLetters();
  const eventsWords = useWords().events;
  return (
    <Card title={words.status.title} className="lg:col-span-3">
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2 text-sm">
        <Row name={words.status.event}>
          {event ? (
            <Badge tone={phaseOf(event, now) === 'running' ? 'good' : 'plain'}>
              {eventsWords[phaseOf(event, now)]}
            </Badge>
          ) : (
            '–'
          )}
        </Row>
        <Row name={words.status.views}>
          {readiness.data ? (
            <Badge tone={readiness.data.ready ? 'good' : 'warn'}>
              {readiness.data.ready ? words.status.ready : words.status.notReady}
            </Badge>
          ) : (
            '–'
          )}
        </Row>
        <Row name={words.status.freshness}>{asOf ? format.exact(fromMicros(asOf.log_time)) : '–'}</Row>
        <Row name={words.status.late}>{late ? format.number(late.late) : '–'}</Row>
        <Row name={words.status.excluded}>{late ? format.number(late.excluded) : '–'}</Row>
        <Row name={words.status.dead}>
          {dead ? `${format.number(dead.count)}${dead.more ? '+' : ''}` : '–'}
        </Row>
      </dl>
    </Card>
  );
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-soft">{name}</dt>
      <dd className="text-end font-medium">{children}</dd>
    </>
  );
}

/** Currencies that are told below the one with the most. */
const CURRENCIES = 2;

const moneyOf = (revenue: readonly Revenue[], format: Format): string | undefined =>
  revenue.map(({ currency, minor }) => format.moneyShort(minor, currency)).join(' + ') || undefined;

export function Totals() {
  const words = useWords().dashboard.totals;
  const format = useFormat();
  const { kinds, loaded } = useTotals();
  const sessions = useSessions();
  const people = usePeople().data;
  const visits = useVisits().data;
  const revenue = useRevenue();
  const [most, rest] = [revenue?.slice(0, 1) ?? [], revenue?.slice(1, 1 + CURRENCIES) ?? []];
  const registered = peopleOf(kinds, 'registration_reported');
  const checkedIn = peopleOf(kinds, 'check_in_reported');
  const here = sessions?.reduce((sum, session) => sum + session.present, 0);
  // A kind without a record has no key in the feed: once it is loaded, that is "no data yet".
  const shown = (value: number | undefined) => (loaded ? value : undefined);
  return (
    <section
      aria-label={words.title}
      className="col-span-full grid grid-cols-2 gap-3 md:grid-cols-4 xl:grid-cols-8"
    >
      <Total
        name={words.here}
        value={sessions && sessions.length > 0 ? here : undefined}
        loaded={!!sessions}
        strong
      />
      <Total name={words.registrations} value={shown(registered)} loaded={loaded} />
      <Total
        name={words.checkedIn}
        value={shown(checkedIn)}
        loaded={loaded}
        note={
          registered && checkedIn ? words.ofRegistered(format.percent(checkedIn / registered)) : undefined
        }
      />
      <Total name={words.orders} value={shown(kinds.get('order_reported')?.total)} loaded={loaded} />
      <Total
        name={words.revenue}
        text={moneyOf(most, format)}
        note={rest.length > 0 ? `+ ${moneyOf(rest, format)}` : undefined}
        value={undefined}
        loaded={revenue !== undefined}
      />
      <Total name={words.active} value={people?.count} loaded={people !== undefined} exact={people?.exact} />
      <Total name={words.visits} value={visits?.total.visits} loaded={visits !== undefined} />
      <Total name={words.pages} value={shown(kinds.get('page_viewed')?.total)} loaded={loaded} />
    </section>
  );
}

/** A minute back: long enough to see a trend, short enough to be about now. */
const EARLIER_MS = 60_000;

function Total(props: {
  name: string;
  value: number | undefined;
  text?: string | undefined;
  loaded: boolean;
  note?: string | undefined;
  strong?: boolean;
  exact?: boolean | undefined;
}) {
  const { name, value, loaded } = props;
  const words = useWords();
  const format = useFormat();
  const earlier = useEarlier(value, EARLIER_MS);
  const moved = value !== undefined && earlier ? value - earlier.value : 0;
  const text =
    props.text ??
    (value === undefined ? null : `${props.exact === false ? '≈' : ''}${format.compact(value)}`);
  return (
    <div
      className={`card flex min-h-28 flex-col justify-between p-4 ${props.strong ? 'border-accent/50' : ''}`}
    >
      <div className="text-soft text-xs font-medium">{name}</div>
      {text === null ? (
        <div className="text-soft text-sm">{loaded ? words.noData : '…'}</div>
      ) : (
        <div
          className={`font-semibold tracking-tight whitespace-nowrap ${text.length > 6 ? 'text-xl' : 'text-2xl'}`}
        >
          {text}
        </div>
      )}
      <div className="text-soft min-h-4 text-xs">
        {props.note ?? (moved === 0 ? '' : <Moved by={moved} />)}
      </div>
    </div>
  );
}

function Moved({ by }: { by: number }) {
  const words = useWords().dashboard.totals;
  const format = useFormat();
  const text = `${by > 0 ? '+' : '−'}${format.compact(Math.abs(by))}`;
  return (
    <span>
      <span aria-hidden>{by > 0 ? '▲ ' : '▼ '}</span>
      {words.change(text)}
    </span>
  );
}

export function Availability() {
  const words = useWords().dashboard.availability;
  const format = useFormat();
  const items = useItems();
  const sessions = useSessions();
  const rooms = (sessions ?? [])
    .flatMap((session) => {
      const item = items.find((one) => one.session === session.session);
      return item?.capacity ? [{ ...session, title: item.title, capacity: item.capacity }] : [];
    })
    .sort((a, b) => b.present / b.capacity - a.present / a.capacity)
    .slice(0, 6);
  return (
    <Card title={words.title} hint={words.hint} className="">
      <div id="availability" tabIndex={-1} className="min-h-52">
        {rooms.length === 0 ? (
          <NoData />
        ) : (
          <ul className="space-y-2.5">
            {rooms.map((room) => (
              <li key={room.session}>
                <div className="mb-1 flex justify-between gap-2 text-sm">
                  <span className="truncate">{room.title}</span>
                  <span className="shrink-0 font-medium">
                    {format.number(room.present)} / {format.number(room.capacity)}
                  </span>
                </div>
                <Bar share={room.present / room.capacity} {...toneOf(room.present / room.capacity)} />
              </li>
            ))}
          </ul>
        )}
      </div>
    </Card>
  );
}

function toneOf(share: number): { tone?: 'warn' | 'bad' } {
  if (share >= 1) return { tone: 'bad' };
  return share >= 0.9 ? { tone: 'warn' } : {};
}

export function CheckIn() {
  const words = useWords();
  const format = useFormat();
  const { kinds } = useTotals();
  const registered = peopleOf(kinds, 'registration_reported');
  const checkedIn = peopleOf(kinds, 'check_in_reported');
  return (
    <Card title={words.dashboard.checkIn.title} className="lg:col-span-4">
      {registered === undefined || registered === 0 || checkedIn === undefined ? (
        <NoData />
      ) : (
        <div className="flex flex-1 flex-col justify-center gap-3">
          <div className="flex items-baseline justify-between">
            <span className="text-4xl font-semibold tracking-tight">
              {format.percent(checkedIn / registered)}
            </span>
            <span className="text-soft text-sm">
              {words.dashboard.checkIn.of(format.number(checkedIn), format.number(registered))}
            </span>
          </div>
          <Bar share={checkedIn / registered} tone="good" />
        </div>
      )}
    </Card>
  );
}

/** How the connection is, in words; the words change rarely, so a live region does not shout. */
export function ConnectionState({ asOf }: { asOf: AsOf | null }) {
  const words = useWords().live;
  const format = useFormat();
  const { condition, retry } = useCondition();
  const [said, setSaid] = useState('');
  const [before, setBefore] = useState(condition);
  if (before !== condition) {
    setBefore(condition);
    if (condition === 'live') setSaid(before === 'connecting' ? '' : words.back);
    else if (condition !== 'connecting') setSaid(words[condition]);
  }
  const tone = condition === 'live' ? 'good' : condition === 'connecting' ? 'plain' : 'warn';
  return (
    <div className="flex flex-wrap items-center gap-2 text-xs">
      <span className="sr-only" role="status">
        {said}
      </span>
      <Badge tone={tone}>
        <span
          aria-hidden
          className={`me-1.5 size-2 rounded-full ${condition === 'live' ? 'bg-good animate-pulse' : 'bg-current'}`}
        />
        <span data-condition={condition}>{words[condition]}</span>
      </Badge>
      {(condition === 'lost' || condition === 'offline') && (
        <button type="button" className="link min-h-6" onClick={retry}>
          {words.retry}
        </button>
      )}
      {asOf && (
        <span className="text-soft" title={words.asOfTitle(placesOf(asOf))}>
          {words.asOf(format.exact(fromMicros(asOf.log_time)))} <Age asOf={asOf} />
        </span>
      )}
    </div>
  );
}

function placesOf(asOf: AsOf): string {
  const lanes = ['f', 'a', 's'];
  return asOf.offsets
    .map((place) => `${lanes[place.lane] ?? place.lane}${place.partition}/${place.end}`)
    .join(', ');
}

/** Figures older than this are told to be, milliseconds. */
const OLD_MS = 15_000;

function Age({ asOf }: { asOf: AsOf }) {
  const words = useWords().live;
  const format = useFormat();
  const now = useNow(5_000);
  const [seen, setSeen] = useState({ time: asOf.log_time, at: now });
  useEffect(() => {
    setSeen((known) => (known.time === asOf.log_time ? known : { time: asOf.log_time, at: Date.now() }));
  }, [asOf.log_time]);
  // Told by how long nothing new was told: the clocks of this machine and the server may differ.
  const age = now - seen.at;
  return age > OLD_MS ? <span>({words.behind(format.duration(age))})</span> : null;
}
