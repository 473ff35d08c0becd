// Sold, held and takings over time by product, live: the past is read once, then only what is new.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Chart } from '../charts/Chart';
import type { Series } from '../charts/plot';
import { Card, Choice, NoData, Trouble } from '../ui/basics';
import { digitsOf } from '../words/format';
import { InZone } from '../words/words';
import { useOffice, useZone } from './office';
import { trend } from './server';
import { currenciesIn, type Figure, LINES_MAX, linesOf, type Trend as Told } from './overTime';
import { useBoxWords } from './words';

interface Wanted {
  figure: Figure;
  /** Where the figure is money. */
  currency: string;
}

const FIGURES: readonly Figure[] = ['sold', 'held', 'takings'];
const COLOURS = [1, 2, 3, 4, 5] as const;

export function Trend() {
  const words = useBoxWords().trend;
  const { org, event } = useOffice();
  const zone = useZone();
  const { data, error } = useQuery(trend(org, event));
  return (
    <Card
      title={words.title}
      hint={words.hint}
      aside={data && <span className="text-soft text-xs">{words.asOf(data.as_of)}</span>}
    >
      <Trouble error={error} />
      {data ? (
        <InZone zone={zone}>
          <Shown told={data} />
        </InZone>
      ) : (
        <NoData />
      )}
    </Card>
  );
}

/** What is looked at: a figure, with the currency where it is money. */
function Shown({ told }: { told: Told }) {
  const words = useBoxWords().trend;
  const currencies = currenciesIn(told);
  const wants = FIGURES.flatMap((figure): Wanted[] =>
    figure === 'takings' ? currencies.map((currency) => ({ figure, currency })) : [{ figure, currency: '' }],
  );
  const [place, setPlace] = useState(0);
  const wanted = wants[place] ?? { figure: 'sold', currency: '' };
  const { figure, currency } = wanted;
  const nameOf = (one: Wanted) =>
    [words.figures[one.figure], one.currency && words.in(one.currency)].filter(Boolean).join(' ');
  const scale = currency === '' ? 1 : 10 ** digitsOf(currency);
  const { titles, points } = linesOf(told, figure, currency, scale);
  const series: Series[] = titles.map((label, line) => ({ label, colour: COLOURS[line % LINES_MAX] ?? 1 }));
  return (
    <div className="space-y-3">
      <Choice
        className="max-w-56"
        label={words.figure}
        value={place}
        onChange={({ target }) => setPlace(Number(target.value))}
      >
        {wants.map((one, number) => (
          <option key={number} value={number}>
            {nameOf(one)}
          </option>
        ))}
      </Choice>
      <Chart
        title={nameOf(wanted)}
        unit={currency || words.count}
        series={series}
        points={points}
        height={220}
      />
      {told.products.length > LINES_MAX && (
        <p className="text-soft text-xs">{words.others(String(LINES_MAX))}</p>
      )}
      {figure === 'takings' && <p className="text-soft text-xs">{words.takingsHint}</p>}
    </div>
  );
}
