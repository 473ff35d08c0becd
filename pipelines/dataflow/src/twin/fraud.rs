//! Fraud signals and scores: every entity keeps the plain list of what touched it, every signal is a count over it.
//!
//! What counts is what the rules in force asked for when it came: rules that ask for more begin to count with the record
//! after them, and what no rule asks for any more is forgotten as it leaves the windows that were asked for.

use std::collections::{BTreeMap, BTreeSet};

use records::booking::{BookingFact, PaymentStatus};
use records::{Fact, FactRow, Flags, Kind, OrganizationId, Pos, Record, RuleId, Span, Timestamp, Token};
use rules::Window;
use rules::fraud::{ABSENT, FraudPlan, Needs, Reason};
use rules::signal::{Entity, Measure, Signal};
use rules::window::{TICK_SECONDS, tick};
use views::fraud::{EntityKey, SCORES_PER_BIN_MAX, ScoreKey, Scores, Signals};
use views::shards::Reader;
use views::state::Fold;

use super::{Differences, Row};

/// One record, seen from one of its entities.
#[derive(Debug, Clone, Copy)]
struct Touch {
    tick: u32,
    kind: Kind,
    amount: i64,
    others: [Token; 4],
}

/// One account, device, card or address.
#[derive(Debug)]
struct Known {
    first: u32,
    clock: u32,
    /// What was added to a measure at a tick, under the shortest window that was asked for and held it. When it leaves that
    /// one, it goes on under the next that is asked for then, or is forgotten.
    sums: BTreeMap<(Window, u32, Measure), i64>,
    /// Others and when they were last seen, and the same by time.
    others: BTreeMap<(Measure, Token), u32>,
    seen: BTreeSet<(u32, Measure, Token)>,
}

/// Accounts that are connected by devices.
#[derive(Debug)]
struct Ring {
    last: Timestamp,
    members: BTreeSet<Token>,
}

/// What a record scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored {
    /// Its place.
    pub pos: Pos,
    /// `0..=1000`.
    pub score: u16,
    /// Which rules fired, and why.
    pub reasons: Vec<Reason>,
}

#[derive(Debug, Default)]
struct Tenant {
    rings: Vec<Ring>,
    ring_clock: Timestamp,
    scored: u64,
    high: u64,
    late: u64,
    fired: BTreeMap<RuleId, u64>,
    high_scores: Vec<Scored>,
    plan: Option<std::sync::Arc<FraudPlan>>,
}

/// Signals and scores, recomputed.
#[derive(Debug, Default)]
pub struct Fraud {
    entities: BTreeMap<(OrganizationId, Entity, Token), Known>,
    tenants: BTreeMap<OrganizationId, Tenant>,
    newest: BTreeMap<ScoreKey, Scored>,
    landed: BTreeMap<Pos, (OrganizationId, Scored)>,
}

/// How long an organization's ring outlives its last link.
const RING_QUIET: Span = Span::from_seconds(7 * 86_400);
/// The high scores that the view lists.
const HIGH_MAX: usize = 1_000;

impl Fraud {
    /// Orders that box offices took and payments that came to something are taken as records are.
    pub(crate) fn fact(&mut self, pos: Pos, row: &FactRow, book: &rules::Rulebook, rates: bool) {
        let Some(Fact::Booking(fact)) = row.known() else { return };
        let mut record = Record { organization: row.organization, event_time: row.at, ..Record::new(Kind::Unknown) };
        match fact {
            BookingFact::OrderPlaced { order, person, total, .. } => {
                (record.kind, record.order, record.actor) = (Kind::OrderPlaced, *order, *person);
                record.amount_minor = *total;
            }
            BookingFact::PaymentObserved { status, person, card, .. }
                if *status >= PaymentStatus::Failed && *status != PaymentStatus::Voided =>
            {
                let failed = *status == PaymentStatus::Failed;
                record.kind = if failed { Kind::PaymentFailed } else { Kind::PaymentTaken };
                (record.actor, record.card) = (*person, *card);
            }
            _ => return,
        }
        self.take(&Row { pos, record: &record, book }, rates);
    }

    /// `rates` is whether rings and scores take it too, or only what the signals count.
    pub(crate) fn take(&mut self, row: &Row<'_>, rates: bool) {
        let record = row.record;
        let Some(rules) = row.book.rules(record.organization).filter(|rules| !rules.fraud.is_empty()) else { return };
        let plan = &rules.fraud;
        let scored_kind = matches!(record.kind, Kind::OrderReported | Kind::RegistrationReported | Kind::AdClicked);
        let booked = matches!(record.kind, Kind::OrderPlaced | Kind::PaymentFailed | Kind::PaymentTaken);
        if !(scored_kind || booked || record.kind == Kind::Identify || plan.every_kind && record.kind.is_activity()) {
            return;
        }
        let lateness = row.book.lateness(record.organization, "fraud");
        let account = if record.flags.has(Flags::ANONYMOUS) { Token::NONE } else { record.actor };
        let others = [account, record.device, record.card, record.address];
        let own = [record.actor, record.device, record.card, record.address];
        let scores = plan.scores(record.kind);
        let counts = !lateness.excludes(record.late_by);
        let mut values: Vec<i64> = plan.signals.iter().map(|signal| of_record(record, *signal)).collect();
        let mut link = None;
        for entity in Entity::ALL {
            let token = own[entity as usize];
            if !plan.needs[entity as usize].wanted || !token.is_some() {
                continue;
            }
            let touch = Touch { tick: tick(record.event_time), kind: record.kind, amount: record.amount_minor, others };
            let known =
                self.entities.entry((record.organization, entity, token)).or_insert_with(|| Known::new(touch.tick));
            let links = entity == Entity::Device && plan.rings && account.is_some();
            let fresh = counts && known.count(touch, plan.needs[entity as usize]) && links;
            if links && (scores || fresh) {
                link = known.latest_account(account);
            }
            for (value, signal) in values.iter_mut().zip(&plan.signals) {
                if signal.entity() == Some(entity) {
                    *value = known.answer(*signal);
                }
            }
        }
        let tenant = self.tenants.entry(record.organization).or_default();
        tenant.plan = Some(std::sync::Arc::clone(plan));
        if !rates {
            return;
        }
        if let Some(other) = link {
            tenant.link(account, other, record.event_time);
        }
        if scores {
            if account.is_some() && plan.rings {
                let size = tenant.ring_size(account);
                let place = plan.signals.iter().position(|signal| *signal == Signal::RingAccounts);
                place.into_iter().for_each(|place| values[place] = size);
            }
            tenant.late += u64::from(lateness.is_late(record.late_by));
            self.score(row, plan, &values);
        }
    }

    fn score(&mut self, row: &Row<'_>, plan: &FraudPlan, values: &[i64]) {
        let record = row.record;
        let (score, reasons) = plan.score(record.kind, values);
        let scored = Scored { pos: row.pos, score, reasons };
        let tenant = self.tenants.entry(record.organization).or_default();
        tenant.scored += 1;
        scored.reasons.iter().for_each(|reason| *tenant.fired.entry(reason.rule).or_default() += 1);
        if score >= plan.high {
            tenant.high += 1;
            tenant.high_scores.push(scored.clone());
        }
        let named = [record.order.0, record.message.0].into_iter().find(|id| *id != 0);
        let key =
            ScoreKey { organization: record.organization, record: named.unwrap_or_else(|| u128::from(record.actor.0)) };
        self.landed.insert(row.pos, (record.organization, scored.clone()));
        self.newest.insert(key, scored);
    }

    /// Every score by place: what the landed rows say.
    pub fn landed(&self) -> &BTreeMap<Pos, (OrganizationId, Scored)> {
        &self.landed
    }

    /// How often a rule fired.
    pub fn fired(&self, organization: OrganizationId, rule: RuleId) -> u64 {
        self.tenants.get(&organization).and_then(|tenant| tenant.fired.get(&rule)).copied().unwrap_or(0)
    }

    /// Compares what the rules ask of each entity.
    pub fn compare_signals(&self, reader: &Reader<Signals>) -> Differences {
        let mut differences = Differences::new(Signals::NAME);
        for ((organization, entity, token), known) in &self.entities {
            let plan = self.tenants.get(organization).and_then(|tenant| tenant.plan.as_ref());
            let key = EntityKey { organization: *organization, entity: *entity, token: *token };
            let hash = views::fraud::Touch::hash(*organization, *entity, *token);
            let (answer, _) = reader.read(hash, |bin| bin.entity(key));
            differences.same(|| format!("{key:?} is known"), &answer.is_some(), &true);
            let Some(answer) = answer else { continue };
            let asked = plan.into_iter().flat_map(|plan| &plan.signals);
            for signal in asked.filter(|signal| signal.entity() == Some(*entity)) {
                let shown = match signal {
                    Signal::Known(_) => (answer.clock - answer.first_seen).seconds(),
                    _ => answer.velocities.iter().find(|one| one.signal == *signal).map_or(0, |one| one.value),
                };
                differences.same(|| format!("{key:?} {signal}"), &shown, &known.answer(*signal));
            }
        }
        differences
    }

    /// Compares figures, high scores, and the score of each record that the view still keeps.
    pub fn compare_scores(&self, reader: &Reader<Scores>) -> Differences {
        let mut differences = Differences::new(Scores::NAME);
        for (organization, tenant) in &self.tenants {
            let (overview, _) = reader.read(Scores::hash(*organization), |bin| bin.overview(*organization, HIGH_MAX));
            let Some(overview) = overview else {
                differences.same(|| format!("{organization} scored"), &0, &tenant.scored);
                continue;
            };
            let figures = (overview.scored, overview.high, overview.late);
            differences.same(
                || format!("{organization} figures"),
                &figures,
                &(tenant.scored, tenant.high, tenant.late),
            );
            differences.same_map(&overview.fired.into_iter().collect(), &tenant.fired);
            let recent: Vec<_> = overview.recent.iter().map(|score| (score.pos, score.score)).collect();
            let twin: Vec<_> = tenant.high_scores.iter().rev().take(HIGH_MAX).map(|one| (one.pos, one.score)).collect();
            differences.same(|| format!("{organization} high scores"), &recent, &twin);
        }
        // Organizations may share a bin, so only the newest quarter of what it holds is sure to be there.
        let mut kept: Vec<_> = self.newest.iter().collect();
        kept.sort_unstable_by_key(|(_, scored)| std::cmp::Reverse(scored.pos));
        for (key, twin) in kept.into_iter().take(SCORES_PER_BIN_MAX / 4) {
            let (score, _) = reader.read(Scores::hash(key.organization), |bin| bin.score(*key).cloned());
            let shown =
                score.map(|score| Scored { pos: score.pos, score: score.score, reasons: score.reasons.clone() });
            differences.same(|| format!("{key:?}"), &shown.as_ref(), &Some(twin));
        }
        differences
    }
}

/// What a record of this kind adds one to, besides all records.
fn counted(kind: Kind) -> Option<Measure> {
    match kind {
        Kind::OrderReported | Kind::OrderPlaced => Some(Measure::Orders),
        Kind::PaymentFailed => Some(Measure::Failures),
        Kind::RegistrationReported => Some(Measure::Registrations),
        Kind::AdClicked => Some(Measure::Clicks),
        _ => None,
    }
}

impl Known {
    fn new(tick: u32) -> Self {
        Self { first: tick, clock: tick, sums: BTreeMap::new(), others: BTreeMap::new(), seen: BTreeSet::new() }
    }

    /// Counts what is asked for. Returns whether it is the first of its account within the windows that are asked for.
    fn count(&mut self, touch: Touch, needs: Needs) -> bool {
        self.first = self.first.min(touch.tick);
        let asked: Vec<Window> = Window::ALL.into_iter().filter(|window| needs.windows & window.bit() != 0).collect();
        if touch.tick > self.clock {
            self.clock = touch.tick;
            self.move_on(&asked);
        }
        let Some(window) = held(&asked, touch.tick, self.clock) else { return false };
        let one = counted(touch.kind);
        let amount = (one == Some(Measure::Orders)).then_some((Measure::Amount, touch.amount));
        let all = [Some((Measure::Records, 1)), one.map(|measure| (measure, 1)), amount];
        for (measure, amount) in all.into_iter().flatten().filter(|(measure, _)| needs.has(*measure)) {
            *self.sums.entry((window, touch.tick, measure)).or_default() += amount;
        }
        let mut first = false;
        for other in Entity::ALL {
            let (measure, token) = (other.distinct(), touch.others[other as usize]);
            if needs.has(measure) && token.is_some() {
                first |= !self.see(measure, token, touch.tick) && other == Entity::Account;
            }
        }
        first
    }

    /// Notes when an other was seen. Returns whether it is known already.
    fn see(&mut self, measure: Measure, token: Token, tick: u32) -> bool {
        let before = self.others.get(&(measure, token)).copied();
        let last = before.map_or(tick, |before| before.max(tick));
        before.into_iter().for_each(|before| _ = self.seen.remove(&(before, measure, token)));
        self.seen.insert((last, measure, token));
        self.others.insert((measure, token), last);
        before.is_some()
    }

    /// What left its window since the clock moved on goes to the next one, or is forgotten.
    fn move_on(&mut self, asked: &[Window]) {
        for window in Window::ALL {
            while let Some((key, amount)) = self.sums.range((window, 0, Measure::Records)..).next() {
                let ((under, tick, measure), amount) = (*key, *amount);
                if under != window || window.holds(tick, self.clock) {
                    break;
                }
                self.sums.remove(&(under, tick, measure));
                if let Some(next) = held(asked, tick, self.clock) {
                    *self.sums.entry((next, tick, measure)).or_default() += amount;
                }
            }
        }
        while let Some((tick, measure, token)) = self.seen.first().copied() {
            if held(asked, tick, self.clock).is_some() {
                break;
            }
            self.seen.pop_first();
            self.others.remove(&(measure, token));
        }
    }

    fn latest_account(&self, not: Token) -> Option<Token> {
        let accounts = self.seen.iter().rev().filter(|(_, measure, _)| *measure == Measure::Accounts);
        accounts.map(|(_, _, account)| *account).find(|account| *account != not)
    }

    fn answer(&self, signal: Signal) -> i64 {
        let Signal::Velocity { measure, window, .. } = signal else {
            return i64::from(self.clock - self.first) * TICK_SECONDS;
        };
        if measure.counted().is_some() {
            let mine = self.others.iter().filter(|((other, _), _)| *other == measure);
            return mine.filter(|(_, seen)| window.holds(**seen, self.clock)).count() as i64;
        }
        let mine = self.sums.iter().filter(|((under, _, of), _)| *of == measure && *under <= window);
        mine.filter(|((_, tick, _), _)| window.holds(*tick, self.clock)).map(|(_, amount)| amount).sum()
    }
}

/// The shortest of some windows, which stand in order, that holds a tick.
fn held(asked: &[Window], tick: u32, clock: u32) -> Option<Window> {
    asked.iter().copied().find(|window| window.holds(tick, clock))
}

impl Tenant {
    fn link(&mut self, one: Token, other: Token, at: Timestamp) {
        self.ring_clock = self.ring_clock.max(at);
        let clock = self.ring_clock;
        self.rings.retain(|ring| ring.last + RING_QUIET >= clock);
        let mut joined = Ring { last: at, members: BTreeSet::from([one, other]) };
        let touches = |ring: &Ring| ring.members.contains(&one) || ring.members.contains(&other);
        for ring in self.rings.extract_if(.., |ring| touches(ring)) {
            joined.last = joined.last.max(ring.last);
            joined.members.extend(ring.members);
        }
        self.rings.push(joined);
    }

    fn ring_size(&self, account: Token) -> i64 {
        let live = |ring: &&Ring| ring.last + RING_QUIET >= self.ring_clock && ring.members.contains(&account);
        self.rings.iter().find(live).map_or(1, |ring| ring.members.len() as i64)
    }
}

/// What the record itself says.
fn of_record(record: &Record, signal: Signal) -> i64 {
    match signal {
        // An account without a signup time cannot be too quick. Begun seconds count, so that 60.2 s are not 60.
        Signal::PurchaseMinusSignup if record.signup_time.0 == 0 => ABSENT,
        Signal::PurchaseMinusSignup => {
            let micros = (record.event_time - record.signup_time).0;
            micros.div_euclid(1_000_000) + i64::from(micros.rem_euclid(1_000_000) > 0)
        }
        Signal::Amount => record.amount_minor,
        Signal::Quantity => i64::from(record.quantity),
        Signal::Bot => i64::from(record.flags.has(Flags::BOT)),
        Signal::RingAccounts | Signal::Known(_) | Signal::Velocity { .. } => ABSENT,
    }
}
