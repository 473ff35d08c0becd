//! The rules document: everything that an organization decides about how its records are counted, in one file.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::campaign::{ADS_MAX, CampaignRule};
use crate::fraud::{FraudRules, RULES_MAX, SCORE_MAX};
use crate::funnel::{Funnel, FunnelRules};
use crate::lateness::{Lateness, VIEWS};
use crate::points::{Leaderboard, PointsRules};
use crate::segment::{SEGMENTS_MAX, SegmentRule};

/// The format that this build reads and writes.
pub const FORMAT: u32 = 1;

/// The rules of one organization. TOML or JSON; unknown keys are refused, so that a slip is not silently ignored.
///
/// ```
/// let document = rules::RuleDocument::from_toml(r#"
/// format = 1
///
/// [[fraud.rules]]
/// id = "fast-purchase"
/// on = ["order_reported"]
/// all = ["purchase_time - signup_time <= 60 s"]
/// weight = 600
/// reason = "bought {purchase_minus_signup_s} s after signing up"
///
/// [[segments]]
/// id = "keen"
/// when = { all = ["count(item_viewed, 24h) >= 3", { not = "country(DE)" }] }
///
/// [[campaigns]]
/// id = "autumn"
/// ads = ["ad-1", "ad-2"]
///
/// [[leaderboards]]
/// leaderboard = "engagement"
/// points = [{ rule = "join", kind = "session_joined", points = 10, daily_cap = 50 }]
///
/// [lateness.campaigns]
/// bound = "10s"
/// policy = "exclude"
/// "#).expect("it is a document");
/// assert_eq!(document.validate(), []);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleDocument {
    /// The format, [`FORMAT`].
    pub format: u32,
    /// What gives points, and where they are ranked.
    #[serde(default)]
    pub leaderboards: Vec<Leaderboard>,
    /// Ordered steps whose reach is counted.
    #[serde(default)]
    pub funnels: Vec<Funnel>,
    /// What makes a record suspicious.
    #[serde(default)]
    pub fraud: FraudRules,
    /// Groups of visitors for ads and offers.
    #[serde(default)]
    pub segments: Vec<SegmentRule>,
    /// Which ad belongs to which campaign.
    #[serde(default)]
    pub campaigns: Vec<CampaignRule>,
    /// How late records may be, by view; [`Lateness::default_of`] for views that are not named.
    #[serde(default)]
    pub lateness: BTreeMap<String, Lateness>,
}

impl Default for RuleDocument {
    fn default() -> Self {
        Self {
            format: FORMAT,
            leaderboards: Vec::new(),
            funnels: Vec::new(),
            fraud: FraudRules::default(),
            segments: Vec::new(),
            campaigns: Vec::new(),
            lateness: BTreeMap::new(),
        }
    }
}

/// What is wrong with one field of a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FieldError {
    /// The path of the field, such as `fraud.rules[2].weight`.
    pub field: String,
    /// What is wrong, for people.
    pub message: String,
}

/// Why a text is not a rules document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not TOML, or not the shape of a document.
    #[error("rules are not readable: {0}")]
    Toml(#[from] toml::de::Error),
    /// Not JSON, or not the shape of a document.
    #[error("rules are not readable: {0}")]
    Json(#[from] serde_json::Error),
}

impl RuleDocument {
    /// Reads TOML.
    ///
    /// # Errors
    /// When it is no TOML, has unknown keys or values of the wrong type; the message names the place.
    pub fn from_toml(text: &str) -> Result<Self, DocumentError> {
        Ok(toml::from_str(text)?)
    }

    /// Reads JSON text.
    ///
    /// # Errors
    /// As [`RuleDocument::from_toml`].
    pub fn from_json(text: &str) -> Result<Self, DocumentError> {
        Ok(serde_json::from_str(text)?)
    }

    /// Reads the value that a `RulesPublished` fact carries.
    ///
    /// # Errors
    /// As [`RuleDocument::from_toml`].
    pub fn from_value(value: &serde_json::Value) -> Result<Self, DocumentError> {
        Ok(Self::deserialize(value)?)
    }

    /// The value for a `RulesPublished` fact.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("a document has text keys only")
    }

    /// Everything that is wrong with it, by field; empty when it may be published.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut found = Faults::default();
        if self.format != FORMAT {
            found.add("format", format!("this build reads format {FORMAT}, not {}", self.format));
        }
        if let Err(error) = PointsRules::new(self.leaderboards.clone()) {
            found.add("leaderboards", error.to_string());
        }
        if let Err(error) = FunnelRules::new(self.funnels.clone()) {
            found.add("funnels", error.to_string());
        }
        self.validate_fraud(&mut found);
        self.validate_segments(&mut found);
        self.validate_campaigns(&mut found);
        for view in self.lateness.keys().filter(|view| !VIEWS.contains(&view.as_str())) {
            let message = format!("no view `{view}` asks how late a record is; {} do", VIEWS.join(", "));
            found.add(&format!("lateness.{view}"), message);
        }
        found.0
    }

    /// How late a record may be for a view.
    pub fn lateness(&self, view: &str) -> Lateness {
        self.lateness.get(view).copied().unwrap_or_else(|| Lateness::default_of(view))
    }

    fn validate_fraud(&self, found: &mut Faults) {
        let rules = &self.fraud.rules;
        if !rules.is_empty() && !(1..=SCORE_MAX).contains(&self.fraud.high) {
            found.add("fraud.high", format!("{} is not in 1..={SCORE_MAX}", self.fraud.high));
        }
        found.bound("fraud.rules", rules.len(), RULES_MAX);
        found.unique("fraud.rules", "id", rules.iter().map(|rule| rule.id));
        for (place, rule) in rules.iter().enumerate() {
            for (field, message) in rule.faults() {
                found.add(&format!("fraud.rules[{place}].{field}"), message);
            }
        }
    }

    fn validate_segments(&self, found: &mut Faults) {
        found.bound("segments", self.segments.len(), SEGMENTS_MAX);
        found.unique("segments", "id", self.segments.iter().map(|segment| segment.id));
        for (place, segment) in self.segments.iter().enumerate() {
            if !segment.id.is_some() {
                found.add(&format!("segments[{place}].id"), "a segment needs an id".to_owned());
            }
            for message in segment.when.faults() {
                found.add(&format!("segments[{place}].when"), message);
            }
        }
    }

    fn validate_campaigns(&self, found: &mut Faults) {
        found.unique("campaigns", "id", self.campaigns.iter().map(|campaign| campaign.id));
        found.bound("campaigns", self.campaigns.iter().map(|campaign| campaign.ads.len()).sum(), ADS_MAX);
        let mut owners = BTreeMap::new();
        for (place, campaign) in self.campaigns.iter().enumerate() {
            if !campaign.id.is_some() {
                found.add(&format!("campaigns[{place}].id"), "a campaign needs an id".to_owned());
            }
            for (ad_place, ad) in campaign.ads.iter().enumerate() {
                let field = format!("campaigns[{place}].ads[{ad_place}]");
                if !ad.is_some() {
                    found.add(&field, "an ad needs an id".to_owned());
                } else if let Some(owner) = owners.insert(*ad, campaign.id) {
                    found.add(&field, format!("ad `{ad}` already belongs to campaign `{owner}`"));
                }
            }
        }
    }
}

#[derive(Default)]
pub(crate) struct Faults(pub(crate) Vec<FieldError>);

impl Faults {
    pub(crate) fn add(&mut self, field: &str, message: String) {
        self.0.push(FieldError { field: field.to_owned(), message });
    }

    fn bound(&mut self, field: &str, count: usize, most: usize) {
        if count > most {
            self.add(field, format!("{count} entries are more than the {most} allowed"));
        }
    }

    fn unique<T: Ord + std::fmt::Display>(&mut self, list: &str, field: &str, ids: impl Iterator<Item = T>) {
        let mut seen = BTreeSet::new();
        for (place, id) in ids.enumerate() {
            if seen.contains(&id) {
                self.add(&format!("{list}[{place}].{field}"), format!("`{id}` is named twice"));
            }
            seen.insert(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused_by_name() {
        let error = RuleDocument::from_toml("format = 1\nfruad = 3\n").unwrap_err().to_string();
        assert!(error.contains("fruad"), "{error}");
        let error = RuleDocument::from_json(r#"{"format":1,"segments":[{"id":"a","when":"sessions >= 1","x":1}]}"#);
        assert!(error.unwrap_err().to_string().contains("unknown field `x`"));
    }

    #[test]
    fn faults_name_their_fields() {
        let text = r#"
            format = 2
            campaigns = [{ id = "a", ads = ["1", "2"] }, { id = "a", ads = ["2"] }]
            segments = [{ id = "s", when = { all = [] } }]
            leaderboards = [{ leaderboard = "l", points = [{ rule = "r", kind = "session_joined", points = 0 }] }]
            funnels = [{ funnel = "f", within = "1h", steps = [] }]
            lateness = { campaign = { bound = "1s", policy = "exclude" } }
            [[fraud.rules]]
            id = "r"
            on = ["page_viewed"]
            all = ["bot = 1"]
            weight = 2000
            reason = "bot"
        "#;
        let document = RuleDocument::from_toml(text).unwrap();
        let fields: Vec<String> = document.validate().into_iter().map(|fault| fault.field).collect();
        assert_eq!(
            fields,
            [
                "format",
                "leaderboards",
                "funnels",
                "fraud.rules[0].weight",
                "fraud.rules[0].on",
                "segments[0].when",
                "campaigns[1].id",
                "campaigns[1].ads[0]",
                "lateness.campaign"
            ]
        );
    }

    #[test]
    fn toml_and_json_mean_the_same() {
        let toml = RuleDocument::from_toml("format = 1\nsegments = [{ id = 's', when = 'sessions >= 1' }]").unwrap();
        assert_eq!(RuleDocument::from_value(&toml.to_value()).unwrap(), toml);
    }
}
