//! Hashes in JSON: 16 hexadecimal digits, since JavaScript keeps whole numbers up to 2^53 only. For `#[serde(with)]`.

use serde::{Deserialize, Deserializer, Serializer, de};

/// Writes a hash.
///
/// # Errors
/// Those of the serializer.
pub(crate) fn serialize<S: Serializer>(hash: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.collect_str(&format_args!("{hash:016x}"))
    } else {
        serializer.serialize_u64(*hash)
    }
}

/// Reads a hash.
///
/// # Errors
/// When there are other digits, or none.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    if !deserializer.is_human_readable() {
        return u64::deserialize(deserializer);
    }
    let text = String::deserialize(deserializer)?;
    let wrong = |_| de::Error::invalid_value(de::Unexpected::Str(&text), &"16 hexadecimal digits");
    u64::from_str_radix(&text, 16).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use records::{EventId, LeaderboardId, OrganizationId, RuleId, Token};

    use crate::as_of::AsOf;
    use crate::fraud::ScoreKey;
    use crate::funnels::FunnelKey;
    use crate::leaderboards::Board;
    use crate::segments::VisitorKey;

    /// Whether some number of a value is more than JavaScript can hold.
    fn too_large(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Number(number) => number.as_f64().is_none_or(|number| number.abs() >= 2f64.powi(53)),
            serde_json::Value::Array(list) => list.iter().any(too_large),
            serde_json::Value::Object(fields) => fields.values().any(too_large),
            _ => false,
        }
    }

    #[test]
    fn no_key_or_as_of_holds_a_number_that_a_browser_would_round() {
        let (organization, event) = (OrganizationId(7), EventId(u128::MAX));
        let board = Board::track(organization, LeaderboardId(1), event, "a track with a long hash");
        let funnel = FunnelKey { organization, event, funnel: RuleId(1), definition: u64::MAX };
        let score = ScoreKey { organization, record: u128::MAX };
        let visitor = VisitorKey { organization, actor: Token(u64::MAX) };
        let as_of = AsOf { incarnation: u64::MAX, ..AsOf::default() };
        for json in [
            serde_json::to_value(board),
            serde_json::to_value(funnel),
            serde_json::to_value(score),
            serde_json::to_value(visitor),
            serde_json::to_value(as_of),
        ] {
            let json = json.expect("every key is JSON, whatever its numbers");
            assert!(!too_large(&json), "{json}");
        }
        let json = serde_json::to_value(board).unwrap();
        assert_eq!(serde_json::from_value::<Board>(json).unwrap(), board);
    }
}
