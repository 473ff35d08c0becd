//! Bodies in which nothing is overlooked: facts take fields of newer versions, requests take none that nobody knows.

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

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
        let known = serde_json::to_value(&value).map_err(D::Error::custom)?;
        match unknown(&sent, &known, "") {
            Some(path) => Err(D::Error::custom(format!("unknown field `{path}`"))),
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

/// The first field that was sent and is not in what was understood.
fn unknown(sent: &Value, known: &Value, path: &str) -> Option<String> {
    match (sent, known) {
        (Value::Object(sent), Value::Object(known)) => sent.iter().find_map(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            // What was sent as null may be left out of what is kept.
            match known.get(name) {
                Some(known) => unknown(value, known, &path),
                None => (!value.is_null()).then_some(path),
            }
        }),
        (Value::Array(sent), Value::Array(known)) => {
            let pairs = sent.iter().zip(known).enumerate();
            pairs.into_iter().find_map(|(place, (sent, known))| unknown(sent, known, &format!("{path}[{place}]")))
        }
        _ => None,
    }
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
    }
}
