//! What gives points, badges and levels at an event, and what points buy.

use serde::{Deserialize, Serialize};

use crate::id::{BadgeId, ChallengeId, RewardId, RuleId};

/// Something that people do and that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Deed {
    /// Came into a room; once for each room.
    #[default]
    Joined,
    /// Voted; once for each poll.
    Voted,
    /// Answered a quiz right; counted when it is closed.
    AnsweredRight,
    /// Asked a question by name.
    Asked,
    /// Asked a question by name that is shown.
    Approved,
    /// Wanted an answer to a question; once for each.
    Upvoted,
    /// Wrote in the chat.
    Chatted,
    /// Reacted.
    Reacted,
    /// Gave a sign that was asked for.
    Attended,
}

impl Deed {
    /// How many there are.
    pub const COUNT: usize = 9;

    /// Its place in lists of counts.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What gives points, badges and levels, and what points buy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Game {
    /// What gives points each time.
    pub earnings: Vec<Earning>,
    /// What gives points once.
    pub challenges: Vec<Challenge>,
    /// What is won.
    pub badges: Vec<Badge>,
    /// From how many points on, of all that were earned, somebody is of level 1, 2 and so on.
    pub levels: Vec<u64>,
    /// What points buy.
    pub rewards: Vec<Reward>,
}

/// Points for each time that somebody does something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Earning {
    /// Its name, unique among the rules.
    pub rule: RuleId,
    /// What they do.
    pub deed: Deed,
    /// How many points.
    pub points: u32,
    /// The most points that it gives one person on one day of the event's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_cap: Option<u32>,
}

/// How often something is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Need {
    /// What.
    pub deed: Deed,
    /// How often at least.
    pub count: u32,
}

/// Points for doing several things.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Challenge {
    /// Its id.
    pub challenge: ChallengeId,
    /// What people call it.
    pub title: String,
    /// Whether it is to be done in one day of the event's zone, and once each day.
    #[serde(default)]
    pub daily: bool,
    /// What is to be done.
    pub needs: Vec<Need>,
    /// How many points.
    pub points: u32,
}

/// Something that is won once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Badge {
    /// Its id.
    pub badge: BadgeId,
    /// What people call it.
    pub title: String,
    /// What has to be done.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// How many points have to be earned.
    #[serde(default)]
    pub points: u64,
}

/// Something that points buy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reward {
    /// Its id.
    pub reward: RewardId,
    /// What people call it.
    pub title: String,
    /// How many points it costs.
    pub price: u64,
    /// How many there are; any number, when nothing stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<u32>,
    /// How many of them one person may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_person: Option<u32>,
}

/// The points of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Part {
    /// The rule; none for those of a challenge or of the quiz itself.
    #[serde(default, skip_serializing_if = "is_no_rule")]
    pub rule: RuleId,
    /// The challenge that was done.
    #[serde(default, skip_serializing_if = "is_no_challenge")]
    pub challenge: ChallengeId,
    /// How many.
    pub points: u64,
}

fn is_no_rule(rule: &RuleId) -> bool {
    !rule.is_some()
}

fn is_no_challenge(challenge: &ChallengeId) -> bool {
    !challenge.is_some()
}
