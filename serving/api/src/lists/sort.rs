//! `sort=name` or `sort=-made`: by a field that the list can be sorted by, downwards with a minus.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The fields that a list can be sorted by.
pub trait Sortable: Copy + PartialEq + 'static {
    /// What the set of fields is called in the document.
    const NAME: &'static str;
    /// The fields with the words for them.
    const ALL: &'static [(&'static str, Self)];
}

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort<F> {
    /// The field.
    pub by: F,
    /// Whether the greatest comes first.
    pub descending: bool,
}

impl<F: Sortable> FromStr for Sort<F> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let found = F::ALL.iter().find(|(known, _)| *known == name);
        let (_, by) = found.ok_or_else(|| {
            let known: Vec<String> = F::ALL.iter().map(|(name, _)| format!("`{name}`")).collect();
            format!("sort by {}, with a minus before it for the greatest first", known.join(", "))
        })?;
        Ok(Self { by: *by, descending })
    }
}

impl<F> Sort<F> {
    /// Puts rows in order by what `key` says of a row and the field. Sorting is stable.
    pub fn arrange<T, K: Ord>(&self, rows: &mut [T], key: impl Fn(&T, &F) -> K) {
        if self.descending {
            rows.sort_by_cached_key(|row| std::cmp::Reverse(key(row, &self.by)));
        } else {
            rows.sort_by_cached_key(|row| key(row, &self.by));
        }
    }
}

impl<'de, F: Sortable> Deserialize<'de> for Sort<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<F: Sortable> JsonSchema for Sort<F> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        F::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words = F::ALL.iter().flat_map(|(name, _)| [(*name).to_owned(), format!("-{name}")]);
        let words: Vec<Value> = words.map(Value::from).collect();
        json_schema!({"type": "string", "enum": words})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum By {
        Name,
        Made,
    }

    impl Sortable for By {
        const NAME: &'static str = "By";
        const ALL: &'static [(&'static str, Self)] = &[("name", Self::Name), ("made", Self::Made)];
    }

    #[test]
    fn only_listed_fields_can_be_sorted_by() {
        let mut rows = [("b", 1), ("a", 2), ("c", 2)];
        let sort: Sort<By> = "-made".parse().unwrap();
        sort.arrange(&mut rows, |row, by| if *by == By::Made { row.1 } else { 0 });
        assert_eq!(rows, [("a", 2), ("c", 2), ("b", 1)], "equal ones stay as they were");
        let refused = "secret".parse::<Sort<By>>().unwrap_err();
        assert_eq!(refused, "sort by `name`, `made`, with a minus before it for the greatest first");
    }
}
