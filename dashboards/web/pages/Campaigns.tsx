// Figures of campaigns as they happen: all of the organization's, or those that an advertiser's membership names.
import { useMemo, useState } from 'react';
import { useParams } from 'react-router';
import { Chart } from '../charts/Chart';
import { ConnectionState } from '../event/Overview';
import { useRuleTitles } from '../event/data';
import { inSteps } from '../event/steps';
import { Live, useAnswer, useFeed } from '../live/hooks';
import { part } from '../server/http';
import { useMayEverywhere, useMembership } from '../server/session';
import type { CampaignTotals, CampaignWindows } from '../server/types';
import { Card, Heading, NoData, Table, Th } from '../ui/basics';
import { useFormat, useWords } from '../words/words';

export default function Campaigns() {
  const { organization = '' } = useParams();
  return (
    <Live organization={organization} key={organization}>
      <Shown organization={organization} />
    </Live>
  );
}

function Shown({ organization }: { organization: string }) {
  const words = useWords();
  const everything = useMayEverywhere(organization, 'read_campaigns');
  const own = useMembership(organization)?.campaigns ?? [];
  const [chosen, setChosen] = useState<string>();
  const told = useFeed(everything ? 'campaigns/changes' : null, 1);
  const all = useMemo(() => {
    const rows = [...told.values.values()].map((change) => ({
      campaign: (change.key as { campaign: string }).campaign,
      total: change.value as CampaignTotals['total'],
    }));
    return rows.sort((a, b) => b.total.served - a.total.served || (a.campaign < b.campaign ? -1 : 1));
  }, [told]);
  const shown = chosen ?? (everything ? all[0]?.campaign : own[0]);
  const none = everything ? told.loaded && all.length === 0 : own.length === 0;
  return (
    <>
      <Heading
        title={words.campaigns.title}
        hint={words.campaigns.hint}
        aside={<ConnectionState asOf={told.asOf} />}
      />
      <div className="card mb-4 min-h-40 p-2">
        {none ? (
          <NoData>{everything ? words.campaigns.none : words.role.noCampaigns}</NoData>
        ) : (
          <Table label={words.campaigns.title} head={<Head />}>
            {everything
              ? all.map((row) => <Row key={row.campaign} {...row} onShow={setChosen} />)
              : own.map((campaign) => <OwnRow key={campaign} campaign={campaign} onShow={setChosen} />)}
          </Table>
        )}
      </div>
      {shown !== undefined && <OverTime key={shown} campaign={shown} />}
    </>
  );
}

function Head() {
  const words = useWords().dashboard.campaigns;
  const late = useWords().campaigns.late;
  return (
    <>
      <Th>{words.campaign}</Th>
      <Th figure>{words.served}</Th>
      <Th figure>{words.viewed}</Th>
      <Th figure>{words.clicked}</Th>
      <Th figure>{words.rate}</Th>
      <Th figure>{late}</Th>
    </>
  );
}

interface RowOf {
  campaign: string;
  total: CampaignTotals['total'] | undefined;
  onShow: (campaign: string) => void;
}

function Row({ campaign, total, onShow }: RowOf) {
  const words = useWords().campaigns;
  const title = useRuleTitles(useParams()['organization'] ?? '')('campaigns', campaign);
  const format = useFormat();
  const number = (value: number | undefined) => (value === undefined ? '–' : format.number(value));
  const late = total && total.late_counted + total.late_excluded;
  return (
    <tr>
      <td className="cell">
        <button
          type="button"
          className="link min-h-6 whitespace-nowrap"
          title={words.show(campaign)}
          onClick={() => onShow(campaign)}
        >
          {title}
        </button>
      </td>
      <td className="cell figure">{number(total?.served)}</td>
      <td className="cell figure">{number(total?.viewed)}</td>
      <td className="cell figure">{number(total?.clicked)}</td>
      <td className="cell figure">
        {total && total.served > 0 ? format.percent(total.clicked / total.served) : '–'}
      </td>
      <td className="cell figure">{number(late)}</td>
    </tr>
  );
}

/** A time that never comes (the year 2100): totals only, without the windows in each telling. */
const FAR_MICROS = 4_102_444_800_000_000;

function OwnRow({ campaign, onShow }: Pick<RowOf, 'campaign' | 'onShow'>) {
  const { data } = useAnswer<CampaignWindows>(`campaigns/${part(campaign)}?from=${FAR_MICROS}`, 1);
  return <Row campaign={campaign} total={data?.total} onShow={onShow} />;
}

/** Tellings a second: each tells all windows that are shown. */
const RATE = 0.2;

function OverTime({ campaign }: { campaign: string }) {
  const words = useWords();
  const { data } = useAnswer<CampaignWindows>(`campaigns/${part(campaign)}`, RATE);
  const { size, points } = useMemo(() => inSteps(data?.windows ?? []), [data]);
  const names = words.dashboard.campaigns;
  return (
    <Card title={words.campaigns.overTime(campaign)}>
      <Chart
        title={words.campaigns.counts}
        unit={size === 'minute' ? words.dashboard.trends.perMinute : words.dashboard.trends.perHour}
        series={[
          { label: names.served, colour: 1 },
          { label: names.viewed, colour: 2 },
          { label: names.clicked, colour: 3 },
        ]}
        points={points}
        height={220}
      />
    </Card>
  );
}
