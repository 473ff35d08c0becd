//! The one table of columns: what a record holds, how it looks in JSON, Arrow and ClickHouse, and what it means.

use crate::id::{AdId, CampaignId, EventId, ItemId, MessageId, OrderId, OrganizationId, PollId, SessionId};
use crate::kind::Kind;
use crate::money::Currency;
use crate::text::Text;
use crate::time::{Span, Timestamp};
use crate::token::Token;

/// The version of the vocabulary that this build writes. Raised when a column or kind is added.
pub const SCHEMA_VERSION: u16 = 1;

/// How a column is laid out. Numbers are on disk: a reader that does not know a column still knows its layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Layout {
    /// Unsigned, 8 bits.
    U8 = 1,
    /// Unsigned, 16 bits.
    U16 = 2,
    /// Unsigned, 32 bits.
    U32 = 3,
    /// Unsigned, 64 bits.
    U64 = 4,
    /// Signed, 64 bits.
    I64 = 5,
    /// An id: 16 bytes in UUID order.
    Id = 6,
    /// A text by its 16-bit place in the frame's list of texts; 0 is absent.
    Text = 7,
    /// Bytes.
    Bytes = 8,
}

/// What a column's values are, for JSON and for documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The kind of record.
    Kind,
    /// A typed id.
    Id,
    /// A pseudonym. In JSON the client sends plaintext; the door turns it into a token.
    Token,
    /// An instant; RFC 3339 in JSON.
    Time,
    /// A span in microseconds.
    Span,
    /// A count, amount or other integer.
    Integer,
    /// An ISO 4217 currency.
    Currency,
    /// A short declared text.
    Text,
    /// Bit flags, see [`Flags`].
    Flags,
    /// The door, see [`Source`].
    Source,
    /// The number of a key in the key store.
    Subject,
    /// A sealed blob, see [`crate::seal`].
    Sealed,
}

/// What the door noticed about a record: bits of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Flags(pub u16);

impl Flags {
    /// The sender looks like a bot (user agent or behaviour); marked, never blocked.
    pub const BOT: Self = Self(1);
    /// The event time lay in the future and was clamped to the log time.
    pub const CLAMPED: Self = Self(2);
    /// The record comes from a replay of old data; `late_by` counts from that data's own watermark.
    pub const REPLAYED: Self = Self(4);
    /// The actor is anonymous: the pseudonym stands for a browser or app, not for a known user.
    pub const ANONYMOUS: Self = Self(8);
    /// The event time was corrected by the client's `sentAt`.
    pub const SKEW_CORRECTED: Self = Self(16);

    /// Returns whether all bits of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These flags and `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The door a record came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[repr(u8)]
pub enum Source {
    /// Not said.
    #[default]
    None = 0,
    /// The Segment-compatible HTTP API.
    Segment = 1,
    /// CloudEvents 1.0.
    CloudEvents = 2,
    /// An NDJSON upload.
    Ndjson = 3,
    /// A replay of a public data set.
    Replay = 4,
    /// The simulator.
    Simulator = 5,
}

impl Source {
    /// The door with this code.
    pub fn from_code(code: u8) -> Self {
        [Self::None, Self::Segment, Self::CloudEvents, Self::Ndjson, Self::Replay, Self::Simulator]
            .into_iter()
            .find(|source| *source as u8 == code)
            .unwrap_or_default()
    }

    /// Its word in SQL.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Segment => "segment",
            Self::CloudEvents => "cloudevents",
            Self::Ndjson => "ndjson",
            Self::Replay => "replay",
            Self::Simulator => "simulator",
        }
    }
}

/// Calls `$then!` with the table of columns: `tag field: Type, Layout, Meaning, "clickhouse type", "doc";`.
///
/// Tags are on disk: never reuse one, never change a layout. The ClickHouse types hold what people read: ids as
/// text, codes as words, tokens as numbers.
macro_rules! with_columns {
    ($then:ident) => {
        $then! {
            1 kind: Kind, U16, Kind, "LowCardinality(String)", "What happened, in the past tense";
            2 organization: OrganizationId, Id, Id, "LowCardinality(String)", "The tenant";
            3 event: EventId, Id, Id, "LowCardinality(String)", "The conference, meetup or show; empty when none";
            4 event_time: Timestamp, I64, Time, "DateTime64(6, 'UTC')", "When it happened at the source, corrected for clock skew, never after the log time";
            5 late_by: Span, I64, Span, "Int64", "Microseconds between event time and log time; for replays, behind the data's own watermark";
            6 flags: Flags, U16, Flags, "UInt16", "Bits: 1 bot, 2 clamped future time, 4 replayed, 8 anonymous, 16 skew corrected";
            7 source: Source, U8, Source, "LowCardinality(String)", "The door it came through";
            8 actor: Token, U64, Token, "UInt64", "Pseudonym of the person or anonymous visitor; 0 when none";
            9 device: Token, U64, Token, "UInt64", "Pseudonym of the device";
            10 visit: Token, U64, Token, "UInt64", "Pseudonym of the visit when the client names one";
            11 subject: u64, U64, Subject, "UInt64", "Number of the key that seals this record's personal fields; 0 when nothing is sealed";
            12 message: MessageId, Id, Id, "String", "The client's message id; the same id twice is the same message";
            20 session: SessionId, Id, Id, "LowCardinality(String)", "The programme item";
            21 item: ItemId, Id, Id, "String", "The thing looked at, carted, bought or offered";
            22 campaign: CampaignId, Id, Id, "LowCardinality(String)", "The advertising campaign, when the client names it";
            23 ad: AdId, Id, Id, "LowCardinality(String)", "The ad";
            24 order: OrderId, Id, Id, "String", "The order";
            25 poll: PollId, Id, Id, "LowCardinality(String)", "The poll or question set";
            26 linked: Token, U64, Token, "UInt64", "Another pseudonym: the anonymous one in `identified`, the receiver in `chat_reported`";
            27 name: Text, Text, Text, "LowCardinality(String)", "The name of a tracked event, page or dead letter's reason";
            28 path: Text, Text, Text, "String", "The page's path without its query";
            29 referrer: Text, Text, Text, "LowCardinality(String)", "The referring domain";
            30 category: Text, Text, Text, "LowCardinality(String)", "The category or track";
            31 choice: Text, Text, Text, "LowCardinality(String)", "The answer, reaction or registration status";
            32 amount_minor: i64, I64, Integer, "Int64", "Money in minor units of `currency`";
            33 currency: Currency, U16, Currency, "LowCardinality(String)", "ISO 4217 code";
            34 quantity: u32, U32, Integer, "UInt32", "How many";
            35 duration_ms: u32, U32, Integer, "UInt32", "Milliseconds of focused attention, or the length of what happened";
            36 card: Token, U64, Token, "UInt64", "Pseudonym of the payment card";
            37 address: Token, U64, Token, "UInt64", "Pseudonym of the network address";
            38 signup_time: Timestamp, I64, Time, "DateTime64(6, 'UTC')", "When the account was made";
            39 country: Text, Text, Text, "LowCardinality(String)", "ISO 3166-1 alpha-2 code";
            40 platform: Text, Text, Text, "LowCardinality(String)", "Operating system or browser family";
            41 language: Text, Text, Text, "LowCardinality(String)", "BCP 47 tag of the client's language";
            42 text_chars: u32, U32, Integer, "UInt32", "Characters of free text that was sealed";
            43 channel: Text, Text, Text, "LowCardinality(String)", "The marketing or ad channel";
            63 sealed: Box<[u8]>, Bytes, Sealed, "", "Personal fields, free text, undeclared properties: sealed per subject, never landed as they are";
        }
    };
}
pub(crate) use with_columns;

macro_rules! define_record {
    ($($tag:literal $field:ident: $type:ty, $layout:ident, $meaning:ident, $clickhouse:literal, $doc:literal;)+) => {
        /// One record of the activity lane, as people write code with it: every column, absent ones at their default.
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct Record {
            $(#[doc = $doc] pub $field: $type,)+
        }

        /// A column by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(non_camel_case_types, reason = "variants are the column names themselves")]
        pub enum Column {
            $(#[doc = $doc] $field,)+
        }

        impl Column {
            /// Every column, by tag.
            pub const ALL: &'static [Self] = &[$(Self::$field),+];

            /// Its number on disk, `1..=63`.
            pub fn tag(self) -> u8 {
                match self { $(Self::$field => $tag,)+ }
            }

            /// The column with this number.
            pub fn from_tag(tag: u8) -> Option<Self> {
                match tag { $($tag => Some(Self::$field),)+ _ => None }
            }

            /// Its name in JSON, Arrow and SQL.
            pub fn name(self) -> &'static str {
                match self { $(Self::$field => stringify!($field),)+ }
            }

            /// How it is laid out.
            pub fn layout(self) -> Layout {
                match self { $(Self::$field => Layout::$layout,)+ }
            }

            /// What its values are.
            pub fn meaning(self) -> Meaning {
                match self { $(Self::$field => Meaning::$meaning,)+ }
            }

            /// Its type in ClickHouse; empty when it never lands.
            pub fn clickhouse_type(self) -> &'static str {
                match self { $(Self::$field => $clickhouse,)+ }
            }

            /// What it means, for people.
            pub fn doc(self) -> &'static str {
                match self { $(Self::$field => $doc,)+ }
            }
        }
    };
}
with_columns!(define_record);

impl Record {
    /// An empty record of this kind.
    pub fn new(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// The hash by which a repeated message is known: of the organization and the message id; 0 when there is none.
    pub fn dedup(&self) -> u64 {
        dedup(self.organization, self.message)
    }
}

/// The hash by which a repeated message is known; 0 when the message has no id.
pub fn dedup(organization: OrganizationId, message: MessageId) -> u64 {
    if !message.is_some() {
        return 0;
    }
    crate::hash::join(crate::hash::wide(organization.0), crate::hash::wide(message.0)).max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn tags_are_unique_and_small() {
        let tags: BTreeSet<u8> = Column::ALL.iter().map(|column| column.tag()).collect();
        assert_eq!(tags.len(), Column::ALL.len());
        assert!(tags.iter().all(|tag| (1..=63).contains(tag)));
        assert!(Column::ALL.is_sorted_by_key(|column| column.tag()));
    }

    #[test]
    fn message_ids_of_two_organizations_differ() {
        let message = MessageId::parse("m-1").unwrap();
        assert_ne!(dedup(OrganizationId(1), message), dedup(OrganizationId(2), message));
        assert_eq!(dedup(OrganizationId(1), MessageId::NONE), 0);
    }
}
