//! Points: which happenings give how many points on which leaderboards. Data, not code.
//!
//! ```toml
//! [[leaderboards]]
//! leaderboard = "engagement"
//! scopes = ["event", "track", "day", "all_time"]   # all four when left out
//! points = [
//!     { rule = "join", kind = "session_joined", points = 10, daily_cap = 50 },
//!     { rule = "quiz", kind = "tracked", name = "quiz_won", points = 25 },
//!     { rule = "spam", kind = "tracked", name = "message_removed", points = -5 },
//! ]
//! ```

use std::collections::BTreeSet;

use records::{Kind, LeaderboardId, RuleId, Text};
use serde::{Deserialize, Serialize};

/// The most leaderboards of one organization: each may have four boards for every event.
pub const LEADERBOARDS_MAX: usize = 64;
/// The most points rules of one leaderboard.
pub const POINTS_RULES_MAX: usize = 256;
/// The most points, of either sign, that one happening gives: 2^31 of them still fit a score.
pub const POINTS_MAX: i64 = 1 << 31;

/// What a board ranks over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Scope {
    /// One event, from its first record to its last.
    Event,
    /// One track of one event: the record's category, or the track of its session.
    Track,
    /// One calendar day of one event, in the event's time zone, by event time.
    Day,
    /// Everything that the organization ever ran.
    AllTime,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Event, Self::Track, Self::Day, Self::AllTime];

    /// Its word in rules, addresses and rows.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Track => "track",
            Self::Day => "day",
            Self::AllTime => "all_time",
        }
    }

    /// The scope with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == word)
    }
}

/// One trigger and its weight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointsRule {
    /// Its name, unique within the leaderboard; caps are counted by it.
    pub rule: RuleId,
    /// The kind of record that triggers it.
    pub kind: Kind,
    /// Only records with this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// Only records with this category or track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Text>,
    /// What each happening gives; may be negative.
    pub points: i64,
    /// The most points (of either sign) that one participant gets from this rule on one calendar day of the event's
    /// time zone; the happening that would pass it gives what is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_cap: Option<u64>,
}

/// One leaderboard with its scopes and triggers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaderboard {
    /// Its name.
    pub leaderboard: LeaderboardId,
    /// The boards that it keeps.
    #[serde(default = "all_scopes")]
    pub scopes: Vec<Scope>,
    /// What gives points.
    pub points: Vec<PointsRule>,
}

fn all_scopes() -> Vec<Scope> {
    Scope::ALL.to_vec()
}

/// Why leaderboards cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointsError {
    /// Too many leaderboards.
    #[error("more than {LEADERBOARDS_MAX} leaderboards")]
    Leaderboards,
    /// Too many rules.
    #[error("leaderboard `{0}` has more than {POINTS_RULES_MAX} points rules")]
    Rules(LeaderboardId),
    /// Two have the same name.
    #[error("leaderboard `{0}` is there twice")]
    SameLeaderboard(LeaderboardId),
    /// Two rules have the same name, so that their caps would mix.
    #[error("leaderboard `{0}` has rule `{1}` twice")]
    SameRule(LeaderboardId, RuleId),
    /// No points, or too many.
    #[error("rule `{0}` gives {1} points; 1 to {POINTS_MAX} of either sign are possible")]
    Points(RuleId, i64),
    /// Records about the stream itself give no points.
    #[error("rule `{0}` is triggered by `{1}`, which nobody does")]
    Kind(RuleId, Kind),
    /// A leaderboard without boards.
    #[error("leaderboard `{0}` has no scope")]
    NoScope(LeaderboardId),
}

/// What happened, as far as points are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Trigger<'a> {
    /// The record's kind.
    pub kind: Kind,
    /// The record's name.
    pub name: &'a str,
    /// The record's category, or the track of its session.
    pub category: &'a str,
}

/// Checked leaderboards, ready to be asked record by record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PointsRules {
    leaderboards: Vec<Leaderboard>,
    // (kind, leaderboard, rule), sorted: most kinds trigger nothing, and say so after one look.
    by_kind: Vec<(Kind, u16, u16)>,
}

impl PointsRules {
    /// Checks leaderboards.
    ///
    /// # Errors
    /// When there are too many, a name is there twice, or a rule can never give a point.
    pub fn new(leaderboards: Vec<Leaderboard>) -> Result<Self, PointsError> {
        if leaderboards.len() > LEADERBOARDS_MAX {
            return Err(PointsError::Leaderboards);
        }
        let mut names = BTreeSet::new();
        let mut by_kind = Vec::new();
        for (number, leaderboard) in (0..).zip(&leaderboards) {
            if !names.insert(leaderboard.leaderboard) {
                return Err(PointsError::SameLeaderboard(leaderboard.leaderboard));
            }
            leaderboard.check()?;
            by_kind.extend((0..).zip(&leaderboard.points).map(|(rule, points)| (points.kind, number, rule)));
        }
        by_kind.sort_unstable();
        Ok(Self { leaderboards, by_kind })
    }

    /// The leaderboards, as published.
    pub fn leaderboards(&self) -> &[Leaderboard] {
        &self.leaderboards
    }

    /// Whether any rule is triggered by records of this kind.
    #[inline]
    pub fn hears(&self, kind: Kind) -> bool {
        let place = self.by_kind.partition_point(|entry| entry.0 < kind);
        self.by_kind.get(place).is_some_and(|entry| entry.0 == kind)
    }

    /// The rules that a happening triggers, each with its number below [`PointsRules::count`] and its leaderboard, in
    /// the order of the document.
    pub fn awards<'a>(
        &'a self,
        trigger: Trigger<'a>,
    ) -> impl Iterator<Item = (usize, &'a Leaderboard, &'a PointsRule)> {
        let first = self.by_kind.partition_point(|entry| entry.0 < trigger.kind);
        self.by_kind[first..]
            .iter()
            .take_while(move |entry| entry.0 == trigger.kind)
            .enumerate()
            .map(move |(place, (_, leaderboard, rule))| {
                let leaderboard = &self.leaderboards[usize::from(*leaderboard)];
                (first + place, leaderboard, &leaderboard.points[usize::from(*rule)])
            })
            .filter(move |(_, _, rule)| rule.takes(trigger))
    }

    /// How many rules there are, over all leaderboards.
    pub fn count(&self) -> usize {
        self.by_kind.len()
    }
}

impl Leaderboard {
    fn check(&self) -> Result<(), PointsError> {
        if self.points.len() > POINTS_RULES_MAX {
            return Err(PointsError::Rules(self.leaderboard));
        }
        if self.scopes.is_empty() {
            return Err(PointsError::NoScope(self.leaderboard));
        }
        let mut names = BTreeSet::new();
        for rule in &self.points {
            if !names.insert(rule.rule) {
                return Err(PointsError::SameRule(self.leaderboard, rule.rule));
            }
            if rule.points == 0 || rule.points.unsigned_abs() > POINTS_MAX.unsigned_abs() {
                return Err(PointsError::Points(rule.rule, rule.points));
            }
            if !rule.kind.is_activity() {
                return Err(PointsError::Kind(rule.rule, rule.kind));
            }
        }
        Ok(())
    }
}

impl PointsRule {
    fn takes(&self, trigger: Trigger<'_>) -> bool {
        self.name.as_ref().is_none_or(|name| name.as_str() == trigger.name)
            && self.category.as_ref().is_none_or(|category| category.as_str() == trigger.category)
    }

    /// What one happening gives when the participant already got `used` points (of either sign) from this rule today.
    pub fn grant(&self, used: u64) -> i64 {
        let Some(cap) = self.daily_cap else { return self.points };
        let left = cap.saturating_sub(used).min(self.points.unsigned_abs());
        let left = i64::try_from(left).expect("at most the points themselves");
        left * self.points.signum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, kind: Kind, points: i64) -> PointsRule {
        PointsRule { rule: RuleId::parse(name).unwrap(), kind, name: None, category: None, points, daily_cap: None }
    }

    fn board(points: Vec<PointsRule>) -> Leaderboard {
        Leaderboard { leaderboard: LeaderboardId::parse("engagement").unwrap(), scopes: all_scopes(), points }
    }

    fn names(rules: &PointsRules, kind: Kind, name: &str, category: &str) -> Vec<String> {
        let trigger = Trigger { kind, name, category };
        rules.awards(trigger).map(|(_, _, rule)| rule.rule.to_string()).collect()
    }

    #[test]
    fn rules_match_by_kind_name_and_category() {
        let named = PointsRule { name: Some("quiz".into()), ..rule("quiz", Kind::Track, 5) };
        let track = PointsRule { category: Some("rust".into()), ..rule("rust", Kind::SessionJoined, 7) };
        let rules = PointsRules::new(vec![board(vec![named, rule("join", Kind::SessionJoined, 1), track])]).unwrap();
        assert_eq!(names(&rules, Kind::Track, "quiz", ""), ["quiz"]);
        assert!(names(&rules, Kind::Track, "poll", "").is_empty());
        assert_eq!(names(&rules, Kind::SessionJoined, "", "rust"), ["join", "rust"]);
        assert_eq!(names(&rules, Kind::SessionJoined, "", "go"), ["join"]);
        assert!(rules.hears(Kind::Track) && !rules.hears(Kind::Page));
    }

    #[test]
    fn a_cap_gives_what_is_left() {
        let capped = PointsRule { daily_cap: Some(25), ..rule("join", Kind::SessionJoined, 10) };
        assert_eq!([0, 10, 20, 25, 99].map(|used| capped.grant(used)), [10, 10, 5, 0, 0]);
        let fined = PointsRule { points: -10, ..capped };
        assert_eq!([0, 20, 30].map(|used| fined.grant(used)), [-10, -5, 0]);
    }

    #[test]
    fn impossible_rules_are_refused() {
        let join = || rule("join", Kind::SessionJoined, 1);
        assert!(PointsRules::new(vec![board(vec![join()]), board(vec![])]).is_err());
        assert!(PointsRules::new(vec![board(vec![join(), join()])]).is_err());
        assert!(PointsRules::new(vec![board(vec![rule("nothing", Kind::Page, 0)])]).is_err());
        assert!(PointsRules::new(vec![board(vec![rule("dead", Kind::DeadLettered, 1)])]).is_err());
        assert!(PointsRules::new(vec![Leaderboard { scopes: vec![], ..board(vec![join()]) }]).is_err());
    }

    #[test]
    fn documents_leave_out_what_is_usual() {
        let text = r#"{"leaderboard":"engagement","points":[{"rule":"join","kind":"session_joined","points":10}]}"#;
        let read: Leaderboard = serde_json::from_str(text).unwrap();
        assert_eq!(read, board(vec![rule("join", Kind::SessionJoined, 10)]));
        assert!(serde_json::from_str::<Leaderboard>(&text.replace("points\":10", "point\":10")).is_err());
    }
}
