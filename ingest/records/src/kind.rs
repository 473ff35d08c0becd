//! Kinds: what happened, named in the past tense.

use std::fmt;

use crate::vocabulary::Column;

/// Where a kind comes from, and so what it may count for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A browser, app or scanner told us what somebody did.
    Tracked,
    /// Another system reported it; its name ends in `_reported`, so that nothing is counted twice.
    Reported,
    /// A fact that was decided here, as folds of records see it. Nobody can track or report it.
    Decided,
    /// Eventra wrote it about the stream itself.
    Stream,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $word:literal, $origin:ident, [$($required:ident),*];)+) => {
        /// What happened. Codes are on disk: never reuse one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(u16)]
        pub enum Kind {
            $($(#[$doc])* $name = $code,)+
            /// A kind that this version does not know; it is kept whole in the sealed column.
            #[default]
            Unknown = 0,
        }

        impl Kind {
            /// Every known kind, by code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The kind with this code; [`Kind::Unknown`] for a code of a newer version.
            pub fn from_code(code: u16) -> Self {
                match code { $($code => Self::$name,)+ _ => Self::Unknown }
            }

            /// Its word in JSON and in SQL, such as `page_viewed`.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ Self::Unknown => "unknown" }
            }

            /// The kind with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$name),)+ _ => None }
            }

            /// Where it comes from.
            pub fn origin(self) -> Origin {
                match self { $(Self::$name => Origin::$origin,)+ Self::Unknown => Origin::Tracked }
            }

            /// The columns without which a record of this kind says nothing.
            pub fn required(self) -> &'static [Column] {
                match self { $(Self::$name => &[$(Column::$required),*],)+ Self::Unknown => &[] }
            }
        }
    };
}

kinds! {
    /// A page was viewed (Segment `page`).
    Page = 1, "page_viewed", Tracked, [];
    /// An app screen was viewed (Segment `screen`).
    Screen = 2, "screen_viewed", Tracked, [];
    /// Something with a name of the client's own happened (Segment `track`).
    Track = 3, "tracked", Tracked, [name];
    /// A visitor became known; `linked` is the anonymous pseudonym (Segment `identify`).
    Identify = 4, "identified", Tracked, [actor];
    /// A visitor was put into a group (Segment `group`).
    Group = 5, "grouped", Tracked, [];
    /// A visitor opened a session.
    SessionJoined = 6, "session_joined", Tracked, [session];
    /// A visitor left a session.
    SessionLeft = 7, "session_left", Tracked, [session];
    /// A visitor is still there; `duration_ms` is the focused time since the last heartbeat.
    SessionHeartbeat = 8, "session_heartbeat", Tracked, [session];
    /// An item was looked at.
    ItemViewed = 9, "item_viewed", Tracked, [item];
    /// An item was put into a cart.
    ItemCarted = 10, "item_carted", Tracked, [item];
    /// An item was marked as a favourite.
    ItemFavored = 11, "item_favored", Tracked, [item];
    /// An ad was delivered to a page.
    AdServed = 12, "ad_served", Tracked, [ad];
    /// An ad was in view.
    AdViewed = 13, "ad_viewed", Tracked, [ad];
    /// An ad was clicked.
    AdClicked = 14, "ad_clicked", Tracked, [ad];
    /// An offer was shown.
    OfferShown = 15, "offer_shown", Tracked, [item];
    /// An offer was clicked.
    OfferClicked = 16, "offer_clicked", Tracked, [item];
    /// An app was installed or another goal reached after an ad.
    AdConverted = 17, "ad_converted", Tracked, [ad];
    /// Somebody registered, changed or withdrew a registration; `choice` says which.
    RegistrationReported = 32, "registration_reported", Reported, [actor];
    /// An order was paid.
    OrderReported = 33, "order_reported", Reported, [order];
    /// Somebody was let in at a door.
    CheckInReported = 34, "check_in_reported", Reported, [actor];
    /// A poll was answered.
    PollAnswerReported = 35, "poll_answer_reported", Reported, [poll];
    /// A question was asked.
    QuestionReported = 36, "question_reported", Reported, [];
    /// A chat message was sent.
    ChatReported = 37, "chat_reported", Reported, [];
    /// Somebody reacted; `choice` is the reaction.
    ReactionReported = 38, "reaction_reported", Reported, [choice];
    /// A box office took an order.
    OrderPlaced = 48, "order_placed", Decided, [order];
    /// A payment of an order has failed.
    PaymentFailed = 49, "payment_failed", Decided, [order];
    /// A provider keeps the money of an order ready, or has it.
    PaymentTaken = 50, "payment_taken", Decided, [order];
    /// A message could not be read; its sealed original waits for a fix. `name` is the reason, `path` the field.
    DeadLettered = 64, "dead_lettered", Stream, [name];
    /// A replay promises that no older event time follows for this organization and event, but late ones.
    ReplayWatermarked = 65, "replay_watermarked", Stream, [];
}

impl Kind {
    /// Its code on disk.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Whether it tells of an attendee's doing, so that counts, uniques and visits take it.
    pub fn is_activity(self) -> bool {
        matches!(self.origin(), Origin::Tracked | Origin::Reported)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl serde::Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.word())
        } else {
            serializer.serialize_u16(self.code())
        }
    }
}

impl<'de> serde::Deserialize<'de> for Kind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let word = String::deserialize(deserializer)?;
            Self::from_word(&word).ok_or_else(|| serde::de::Error::custom(format!("`{word}` is not a kind of record")))
        } else {
            u16::deserialize(deserializer).map(Self::from_code)
        }
    }
}

impl schemars::JsonSchema for Kind {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Kind".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        // Not an enumeration: a client made today must read the kinds of a later version.
        schemars::json_schema!({"type": "string", "examples": ["page_viewed", "session_joined", "item_viewed"]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_round_trip() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_word(kind.word()), Some(*kind));
            assert_eq!(Kind::from_code(kind.code()), *kind);
            assert_eq!(kind.word().ends_with("_reported"), kind.origin() == Origin::Reported, "{kind}");
        }
        assert_eq!(Kind::from_code(999), Kind::Unknown);
    }
}
