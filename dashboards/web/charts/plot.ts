// A thin hand on uPlot: colours of the theme, times in a zone, data set without a new chart.
import uPlot from 'uplot';

export interface Series {
  label: string;
  /** Which of the theme's series colours, 1 to 5. */
  colour: 1 | 2 | 3 | 4 | 5;
}

export type Points = [times: number[], ...values: (number | null)[][]];

/** The theme's colour as a canvas wants it. */
export function colourOf(name: string, element: HTMLElement): string {
  const probe = document.createElement('i');
  probe.style.color = `var(--color-${name})`;
  element.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

const HOUR = 3_600;

/** What an axis writes at each tick: clock times, and days where the ticks are further apart. */
function tickWords(language: string, zone: string) {
  const write = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(language, { timeZone: zone, hourCycle: 'h23', ...options });
  const clock = write({ hour: '2-digit', minute: '2-digit' });
  const day = write({ day: 'numeric', month: 'short' });
  return (_plot: uPlot, ticks: number[], _axis: number, _space: number, step: number) =>
    ticks.map((tick) => {
      const time = new Date(tick * 1_000);
      const text = clock.format(time);
      return step >= 12 * HOUR || (step >= HOUR && text === '00:00') ? day.format(time) : text;
    });
}

interface Look {
  width: number;
  height: number;
  series: Series[];
  bars: boolean;
  language: string;
  zone: string;
  number: (value: number) => string;
}

export function makePlot(element: HTMLElement, look: Look, points: Points): uPlot {
  const soft = colourOf('soft', element);
  const line = colourOf('line', element);
  const axis = {
    stroke: soft,
    font: '11px ui-sans-serif, system-ui, sans-serif',
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
  };
  const options: uPlot.Options = {
    width: look.width,
    height: look.height,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    tzDate: (time) => uPlot.tzDate(new Date(time * 1_000), look.zone),
    scales: { y: { range: (_plot, _least, most) => [0, Math.max(4, (most || 0) * 1.1)] } },
    axes: [
      { ...axis, size: 28, values: tickWords(look.language, look.zone), grid: { show: false } },
      { ...axis, size: 44, values: (_plot, ticks) => ticks.map((tick) => look.number(tick)) },
    ],
    series: [
      {},
      ...look.series.map((one): uPlot.Series => {
        const colour = colourOf(`series-${one.colour}`, element);
        const bars = look.bars && uPlot.paths.bars ? { paths: uPlot.paths.bars({ size: [0.7, 24, 1] }) } : {};
        return {
          label: one.label,
          stroke: colour,
          width: look.bars ? 0 : 1.75,
          fill: look.bars ? colour : look.series.length === 1 ? translucent(colour) : 'transparent',
          points: { show: false },
          spanGaps: false,
          ...bars,
        };
      }),
    ],
  };
  return new uPlot(options, points, element);
}

function translucent(colour: string): string {
  return `color-mix(in srgb, ${colour} 14%, transparent)`;
}
