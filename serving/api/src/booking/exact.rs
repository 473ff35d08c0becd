//! Bodies in which nothing is overlooked: facts take fields of newer versions, requests take none that nobody knows.

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::told::Told;

/// A value of which every field that was sent is known.
#[derive(Debug, Clone)]
pub(crate) struct Exact<T>(pub(crate) T);

impl<'de, T: DeserializeOwned + Serialize> Deserialize<'de> for Exact<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let sent = Value::deserialize(from)?;
        let value: T = serde_path_to_error::deserialize(&sent).map_err(|error| {
            let path = error.path().to_string();
            D::Error::custom(format!("{path}: {}", error.into_inner()))
        })?;
        let known = serde_json::to_value(Told(&value)).map_err(D::Error::custom)?;
        match fault(&sent, &known, "") {
            Some(fault) => Err(D::Error::custom(fault)),
            None => Ok(Self(value)),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Exact<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

/// The first field that was sent and is not in what was understood, or is a time in another way than it is told.
fn fault(sent: &Value, known: &Value, path: &str) -> Option<String> {
    match (sent, known) {
        (Value::Object(sent), Value::Object(known)) => sent.iter().find_map(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            // What was sent as null may be left out of what is kept.
            match known.get(name) {
                Some(known) => fault(value, known, &path),
                None => (!value.is_null()).then(|| format!("unknown field `{path}`")),
            }
        }),
        (Value::Array(sent), Value::Array(known)) => {
            let pairs = sent.iter().zip(known).enumerate();
            pairs.into_iter().find_map(|(place, (sent, known))| fault(sent, known, &format!("{path}[{place}]")))
        }
        (Value::Number(_), Value::String(_)) => {
            Some(format!("{path}: times are texts in RFC 3339 such as 2026-11-20T09:00:00Z"))
        }
        _ => None,
    }
}

/// Reads a value and tells it again, for the fuzz target.
///
/// # Panics
/// When it is told otherwise than it is read.
pub(super) fn read_again<T: DeserializeOwned + Serialize>(bytes: &[u8]) {
    let Ok(Exact(value)) = serde_json::from_slice::<Exact<T>>(bytes) else { return };
    let told = serde_json::to_string(&Told(&value)).expect("answers are JSON");
    let Exact(again) = serde_json::from_str::<Exact<T>>(&told).expect("what is told can be read");
    assert_eq!(serde_json::to_string(&Told(&again)).expect("answers are JSON"), told, "and is the same");
}

#[cfg(test)]
mod tests {
    use records::booking::Product;

    use super::*;

    #[test]
    fn a_field_that_nobody_knows_is_named_wherever_it_stands() {
        let tier = |more: &str| format!(r#"{{"title":"t","tiers":[{{"title":"s","prices":[]{more}}}],"from":null}}"#);
        assert!(serde_json::from_str::<Exact<Product>>(&tier("")).is_ok());
        let error = serde_json::from_str::<Exact<Product>>(&tier(r#","cont":3"#)).unwrap_err().to_string();
        assert!(error.contains("tiers[0].cont"), "{error}");
        let error = serde_json::from_str::<Exact<Product>>(&tier(r#","count":"x""#)).unwrap_err().to_string();
        assert!(error.contains("tiers[0].count"), "{error}");
        assert!(serde_json::from_str::<Exact<Product>>(&tier(r#","until":"2026-11-20T10:00:00+01:00""#)).is_ok());
        for wrong in ["1795165200000000", r#""soon""#] {
            let error = serde_json::from_str::<Exact<Product>>(&tier(&format!(r#","until":{wrong}"#))).unwrap_err();
            assert!(error.to_string().contains("tiers[0].until") && error.to_string().contains("RFC 3339"), "{error}");
        }
    }
}
