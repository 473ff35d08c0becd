//! Lengths of time as people write them in rules: `10s`, `30m`, `24h`, `7d`.

use std::fmt;
use std::str::FromStr;

use records::Span;
use serde::{Deserialize, Serialize};

/// The longest length a rule may name: ten years, so that sums with instants never overflow.
pub const LENGTH_SECONDS_MAX: i64 = 3_650 * 86_400;

/// A length of time of whole seconds, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Length(pub Span);

/// Why a text is not a length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time such as 10s, 30m, 24h or 7d")]
pub struct LengthError(String);

impl Length {
    /// A length of whole seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(Span::from_seconds(seconds))
    }
}

const UNITS: [(&str, i64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

impl FromStr for Length {
    type Err = LengthError;
    fn from_str(text: &str) -> Result<Self, LengthError> {
        let bad = || LengthError(text.chars().take(32).collect());
        let (unit, factor) = UNITS.into_iter().find(|(unit, _)| text.ends_with(unit)).ok_or_else(bad)?;
        let digits = text[..text.len() - unit.len()].trim_end();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad());
        }
        let seconds = digits.parse::<i64>().ok().and_then(|count| count.checked_mul(factor)).ok_or_else(bad)?;
        if seconds > LENGTH_SECONDS_MAX { Err(bad()) } else { Ok(Self::seconds(seconds)) }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.seconds();
        let (unit, factor) =
            UNITS.into_iter().find(|(_, factor)| seconds != 0 && seconds % factor == 0).unwrap_or(("s", 1));
        write!(f, "{}{unit}", seconds / factor)
    }
}

impl Serialize for Length {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_print_as_written() {
        for text in ["0s", "10s", "30m", "25h", "7d", "90s"] {
            assert_eq!(text.parse::<Length>().unwrap().to_string(), text);
        }
        assert_eq!("60 s".parse::<Length>().unwrap().to_string(), "1m");
        for text in ["", "5", "-5s", "5w", "1.5h", "99999999999d"] {
            assert!(text.parse::<Length>().is_err(), "{text}");
        }
    }
}
