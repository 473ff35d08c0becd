// The panels below the first row: trends, activity, sessions, funnels, leaderboard, fraud, segments, campaigns, people.
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState, type ReactNode } from 'react';
import { Chart } from '../charts/Chart';
import { useEarlier } from '../live/hooks';
import { address } from '../server/http';
import { view } from '../server/queries';
import type * as t from '../server/types';
import { Badge, Bar, Card, Choice, NoData, Table, Th } from '../ui/basics';
import { digitsOf, fromMicros } from '../words/format';
import { useFormat, useWords } from '../words/words';
import {
  useAudience,
  useBoards,
  useCampaigns,
  useFraud,
  useFunnels,
  useItems,
  useRevenue,
  useRuleTitles,
  useSegments,
  useSessions,
  useTitles,
  useTop,
  useTrending,
  useWhere,
} from './data';
import { columns, type Range, sizeOf, useRevenueWindows, useWindows } from './series';
import { useWorstAccounts } from './warehouse';

const RANGES: readonly Range[] = ['hour', 'six', 'day', 'all'];

function Ranges({ range, onRange }: { range: Range; onRange: (range: Range) => void }) {
  const words = useWords().dashboard.trends;
  return (
    <Choice
      label={words.range}
      hideLabel
      value={range}
      onChange={({ target }) => onRange(target.value as Range)}
    >
      {RANGES.map((one) => (
        <option key={one} value={one}>
          {words.ranges[one]}
        </option>
      ))}
    </Choice>
  );
}

/** What was paid over time, in one currency at a time: amounts of two are never on one scale. */
export function RevenueOverTime() {
  const words = useWords().dashboard.trends;
  const { org, event } = useWhere();
  const revenue = useRevenue() ?? [];
  const [range, setRange] = useState<Range>('day');
  const [chosen, setChosen] = useState<string>();
  const currency = chosen ?? revenue[0]?.currency ?? null;
  return (
    <Card
      title={words.revenue}
      className="lg:col-span-5"
      aside={
        <span className="flex flex-wrap gap-2">
          {revenue.length > 1 && (
            <Choice
              label={words.currency}
              hideLabel
              value={currency ?? ''}
              onChange={({ target }) => setChosen(target.value)}
            >
              {revenue.map((one) => (
                <option key={one.currency}>{one.currency}</option>
              ))}
            </Choice>
          )}
          <Ranges range={range} onRange={setRange} />
        </span>
      }
    >
      <RevenueChart org={org} event={event} currency={currency} range={range} />
    </Card>
  );
}

function RevenueChart(props: { org: string; event: string; currency: string | null; range: Range }) {
  const { org, event, currency, range } = props;
  const words = useWords().dashboard.trends;
  const size = sizeOf(range);
  const windows = useRevenueWindows(org, event, currency, size);
  const points = useMemo(() => {
    const [times, minor = []] = columns([windows], range, size);
    const major = 10 ** digitsOf(currency ?? 'EUR');
    return [times, minor.map((amount) => amount / major)] satisfies [number[], number[]];
  }, [windows, range, size, currency]);
  const per = size === 'minute' ? words.perMinute : words.perHour;
  return (
    <Chart
      title={words.takings}
      unit={currency === null ? '' : `${currency} ${per}`}
      series={[{ label: words.revenue, colour: 4 }]}
      points={points}
      height={200}
    />
  );
}

/** `compact` for the wall, where everything fits one screen. */
export function Trends({ compact = false }: { compact?: boolean }) {
  const words = useWords().dashboard.trends;
  const { org, event } = useWhere();
  const [range, setRange] = useState<Range>('day');
  const size = sizeOf(range);
  const registrations = useWindows(org, event, 'registration_reported', size);
  const checkIns = useWindows(org, event, 'check_in_reported', size);
  const orders = useWindows(org, event, 'order_reported', size);
  // One extent for all three, so that they can be compared by looking up and down.
  const [times, ...counts] = useMemo(
    () => columns([registrations, checkIns, orders], range, size),
    [registrations, checkIns, orders, range, size],
  );
  const unit = size === 'minute' ? words.perMinute : words.perHour;
  const chart = (title: string, n: number, colour: 1 | 2 | 3) => (
    <Chart
      title={title}
      unit={unit}
      series={[{ label: title, colour }]}
      points={[times, counts[n] ?? []]}
      height={compact ? 110 : 150}
    />
  );
  return (
    <Card title={words.title} className="lg:col-span-8" aside={<Ranges range={range} onRange={setRange} />}>
      <div className="space-y-4">
        {chart(words.registrations, 0, 1)}
        {chart(words.checkIns, 1, 2)}
        {chart(words.orders, 2, 3)}
      </div>
    </Card>
  );
}

export function Activity() {
  const words = useWords().dashboard;
  const { org, event } = useWhere();
  const polls = useWindows(org, event, 'poll_answer_reported', 'minute');
  const questions = useWindows(org, event, 'question_reported', 'minute');
  const chat = useWindows(org, event, 'chat_reported', 'minute');
  const reactions = useWindows(org, event, 'reaction_reported', 'minute');
  const points = useMemo(
    () => columns([polls, questions, chat, reactions], 'hour', 'minute'),
    [polls, questions, chat, reactions],
  );
  return (
    <Card title={words.activity.title} className="lg:col-span-7">
      <Chart
        title={words.activity.hint}
        unit={words.trends.perMinute}
        series={[
          { label: words.activity.polls, colour: 1 },
          { label: words.activity.questions, colour: 2 },
          { label: words.activity.chat, colour: 3 },
          { label: words.activity.reactions, colour: 4 },
        ]}
        points={points}
        height={200}
      />
    </Card>
  );
}

/** A card whose body keeps its height while its figures come and go. */
function Panel(props: {
  title: string;
  hint?: string | undefined;
  empty: boolean;
  className: string;
  aside?: ReactNode;
  children: ReactNode;
}) {
  const { title, hint, empty, className, aside, children } = props;
  return (
    <Card title={title} className={className} aside={aside} {...(hint === undefined ? {} : { hint })}>
      <div className="min-h-60">{empty ? <NoData /> : children}</div>
    </Card>
  );
}

const ROWS = 8;

export function Sessions() {
  const words = useWords().dashboard.sessions;
  const format = useFormat();
  const title = useTitles();
  const sessions = useSessions() ?? [];
  return (
    <Panel title={words.title} empty={sessions.length === 0} className="lg:col-span-6">
      <Table
        label={words.title}
        head={
          <>
            <Th>{words.session}</Th>
            <Th figure>{words.present}</Th>
            <Th figure>{words.joined}</Th>
            <Th figure>{words.peak}</Th>
          </>
        }
      >
        {sessions.slice(0, ROWS).map((session) => (
          <tr key={session.session}>
            <td className="cell max-w-56 min-w-40 truncate">{title(session.session)}</td>
            <td className="cell figure font-semibold">{format.number(session.present)}</td>
            <td className="cell figure">{format.number(session.joined)}</td>
            <td className="cell figure">{format.number(session.peak)}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

export function Trending() {
  const words = useWords().dashboard;
  const title = useTitles();
  const trending = useTrending().data?.trends ?? [];
  const most = trending[0]?.score ?? 1;
  const items = useItems();
  const top = trending[0];
  const first = top?.item ?? items.find((item) => item.session === top?.session)?.id;
  return (
    <Panel title={words.trending.title} empty={trending.length === 0} className="lg:col-span-6">
      <div className="grid gap-x-6 gap-y-3 sm:grid-cols-2">
        <ol className="space-y-1.5">
          {trending.slice(0, ROWS).map((trend) => (
            <li key={trend.rank} className="text-sm">
              <div className="mb-0.5 flex gap-2">
                <span className="text-soft w-5 shrink-0">{trend.rank}</span>
                <span className="truncate">{title(trend.session ?? trend.item ?? '')}</span>
              </div>
              <Bar share={trend.score / most} />
            </li>
          ))}
        </ol>
        <Recommended item={first} />
      </div>
    </Panel>
  );
}

/** What visitors of the most trending item are led to next. */
function Recommended({ item }: { item: string | undefined }) {
  const words = useWords().dashboard.recommended;
  const format = useFormat();
  const title = useTitles();
  const { org, event } = useWhere();
  const path = address(`recommendations/items/${encodeURIComponent(item ?? '')}`, { event, limit: 5 });
  const also = useQuery({ ...view<t.AlsoViewed[]>(org, path, 15_000), enabled: item !== undefined });
  return (
    <div>
      <h3 className="text-sm font-medium">{words.title}</h3>
      {item && <p className="text-soft mb-2 text-xs">{words.because(title(item))}</p>}
      {also.data && also.data.length > 0 ? (
        <ul className="space-y-1.5 text-sm">
          {also.data.map((one) => (
            <li key={one.item} className="flex justify-between gap-2">
              <span className="truncate">{one.title ?? title(one.item)}</span>
              <span className="text-soft shrink-0 text-xs">{words.visits(format.number(one.visits))}</span>
            </li>
          ))}
        </ul>
      ) : (
        <NoData />
      )}
    </div>
  );
}

export function Funnels() {
  const words = useWords().dashboard.funnel;
  const funnels = useFunnels() ?? [];
  return (
    <Panel title={words.title} empty={funnels.length === 0} className="flex-1">
      <div className="space-y-4">
        {funnels.map((funnel) => (
          <FunnelSteps key={funnel.funnel} funnel={funnel.funnel} reached={funnel.reached} />
        ))}
      </div>
    </Panel>
  );
}

function FunnelSteps({ funnel, reached }: { funnel: string; reached: number[] }) {
  const words = useWords().dashboard.funnel;
  const format = useFormat();
  const { org, event } = useWhere();
  const defined = useQuery(
    view<t.FunnelAnswer>(org, address(`funnels/${encodeURIComponent(funnel)}`, { event })),
  );
  const first = reached[0] ?? 0;
  return (
    <div>
      <h3 className="mb-1 text-sm font-medium">{words.names[funnel] ?? funnel}</h3>
      <ol className="space-y-1.5">
        {reached.map((people, n) => (
          <li key={n} className="text-sm">
            <div className="mb-0.5 flex justify-between gap-2">
              <span className="text-soft">{defined.data?.steps?.[n] ?? `${n + 1}`}</span>
              <span>
                <b className="font-semibold">{format.number(people)}</b>{' '}
                <span className="text-soft text-xs">
                  {first > 0 && n > 0 ? format.percent(people / first) : ''}
                </span>
              </span>
            </div>
            <Bar share={first > 0 ? people / first : 0} />
          </li>
        ))}
      </ol>
    </div>
  );
}

/** Two minutes: long enough for places to change hands. */
const MOVEMENT_MS = 120_000;

export function Leaderboard() {
  const words = useWords().dashboard.leaderboard;
  const format = useFormat();
  const boards = useBoards();
  const [chosen, setChosen] = useState<string>();
  const names = useMemo(() => [...new Set(boards?.map((board) => board.leaderboard))].sort(), [boards]);
  const name = chosen ?? names[0] ?? '';
  const participants = boards?.find((board) => board.leaderboard === name)?.participants;
  return (
    <Panel
      title={words.title}
      hint={participants === undefined ? undefined : words.participants(format.number(participants))}
      empty={names.length === 0}
      className="lg:col-span-4"
      aside={
        names.length > 1 && (
          <Choice label={words.board} hideLabel value={name} onChange={(e) => setChosen(e.target.value)}>
            {names.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </Choice>
        )
      }
    >
      <Places key={name} name={name} />
    </Panel>
  );
}

function Places({ name }: { name: string }) {
  const words = useWords().dashboard.leaderboard;
  const format = useFormat();
  const top = useTop(name).data;
  const places = top?.places;
  const earlier = useEarlier(places, MOVEMENT_MS);
  const before = new Map(earlier?.value.map((place) => [place.participant, place.rank]));
  if (!places || places.length === 0) return <NoData />;
  return (
    <>
      <Table
        label={words.title}
        head={
          <>
            <Th>{words.rank}</Th>
            <Th>{words.who}</Th>
            <Th figure>{words.score}</Th>
            <Th figure>{words.movement}</Th>
          </>
        }
      >
        {places.map((place) => (
          <tr key={place.participant}>
            <td className="cell py-1.5 font-semibold">{place.rank}</td>
            <td className="cell py-1.5 font-mono text-xs">{shortName(place.participant)}</td>
            <td className="cell figure py-1.5">{format.number(place.score)}</td>
            <td className="cell figure py-1.5">
              <Movement known={earlier !== null} before={before.get(place.participant)} now={place.rank} />
            </td>
          </tr>
        ))}
      </Table>
      <p className="text-soft mt-2 min-h-4 text-xs">
        {earlier && words.since(format.exact(new Date(earlier.at)))}
      </p>
    </>
  );
}

/** The first half of a pseudonym: enough to tell people apart in a list of ten. */
const shortName = (token: string) => token.slice(0, 8);

function Movement({ known, before, now }: { known: boolean; before: number | undefined; now: number }) {
  const words = useWords().dashboard.leaderboard;
  if (!known) return null;
  if (before === undefined) return <Badge tone="good">{words.fresh}</Badge>;
  if (before === now) {
    return (
      <span className="text-soft">
        <span aria-hidden>–</span>
        <span className="sr-only">{words.same}</span>
      </span>
    );
  }
  const up = before > now;
  const places = Math.abs(before - now);
  return (
    <span className={up ? 'text-good' : 'text-bad'}>
      <span aria-hidden>
        {up ? '▲' : '▼'} {places}
      </span>
      <span className="sr-only">{up ? words.up(places) : words.down(places)}</span>
    </span>
  );
}

interface Suspect {
  newest: t.FraudScore;
  records: number;
  worst: number;
}

/** Accounts that are listed; SQL has them all. */
const SUSPECTS = 5;

/** The newest high scores by account, since one bot alone would fill the list. */
function suspectsOf(recent: t.FraudScore[]): Suspect[] {
  const suspects = new Map<string, Suspect>();
  for (const score of recent) {
    const known = suspects.get(score.actor) ?? { newest: score, records: 0, worst: 0 };
    known.records += 1;
    known.worst = Math.max(known.worst, score.score);
    suspects.set(score.actor, known);
  }
  return [...suspects.values()].slice(0, SUSPECTS);
}

export function Fraud() {
  const words = useWords().dashboard.fraud;
  const format = useFormat();
  const fraud = useFraud().data;
  return (
    <Panel
      title={words.title}
      hint={words.organization}
      empty={!fraud || fraud.scored === 0}
      className="lg:col-span-12"
      aside={
        fraud && (
          <span className="text-soft text-xs">
            <b className="text-ink">{format.compact(fraud.scored)}</b> {words.scored} ·{' '}
            <b className="text-bad">{format.compact(fraud.high)}</b> {words.high}
          </span>
        )
      }
    >
      <div id="fraud" tabIndex={-1} className="grid gap-5 xl:grid-cols-[1fr_16rem]">
        <div className="min-w-0 space-y-4">
          <Suspects
            title={words.newest}
            rows={suspectsOf(fraud?.recent ?? []).map(({ newest, records, worst }) => ({
              who: newest.actor,
              worst,
              records,
              reasons: newest.reasons.map((reason) => reason.text),
              when: format.moment(fromMicros(newest.event_time)),
            }))}
          />
          <WorstAccounts />
        </div>
        <div>
          <h3 className="mb-2 text-sm font-medium">{words.rules}</h3>
          <Shares rows={(fraud?.fired ?? []).map(([rule, times]) => ({ name: rule, people: times }))} />
        </div>
      </div>
    </Panel>
  );
}

function WorstAccounts() {
  const all = useWords().dashboard;
  const format = useFormat();
  const { accounts, at } = useWorstAccounts();
  if (accounts.length === 0) return null;
  const rows = accounts.map((one) => ({
    ...one,
    when: format.moment(new Date(`${one.newest.replace(' ', 'T')}Z`)),
  }));
  return <Suspects title={all.fraud.worst} hint={at && all.warehouseHint(format.clock(at))} rows={rows} />;
}

interface SuspectRow {
  who: string;
  worst: number;
  records: number;
  reasons: string[];
  when: string;
}

function Suspects({ title, hint, rows }: { title: string; hint?: string | undefined; rows: SuspectRow[] }) {
  const words = useWords().dashboard.fraud;
  const format = useFormat();
  return (
    <section>
      <h3 className="text-sm font-medium">
        {title} <span className="text-soft text-xs font-normal">{hint}</span>
      </h3>
      {rows.length === 0 ? (
        <NoData />
      ) : (
        <Table
          label={title}
          head={
            <>
              <Th figure>{words.score}</Th>
              <Th>{words.who}</Th>
              <Th>{words.reasons}</Th>
              <Th figure>{words.records}</Th>
              <Th>{words.at}</Th>
            </>
          }
        >
          {rows.map((row) => (
            <tr key={row.who}>
              <td className="cell figure py-1.5">
                <Badge tone={row.worst >= 800 ? 'bad' : 'warn'}>{format.number(row.worst)}</Badge>
              </td>
              <td className="cell py-1.5 font-mono text-xs">{shortName(row.who)}</td>
              <td className="cell min-w-64 py-1.5">{row.reasons.join('; ')}</td>
              <td className="cell figure py-1.5">{format.number(row.records)}</td>
              <td className="cell py-1.5 text-xs whitespace-nowrap">{row.when}</td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

interface Share {
  name: string;
  people: number;
}

/** Names with numbers and bars; the list is its own twin. */
function Shares({ rows }: { rows: Share[] }) {
  const format = useFormat();
  const sorted = [...rows].sort((a, b) => b.people - a.people || (a.name < b.name ? -1 : 1));
  const most = sorted[0]?.people ?? 1;
  return (
    <ul className="space-y-2">
      {sorted.map((row) => (
        <li key={row.name} className="text-sm">
          <div className="mb-0.5 flex justify-between gap-2">
            <span className="truncate">{row.name}</span>
            <span className="font-medium">{format.number(row.people)}</span>
          </div>
          <Bar share={row.people / Math.max(1, most)} />
        </li>
      ))}
    </ul>
  );
}

export function Segments({ className = 'lg:col-span-4' }: { className?: string }) {
  const words = useWords().dashboard.segments;
  const titleOf = useRuleTitles(useWhere().org);
  const segments = useSegments().data ?? [];
  return (
    <Panel title={words.title} empty={segments.length === 0} className={className}>
      <Shares
        rows={segments.map((one) => ({ name: titleOf('segments', one.segment), people: one.visitors }))}
      />
    </Panel>
  );
}

export function Campaigns() {
  const words = useWords().dashboard.campaigns;
  const format = useFormat();
  const titleOf = useRuleTitles(useWhere().org);
  const campaigns = useCampaigns() ?? [];
  return (
    <Panel title={words.title} empty={campaigns.length === 0} className="lg:col-span-8">
      <Table
        label={words.title}
        head={
          <>
            <Th>{words.campaign}</Th>
            <Th figure>{words.served}</Th>
            <Th figure>{words.viewed}</Th>
            <Th figure>{words.clicked}</Th>
            <Th figure>{words.rate}</Th>
          </>
        }
      >
        {campaigns.slice(0, ROWS).map(({ campaign, total }) => (
          <tr key={campaign}>
            <td className="cell py-1.5 whitespace-nowrap">{titleOf('campaigns', campaign)}</td>
            <td className="cell figure py-1.5">{format.compact(total.served)}</td>
            <td className="cell figure py-1.5">{format.compact(total.viewed)}</td>
            <td className="cell figure py-1.5">{format.compact(total.clicked)}</td>
            <td className="cell figure py-1.5">
              {total.served > 0 ? format.percent(total.clicked / total.served) : '–'}
            </td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}

export function Devices() {
  const words = useWords().dashboard;
  return <Split title={words.devices.title} column="platform" />;
}

export function Countries() {
  const words = useWords().dashboard;
  const format = useFormat();
  const names = useMemo(
    () => new Intl.DisplayNames([format.language], { type: 'region', fallback: 'code' }),
    [format],
  );
  return <Split title={words.countries.title} column="country" name={(code) => names.of(code) ?? code} />;
}

function Split(props: { title: string; column: 'platform' | 'country'; name?: (code: string) => string }) {
  const words = useWords().dashboard.audience;
  const format = useFormat();
  const { data } = useAudience(props.column);
  const rows = data?.shares.map(({ value, visitors }) => ({
    name: props.name?.(value) ?? value,
    people: visitors.count,
  }));
  return (
    <Panel
      title={props.title}
      hint={data ? words.known(format.compact(data.visitors.count)) : undefined}
      empty={!rows || rows.length === 0}
      className="lg:col-span-4"
    >
      <Shares rows={rows ?? []} />
    </Panel>
  );
}
