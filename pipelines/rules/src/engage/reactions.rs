//! Reactions: counted exactly, in all and for each second of what is shown.

use std::collections::BTreeMap;

use records::{Text, Timestamp, Token};
use serde::{Deserialize, Serialize};

use super::table::Table;

/// Different reactions that a room ever had: a count for each second, so few.
pub const KINDS_MAX: usize = 16;
/// Seconds that have counts of their own: a day. What comes later is counted with the last one.
pub const SECONDS_MAX: i32 = 86_400;
/// The second of what came before anything was shown.
pub const BEFORE: i32 = -1;

/// The reactions of a room.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reactions {
    totals: BTreeMap<Text, u64>,
    /// By second and kind.
    #[serde(with = "pairs")]
    seconds: BTreeMap<(i32, Text), u64>,
    /// How often people have reacted in the second of the clock that is now.
    second: i64,
    used: Table<u16>,
}

impl Reactions {
    /// How often people reacted in all, by kind.
    pub fn totals(&self) -> &BTreeMap<Text, u64> {
        &self.totals
    }

    /// How often they did in each second since the beginning of what is shown; [`BEFORE`] for what came before it.
    pub fn seconds(&self) -> impl Iterator<Item = (i32, &Text, u64)> {
        self.seconds.iter().map(|((second, kind), count)| (*second, kind, *count))
    }

    /// How often somebody has reacted in this second of the clock.
    pub fn used(&self, person: Token, now: Timestamp) -> u16 {
        if now.seconds() == self.second { self.used.get(person).copied().unwrap_or(0) } else { 0 }
    }

    /// Whether there is room for one more kind.
    pub(super) fn fits(&self, kind: &Text) -> bool {
        self.totals.len() < KINDS_MAX || self.totals.contains_key(kind)
    }

    pub(super) fn take(&mut self, person: Token, kind: &Text, count: u16, now: Timestamp, began: Option<Timestamp>) {
        *self.totals.entry(kind.clone()).or_default() += u64::from(count);
        *self.seconds.entry((second(now, began), kind.clone())).or_default() += u64::from(count);
        if now.seconds() != self.second {
            self.second = now.seconds();
            self.used.clear();
        }
        let used = self.used.entry(person);
        *used = used.saturating_add(count);
    }
}

/// The second of what is shown.
fn second(now: Timestamp, began: Option<Timestamp>) -> i32 {
    let Some(began) = began else { return BEFORE };
    i32::try_from(now.since(began).seconds().max(0)).unwrap_or(SECONDS_MAX).min(SECONDS_MAX)
}

/// Maps whose keys are two things are lists in a snapshot.
mod pairs {
    use std::collections::BTreeMap;

    use records::Text;
    use serde::{Deserialize as _, Deserializer, Serializer};

    type Seconds = BTreeMap<(i32, Text), u64>;

    pub(super) fn serialize<S: Serializer>(map: &Seconds, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(map.iter().map(|((second, kind), count)| (*second, kind, *count)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Seconds, D::Error> {
        let list: Vec<(i32, Text, u64)> = Vec::deserialize(from)?;
        Ok(list.into_iter().map(|(second, kind, count)| ((second, kind), count)).collect())
    }
}
