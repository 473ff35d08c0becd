//! The fold: profiles change with each record and with time, and memberships follow.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::sync::Arc;

use models::generations::{Content, Generations};
use records::hash::{join, wide};
use records::{OrganizationId, SegmentId, Timestamp, Token};
use rules::segment::SegmentPlan;
use serde::{Deserialize, Serialize};

use super::profile::{Profile, ProfileAnswer, Seen, Words};
use crate::codec::{In, Out};
use crate::shards::WARMED;
use crate::state::{At, Effects, Fold, StateError};

/// The most profiles of one bin, eight million in all.
pub const PROFILES_PER_BIN_MAX: usize = 32_768;

/// A visitor of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct VisitorKey {
    /// The tenant.
    pub organization: OrganizationId,
    /// Who.
    pub actor: Token,
}

/// What [`Segments`] takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum SegmentInput {
    /// A record of a visitor.
    Seen {
        /// The tenant.
        organization: OrganizationId,
        /// Whose.
        actor: Token,
        /// The record.
        seen: Seen,
    },
    /// An organization published rules; every bin gets them and looks at all of its profiles again.
    Rules {
        /// The tenant.
        organization: OrganizationId,
        /// Its segments.
        plan: Arc<SegmentPlan>,
    },
}

/// Somebody joined or left a segment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentChangeRow {
    /// The tenant.
    pub organization: OrganizationId,
    /// The segment.
    pub segment: SegmentId,
    /// Who.
    pub actor: Token,
    /// Counts up over the changes of one segment and actor.
    pub number: u64,
    /// Whether they joined; else they left.
    pub joined: bool,
    /// The log time of the record that made them join or leave, or the instant at which a condition ended.
    pub at: Timestamp,
}

/// One bin of segments.
#[derive(Debug)]
pub struct Segments {
    plans: BTreeMap<OrganizationId, Arc<SegmentPlan>>,
    words: Words,
    // Boxed: a profile is some 200 bytes, and a table moves all of them each time it grows.
    profiles: Generations<VisitorKey, Box<Profile>>,
    // One for each profile that time alone may change; early ones do no harm.
    timers: BTreeSet<(Timestamp, VisitorKey)>,
    counts: BTreeMap<(OrganizationId, SegmentId), u64>,
    changes: u64,
    untold: Vec<SegmentChangeRow>,
}

impl Default for Segments {
    fn default() -> Self {
        Self {
            plans: BTreeMap::new(),
            words: Words::default(),
            profiles: Generations::new(PROFILES_PER_BIN_MAX / 2),
            timers: BTreeSet::new(),
            counts: BTreeMap::new(),
            changes: 0,
            untold: Vec::new(),
        }
    }
}

/// The segments of a set of bits.
fn segments(plan: &SegmentPlan, bits: u64) -> impl Iterator<Item = SegmentId> + '_ {
    plan.segments.iter().enumerate().filter(move |(place, _)| bits & 1 << place != 0).map(|(_, segment)| segment.id)
}

impl Segments {
    /// The hash that decides the bin.
    pub fn hash(organization: OrganizationId, actor: Token) -> u64 {
        join(wide(organization.0), actor.0)
    }

    /// The segments of a visitor, in the order of the document; none when nothing is known of them.
    pub fn segments_of(&self, key: VisitorKey) -> Vec<SegmentId> {
        let (Some(plan), Some(profile)) = (self.plans.get(&key.organization), self.profiles.get(key)) else {
            return Vec::new();
        };
        segments(plan, profile.members).collect()
    }

    /// What is known of a visitor.
    pub fn profile(&self, key: VisitorKey) -> Option<ProfileAnswer> {
        self.profiles.get(key).map(|profile| profile.answer(&self.words))
    }

    /// How many visitors of this bin are in each segment of an organization; a reader adds up the bins.
    pub fn counts(&self, organization: OrganizationId) -> impl Iterator<Item = (SegmentId, u64)> + '_ {
        let all = (organization, SegmentId(0))..=(organization, SegmentId(u128::MAX));
        self.counts.range(all).map(|((_, segment), count)| (*segment, *count))
    }

    /// The visitors of this bin that are in a segment, by pseudonym. Looks at every profile.
    pub fn members(&self, organization: OrganizationId, segment: SegmentId) -> Vec<Token> {
        let Some(plan) = self.plans.get(&organization) else { return Vec::new() };
        let is_in = |key: &VisitorKey| {
            let profile = self.profiles.get(*key).filter(|_| key.organization == organization);
            profile.is_some_and(|profile| segments(plan, profile.members).any(|known| known == segment))
        };
        self.profiles.keys().into_iter().filter(is_in).map(|key| key.actor).collect()
    }

    /// The visitors of this bin that are in any segment of an organization. Looks at every profile.
    pub fn in_any(&self, organization: OrganizationId) -> Vec<VisitorKey> {
        let is_in = |key: &VisitorKey| key.organization == organization && !self.segments_of(*key).is_empty();
        self.profiles.keys().into_iter().filter(is_in).collect()
    }

    /// Profiles that were forgotten to make room.
    pub fn forgotten(&self) -> u64 {
        self.profiles.forgotten()
    }

    fn seen(&mut self, key: VisitorKey, seen: &Seen, now: Timestamp, effects: &mut Effects<Self>) {
        let Some(plan) = self.plans.get(&key.organization).map(Arc::clone) else { return };
        if plan.is_empty() {
            return;
        }
        effects.changed.push(key);
        let mut gone = Vec::new();
        let profile = self.profiles.touch(key, || Box::new(Profile::new(now)), |forgotten| gone = forgotten);
        profile.see(seen, now, &plan, &mut self.words);
        if gone.is_empty() {
            let (before, after) = settle(profile, &mut self.timers, key, &plan, &self.words, now);
            return self.moved(key, &plan, before, after, now, effects);
        }
        for (gone, profile) in gone {
            self.forget(gone, &profile, now, effects);
        }
        self.look(key, &plan, now, effects);
    }

    /// Looks at a profile as of an instant: memberships, rows, counts, and when to look again.
    fn look(&mut self, key: VisitorKey, plan: &SegmentPlan, now: Timestamp, effects: &mut Effects<Self>) {
        let Some(profile) = self.profiles.get_mut(key) else { return };
        let (before, after) = settle(profile, &mut self.timers, key, plan, &self.words, now);
        self.moved(key, plan, before, after, now, effects);
    }

    fn moved(
        &mut self,
        key: VisitorKey,
        plan: &SegmentPlan,
        before: u64,
        after: u64,
        now: Timestamp,
        effects: &mut Effects<Self>,
    ) {
        if before != after {
            self.change(key, plan, before & !after, false, now);
            self.change(key, plan, after & !before, true, now);
            effects.changed.push(key);
        }
    }

    fn change(&mut self, key: VisitorKey, plan: &SegmentPlan, bits: u64, joined: bool, at: Timestamp) {
        for segment in segments(plan, bits) {
            let count = self.counts.entry((key.organization, segment)).or_default();
            *count = if joined { *count + 1 } else { count.saturating_sub(1) };
            if *count == 0 {
                self.counts.remove(&(key.organization, segment));
            }
            self.changes += 1;
            let (organization, actor, number) = (key.organization, key.actor, self.changes);
            self.untold.push(SegmentChangeRow { organization, segment, actor, number, joined, at });
        }
    }

    fn forget(&mut self, key: VisitorKey, profile: &Profile, now: Timestamp, effects: &mut Effects<Self>) {
        profile.due.iter().for_each(|due| {
            self.timers.remove(&(*due, key));
        });
        if let Some(plan) = self.plans.get(&key.organization).map(Arc::clone)
            && profile.members != 0
        {
            self.change(key, &plan, profile.members, false, now);
        }
        effects.changed.push(key);
    }

    fn publish(
        &mut self,
        organization: OrganizationId,
        plan: &Arc<SegmentPlan>,
        now: Timestamp,
        effects: &mut Effects<Self>,
    ) {
        let old = self.plans.insert(organization, Arc::clone(plan)).unwrap_or_default();
        let keys = self.profiles.keys().into_iter().filter(|key| key.organization == organization);
        for key in keys.collect::<Vec<_>>() {
            let members = self.profiles.get(key).map_or(0, |profile| profile.members);
            // Bits follow the document's order, so they are carried over by name; segments that are gone are left.
            let lost = |segment: SegmentId| plan.segments.iter().all(|known| known.id != segment);
            let place = |segment: SegmentId| plan.segments.iter().position(|known| known.id == segment);
            let gone = (0..64).filter(|place| {
                members & 1 << place != 0 && old.segments.get(*place).is_some_and(|segment| lost(segment.id))
            });
            let gone = gone.fold(0, |bits, place| bits | 1 << place);
            self.change(key, &old, gone, false, now);
            let carried = segments(&old, members).filter_map(place).fold(0, |bits, place| bits | 1 << place);
            if let Some(profile) = self.profiles.get_mut(key) {
                profile.members = carried;
            }
            self.look(key, plan, now, effects);
            if gone != 0 {
                effects.changed.push(key);
            }
        }
    }

    /// Looks again at everybody whose time has come, each as of their own instant.
    fn run_timers(&mut self, bound: Timestamp, effects: &mut Effects<Self>) {
        while let Some((due, key)) = self.timers.first().copied().filter(|(due, _)| *due <= bound) {
            self.timers.pop_first();
            if let Some(profile) = self.profiles.get_mut(key) {
                profile.due = None;
            }
            if let Some(plan) = self.plans.get(&key.organization).map(Arc::clone) {
                self.look(key, &plan, due, effects);
            }
        }
    }
}

/// Evaluates a profile as of an instant and sets its timer; its memberships before and after.
fn settle(
    profile: &mut Profile,
    timers: &mut BTreeSet<(Timestamp, VisitorKey)>,
    key: VisitorKey,
    plan: &SegmentPlan,
    words: &Words,
    now: Timestamp,
) -> (u64, u64) {
    let before = profile.members;
    profile.members = profile.evaluate(now, plan, words);
    let (next, due) = (profile.next_due(now, plan), profile.due);
    // An earlier timer stays: it looks once too often, and no timer moves with every record.
    let keep = due.is_some_and(|due| due > now && next.is_some_and(|next| due <= next));
    if !keep && due != next {
        due.iter().for_each(|due| {
            timers.remove(&(*due, key));
        });
        timers.extend(next.map(|next| (next, key)));
        profile.due = next;
    }
    (before, profile.members)
}

impl Fold for Segments {
    const NAME: &'static str = "segments";
    const VERSION: u32 = 1;
    type Input = SegmentInput;
    type Output = ();
    type Key = VisitorKey;
    type Row = SegmentChangeRow;

    fn apply(&mut self, at: At, input: &SegmentInput, effects: &mut Effects<Self>) {
        // What ended before this record ended first, whether or not `advance` was called in between.
        self.run_timers(at.now(), effects);
        match input {
            SegmentInput::Seen { organization, actor, seen } => {
                let key = VisitorKey { organization: *organization, actor: *actor };
                self.seen(key, seen, at.now(), effects);
            }
            SegmentInput::Rules { organization, plan } => self.publish(*organization, plan, at.now(), effects),
        }
    }

    fn warm(&self, inputs: &[&SegmentInput]) {
        let mut profiles: [Option<&Profile>; WARMED] = [None; WARMED];
        for (input, place) in inputs.iter().zip(&mut profiles) {
            if let SegmentInput::Seen { organization, actor, .. } = input {
                let known = self.profiles.get(VisitorKey { organization: *organization, actor: *actor });
                *place = known.map(|profile| &**profile);
            }
        }
        black_box(profiles.iter().flatten().fold(0, |sum, profile| sum ^ profile.warmth()));
    }

    fn advance(&mut self, bound: Timestamp, effects: &mut Effects<Self>) {
        self.run_timers(bound, effects);
    }

    fn land(&mut self, rows: &mut Vec<SegmentChangeRow>) {
        self.untold.sort_unstable();
        rows.append(&mut self.untold);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        out.u64(self.changes);
        out.len(self.plans.len());
        for (organization, plan) in &self.plans {
            out.id(organization.0);
            out.bytes(&serde_json::to_vec(plan).expect("a plan has text keys only"));
        }
        self.words.encode(&mut out);
        let content = self.profiles.content();
        out.u64(content.forgotten);
        for generation in [&content.young, &content.old] {
            out.len(generation.len());
            for (key, profile) in generation {
                out.id(key.organization.0);
                out.token(key.actor);
                profile.encode(&mut out);
            }
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let mut this = Self { changes: input.u64()?, ..Self::default() };
        for _ in 0..input.len(2)? {
            let organization = OrganizationId(input.id()?);
            let plan = serde_json::from_slice(input.bytes()?).map_err(|_| input.damaged())?;
            this.plans.insert(organization, Arc::new(plan));
        }
        this.words = Words::decode(&mut input)?;
        let forgotten = input.u64()?;
        let (young, old) = (generation(&mut input)?, generation(&mut input)?);
        input.done()?;
        // Timers and counts follow from the profiles.
        for (key, profile) in young.iter().chain(&old) {
            profile.due.iter().for_each(|due| {
                this.timers.insert((*due, *key));
            });
            if let Some(plan) = this.plans.get(&key.organization) {
                for segment in segments(plan, profile.members) {
                    *this.counts.entry((key.organization, segment)).or_default() += 1;
                }
            }
        }
        this.profiles = Generations::of(PROFILES_PER_BIN_MAX / 2, Content { young, old, forgotten });
        Ok(this)
    }

    fn len(&self) -> usize {
        self.profiles.len()
    }
}

fn generation(input: &mut In<'_>) -> Result<Vec<(VisitorKey, Box<Profile>)>, StateError> {
    let count = input.len(16)?;
    let mut profiles = Vec::with_capacity(count);
    for _ in 0..count {
        let key = VisitorKey { organization: OrganizationId(input.id()?), actor: input.token()? };
        profiles.push((key, Box::new(Profile::decode(input)?)));
    }
    Ok(profiles)
}
