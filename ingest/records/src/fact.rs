//! Facts: the lane that is decided, fenced and kept. Versioned rows, one JSON object each.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{CommandId, EventId, ItemId, LeaderboardId, OrganizationId, SessionId};
use crate::text::Text;
use crate::time::Timestamp;
use crate::token::Token;
use crate::zone::Zone;

/// The version of facts that this build writes.
pub const FACT_VERSION: u16 = 1;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Send tracking and reports.
    Write,
    /// Read views.
    Read,
}

/// One thing that was decided. Names are in the past tense; fields are never removed, only added with a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A tenant exists from here on, or its name or zone changed.
    OrganizationRegistered {
        /// What people call it.
        name: String,
        /// The zone in which its days turn unless an event has its own.
        #[serde(default)]
        zone: Zone,
    },
    /// A key may be used from here on.
    KeyAdded {
        /// A name to revoke it by.
        key: String,
        /// BLAKE3 of the secret, in hexadecimal; the secret itself is never kept.
        hash: String,
        /// What it may do.
        scopes: Vec<Scope>,
    },
    /// A key may no longer be used.
    KeyRevoked {
        /// The name it was added by.
        key: String,
    },
    /// An event was announced or changed.
    EventScheduled {
        /// The event.
        event: EventId,
        /// What people call it.
        title: String,
        /// The zone in which its days turn.
        zone: Zone,
        /// When it begins.
        starts: Timestamp,
        /// When it is over.
        ends: Timestamp,
    },
    /// Something that can be visited or bought was listed or changed: a session, a product, an offer.
    ItemListed {
        /// The event it belongs to.
        event: EventId,
        /// The item.
        item: ItemId,
        /// The session, when the item is one.
        #[serde(default)]
        session: SessionId,
        /// What people call it.
        title: String,
        /// Its track or category.
        #[serde(default)]
        track: Text,
        /// When it begins, for things that do.
        #[serde(default)]
        starts: Option<Timestamp>,
        /// When it is over; after that it is never recommended.
        #[serde(default)]
        ends: Option<Timestamp>,
        /// How many fit; a full item is never recommended.
        #[serde(default)]
        capacity: Option<u32>,
    },
    /// The rules of an organization were replaced: points, fraud, segments, campaigns. The document is `rules`'.
    RulesPublished {
        /// The whole document, as it was applied.
        document: Arc<serde_json::Value>,
    },
    /// A leaderboard starts again from nothing; what it held is archived.
    LeaderboardReset {
        /// The leaderboard.
        leaderboard: LeaderboardId,
    },
    /// A subject's key was destroyed and the links of its pseudonyms were cut.
    SubjectErased {
        /// The numbers of the destroyed keys: the known subject's and those of the anonymous ones linked to it.
        subjects: Vec<u64>,
        /// The pseudonyms that they had.
        tokens: Vec<Token>,
    },
    /// A writer owns the partition from here on.
    PartitionClaimed {
        /// Where the writer can be reached.
        address: String,
    },
    /// A writer is alive although it has nothing to say.
    Beat,
}

/// Which command a fact was decided for: what makes the same command twice one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandTag {
    /// The client's id of the command; it is also the id of what the command creates.
    pub id: CommandId,
    /// A hash of what was asked, so that another request under the same id is noticed.
    #[serde(with = "hexadecimal")]
    pub hash: u64,
}

mod hexadecimal {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(value: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{value:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        u64::from_str_radix(&text, 16).map_err(de::Error::custom)
    }
}

/// One row of the facts lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactRow {
    /// The version that wrote it.
    pub version: u16,
    /// The tenant; none for facts about the stream itself.
    #[serde(default)]
    pub organization: OrganizationId,
    /// When it was decided.
    pub at: Timestamp,
    /// The command that it was decided for; on the first row of its frame only, and on none that nobody asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandTag>,
    /// What was decided; kept as JSON when this build does not know it.
    #[serde(flatten)]
    pub fact: Known,
}

/// A fact that this build knows, or the JSON of one that it does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Known {
    /// A known fact.
    Fact(Fact),
    /// A fact of a newer version, kept whole. A desk stops at it; folds that do not need it go on.
    Unknown(serde_json::Map<String, serde_json::Value>),
}

impl FactRow {
    /// A row of this build's version.
    pub fn new(organization: OrganizationId, at: Timestamp, fact: Fact) -> Self {
        Self { version: FACT_VERSION, organization, at, command: None, fact: Known::Fact(fact) }
    }

    /// The fact, when this build knows it.
    pub fn known(&self) -> Option<&Fact> {
        match &self.fact {
            Known::Fact(fact) => Some(fact),
            Known::Unknown(_) => None,
        }
    }
}

/// Why bytes are not facts.
#[derive(Debug, thiserror::Error)]
#[error("facts are damaged: {0}")]
pub struct FactError(#[from] serde_json::Error);

/// Writes the rows of one frame: a JSON array. The same rows always give the same bytes.
pub fn encode(rows: &[FactRow]) -> Vec<u8> {
    serde_json::to_vec(rows).expect("facts have text keys only")
}

/// Reads the rows of one frame.
///
/// # Errors
/// When the bytes are no JSON array of rows.
pub fn decode(bytes: &[u8]) -> Result<Vec<FactRow>, FactError> {
    // Through values: a key that stands twice is settled once for known and unknown facts alike.
    let rows: Vec<serde_json::Value> = serde_json::from_slice(bytes)?;
    Ok(rows.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_round_trip() {
        let rows = vec![
            FactRow::new(
                OrganizationId(7),
                Timestamp(1),
                Fact::OrganizationRegistered { name: "Acme".into(), zone: Zone::utc() },
            ),
            FactRow::new(
                OrganizationId(7),
                Timestamp(2),
                Fact::SubjectErased { subjects: vec![3], tokens: vec![Token(9)] },
            ),
            FactRow::new(OrganizationId::NONE, Timestamp(3), Fact::Beat),
        ];
        let bytes = encode(&rows);
        assert_eq!(decode(&bytes).unwrap(), rows);
        assert_eq!(encode(&decode(&bytes).unwrap()), bytes);
    }

    #[test]
    fn the_command_of_a_fact_is_kept_with_it() {
        let tag = CommandTag { id: CommandId::parse("move-1").unwrap(), hash: u64::MAX - 1 };
        let row = FactRow { command: Some(tag), ..FactRow::new(OrganizationId(7), Timestamp(3), Fact::Beat) };
        let bytes = encode(std::slice::from_ref(&row));
        assert!(String::from_utf8(bytes.clone()).unwrap().contains(r#""hash":"fffffffffffffffe""#));
        assert_eq!(decode(&bytes).unwrap(), [row]);
    }

    #[test]
    fn facts_of_a_newer_version_are_kept_whole() {
        let bytes =
            br#"[{"version":9,"organization":"acme","at":5,"fact":"seat_sold","seat":"A1","price":{"minor":100}}]"#;
        let rows = decode(bytes).unwrap();
        assert_eq!(rows[0].known(), None);
        let again = decode(&encode(&rows)).unwrap();
        assert_eq!(again, rows);
        assert!(String::from_utf8(encode(&rows)).unwrap().contains("seat_sold"));
    }

    #[test]
    fn a_key_that_stands_twice_reads_the_same_again() {
        let bytes = br#"[{"version":1,"at":1,"at":2,"fact":"item_listed","event":"e","fact":"key_revoked","key":"k"}]"#;
        let rows = decode(bytes).unwrap();
        assert_eq!(decode(&encode(&rows)).unwrap(), rows);
    }

    #[test]
    fn numbers_come_back_as_they_were() {
        // Read quickly, the first is off by one in its last place.
        for number in ["2.4444444444444446e63", "0.1", "1e-7", "9007199254740993", "0.30000000000000004"] {
            let bytes = format!(r#"[{{"version":9,"at":5,"fact":"rate_set","rate":{number}}}]"#);
            let rows = decode(bytes.as_bytes()).unwrap();
            let written = encode(&rows);
            assert_eq!(decode(&written).unwrap(), rows);
            assert_eq!(encode(&decode(&written).unwrap()), written);
        }
    }

    #[test]
    fn a_newer_writers_extra_field_does_not_hurt() {
        let bytes = br#"[{"version":2,"organization":"acme","at":5,"fact":"key_revoked","key":"k","why":"lost"}]"#;
        assert_eq!(decode(bytes).unwrap()[0].known(), Some(&Fact::KeyRevoked { key: "k".into() }));
    }
}
