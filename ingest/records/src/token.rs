//! Pseudonyms: what rows carry where a person, device, card or address was.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A pseudonym of 64 bits; 0 means that nobody is named.
///
/// Tokens of people are random numbers kept in the key store, so erasing the entry leaves nothing to compute them
/// from again; tokens of devices, cards and network addresses are keyed hashes. Either way a token never holds the
/// plaintext, and folds read only tokens, so a replay is unchanged by an erasure.
///
/// In JSON it is the 16 hexadecimal digits that it prints as: JavaScript keeps whole numbers up to 2^53 only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Token(pub u64);

impl Token {
    /// Nobody.
    pub const NONE: Self = Self(0);

    /// Returns whether somebody is named.
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }

    /// The token for `text` under a secret `key`, for the namespace `purpose` (`device`, `card`, `address`) of one
    /// organization: BLAKE3 in keyed mode, cut to 64 bits. The same text in another organization gets another token.
    pub fn keyed(key: &[u8; 32], organization: crate::OrganizationId, purpose: &str, text: &str) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(key);
        hasher.update(&organization.0.to_le_bytes());
        hasher.update(purpose.as_bytes());
        hasher.update(&[0]);
        hasher.update(text.as_bytes());
        let hash = hasher.finalize();
        let mut cut = [0; 8];
        cut.copy_from_slice(&hash.as_bytes()[..8]);
        // 0 is taken by "nobody".
        Self(u64::from_le_bytes(cut).max(1))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

impl std::str::FromStr for Token {
    type Err = std::num::ParseIntError;
    /// Reads the 16 hexadecimal digits that a token prints as.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_u64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return u64::deserialize(deserializer).map(Self);
        }
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| de::Error::invalid_value(de::Unexpected::Str(&text), &"16 hexadecimal digits"))
    }
}

impl schemars::JsonSchema for Token {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Token".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[0-9a-f]{16}$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OrganizationId;

    #[test]
    fn json_holds_a_token_as_text_so_that_no_digit_is_lost() {
        for token in [Token::NONE, Token(7), Token(u64::MAX - 1)] {
            let json = serde_json::to_value(token).unwrap();
            assert_eq!(json, token.to_string());
            assert_eq!(serde_json::from_value::<Token>(json).unwrap(), token);
        }
        assert!(serde_json::from_value::<Token>("nobody".into()).is_err());
    }

    #[test]
    fn tokens_differ_by_organization_purpose_and_key() {
        let (a, b) = (OrganizationId(1), OrganizationId(2));
        let token = Token::keyed(&[1; 32], a, "device", "x");
        assert_eq!(token, Token::keyed(&[1; 32], a, "device", "x"));
        for other in [
            Token::keyed(&[1; 32], b, "device", "x"),
            Token::keyed(&[1; 32], a, "card", "x"),
            Token::keyed(&[2; 32], a, "device", "x"),
        ] {
            assert_ne!(token, other);
        }
    }
}
