//! Instants and spans in microseconds. One unit everywhere, so that nobody has to ask.

use std::fmt;
use std::ops::{Add, Sub};

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z, leap seconds not counted (as Unix time).
///
/// It is written as that number, under its name as a newtype, so that whoever writes for people can write it otherwise; texts
/// are read in RFC 3339 as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, schemars::JsonSchema)]
#[schemars(inline)]
pub struct Timestamp(pub i64);

/// An instant as people read it: the schema of RFC 3339, for fields of [`Timestamp`] that are told so.
#[derive(Debug, schemars::JsonSchema)]
#[schemars(inline, with = "String", extend("format" = "date-time"))]
pub struct Rfc3339;

/// A length of time in microseconds; may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

/// Why a text is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time such as 2026-11-20T09:00:00Z")]
pub struct TimeError(String);

impl Timestamp {
    /// Before everything.
    pub const MIN: Self = Self(i64::MIN);
    /// After everything.
    pub const MAX: Self = Self(i64::MAX);

    /// The instant of whole seconds since 1970.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// The instant of milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Milliseconds since 1970, rounded towards the past.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Seconds since 1970, rounded towards the past.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The start of the window of `size` that holds this instant. Windows are aligned to 1970.
    ///
    /// # Panics
    /// When `size` is not positive.
    pub fn floor(self, size: Span) -> Self {
        assert!(size.0 > 0, "a window has a length");
        Self(self.0.div_euclid(size.0).saturating_mul(size.0))
    }

    /// Reads RFC 3339 (`2026-11-20T09:00:00.123Z`, any offset).
    ///
    /// # Errors
    /// When the text is not such a time.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let instant: jiff::Timestamp = text.parse().map_err(|_| TimeError(text.chars().take(64).collect()))?;
        Ok(Self(instant.as_microsecond()))
    }

    /// This instant moved by `span`, stopping at the ends of time.
    pub const fn saturating_add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The span since `earlier`, stopping at the ends of time.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// One minute.
    pub const MINUTE: Self = Self::from_seconds(60);
    /// One hour.
    pub const HOUR: Self = Self::from_seconds(3_600);
    /// Twenty-four hours; a calendar day needs a [`crate::Zone`].
    pub const DAY: Self = Self::from_seconds(86_400);

    /// A span of whole seconds.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// A span of milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Whole seconds, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole milliseconds, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        self.saturating_add(span)
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        self.since(earlier)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_any(Reads);
        }
        i64::deserialize(deserializer).map(Self)
    }
}

/// Reads microseconds, or a text in RFC 3339. (Keys of maps are numbers in texts.)
struct Reads;

impl Visitor<'_> for Reads {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("microseconds since 1970, or an RFC 3339 time such as 2026-11-20T09:00:00Z")
    }

    fn visit_i64<E: de::Error>(self, micros: i64) -> Result<Timestamp, E> {
        Ok(Timestamp(micros))
    }

    fn visit_u64<E: de::Error>(self, micros: u64) -> Result<Timestamp, E> {
        i64::try_from(micros).map(Timestamp).map_err(|_| E::invalid_value(Unexpected::Unsigned(micros), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        text.parse().map(Timestamp).or_else(|_| Timestamp::parse(text)).map_err(E::custom)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => write!(f, "{instant}"),
            // Beyond what calendars hold: the number is the honest answer.
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_round_trips() {
        for text in ["2026-11-20T09:00:00Z", "1969-12-31T23:59:59.999999Z"] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Timestamp::parse("2026-11-20T10:00:00+01:00").unwrap(),
            Timestamp::parse("2026-11-20T09:00:00Z").unwrap()
        );
        assert!(Timestamp::parse("yesterday").is_err());
    }

    #[test]
    fn it_is_written_as_a_number_and_read_as_people_write_it_too() {
        let at = Timestamp::parse("2026-11-20T09:00:00.5Z").unwrap();
        assert_eq!(serde_json::to_string(&at).unwrap(), "1795165200500000");
        for text in ["1795165200500000", r#""2026-11-20T09:00:00.5Z""#, r#""2026-11-20T10:00:00.5+01:00""#] {
            assert_eq!(serde_json::from_str::<Timestamp>(text).unwrap(), at);
        }
        let keyed = std::collections::BTreeMap::from([(at, 1)]);
        let text = serde_json::to_string(&keyed).unwrap();
        assert_eq!(text, r#"{"1795165200500000":1}"#);
        assert_eq!(serde_json::from_str::<std::collections::BTreeMap<Timestamp, u8>>(&text).unwrap(), keyed);
        for wrong in ["1.5", r#""soon""#, "18446744073709551615", "true"] {
            assert!(serde_json::from_str::<Timestamp>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn windows_before_1970_start_in_the_past() {
        assert_eq!(Timestamp(-1).floor(Span(10)), Timestamp(-10));
        assert_eq!(Timestamp(10).floor(Span(10)), Timestamp(10));
    }
}
