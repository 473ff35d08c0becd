//! JSON in: how a declared column is read from a client's value, with an error that names the field.

use serde_json::Value;

use crate::batch::Cell;
use crate::id::bits_of;
use crate::kind::Kind;
use crate::money::Currency;
use crate::text::{TEXT_BYTES_MAX, Text};
use crate::time::{Span, Timestamp};
use crate::vocabulary::{Column, Meaning, Record, with_columns};

/// What is wrong with one field, and what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[error("`{field}` {problem}")]
pub struct FieldError {
    /// The field as the client named it, such as `properties.amount_minor`.
    pub field: String,
    /// What is wrong, to be read after the field's name.
    pub problem: String,
}

impl FieldError {
    /// Names a field and its problem.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// A value that can be read from JSON without a secret; tokens cannot, the door makes those.
trait FromJson: Sized {
    fn from_json(value: &Value) -> Result<Self, String>;
}

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        _ => Err("is not a text".into()),
    }
}

impl FromJson for Text {
    fn from_json(value: &Value) -> Result<Self, String> {
        let text = text(value)?;
        if text.len() > TEXT_BYTES_MAX {
            return Err(format!("is longer than {TEXT_BYTES_MAX} bytes"));
        }
        Ok(Self::new(&text))
    }
}

impl FromJson for i64 {
    fn from_json(value: &Value) -> Result<Self, String> {
        value.as_i64().ok_or_else(|| "is not an integer of 64 bits".into())
    }
}

impl FromJson for u32 {
    fn from_json(value: &Value) -> Result<Self, String> {
        value
            .as_u64()
            .and_then(|number| Self::try_from(number).ok())
            .ok_or_else(|| format!("is not an integer in 0..={}", Self::MAX))
    }
}

impl FromJson for Currency {
    fn from_json(value: &Value) -> Result<Self, String> {
        // What came is not repeated: whoever reads the error need not be who may read the value.
        Self::parse(&text(value)?).map_err(|_| "is not an ISO 4217 currency code such as EUR".into())
    }
}

impl FromJson for Timestamp {
    fn from_json(value: &Value) -> Result<Self, String> {
        let text = value.as_str().ok_or("is not an RFC 3339 time such as \"2026-11-20T09:00:00Z\"")?;
        Self::parse(text).map_err(|_| "is not an RFC 3339 time such as 2026-11-20T09:00:00Z".into())
    }
}

impl FromJson for Kind {
    fn from_json(value: &Value) -> Result<Self, String> {
        let word = text(value)?;
        Self::from_word(&word).ok_or_else(|| "is not a kind of record".into())
    }
}

macro_rules! ids_from_json {
    ($($type:ident),+) => {$(
        impl FromJson for crate::id::$type {
            fn from_json(value: &Value) -> Result<Self, String> {
                bits_of(&text(value)?).map(Self).map_err(|error| format!("is no id: {error}"))
            }
        }
    )+};
}
ids_from_json!(OrganizationId, EventId, ItemId, SessionId, OrderId, CampaignId, AdId, PollId, MessageId);

macro_rules! never_from_json {
    ($($type:ty),+) => {$(
        impl FromJson for $type {
            fn from_json(_: &Value) -> Result<Self, String> {
                Err("is set by the door and cannot be sent".into())
            }
        }
    )+};
}
never_from_json!(crate::token::Token, Span, u64, crate::vocabulary::Flags, crate::vocabulary::Source, Box<[u8]>);

impl Column {
    /// Whether a client may name the column in its properties.
    pub fn is_declared(self) -> bool {
        use Column as C;
        let own = matches!(self, C::kind | C::organization | C::message | C::event_time);
        let open = matches!(
            self.meaning(),
            Meaning::Id | Meaning::Time | Meaning::Integer | Meaning::Currency | Meaning::Text
        );
        open && !own
    }
}

macro_rules! define_set {
    ($($tag:literal $field:ident: $type:ty, $layout:ident, $meaning:ident, $clickhouse:literal, $doc:literal;)+) => {
        impl Record {
            /// Sets a column from a client's JSON value. `null` sets nothing.
            ///
            /// # Errors
            /// When the value does not fit the column, or the column is the door's to set.
            pub fn set_json(&mut self, column: Column, value: &Value) -> Result<(), FieldError> {
                if value.is_null() {
                    return Ok(());
                }
                match column {
                    $(Column::$field => self.$field = FromJson::from_json(value)
                        .map_err(|problem: String| FieldError::new(column.name(), problem))?,)+
                }
                Ok(())
            }

            /// Returns whether the record fills the column.
            pub fn has(&self, column: Column) -> bool {
                match column { $(Column::$field => !Cell::is_absent(&self.$field),)+ }
            }
        }
    };
}
with_columns!(define_set);

impl Record {
    /// The required columns that are missing, one error each.
    pub fn missing(&self) -> Vec<FieldError> {
        let missing = self.kind.required().iter().filter(|column| !self.has(**column));
        missing
            .map(|column| FieldError::new(column.name(), format!("is missing; a `{}` record needs it", self.kind)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn declared_columns_are_read() {
        let mut record = Record::new(Kind::OrderReported);
        record.set_json(Column::order, &json!("A-1042")).unwrap();
        record.set_json(Column::amount_minor, &json!(1250)).unwrap();
        record.set_json(Column::currency, &json!("EUR")).unwrap();
        record.set_json(Column::session, &json!(17)).unwrap();
        record.set_json(Column::name, &Value::Null).unwrap();
        assert_eq!(
            (record.order.to_string().as_str(), record.amount_minor, record.session.to_string().as_str()),
            ("A-1042", 1250, "17")
        );
        assert!(record.missing().is_empty());
    }

    #[test]
    fn errors_name_the_field() {
        let mut record = Record::new(Kind::OrderReported);
        let error = record.set_json(Column::amount_minor, &json!("12.50")).unwrap_err();
        assert_eq!(error.to_string(), "`amount_minor` is not an integer of 64 bits");
        assert!(record.set_json(Column::actor, &json!("me")).is_err());
        assert_eq!(record.missing()[0].field, "order");
    }

    #[test]
    fn the_door_sets_its_own_columns() {
        assert!(Column::amount_minor.is_declared());
        for column in [Column::organization, Column::kind, Column::actor, Column::late_by, Column::sealed] {
            assert!(!column.is_declared(), "{column:?}");
        }
    }
}
