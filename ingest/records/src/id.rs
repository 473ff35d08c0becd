//! Typed ids: 128 bits, one Rust type for each thing that can be named.
//!
//! An id is a UUID. Eventra mints version 7 (RFC 9562 §5.7). A name that another system already uses (`2244074`,
//! `talk-12`) becomes a version 8 UUID (§5.8): up to 14 bytes of text are carried inside and the id prints as that
//! text again; a longer name is hashed. So ids stay fixed-width in columns, yet a person still reads their own names.

use std::fmt;

use crate::time::Timestamp;

/// The most bytes of text that an id carries readably.
pub const INLINE_BYTES: usize = 14;
/// The longest name that an id is made of; a longer one is refused, because nobody means such a name.
pub const NAME_BYTES_MAX: usize = 512;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text was empty.
    #[error("id is empty")]
    Empty,
    /// The text was longer than [`NAME_BYTES_MAX`].
    #[error("id is longer than {NAME_BYTES_MAX} bytes")]
    TooLong,
    /// The text held a control character, which would make it unreadable in every later place.
    #[error("id holds a control character")]
    Control,
}

// Marks the version (8) and variant (2) nibbles of RFC 9562, in the places a UUID has them.
const VERSION_8: u128 = 0x8 << 76;
const VARIANT: u128 = 0x2 << 62;
const STAMP_MASK: u128 = (0xF << 76) | (0x3 << 62);

/// Spreads 122 payload bits around the six that RFC 9562 fixes.
fn stamp(payload: u128) -> u128 {
    let low = payload & ((1 << 62) - 1);
    let middle = (payload >> 62) & 0xFFF;
    let high = (payload >> 74) & ((1 << 48) - 1);
    (high << 80) | VERSION_8 | (middle << 64) | VARIANT | low
}

/// The inverse of [`stamp`].
fn unstamp(id: u128) -> u128 {
    let low = id & ((1 << 62) - 1);
    let middle = (id >> 64) & 0xFFF;
    let high = id >> 80;
    (high << 74) | (middle << 62) | low
}

// The payload's top five bits: the text's length for inline names, or HASHED.
const LENGTH_SHIFT: u32 = 117;
const HASHED: u128 = 31;

/// Makes the 128 bits of an id from a text: a UUID is taken as it is, a short name is carried, a long one hashed.
///
/// # Errors
/// When the text is empty, over [`NAME_BYTES_MAX`] bytes, or holds control characters.
pub fn bits_of(text: &str) -> Result<u128, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(IdError::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(IdError::Control);
    }
    // Only the 36-byte form counts as a UUID: 32 hex digits may well be somebody's own name.
    if text.len() == 36
        && let Ok(id) = uuid::Uuid::try_parse(text)
        && !id.is_nil()
    {
        return Ok(id.as_u128());
    }
    Ok(inline(text).unwrap_or_else(|| hashed(text)))
}

fn inline(text: &str) -> Option<u128> {
    if text.len() > INLINE_BYTES {
        return None;
    }
    let mut bytes = [0; 16];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    Some(stamp(u128::from_le_bytes(bytes) | (text.len() as u128) << LENGTH_SHIFT))
}

fn hashed(text: &str) -> u128 {
    let hash = xxhash_rust::xxh3::xxh3_128(text.as_bytes()) & ((1 << LENGTH_SHIFT) - 1);
    stamp((HASHED << LENGTH_SHIFT) | hash)
}

/// The text that an inline id carries, with its length.
fn inline_text(id: u128) -> Option<([u8; INLINE_BYTES], usize)> {
    if id & STAMP_MASK != VERSION_8 | VARIANT {
        return None;
    }
    let payload = unstamp(id);
    let length = usize::try_from(payload >> LENGTH_SHIFT).ok()?;
    if length == 0 || length > INLINE_BYTES {
        return None;
    }
    let mut text = [0; INLINE_BYTES];
    for (place, byte) in text.iter_mut().enumerate().take(length) {
        *byte = (payload >> (place * 8)) as u8;
    }
    // A foreign version 8 UUID can look like ours by chance: only text that reads back counts.
    let read = std::str::from_utf8(&text[..length]).ok()?;
    let ours = !read.chars().any(char::is_control) && inline(read) == Some(id);
    ours.then_some((text, length))
}

/// Writes an id the way people know it: its own name when it carries one, else the UUID.
pub fn write_bits(id: u128, out: &mut impl fmt::Write) -> fmt::Result {
    match inline_text(id) {
        Some((text, length)) => out.write_str(std::str::from_utf8(&text[..length]).map_err(|_| fmt::Error)?),
        None => write!(out, "{}", uuid::Uuid::from_u128(id).as_hyphenated()),
    }
}

/// The bits of a version 7 UUID (RFC 9562 §5.7): `at` in milliseconds, then 74 bits of `chance`.
pub fn version_7(at: Timestamp, chance: u128) -> u128 {
    let millis = u128::from(at.millis().max(0).unsigned_abs()) & ((1 << 48) - 1);
    let middle = (chance >> 62) & 0xFFF;
    let low = chance & ((1 << 62) - 1);
    (millis << 80) | (0x7 << 76) | (middle << 64) | VARIANT | low
}

/// The bits of an id that follows from another one, a purpose and a number: a version 8 UUID of BLAKE3 of them, so that
/// nobody who chooses ids can make two that lead to the same.
pub fn derived(from: u128, purpose: &str, number: u64) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&from.to_le_bytes()).update(&number.to_le_bytes()).update(purpose.as_bytes());
    let hash = hasher.finalize();
    let (bytes, _) = hash.as_bytes().split_first_chunk::<16>().expect("a hash has 32 bytes");
    stamp((HASHED << LENGTH_SHIFT) | (u128::from_le_bytes(*bytes) & ((1 << LENGTH_SHIFT) - 1)))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u128);

        impl $name {
            /// No id: what a record carries where nothing is named.
            pub const NONE: Self = Self(0);

            /// Returns whether something is named.
            pub fn is_some(self) -> bool {
                self.0 != 0
            }

            /// Makes an id of a UUID or of another system's name.
            ///
            /// # Errors
            /// When the text is empty, too long, or holds control characters.
            #[inline]
            pub fn parse(text: &str) -> Result<Self, IdError> {
                bits_of(text).map(Self)
            }

            /// Mints a version 7 id; time and chance are the caller's.
            pub fn mint(at: Timestamp, chance: u128) -> Self {
                Self(version_7(at, chance))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if self.is_some() { write_bits(self.0, f) } else { f.write_str("-") }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    if self.is_some() { serializer.collect_str(self) } else { serializer.serialize_none() }
                } else {
                    serializer.serialize_u128(self.0)
                }
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                // Whatever happens may happen outside of these; the other ids name what an answer is about.
                if matches!(stringify!($name), "EventId" | "SessionId" | "ItemId" | "PlaceId" | "HallId" | "TrackId") {
                    schemars::json_schema!({"type": ["string", "null"], "maxLength": NAME_BYTES_MAX})
                } else {
                    schemars::json_schema!({"type": "string", "maxLength": NAME_BYTES_MAX})
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text: Option<String> = Option::deserialize(deserializer)?;
                    text.map_or(Ok(Self::NONE), |text| Self::parse(&text).map_err(serde::de::Error::custom))
                } else {
                    u128::deserialize(deserializer).map(Self)
                }
            }
        }
    )+};
}

ids! {
    /// The tenant. Every record, view, row and query belongs to exactly one.
    OrganizationId,
    /// What an organizer runs: a conference, a meetup, a show.
    EventId,
    /// A programme item of an event. Never a login, never a visitor's activity.
    SessionId,
    /// Something that can be looked at, wanted, bought or recommended: a page, product, talk, offer.
    ItemId,
    /// An order of tickets or goods.
    OrderId,
    /// An advertising campaign.
    CampaignId,
    /// One ad of a campaign.
    AdId,
    /// A poll or question set.
    PollId,
    /// The client's id of a message; the same id twice is the same message.
    MessageId,
    /// A rule of points, fraud or segments.
    RuleId,
    /// A segment of visitors.
    SegmentId,
    /// A ranking of participants.
    LeaderboardId,
    /// The client's id of a command: the same command twice is one, and what it creates has this id.
    CommandId,
    /// Somebody who can sign in. Never a visitor, who is named by a pseudonym.
    UserId,
    /// An authenticated device of a user.
    LoginId,
    /// A query that an analyst keeps.
    QueryId,
    /// A mail to a user.
    MailId,
    /// What is counted together at a box office.
    QuotaId,
    /// What is kept for somebody for a while.
    HoldId,
    /// What lets somebody in: one position of an order.
    TicketId,
    /// One attempt to pay an order.
    PaymentId,
    /// Money on its way back to a buyer.
    RefundId,
    /// A promo code; its id, not what buyers type.
    PromoId,
    /// A list of who may pass a door.
    DoorId,
    /// An entry of a waitlist.
    WaitId,
    /// A place in a waiting room.
    PlaceId,
    /// What an organizer is paid at once.
    PayoutId,
    /// A room of an event.
    HallId,
    /// A track of a programme.
    TrackId,
    /// Somebody who speaks at an event.
    SpeakerId,
    /// A form that buyers fill in.
    FormId,
    /// A link that lets people see an event.
    InvitationId,
    /// Where an organization's webhooks go.
    EndpointId,
    /// One code, link or file's address that is sold.
    GoodsId,
    /// A buyer's wish to be paid back.
    RequestId,
    /// What somebody in a room asks.
    QuestionId,
    /// What an organizer tells everybody in a room.
    AnnouncementId,
    /// What something that somebody did was about: a poll, question, message, announcement or room.
    CauseId,
    /// Something that is won by taking part.
    BadgeId,
    /// Something that is to be done for points.
    ChallengeId,
    /// Something that points buy.
    RewardId,
    /// Points that were spent on a reward.
    RedemptionId,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_names_print_as_themselves() {
        for name in ["2244074", "talk-12", "a", "fourteen-bytes", "é"] {
            assert_eq!(ItemId::parse(name).unwrap().to_string(), name);
        }
    }

    #[test]
    fn long_names_hash_to_version_8() {
        let id = ItemId::parse("a name that is much longer than fourteen bytes").unwrap();
        let uuid = uuid::Uuid::from_u128(id.0);
        assert_eq!(uuid.get_version_num(), 8);
        assert_eq!(ItemId::parse(&id.to_string()).unwrap(), id);
    }

    #[test]
    fn uuids_are_taken_as_they_are() {
        let text = "0193480f-5c00-7abc-8def-0123456789ab";
        assert_eq!(OrderId::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn minted_ids_sort_by_time() {
        let early = OrderId::mint(Timestamp::from_millis(1_000), u128::MAX);
        let late = OrderId::mint(Timestamp::from_millis(1_001), 0);
        assert!(early < late);
        assert_eq!(uuid::Uuid::from_u128(late.0).get_version_num(), 7);
    }

    #[test]
    fn refusals_name_the_reason() {
        assert_eq!(ItemId::parse(""), Err(IdError::Empty));
        assert_eq!(ItemId::parse("a\u{7}"), Err(IdError::Control));
        assert_eq!(ItemId::parse(&"x".repeat(NAME_BYTES_MAX + 1)), Err(IdError::TooLong));
    }

    proptest! {
        #[test]
        fn printed_ids_parse_back(text in "\\PC{1,40}") {
            let id = ItemId::parse(&text).unwrap();
            prop_assert_eq!(ItemId::parse(&id.to_string()).unwrap(), id);
        }

        #[test]
        fn any_bits_print_and_parse_back(bits in 1u128..) {
            prop_assert_eq!(ItemId::parse(&ItemId(bits).to_string()).unwrap(), ItemId(bits));
        }
    }
}
