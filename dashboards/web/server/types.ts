// What the server's answers look like; docs/api.md and /v1/openapi.json say the same at length.

export type Role = 'organizer' | 'moderator' | 'analyst' | 'advertiser' | 'attendee' | 'speaker';
export const ROLES: readonly Role[] = [
  'organizer',
  'moderator',
  'analyst',
  'advertiser',
  'attendee',
  'speaker',
];

export interface Membership {
  organization: string;
  name: string;
  zone: string;
  /** Empty when nobody has chosen one. */
  language: string;
  /** Null for a platform admin who is no member. */
  role: Role | null;
  events: string[];
  campaigns: string[];
  may: string[];
}

export interface Me {
  user: {
    id: string;
    email: string;
    name: string;
    language: string;
    has_password: boolean;
    second_factor: boolean;
    recovery_codes_left: number;
  };
  login: { id: string; opened: string; expires: string };
  platform_admin: boolean;
  memberships: Membership[];
}

export interface LoginRow {
  id: string;
  opened: string;
  expires: string;
  device: string;
  current: boolean;
}

export interface OrganizationRow {
  id: string;
  name: string;
  zone: string;
  /** Empty when nobody has chosen one. */
  language: string;
  /** Sites whose pages may call the API with a key. */
  origins: string[];
}

export interface RulesRow {
  /** How many documents were published. */
  version: number;
  /** The version of `document`; older than `version` when the newest is not sound. */
  in_force: number;
  document: Record<string, unknown>;
  refused: string | null;
}

export interface Here {
  present: number;
  readers: number;
  users?: { id: string; name: string }[];
}

export interface EventRow {
  id: string;
  title: string;
  zone: string;
  starts: string;
  ends: string;
}

export interface ItemRow {
  id: string;
  session: string | null;
  title: string;
  track: string | null;
  starts: string | null;
  ends: string | null;
  capacity: number | null;
}

export interface MemberRow {
  user: string;
  email: string;
  name: string;
  role: Role;
  events: string[];
  campaigns: string[];
  /** Whether they have signed in or chosen a password yet. */
  active: boolean;
}

export interface KeyRow {
  name: string;
  scopes: string[];
  made: string | null;
  last_used: string | null;
  expires: string | null;
}

export interface AuditRow {
  at: string;
  offset: string;
  by: string;
  act: string;
  about: string;
  detail: unknown;
}

export interface QueryRow {
  id: string;
  title: string;
  sql: string;
  saved: string;
  by: string;
}

// Views. Times are microseconds since 1970.

export interface UniqueCount {
  count: number;
  exact: boolean;
}

export interface KindTotals {
  total: number;
  uniques: UniqueCount;
}

export interface WindowSeries {
  event: string;
  session: string | null;
  kind: string;
  total: number;
  uniques: UniqueCount;
  window_seconds: number;
  windows: { start: number; count: number }[];
}

/** Money in minor units of one currency. */
export interface Takings {
  gross_minor: number;
  refunded_minor: number;
  orders: number;
}

export interface RevenueSeries {
  currencies: { currency: string; windows: (Takings & { start: number })[] }[];
}

export interface AudienceSplit {
  visitors: UniqueCount;
  shares: { value: string; visitors: UniqueCount }[];
  other: UniqueCount;
}

export interface LateCount {
  late: number;
  excluded: number;
}

export interface Attendance {
  session: string;
  joined: number;
  present: number;
  peak: number;
  left: number;
  focused_ms: number;
  last_sign: number;
}

export interface Trending {
  at: number;
  trends: { rank: number; session?: string; item?: string; score: number }[];
}

export interface FunnelAnswer {
  funnel: string;
  reached: number[];
  steps?: string[];
}

export interface BoardInfo {
  leaderboard: string;
  scope: 'event' | 'track' | 'day' | 'all_time';
  event: string | null;
  generation: number;
  participants: number;
}

export interface TopPlaces {
  board: BoardInfo;
  places: { rank: number; participant: string; score: number }[];
}

export interface CampaignTotals {
  campaign: string;
  total: { served: number; viewed: number; clicked: number; late_excluded: number; late_counted: number };
}

export interface CampaignWindows extends CampaignTotals {
  windows: { window: number; served: number; viewed: number; clicked: number }[];
}

export interface FraudOverview {
  scored: number;
  high: number;
  late: number;
  fired: [string, number][];
  recent: FraudScore[];
}

export interface FraudScore {
  kind: string;
  record: string;
  actor: string;
  event_time: number;
  score: number;
  reasons: { rule: string; weight: number; text: string }[];
}

export interface SegmentCount {
  segment: string;
  visitors: number;
}

export interface Readiness {
  ready: boolean;
  detail: string;
}

export interface VisitSummary {
  visitors: number;
  total: { visits: number; single: number; records: number; duration_ms: number };
}

export interface AlsoViewed {
  item: string;
  title?: string;
  visits: number;
}
