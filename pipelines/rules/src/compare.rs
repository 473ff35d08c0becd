//! Comparisons of an integer with a threshold, as rules write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How two integers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compare {
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
    /// `!=`
    Not,
    /// `<`
    Below,
    /// `>`
    Above,
    /// `=`
    Is,
}

/// Every comparison with its sign. Longer signs come first, so that `<=` is never read as `<`.
const SIGNS: [(&str, Compare); 6] = [
    ("<=", Compare::AtMost),
    (">=", Compare::AtLeast),
    ("!=", Compare::Not),
    ("<", Compare::Below),
    (">", Compare::Above),
    ("=", Compare::Is),
];

impl Compare {
    /// Whether `value` stands to `threshold` as asked.
    #[inline]
    pub fn holds(self, value: i64, threshold: i64) -> bool {
        match self {
            Self::AtMost => value <= threshold,
            Self::AtLeast => value >= threshold,
            Self::Not => value != threshold,
            Self::Below => value < threshold,
            Self::Above => value > threshold,
            Self::Is => value == threshold,
        }
    }

    /// Its sign.
    pub fn sign(self) -> &'static str {
        SIGNS.iter().find(|(_, compare)| *compare == self).map_or("=", |(sign, _)| sign)
    }

    /// Splits `left sign right` at the sign.
    pub(crate) fn split(text: &str) -> Option<(&str, Self, &str)> {
        SIGNS
            .into_iter()
            .find_map(|(sign, compare)| text.split_once(sign).map(|(left, right)| (left.trim(), compare, right.trim())))
    }
}

impl fmt::Display for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sign())
    }
}

/// Why a text is not a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// There is no comparison sign.
    #[error("`{0}` compares nothing; write for example `orders_by_account_1h >= 3`")]
    NoSign(String),
    /// The left side is not known.
    #[error("`{0}` is not a signal; {1}")]
    Unknown(String, &'static str),
    /// The right side is not an integer.
    #[error("`{0}` is not a whole number")]
    Number(String),
    /// The threshold can never be reached.
    #[error("`{0}` can never hold: at most {1} are told apart")]
    Unreachable(String, i64),
}

/// Reads a threshold; a trailing unit `s` is allowed, because people write `60 s`.
pub(crate) fn threshold(text: &str) -> Result<i64, ConditionError> {
    let digits = text.strip_suffix('s').map_or(text, str::trim_end);
    i64::from_str(digits).map_err(|_| ConditionError::Number(text.chars().take(64).collect()))
}
