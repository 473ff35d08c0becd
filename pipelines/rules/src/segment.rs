//! Segment rules: who is in, as conditions over a visitor's live profile joined by `all`, `any` and `not`.

use std::fmt;
use std::str::FromStr;

use records::{Currency, Kind, SegmentId, SessionId, Text};
use serde::{Deserialize, Serialize};

use crate::compare::{Compare, ConditionError, threshold};
use crate::length::Length;
use crate::window::Window;

/// The most segments of one organization: membership is 64 bits for each visitor.
pub const SEGMENTS_MAX: usize = 64;
/// The most conditions of one segment.
pub const CONDITIONS_MAX: usize = 64;
/// The deepest nesting of `all`, `any` and `not`.
pub const DEPTH_MAX: usize = 8;
/// The most sessions that a profile keeps apart.
pub const SESSIONS_MAX: usize = 16;
/// The most countries that a profile keeps apart.
pub const COUNTRIES_MAX: usize = 4;

/// One condition on a profile. Its text form is what people write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trait {
    /// `count(item_viewed) >= 3` or, over a sliding window of log time, `count(item_viewed, 24h) >= 3`.
    Count(Kind, Option<Window>, Compare, i64),
    /// `spend(EUR) >= 10000`: orders in minor units of the currency.
    Spend(Currency, Compare, i64),
    /// `category(music) >= 2`: records with that category.
    Category(Text, Compare, i64),
    /// `sessions >= 3`: distinct sessions joined, of the latest [`SESSIONS_MAX`].
    Sessions(Compare, i64),
    /// `countries >= 2`: distinct countries seen, of the latest [`COUNTRIES_MAX`].
    Countries(Compare, i64),
    /// `session(talk-12)`: has joined it.
    Session(SessionId),
    /// `country(DE)`: was last seen there.
    Country(Text),
    /// `seen within 1h`: some record in the last hour of log time.
    SeenWithin(Length),
    /// `first_seen within 1h`: is new.
    FirstSeenWithin(Length),
}

/// Conditions joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Rule {
    /// One condition.
    Is(Trait),
    /// Conditions joined by one word.
    Joined(Joined),
}

/// Conditions joined by one word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Joined {
    /// Every one holds.
    All(Vec<Rule>),
    /// At least one holds.
    Any(Vec<Rule>),
    /// It does not hold.
    Not(Box<Rule>),
}

/// A segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentRule {
    /// Its name in rows and answers.
    pub id: SegmentId,
    /// What people call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Who is in.
    pub when: Rule,
}

/// The segments of an organization, with what to keep for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentPlan {
    /// The version of the published document.
    pub version: u32,
    /// The segments; membership bits stand in this order.
    pub segments: Vec<SegmentRule>,
    /// The kinds whose windowed counts are kept, each with the set of its windows by [`Window::bit`].
    pub windowed: Vec<(Kind, u8)>,
}

impl SegmentPlan {
    /// Works out what the segments need.
    pub fn new(version: u32, segments: &[SegmentRule]) -> Self {
        let segments: Vec<SegmentRule> = segments.iter().take(SEGMENTS_MAX).cloned().collect();
        let mut windowed = std::collections::BTreeMap::<Kind, u8>::new();
        for segment in &segments {
            segment.when.each(&mut |condition| {
                if let Trait::Count(kind, Some(window), ..) = condition {
                    *windowed.entry(*kind).or_default() |= window.bit();
                }
            });
        }
        Self { version, segments, windowed: windowed.into_iter().collect() }
    }

    /// The windows in which records of this kind are counted, by [`Window::bit`].
    pub fn windows(&self, kind: Kind) -> u8 {
        self.windowed.iter().find(|(known, _)| *known == kind).map_or(0, |(_, windows)| *windows)
    }

    /// Whether there is anything to do.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }
}

impl Rule {
    /// Visits every condition.
    pub fn each<'a>(&'a self, visit: &mut impl FnMut(&'a Trait)) {
        match self {
            Self::Is(condition) => visit(condition),
            Self::Joined(Joined::All(rules) | Joined::Any(rules)) => {
                for rule in rules {
                    rule.each(visit);
                }
            }
            Self::Joined(Joined::Not(rule)) => rule.each(visit),
        }
    }

    /// Whether it holds, when `holds` says so for single conditions.
    pub fn holds(&self, holds: &mut impl FnMut(&Trait) -> bool) -> bool {
        match self {
            Self::Is(condition) => holds(condition),
            Self::Joined(Joined::All(rules)) => rules.iter().all(|rule| rule.holds(holds)),
            Self::Joined(Joined::Any(rules)) => rules.iter().any(|rule| rule.holds(holds)),
            Self::Joined(Joined::Not(rule)) => !rule.holds(holds),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Is(_) => 1,
            Self::Joined(Joined::All(rules) | Joined::Any(rules)) => {
                1 + rules.iter().map(Self::depth).max().unwrap_or(0)
            }
            Self::Joined(Joined::Not(rule)) => 1 + rule.depth(),
        }
    }

    /// What is wrong with it.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let (mut conditions, mut unreachable) = (0, Vec::new());
        self.each(&mut |condition| {
            conditions += 1;
            let at_least = |compare: Compare, value: i64, most: usize| {
                compare == Compare::AtLeast && usize::try_from(value).is_ok_and(|value| value > most)
            };
            let (over, most) = match condition {
                Trait::Sessions(compare, value) => (at_least(*compare, *value, SESSIONS_MAX), SESSIONS_MAX),
                Trait::Countries(compare, value) => (at_least(*compare, *value, COUNTRIES_MAX), COUNTRIES_MAX),
                _ => (false, 0),
            };
            if over {
                unreachable.push(format!("`{condition}` can never hold: at most {most} are told apart"));
            }
        });
        if conditions == 0 || conditions > CONDITIONS_MAX {
            faults.push(format!("a segment has 1 to {CONDITIONS_MAX} conditions"));
        }
        if self.depth() > DEPTH_MAX {
            faults.push(format!("conditions nest at most {DEPTH_MAX} deep"));
        }
        faults.append(&mut unreachable);
        faults
    }
}

const EXAMPLES: &str = "take count(KIND), count(KIND, 24h), spend(EUR), category(NAME), sessions, countries with a \
comparison, or session(ID), country(DE), `seen within 1h`, `first_seen within 1h`";

impl FromStr for Trait {
    type Err = ConditionError;
    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let text = text.trim();
        let unknown = || ConditionError::Unknown(text.chars().take(64).collect(), EXAMPLES);
        if let Some((name, length)) = text.split_once(" within ") {
            let length = length.trim().parse().map_err(|_| unknown())?;
            return match name.trim() {
                "seen" => Ok(Self::SeenWithin(length)),
                "first_seen" => Ok(Self::FirstSeenWithin(length)),
                _ => Err(unknown()),
            };
        }
        // The argument may hold any sign, so it is cut out before the comparison is looked for.
        let (name, argument, rest) = match text.split_once('(') {
            Some((name, rest)) => {
                let (argument, rest) = rest.rsplit_once(')').ok_or_else(unknown)?;
                (name.trim(), argument.trim(), rest.trim())
            }
            None => {
                let end = text.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
                let (name, rest) = text.split_at(end.unwrap_or(text.len()));
                (name, "", rest.trim())
            }
        };
        match (name, argument, rest) {
            ("session", id, "") => return SessionId::parse(id).map(Self::Session).map_err(|_| unknown()),
            ("country", code, "") if !code.is_empty() => return Ok(Self::Country(Text::new(code))),
            _ => {}
        }
        let no_sign = || ConditionError::NoSign(text.chars().take(64).collect());
        let ("", compare, value) = Compare::split(rest).ok_or_else(no_sign)? else { return Err(unknown()) };
        let value = threshold(value)?;
        match (name, argument) {
            ("sessions", "") => Ok(Self::Sessions(compare, value)),
            ("countries", "") => Ok(Self::Countries(compare, value)),
            ("category", name) if !name.is_empty() => Ok(Self::Category(Text::new(name), compare, value)),
            ("spend", code) => {
                Currency::parse(code).map(|currency| Self::Spend(currency, compare, value)).map_err(|_| unknown())
            }
            ("count", argument) => {
                let (kind, window) = match argument.split_once(',') {
                    Some((kind, window)) => (kind.trim(), Some(window.trim().parse().map_err(|_| unknown())?)),
                    None => (argument, None),
                };
                let kind = Kind::from_word(kind).ok_or_else(unknown)?;
                Ok(Self::Count(kind, window, compare, value))
            }
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Trait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(kind, None, compare, value) => write!(f, "count({kind}) {compare} {value}"),
            Self::Count(kind, Some(window), compare, value) => write!(f, "count({kind}, {window}) {compare} {value}"),
            Self::Spend(currency, compare, value) => write!(f, "spend({currency}) {compare} {value}"),
            Self::Category(name, compare, value) => write!(f, "category({name}) {compare} {value}"),
            Self::Sessions(compare, value) => write!(f, "sessions {compare} {value}"),
            Self::Countries(compare, value) => write!(f, "countries {compare} {value}"),
            Self::Session(session) => write!(f, "session({session})"),
            Self::Country(code) => write!(f, "country({code})"),
            Self::SeenWithin(length) => write!(f, "seen within {length}"),
            Self::FirstSeenWithin(length) => write!(f, "first_seen within {length}"),
        }
    }
}

impl Serialize for Trait {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Trait {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

// An untagged enum would answer every slip with "did not match any variant"; this keeps the condition's own error.
impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> serde::de::Visitor<'de> for Reader {
            type Value = Rule;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a condition, or a table with `all`, `any` or `not`")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Rule, E> {
                text.parse().map(Rule::Is).map_err(E::custom)
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Rule, A::Error> {
                Joined::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Rule::Joined)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traits_print_as_read() {
        for text in [
            "count(item_viewed) >= 3",
            "count(item_viewed, 24h) < 3",
            "spend(EUR) >= 10000",
            "category(a (b) >= c) = 2",
            "sessions >= 3",
            "countries != 1",
            "session(talk-12)",
            "country(DE)",
            "seen within 1h",
            "first_seen within 7d",
        ] {
            assert_eq!(text.parse::<Trait>().unwrap().to_string(), text);
        }
        for text in ["count(nothing) >= 1", "count(item_viewed)", "speed >= 1", "seen within soon", "spend(XYZ) > 1"] {
            assert!(text.parse::<Trait>().is_err(), "{text}");
        }
    }

    #[test]
    fn rules_nest() {
        let json = r#"{"all":["country(DE)",{"not":{"any":["seen within 1h","sessions >= 2"]}}]}"#;
        let rule: Rule = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&rule).unwrap(), json);
        let mut in_germany = |condition: &Trait| matches!(condition, Trait::Country(_));
        assert!(rule.holds(&mut in_germany));
        assert!(!rule.holds(&mut |_| true));
        let error = serde_json::from_str::<Rule>(r#"{"all":["speed >= 1"]}"#).unwrap_err().to_string();
        assert!(error.contains("`speed >= 1` is not a signal"), "{error}");
    }
}
