//! What organizers have set, as people read it: the shapes of facts, but with times in RFC 3339.
//!
//! Facts hold microseconds. [`Timestamp`] is a newtype, whose name serializers are told, so nothing here knows which fields
//! are times, and none can be forgotten.

use std::fmt::Display;

use records::Timestamp;
use schemars::JsonSchema;
use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// A value whose times are told in RFC 3339. (Fields that hold times say so in their schemas.)
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<T>(pub(crate) T);

impl<T: JsonSchema> JsonSchema for Told<T> {
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

impl<T: Serialize> Serialize for Told<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Times(serializer))
    }
}

/// A serializer, and the parts of what it writes, in which times are texts.
struct Times<S>(S);

macro_rules! forward {
    ($($method:ident: $of:ty),+ $(,)?) => {
        $(fn $method(self, value: $of) -> Result<S::Ok, S::Error> {
            self.0.$method(value)
        })+
    };
}

impl<S: Serializer> Serializer for Times<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Times<S::SerializeSeq>;
    type SerializeTuple = Times<S::SerializeTuple>;
    type SerializeTupleStruct = Times<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Times<S::SerializeTupleVariant>;
    type SerializeMap = Times<S::SerializeMap>;
    type SerializeStruct = Times<S::SerializeStruct>;
    type SerializeStructVariant = Times<S::SerializeStructVariant>;

    forward! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_f32: f32,
        serialize_f64: f64,
        serialize_char: char,
        serialize_str: &str,
        serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_none()
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.serialize_some(&Told(value))
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit()
    }

    fn serialize_unit_variant(self, name: &'static str, at: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.0.serialize_unit_variant(name, at, variant)
    }

    fn serialize_newtype_struct<T>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error>
    where
        T: ?Sized + Serialize,
    {
        if name != "Timestamp" {
            return self.0.serialize_newtype_struct(name, &Told(value));
        }
        let micros = serde_json::to_value(value).ok().and_then(|value| value.as_i64());
        let at = micros.map(Timestamp).ok_or_else(|| S::Error::custom("a time is a number"))?;
        self.0.collect_str(&at)
    }

    fn serialize_newtype_variant<T>(
        self,
        name: &'static str,
        at: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error>
    where
        T: ?Sized + Serialize,
    {
        self.0.serialize_newtype_variant(name, at, variant, &Told(value))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.0.serialize_seq(len).map(Times)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.0.serialize_tuple(len).map(Times)
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.0.serialize_tuple_struct(name, len).map(Times)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        at: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.0.serialize_tuple_variant(name, at, variant, len).map(Times)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        self.0.serialize_map(len).map(Times)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.0.serialize_struct(name, len).map(Times)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        at: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.0.serialize_struct_variant(name, at, variant, len).map(Times)
    }

    fn collect_str<T: ?Sized + Display>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! parts {
    ($($of:ident: $method:ident($($name:ident)?)),+ $(,)?) => {
        $(impl<S: $of> $of for Times<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: ?Sized + Serialize>(&mut self, $($name: &'static str,)? value: &T) -> Result<(), S::Error> {
                self.0.$method($($name,)? &Told(value))
            }

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        })+
    };
}

parts! {
    SerializeSeq: serialize_element(),
    SerializeTuple: serialize_element(),
    SerializeTupleStruct: serialize_field(),
    SerializeTupleVariant: serialize_field(),
    SerializeStruct: serialize_field(name),
    SerializeStructVariant: serialize_field(name),
}

impl<S: SerializeMap> SerializeMap for Times<S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), S::Error> {
        self.0.serialize_key(&Told(key))
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), S::Error> {
        self.0.serialize_value(&Told(value))
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

#[cfg(test)]
mod tests {
    use records::booking::{Door, DoorTime, Product, Tier, Variation};
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Shown {
        id: u8,
        #[serde(flatten)]
        product: Product,
    }

    #[test]
    fn times_are_told_in_rfc_3339_wherever_they_stand_and_all_else_as_it_is() {
        let at = Timestamp::parse("2026-10-25T00:30:00Z").unwrap();
        let variation = Variation { valid_until: Some(at), ..Variation::default() };
        let tier = Tier { title: "Early".into(), until: Some(at), count: Some(7), ..Tier::default() };
        let product = Product {
            from: Some(at),
            tiers: vec![tier],
            variations: vec![variation],
            per_person: Some(1_795_165_200),
            ..Product::default()
        };
        let plain = serde_json::to_value(&product).unwrap();
        let told = serde_json::to_value(Told(Shown { id: 3, product })).unwrap();
        assert_eq!((&told["from"], &told["until"]), (&json!("2026-10-25T00:30:00Z"), &json!(null)));
        assert_eq!(told["tiers"][0]["until"], "2026-10-25T00:30:00Z");
        assert_eq!(told["variations"][0]["valid_until"], "2026-10-25T00:30:00Z");
        assert_eq!(
            (&told["per_person"], &told["tiers"][0]["count"], &told["id"]),
            (&json!(1_795_165_200), &json!(7), &json!(3))
        );
        assert_eq!(plain["from"], at.0);
        let door = Door { times: vec![DoorTime { until: Some(at), ..DoorTime::default() }], ..Door::default() };
        let told = serde_json::to_value(Told(&door)).unwrap();
        assert_eq!(told["times"][0]["until"], "2026-10-25T00:30:00Z");
        assert_eq!(serde_json::from_value::<Door>(told).unwrap(), door, "and read as they are told");
        let unit = serde_json::to_value(Told((1, "a", Some(()), [at]))).unwrap();
        assert_eq!(unit, json!([1, "a", null, ["2026-10-25T00:30:00Z"]]));
    }
}
