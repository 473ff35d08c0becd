//! What the Yahoo benchmark's query needs of a line, read with serde in any order of fields.
//!
//! Written out where a derived `Deserialize` would do: every part is inlined into the loop over the fields, which makes
//! reading a line an eighth quicker.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// One ad event.
pub(crate) struct AdEvent<'a> {
    /// Borrowed unless it has escapes.
    pub(crate) ad: Cow<'a, str>,
    /// Whether the ad was viewed: clicks and purchases are not counted.
    pub(crate) viewed: bool,
    /// Milliseconds since 1970.
    pub(crate) at_ms: i64,
}

impl<'de> Deserialize<'de> for AdEvent<'de> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = AdEvent<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an ad event")
    }

    #[inline(always)]
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<AdEvent<'de>, A::Error> {
        let (mut ad, mut viewed, mut at_ms) = (None, None, None);
        while let Some(Read(name)) = fields.next_key::<Read<Name>>()? {
            match name {
                Name::Ad => once(&mut ad, "ad_id", fields.next_value::<Read<_>>()?.0)?,
                Name::Type => once(&mut viewed, "event_type", fields.next_value::<Read<_>>()?.0)?,
                Name::Time => once(&mut at_ms, "event_time", fields.next_value()?)?,
                Name::Other => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(AdEvent {
            ad: ad.ok_or_else(|| A::Error::missing_field("ad_id"))?,
            viewed: viewed.ok_or_else(|| A::Error::missing_field("event_type"))?,
            at_ms: at_ms.ok_or_else(|| A::Error::missing_field("event_time"))?,
        })
    }
}

#[inline(always)]
fn once<T, E: Error>(place: &mut Option<T>, name: &'static str, value: T) -> Result<(), E> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(name)),
    }
}

/// What is made of a text.
trait OfText<'de>: Sized {
    const WHAT: &'static str;
    fn of(text: &str) -> Self;
    fn of_borrowed(text: &'de str) -> Self {
        Self::of(text)
    }
}

/// A name of a field.
enum Name {
    Ad,
    Type,
    Time,
    Other,
}

impl OfText<'_> for Name {
    const WHAT: &'static str = "a field's name";
    #[inline(always)]
    fn of(text: &str) -> Self {
        match text {
            "ad_id" => Self::Ad,
            "event_type" => Self::Type,
            "event_time" => Self::Time,
            _ => Self::Other,
        }
    }
}

impl OfText<'_> for bool {
    const WHAT: &'static str = "an event type";
    #[inline(always)]
    fn of(text: &str) -> Self {
        text == "view"
    }
}

impl<'de> OfText<'de> for Cow<'de, str> {
    const WHAT: &'static str = "an ad's id";
    #[inline(always)]
    fn of(text: &str) -> Self {
        Cow::Owned(text.to_owned())
    }
    #[inline(always)]
    fn of_borrowed(text: &'de str) -> Self {
        Cow::Borrowed(text)
    }
}

/// A value that is read from a text.
struct Read<T>(T);

impl<'de, T: OfText<'de>> Deserialize<'de> for Read<T> {
    #[inline(always)]
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Reading(PhantomData))
    }
}

struct Reading<T>(PhantomData<T>);

impl<'de, T: OfText<'de>> Visitor<'de> for Reading<T> {
    type Value = Read<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WHAT)
    }

    #[inline(always)]
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Read<T>, E> {
        Ok(Read(T::of_borrowed(text)))
    }

    #[inline(always)]
    fn visit_str<E>(self, text: &str) -> Result<Read<T>, E> {
        Ok(Read(T::of(text)))
    }
}

#[cfg(test)]
mod tests {
    use workload::ysb;

    use super::*;

    fn read(line: &str) -> Result<(String, bool, i64), String> {
        let event: AdEvent<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        Ok((event.ad.into_owned(), event.viewed, event.at_ms))
    }

    #[test]
    fn a_line_is_read_as_json_whatever_its_order_spaces_and_escapes() {
        let mut written = Vec::new();
        ysb::write_line(&mut written, &ysb::AdEvents::new(9).find(|event| event.kind == 0).unwrap()).unwrap();
        let (ad, viewed, at) = read(std::str::from_utf8(&written).unwrap()).unwrap();
        assert!(ad.starts_with("ad-") && viewed && at >= ysb::STARTS_MS, "{ad} {at}");
        let same = Ok(("ad-1".to_owned(), true, 7));
        for line in [
            r#"{"ad_id":"ad-1","event_type":"view","event_time":7}"#,
            "\t{ \"event_time\" : 7 ,\"other\":{\"ad_id\":[\"}\\\"\",1e3,null]}, \"event_type\":\"view\",\"ad_id\" :\"ad-1\"}\r",
            r#"{"\u0061d_id":"ad\u002d1","event_t\u0079pe":"vi\u0065w","event_time":7}"#,
        ] {
            assert_eq!(read(line), same, "{line}");
        }
        assert_eq!(read(r#"{"ad_id":"a","event_type":"views","event_time":-1}"#), Ok(("a".to_owned(), false, -1)));
    }

    #[test]
    fn a_line_that_is_no_event_says_why() {
        for (line, why) in [
            ("", "EOF"),
            ("[]", "an ad event"),
            (r#"{"ad_id":"a","event_type":"view"}"#, "missing field `event_time`"),
            (r#"{"ad_id":"a","event_type":"view","event_time":"7"}"#, "invalid type"),
            (r#"{"ad_id":"a","event_type":7,"event_time":7}"#, "an event type"),
            (r#"{"ad_id":"a","event_type":"view","event_time":7,"x":01}"#, "invalid number"),
            (r#"{"ad_id":"a","event_type":"view","event_time":7}{"#, "trailing characters"),
            (r#"{"ad_id":"a","ad_id":"b","event_type":"view","event_time":7}"#, "duplicate field"),
            ("{\"ad_id\":\"a\",\"event_type\":\"view\",\"event_time\":7,\"x\":\"\t\"}", "control character"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
    }
}
