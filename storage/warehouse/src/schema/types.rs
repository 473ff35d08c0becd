//! Arrow types of the batches that land in columns of ClickHouse types.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, TimeUnit};

/// A ClickHouse type that no batch can be made for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no Arrow type is known for the ClickHouse type `{0}`")]
pub struct UnknownType(pub String);

/// Returns the Arrow type for a ClickHouse type, and whether it is nullable.
///
/// `LowCardinality` is a matter of storage and vanishes; `UUID` and enums travel as text.
///
/// # Errors
/// A type that this crate's schemas do not use.
pub fn arrow_type(clickhouse_type: &str) -> Result<(DataType, bool), UnknownType> {
    let text = clickhouse_type.trim();
    if let Some(inner) = argument(text, "LowCardinality") {
        return arrow_type(inner);
    }
    if let Some(inner) = argument(text, "Nullable") {
        return Ok((arrow_type(inner)?.0, true));
    }
    if let Some(inner) = argument(text, "Array") {
        let (item, nullable) = arrow_type(inner)?;
        return Ok((DataType::List(Arc::new(Field::new("item", item, nullable))), false));
    }
    if let Some(inner) = argument(text, "Map") {
        return Ok((map(inner)?, false));
    }
    if let Some(size) = argument(text, "FixedString") {
        let size = size.parse().map_err(|_| UnknownType(text.to_owned()))?;
        return Ok((DataType::FixedSizeBinary(size), false));
    }
    simple(text).map(|plain| (plain, false)).ok_or_else(|| UnknownType(text.to_owned()))
}

fn simple(text: &str) -> Option<DataType> {
    Some(match text {
        "String" | "UUID" => DataType::Utf8,
        "Bool" => DataType::Boolean,
        "UInt8" => DataType::UInt8,
        "UInt16" => DataType::UInt16,
        "UInt32" => DataType::UInt32,
        "UInt64" => DataType::UInt64,
        "Int8" => DataType::Int8,
        "Int16" => DataType::Int16,
        "Int32" => DataType::Int32,
        "Int64" => DataType::Int64,
        "Float32" => DataType::Float32,
        "Float64" => DataType::Float64,
        "Date" | "Date32" => DataType::Date32,
        "DateTime" | "DateTime('UTC')" => time(TimeUnit::Second),
        "DateTime64(3)" | "DateTime64(3, 'UTC')" => time(TimeUnit::Millisecond),
        "DateTime64(6)" | "DateTime64(6, 'UTC')" => time(TimeUnit::Microsecond),
        _ if text.starts_with("Enum8(") => DataType::Utf8,
        _ => return None,
    })
}

fn time(unit: TimeUnit) -> DataType {
    DataType::Timestamp(unit, Some("UTC".into()))
}

fn map(inner: &str) -> Result<DataType, UnknownType> {
    let (key, value) = inner.split_once(',').ok_or_else(|| UnknownType(format!("Map({inner})")))?;
    let (key, _) = arrow_type(key)?;
    let (value, nullable) = arrow_type(value)?;
    let entry = Fields::from(vec![Field::new("keys", key, false), Field::new("values", value, nullable)]);
    Ok(DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false))
}

/// The text between the parentheses of `name(...)`.
fn argument<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')').map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_types_are_read_through() {
        assert_eq!(arrow_type("LowCardinality(String)"), Ok((DataType::Utf8, false)));
        assert_eq!(arrow_type("LowCardinality(Nullable(String))"), Ok((DataType::Utf8, true)));
        assert_eq!(arrow_type("Nullable(DateTime64(3, 'UTC'))"), Ok((time(TimeUnit::Millisecond), true)));
        let (list, nullable) = arrow_type("Array(String)").unwrap();
        assert_eq!(list, DataType::List(Arc::new(Field::new("item", DataType::Utf8, false))));
        assert!(!nullable);
        assert!(matches!(arrow_type("Map(LowCardinality(String), String)"), Ok((DataType::Map(..), false))));
        assert_eq!(arrow_type("Ring"), Err(UnknownType("Ring".to_owned())));
    }
}
