//! The second fold: a record's signals come together, and the rules make a score with reasons of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use records::hash::wide;
use records::{Kind, OrganizationId, Pos, RuleId, Timestamp, Token};
use rules::fraud::Reason;
use rules::signal::Signal;
use serde::Serialize;

use super::rings::Rings;
use super::signals::{Part, Scored, SignalOutput};
use crate::codec::{FixedMap, In, Out};
use crate::state::{At, Effects, Fold, StateError};

/// The most scores of one bin that are kept for questions about single records; all of them are in the warehouse.
pub const SCORES_PER_BIN_MAX: usize = 65_536;
/// The most high scores of one organization that are listed.
const HIGH_MAX: usize = 1_000;

/// A scored record, as readers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ScoreKey {
    /// The tenant.
    pub organization: OrganizationId,
    /// The order; for registrations and clicks the message id, or the actor when the message has none.
    #[serde(serialize_with = "as_id")]
    pub record: u128,
}

/// The score of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Score {
    /// Its place in the log.
    pub pos: Pos,
    /// Its kind.
    pub kind: Kind,
    /// The order; for registrations and clicks the message id, or the actor when the message has none.
    #[serde(serialize_with = "as_id")]
    #[schemars(with = "String")]
    pub record: u128,
    /// Whose it is.
    pub actor: Token,
    /// When it happened.
    pub event_time: Timestamp,
    /// `0..=1000`: the sum of the weights of the rules that fired.
    pub score: u16,
    /// The rules that fired, in the order of the document.
    pub reasons: Vec<Reason>,
    /// The version of the rules.
    pub rules_version: u32,
}

/// A score for the warehouse, one row for each scored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FraudScoreRow {
    /// The tenant.
    pub organization: OrganizationId,
    /// The score.
    pub score: Arc<Score>,
}

/// What an organization's fraud page shows first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Overview {
    /// Records scored so far.
    pub scored: u64,
    /// Of those with a high score.
    pub high: u64,
    /// Of those that were later than the view's bound.
    pub late: u64,
    /// How often each rule fired, by rule.
    pub fired: Vec<(RuleId, u64)>,
    /// Accounts that lost their ring to make room.
    pub rings_evicted: u64,
    /// The newest high scores, newest first.
    pub recent: Vec<Arc<Score>>,
}

fn as_id<S: serde::Serializer>(record: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&records::OrderId(*record))
}

#[derive(Debug, Default)]
struct Tenant {
    scored: u64,
    high: u64,
    late: u64,
    fired: BTreeMap<RuleId, u64>,
    recent: VecDeque<Arc<Score>>,
    rings: Rings,
}

/// Parts that came so far.
#[derive(Debug)]
struct Pending {
    scored: Arc<Scored>,
    values: Vec<i64>,
    parts: u8,
}

/// One bin of scores.
#[derive(Debug, Default)]
pub struct Scores {
    tenants: BTreeMap<OrganizationId, Tenant>,
    // Empty between epochs: all parts of a record come in one.
    pending: BTreeMap<Pos, Pending>,
    kept: VecDeque<(ScoreKey, Arc<Score>)>,
    // How many were dropped from the front of `kept`, so that places stay valid.
    dropped: u64,
    by_key: FixedMap<ScoreKey, u64>,
    untold: Vec<FraudScoreRow>,
}

impl Scores {
    /// The hash that decides the bin: an organization's scores and rings stay together.
    pub fn hash(organization: OrganizationId) -> u64 {
        wide(organization.0)
    }

    /// The newest score of a record, while it is kept.
    pub fn score(&self, key: ScoreKey) -> Option<&Arc<Score>> {
        let place = self.by_key.get(&key)? - self.dropped;
        Some(&self.kept[usize::try_from(place).expect("kept scores are few")].1)
    }

    /// The figures of an organization, with at most `limit` high scores.
    pub fn overview(&self, organization: OrganizationId, limit: usize) -> Option<Overview> {
        let tenant = self.tenants.get(&organization)?;
        Some(Overview {
            scored: tenant.scored,
            high: tenant.high,
            late: tenant.late,
            fired: tenant.fired.iter().map(|(rule, count)| (*rule, *count)).collect(),
            rings_evicted: tenant.rings.evicted(),
            recent: tenant.recent.iter().rev().take(limit).map(Arc::clone).collect(),
        })
    }

    /// How often a rule fired.
    pub fn fired(&self, organization: OrganizationId, rule: RuleId) -> u64 {
        self.tenants.get(&organization).and_then(|tenant| tenant.fired.get(&rule)).copied().unwrap_or(0)
    }

    /// The accounts connected with an account by shared devices, itself included, sorted.
    pub fn ring(&self, organization: OrganizationId, account: Token) -> Vec<Token> {
        self.tenants.get(&organization).map_or_else(|| vec![account], |tenant| tenant.rings.members(account))
    }

    fn part(&mut self, part: &Part, effects: &mut Effects<Self>) {
        let scored = &part.scored;
        if let (Some(other), true) = (part.link, scored.account.is_some()) {
            self.tenants.entry(scored.organization).or_default().rings.link(scored.account, other, scored.event_time);
        }
        if scored.parts <= 1 {
            let mut values = scored.values.clone();
            fill(&mut values, &part.values);
            self.finish(scored, values, effects);
            return;
        }
        let fresh = || Pending { scored: Arc::clone(scored), values: scored.values.clone(), parts: 0 };
        let pending = self.pending.entry(scored.pos).or_insert_with(fresh);
        fill(&mut pending.values, &part.values);
        pending.parts += 1;
        if pending.parts >= scored.parts
            && let Some(whole) = self.pending.remove(&scored.pos)
        {
            self.finish(&whole.scored, whole.values, effects);
        }
    }

    fn finish(&mut self, scored: &Scored, mut values: Vec<i64>, effects: &mut Effects<Self>) {
        let plan = &scored.plan;
        let tenant = self.tenants.entry(scored.organization).or_default();
        if plan.rings
            && scored.account.is_some()
            && let Some(place) = plan.signals.iter().position(|signal| *signal == Signal::RingAccounts)
        {
            values[place] = tenant.rings.size(scored.account);
        }
        let (score, reasons) = plan.score(scored.kind, &values);
        tenant.scored += 1;
        tenant.late += u64::from(scored.late);
        reasons.iter().for_each(|reason| *tenant.fired.entry(reason.rule).or_default() += 1);
        let score = Arc::new(Score {
            pos: scored.pos,
            kind: scored.kind,
            record: scored.record,
            actor: scored.actor,
            event_time: scored.event_time,
            score,
            reasons,
            rules_version: plan.version,
        });
        if score.score >= plan.high {
            tenant.high += 1;
            if tenant.recent.len() == HIGH_MAX {
                tenant.recent.pop_front();
            }
            tenant.recent.push_back(Arc::clone(&score));
        }
        let organization = scored.organization;
        let key = ScoreKey { organization, record: scored.record };
        self.keep(key, &score);
        effects.changed.push(key);
        self.untold.push(FraudScoreRow { organization, score });
    }

    fn keep(&mut self, key: ScoreKey, score: &Arc<Score>) {
        if self.kept.len() == SCORES_PER_BIN_MAX
            && let Some((oldest, _)) = self.kept.pop_front()
        {
            // A record that was scored again since then has a newer place.
            if self.by_key.get(&oldest) == Some(&self.dropped) {
                self.by_key.remove(&oldest);
            }
            self.dropped += 1;
        }
        self.by_key.insert(key, self.dropped + self.kept.len() as u64);
        self.kept.push_back((key, Arc::clone(score)));
    }
}

fn fill(values: &mut [i64], part: &[(u16, i64)]) {
    for (slot, value) in part {
        if let Some(place) = values.get_mut(usize::from(*slot)) {
            *place = *value;
        }
    }
}

impl Fold for Scores {
    const NAME: &'static str = "scores";
    const VERSION: u32 = 2;
    type Input = SignalOutput;
    type Output = ();
    type Key = ScoreKey;
    type Row = FraudScoreRow;

    fn apply(&mut self, _at: At, input: &SignalOutput, effects: &mut Effects<Self>) {
        match input {
            SignalOutput::Part(part) => self.part(part, effects),
            SignalOutput::Link { organization, one, other, time } => {
                self.tenants.entry(*organization).or_default().rings.link(*one, *other, *time);
            }
        }
    }

    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}

    fn land(&mut self, rows: &mut Vec<FraudScoreRow>) {
        // One row for each record, in the order of the log as they were scored.
        rows.append(&mut self.untold);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        out.len(self.tenants.len());
        for (organization, tenant) in &self.tenants {
            out.id(organization.0);
            [tenant.scored, tenant.high, tenant.late].into_iter().for_each(|count| out.u64(count));
            out.len(tenant.fired.len());
            for (rule, count) in &tenant.fired {
                out.id(rule.0);
                out.u64(*count);
            }
            out.len(tenant.recent.len());
            tenant.recent.iter().for_each(|score| write(&mut out, score));
            tenant.rings.encode(&mut out);
        }
        out.u64(self.dropped);
        out.len(self.kept.len());
        for (key, score) in &self.kept {
            out.id(key.organization.0);
            write(&mut out, score);
        }
        out.len(self.pending.len());
        for pending in self.pending.values() {
            let bytes = serde_json::to_vec(&(&pending.scored, &pending.values, pending.parts));
            out.bytes(&bytes.expect("a record on its way has text keys only"));
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let mut this = Self::default();
        for _ in 0..input.len(4)? {
            let organization = OrganizationId(input.id()?);
            let tenant = tenant(&mut input)?;
            this.tenants.insert(organization, tenant);
        }
        this.dropped = input.u64()?;
        for _ in 0..input.len(8)? {
            let organization = OrganizationId(input.id()?);
            let score = Arc::new(read(&mut input)?);
            let key = ScoreKey { organization, record: score.record };
            let place = this.dropped.checked_add(this.kept.len() as u64).ok_or_else(|| input.damaged())?;
            this.by_key.insert(key, place);
            this.kept.push_back((key, score));
        }
        for _ in 0..input.len(1)? {
            let (scored, values, parts): (Arc<Scored>, Vec<i64>, u8) =
                serde_json::from_slice(input.bytes()?).map_err(|_| input.damaged())?;
            if values.len() < scored.plan.signals.len() {
                return Err(input.damaged());
            }
            this.pending.insert(scored.pos, Pending { scored, values, parts });
        }
        input.done()?;
        Ok(this)
    }

    fn len(&self) -> usize {
        self.kept.len()
    }
}

fn tenant(input: &mut In<'_>) -> Result<Tenant, StateError> {
    let mut tenant = Tenant { scored: input.u64()?, high: input.u64()?, late: input.u64()?, ..Tenant::default() };
    for _ in 0..input.len(2)? {
        let rule = RuleId(input.id()?);
        tenant.fired.insert(rule, input.u64()?);
    }
    for _ in 0..input.len(8)? {
        tenant.recent.push_back(Arc::new(read(input)?));
    }
    tenant.rings = Rings::decode(input)?;
    Ok(tenant)
}

fn write(out: &mut Out<'_>, score: &Score) {
    out.time(score.pos.log_time);
    out.u8(score.pos.lane);
    out.u32(u32::from(score.pos.partition));
    out.u64(score.pos.offset);
    out.u32(u32::from(score.kind.code()));
    out.id(score.record);
    out.token(score.actor);
    out.time(score.event_time);
    out.u32(u32::from(score.score));
    out.u32(score.rules_version);
    out.len(score.reasons.len());
    for reason in &score.reasons {
        out.id(reason.rule.0);
        out.u32(u32::from(reason.weight));
        out.text(&reason.text);
    }
}

fn read(input: &mut In<'_>) -> Result<Score, StateError> {
    let short = |value: u32, input: &In<'_>| u16::try_from(value).map_err(|_| input.damaged());
    let (log_time, lane) = (input.time()?, input.u8()?);
    let partition = input.u32()?;
    let pos = Pos { log_time, lane, partition: short(partition, input)?, offset: input.u64()? };
    let kind = input.u32()?;
    let kind = Kind::from_code(short(kind, input)?);
    let (record, actor, event_time) = (input.id()?, input.token()?, input.time()?);
    let score = input.u32()?;
    let score = short(score, input)?;
    let rules_version = input.u32()?;
    let mut reasons = Vec::new();
    for _ in 0..input.len(3)? {
        let rule = RuleId(input.id()?);
        let weight = input.u32()?;
        let weight = short(weight, input)?;
        reasons.push(Reason { rule, weight, text: input.text()?.as_str().to_owned() });
    }
    Ok(Score { pos, kind, record, actor, event_time, score, reasons, rules_version })
}
