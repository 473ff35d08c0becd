// The live dashboard of one event, in the order that organizers ask for; and the wall, the same for a screen at a venue.
import { useEffect, useRef } from 'react';
import { Link, useParams } from 'react-router';
import { OfEvent, useEventRow, useTotals, useWhere } from '../event/data';
import { Attention, Availability, CheckIn, ConnectionState, Status, Totals } from '../event/Overview';
import {
  Activity,
  Campaigns,
  Countries,
  Devices,
  Fraud,
  Funnels,
  Leaderboard,
  RevenueOverTime,
  Segments,
  Sessions,
  Trending,
  Trends,
} from '../event/Panels';
import { Presence } from '../event/Presence';
import { Live, useNow } from '../live/hooks';
import { Refusal } from '../server/http';
import { useMayEverywhere, useMayFor } from '../server/session';
import { Heading, Trouble } from '../ui/basics';
import { useFormat, useWords } from '../words/words';

export function Dashboard() {
  const { organization = '', event = '' } = useParams();
  const campaigns = useMayEverywhere(organization, 'read_campaigns');
  const whole = useMayEverywhere(organization, 'read_views');
  if (!useMayFor(organization, 'read_views', event)) {
    return (
      <>
        <Heading title={event} />
        <Trouble error={new Refusal(403, { code: 'access_denied' })} />
      </>
    );
  }
  return (
    <Live organization={organization} key={organization}>
      <OfEvent org={organization} event={event}>
        <Top />
        <div className="grid grid-cols-1 gap-3 lg:grid-cols-12">
          <Attention />
          <Status />
          <CheckIn />
          <Totals />
          <div className="flex min-w-0 flex-col gap-3 lg:col-span-4">
            <Availability />
            <Funnels />
          </div>
          <Trends />
          <Activity />
          <RevenueOverTime />
          <Sessions />
          <Trending />
          <Leaderboard />
          {campaigns && <Campaigns />}
          {whole && !campaigns && <Segments className="lg:col-span-8" />}
          {whole && <Fraud />}
          {whole && campaigns && <Segments />}
          <Devices />
          <Countries />
        </div>
      </OfEvent>
    </Live>
  );
}

function Top() {
  const all = useWords();
  const words = all.dashboard;
  const format = useFormat();
  const { org, event } = useWhere();
  const row = useEventRow();
  const { asOf } = useTotals();
  const may = useMayFor(org, 'manage_events', event);
  return (
    <header className="bg-page/95 top-0 z-10 -mx-4 mb-3 flex flex-wrap items-end justify-between gap-x-6 gap-y-2 px-4 py-3 lg:sticky lg:backdrop-blur">
      <title>{`${row?.title ?? event} · Eventra`}</title>
      <div className="min-w-0">
        <h1 className="truncate text-2xl font-semibold tracking-tight">{row?.title ?? event}</h1>
        <p className="text-soft min-h-5 text-sm">
          {row && `${format.day(new Date(row.starts))} – ${format.day(new Date(row.ends))} · `}
          {words.zone(format.zone)}
        </p>
      </div>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <Presence />
        <ConnectionState asOf={asOf} />
        <Link
          to={`/o/${encodeURIComponent(org)}/events/${encodeURIComponent(event)}/box-office`}
          className="button"
        >
          {words.boxOffice}
        </Link>
        {may && (
          <Link
            to={`/o/${encodeURIComponent(org)}/events/${encodeURIComponent(event)}/publication`}
            className="button"
          >
            {words.programme}
          </Link>
        )}
        {may && (
          <Link
            to={`/o/${encodeURIComponent(org)}/events/${encodeURIComponent(event)}/programme`}
            className="button"
          >
            {all.edit}
          </Link>
        )}
        <Link
          to={`/o/${encodeURIComponent(org)}/events/${encodeURIComponent(event)}/wall`}
          className="button"
        >
          {words.wall}
        </Link>
      </div>
    </header>
  );
}

/** For a screen at the venue: large, no menus, stays awake. */
export function Wall() {
  const { organization = '', event = '' } = useParams();
  useAwake();
  return (
    <Live organization={organization} key={organization}>
      <OfEvent org={organization} event={event}>
        <main id="content" tabIndex={-1} className="flex min-h-dvh flex-col gap-3 p-5 2xl:text-lg">
          <WallTop />
          <div className="grid grid-cols-1 gap-3 lg:grid-cols-12">
            <Totals />
            <Trends compact />
            <Leaderboard />
            <Sessions />
            <Trending />
          </div>
        </main>
      </OfEvent>
    </Live>
  );
}

function WallTop() {
  const words = useWords().dashboard;
  const format = useFormat();
  const { org, event } = useWhere();
  const row = useEventRow();
  const { asOf } = useTotals();
  const now = useNow(1_000);
  return (
    <header className="flex flex-wrap items-center justify-between gap-4">
      <title>{`${row?.title ?? event} · Eventra`}</title>
      <h1 className="text-4xl font-semibold tracking-tight">{row?.title ?? event}</h1>
      <div className="flex flex-wrap items-center gap-5">
        <ConnectionState asOf={asOf} />
        <span className="text-4xl font-semibold" aria-hidden>
          {format.clock(new Date(now))}
        </span>
        <Link to={`/o/${encodeURIComponent(org)}/events/${encodeURIComponent(event)}`} className="button">
          {words.leaveWall}
        </Link>
      </div>
    </header>
  );
}

/** Keeps the screen on while the page is looked at, where the browser can (Screen Wake Lock). */
function useAwake(): void {
  const lock = useRef<WakeLockSentinel | null>(null);
  useEffect(() => {
    const hold = async () => {
      if (document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
      // Refused on a low battery, among others: the wall is then as good as any page.
      lock.current = await navigator.wakeLock.request('screen').catch(() => null);
    };
    void hold();
    const shown = () => void hold();
    document.addEventListener('visibilitychange', shown);
    return () => {
      document.removeEventListener('visibilitychange', shown);
      void lock.current?.release();
    };
  }, []);
}
