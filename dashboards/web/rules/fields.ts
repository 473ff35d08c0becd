// What the guided editor knows of a rules document: its sections, their entries and fields. The server knows more and decides.

export type Field =
  | { name: string; kind: 'text' | 'number' | 'lines' | 'condition'; required?: boolean; suggest?: 'kinds' }
  | { name: string; kind: 'rows'; thing: Thing; of: readonly Field[] };

export type Thing =
  'leaderboards' | 'points' | 'funnels' | 'steps' | 'rules' | 'segments' | 'campaigns' | 'lateness';

export type Section = 'leaderboards' | 'funnels' | 'fraud' | 'segments' | 'campaigns' | 'lateness';

const text = (name: string) => ({ name, kind: 'text', required: true }) as const;
const optional = (name: string) => ({ name, kind: 'text' }) as const;
const number = (name: string) => ({ name, kind: 'number', required: true }) as const;
const lines = (name: string) => ({ name, kind: 'lines' }) as const;
const kind = { name: 'kind', kind: 'text', required: true, suggest: 'kinds' } as const;

const points: readonly Field[] = [
  text('rule'),
  kind,
  number('points'),
  { name: 'daily_cap', kind: 'number' },
  optional('name'),
  optional('category'),
];
const steps: readonly Field[] = [text('step'), kind, optional('name'), optional('category')];
const fraud: readonly Field[] = [
  text('id'),
  number('weight'),
  text('reason'),
  lines('on'),
  lines('all'),
  lines('any'),
];

/** The sections that are lists, with the fields of an entry. */
export const LISTS: Readonly<Partial<Record<Section, readonly Field[]>>> = {
  leaderboards: [
    text('leaderboard'),
    lines('scopes'),
    { name: 'points', kind: 'rows', thing: 'points', of: points },
  ],
  funnels: [text('funnel'), text('within'), { name: 'steps', kind: 'rows', thing: 'steps', of: steps }],
  segments: [text('id'), optional('title'), { name: 'when', kind: 'condition', required: true }],
  campaigns: [text('id'), optional('title'), lines('ads')],
};

/** The section that is one thing. */
export const FRAUD: readonly Field[] = [
  { name: 'high', kind: 'number' },
  { name: 'rules', kind: 'rows', thing: 'rules', of: fraud },
];

/** An entry of the section that names views; `view` is its key there. */
export const LATENESS: readonly Field[] = [text('view'), text('bound'), text('policy')];

export const SECTIONS: readonly Section[] = [
  'leaderboards',
  'funnels',
  'fraud',
  'segments',
  'campaigns',
  'lateness',
];

/** Kinds of records to choose from while typing; others may be typed. */
export const KINDS: readonly string[] = [
  'page_viewed',
  'screen_viewed',
  'tracked',
  'identified',
  'session_joined',
  'session_left',
  'session_heartbeat',
  'item_viewed',
  'item_carted',
  'item_favored',
  'ad_served',
  'ad_viewed',
  'ad_clicked',
  'ad_converted',
  'offer_shown',
  'offer_clicked',
  'registration_reported',
  'order_reported',
  'check_in_reported',
  'poll_answer_reported',
  'question_reported',
  'chat_reported',
  'reaction_reported',
];

export type Entry = Readonly<Record<string, unknown>>;

export const entriesOf = (value: unknown): Entry[] =>
  Array.isArray(value)
    ? value.filter((entry): entry is Entry => typeof entry === 'object' && entry !== null)
    : [];

export const entryOf = (value: unknown): Entry =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Entry) : {};

/** An entry with one field set; a field that is emptied is left out, since the server has an idea of its own of it then. */
export function set(entry: Entry, name: string, value: unknown): Entry {
  const empty = value === '' || value === undefined || (Array.isArray(value) && value.length === 0);
  // A field that is there keeps its place: the review shows what changes, not what moves.
  if (!empty) return { ...entry, [name]: value };
  return Object.fromEntries(Object.entries(entry).filter(([known]) => known !== name));
}

/** A condition as people write it: a text, or JSON when it joins several. */
export const conditionText = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value, null, 2);

export function conditionOf(text: string): unknown {
  const clean = text.trim();
  if (!clean.startsWith('{')) return clean;
  try {
    return JSON.parse(clean) as unknown;
  } catch {
    // Half typed: the server would say what is wrong with it.
    return clean;
  }
}

/** What is wrong, by the path of the field. */
export type Faults = ReadonlyMap<string, string>;

/** What is wrong with a field or with what is in it. */
export function faultAt(faults: Faults, path: string, within = false): string | undefined {
  const exact = faults.get(path);
  if (exact !== undefined || !within) return exact;
  const found = [...faults].find(([known]) => known.startsWith(`${path}[`) || known.startsWith(`${path}.`));
  return found?.[1];
}
