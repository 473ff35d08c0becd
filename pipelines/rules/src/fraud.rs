//! Fraud rules: readable conditions over signals, and their plan: what to keep, what to score, how.

use std::fmt;
use std::str::FromStr;

use records::{Kind, RuleId};
use serde::{Deserialize, Serialize};

use crate::compare::{Compare, ConditionError, threshold};
use crate::signal::{Entity, Measure, Signal};
#[cfg(doc)]
use crate::window::Window;

/// The highest score.
pub const SCORE_MAX: u16 = 1_000;
/// The most fraud rules of one organization: each is tried on each scored record.
pub const RULES_MAX: usize = 256;
/// The most conditions of one rule.
pub const CONDITIONS_MAX: usize = 16;
/// The value of a signal that the record does not have; no condition on it holds.
pub const ABSENT: i64 = i64::MIN;
/// The kinds of record that get a score.
pub const SCORED: [Kind; 4] = [Kind::OrderReported, Kind::RegistrationReported, Kind::AdClicked, Kind::OrderPlaced];

/// One comparison, such as `accounts_on_device_1h >= 3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// The left side.
    pub signal: Signal,
    /// How it is compared.
    pub compare: Compare,
    /// The right side.
    pub value: i64,
}

/// A rule: when its conditions hold, its weight is added to the record's score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FraudRule {
    /// Its name in reasons, rows and counts.
    pub id: RuleId,
    /// The kinds that it looks at; all scored kinds when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<Kind>,
    /// All of these hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<Condition>,
    /// At least one of these holds, when there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any: Vec<Condition>,
    /// What it adds to the score, `1..=1000`.
    pub weight: u16,
    /// The reason as people read it; `{signal}` stands for the value of a signal that the rule compares.
    pub reason: String,
}

/// The fraud rules of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FraudRules {
    /// Records with at least this score are listed as recent high scores, `1..=1000`.
    #[serde(default = "high_default")]
    pub high: u16,
    /// The rules.
    #[serde(default)]
    pub rules: Vec<FraudRule>,
}

fn high_default() -> u16 {
    500
}

impl Default for FraudRules {
    fn default() -> Self {
        Self { high: high_default(), rules: Vec::new() }
    }
}

impl FraudRule {
    /// Whether it looks at records of this kind.
    pub fn looks_at(&self, kind: Kind) -> bool {
        if self.on.is_empty() { SCORED.contains(&kind) } else { self.on.contains(&kind) }
    }

    /// Every condition.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.all.iter().chain(&self.any)
    }

    /// What is wrong with it, as (field, message).
    pub(crate) fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if !self.id.is_some() {
            faults.push(("id", "a rule needs an id".to_owned()));
        }
        if !(1..=SCORE_MAX).contains(&self.weight) {
            faults.push(("weight", format!("{} is not in 1..={SCORE_MAX}", self.weight)));
        }
        for kind in self.on.iter().filter(|kind| !SCORED.contains(kind)) {
            faults.push(("on", format!("`{kind}` records get no score")));
        }
        let conditions = self.conditions().count();
        if conditions == 0 || conditions > CONDITIONS_MAX {
            faults.push(("all", format!("a rule has 1 to {CONDITIONS_MAX} conditions in `all` and `any`")));
        }
        if self.reason.trim().is_empty() {
            faults.push(("reason", "a score without a reason helps nobody".to_owned()));
        }
        for name in placeholders(&self.reason) {
            if !self.conditions().any(|condition| condition.signal.to_string() == name) {
                faults.push(("reason", format!("`{{{name}}}` is not a signal that the rule compares")));
            }
        }
        for condition in self.conditions() {
            if let Some(ceiling) = condition.signal.ceiling()
                && matches!(condition.compare, Compare::AtLeast | Compare::Above | Compare::Is)
                && !(condition.value < ceiling || condition.value == ceiling && condition.compare != Compare::Above)
            {
                faults.push(("all", ConditionError::Unreachable(condition.to_string(), ceiling).to_string()));
            }
        }
        faults
    }
}

/// The names between braces.
fn placeholders(reason: &str) -> impl Iterator<Item = &str> {
    reason.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// What is kept for one sort of entity, because rules ask for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// The measures, by [`Measure::bit`].
    pub measures: u16,
    /// The windows, by [`Window::bit`].
    pub windows: u8,
    /// Whether anything at all is asked of it, the time since first seen for example.
    pub wanted: bool,
}

impl Needs {
    /// Whether a measure is asked for.
    #[inline]
    pub const fn has(self, measure: Measure) -> bool {
        self.measures & measure.bit() != 0
    }
}

/// One condition with the place of its signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Test {
    slot: u16,
    compare: Compare,
    value: i64,
}

/// One rule, ready to be tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Check {
    rule: u16,
    kinds: u8,
    all: Vec<Test>,
    any: Vec<Test>,
}

/// The fraud rules as they are worked with. Made by [`FraudPlan::new`]; shared by the records that it scores.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FraudPlan {
    /// The version of the published document.
    pub version: u32,
    /// Scores from here on are high.
    pub high: u16,
    /// The rules, in the document's order.
    pub rules: Vec<FraudRule>,
    /// The distinct signals that rules compare; a record's values stand in this order.
    pub signals: Vec<Signal>,
    /// What to keep for each entity, by [`Entity`].
    pub needs: [Needs; 4],
    /// Whether some rule asks for rings.
    pub rings: bool,
    /// Whether records of every kind are counted, not the scored ones only.
    pub every_kind: bool,
    checks: Vec<Check>,
}

/// A rule that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "FiredRule")]
pub struct Reason {
    /// The rule.
    pub rule: RuleId,
    /// What it added.
    pub weight: u16,
    /// Why, with the values that it saw.
    pub text: String,
}

fn kind_bit(kind: Kind) -> u8 {
    SCORED.iter().position(|scored| *scored == kind).map_or(0, |place| 1 << place)
}

impl FraudPlan {
    /// Works out what the rules need.
    pub fn new(version: u32, rules: &FraudRules) -> Self {
        let mut plan = Self { version, high: rules.high, rules: rules.rules.clone(), ..Self::default() };
        for (place, rule) in rules.rules.iter().take(RULES_MAX).enumerate() {
            let all = rule.all.iter().map(|condition| plan.test(condition)).collect();
            let any = rule.any.iter().map(|condition| plan.test(condition)).collect();
            let kinds =
                SCORED.into_iter().filter(|kind| rule.looks_at(*kind)).fold(0, |set, kind| set | kind_bit(kind));
            plan.checks.push(Check { rule: u16::try_from(place).expect("RULES_MAX is small"), kinds, all, any });
        }
        if plan.rings {
            // A ring grows from devices that several accounts share.
            let needs = &mut plan.needs[Entity::Device as usize];
            needs.measures |= Measure::Accounts.bit();
            needs.windows |= crate::signal::LONGEST.bit();
            needs.wanted = true;
        }
        plan
    }

    fn test(&mut self, condition: &Condition) -> Test {
        let place = self.signals.iter().position(|signal| *signal == condition.signal).unwrap_or_else(|| {
            self.signals.push(condition.signal);
            self.signals.len() - 1
        });
        match condition.signal {
            Signal::Velocity { measure, entity, window } => {
                let needs = &mut self.needs[entity as usize];
                needs.measures |= measure.bit();
                needs.windows |= window.bit();
                needs.wanted = true;
                self.every_kind |= measure == Measure::Records;
            }
            Signal::Known(entity) => self.needs[entity as usize].wanted = true,
            Signal::RingAccounts => self.rings = true,
            _ => {}
        }
        let slot = u16::try_from(place).expect("RULES_MAX rules have few conditions");
        Test { slot, compare: condition.compare, value: condition.value }
    }

    /// Whether there is anything to do.
    pub fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    /// Whether records of this kind are scored.
    #[inline]
    pub fn scores(&self, kind: Kind) -> bool {
        let bit = kind_bit(kind);
        bit != 0 && self.checks.iter().any(|check| check.kinds & bit != 0)
    }

    /// The place of each signal that an entity's state answers.
    pub fn asked_of(&self, entity: Entity) -> impl Iterator<Item = (u16, Signal)> + '_ {
        let slots = (0u16..).zip(self.signals.iter().copied());
        slots.filter(move |(_, signal)| signal.entity() == Some(entity))
    }

    /// Scores a record of `kind`: `values` stand for [`FraudPlan::signals`], [`ABSENT`] where the record has none.
    /// The score is the sum of the weights of the rules that hold, at most [`SCORE_MAX`].
    ///
    /// # Panics
    /// When there are fewer values than signals.
    pub fn score(&self, kind: Kind, values: &[i64]) -> (u16, Vec<Reason>) {
        assert!(values.len() >= self.signals.len(), "every signal has a value, if only ABSENT");
        let holds = |test: &Test| {
            let value = values[usize::from(test.slot)];
            value != ABSENT && test.compare.holds(value, test.value)
        };
        let bit = kind_bit(kind);
        let mut reasons = Vec::new();
        let mut score = 0u32;
        for check in &self.checks {
            let fires = check.kinds & bit != 0
                && check.all.iter().all(holds)
                && (check.any.is_empty() || check.any.iter().any(holds));
            if fires {
                let rule = &self.rules[usize::from(check.rule)];
                score += u32::from(rule.weight);
                reasons.push(Reason { rule: rule.id, weight: rule.weight, text: self.explain(&rule.reason, values) });
            }
        }
        (u16::try_from(score.min(u32::from(SCORE_MAX))).expect("the score is capped"), reasons)
    }

    /// The reason with values in place of `{signal}`.
    fn explain(&self, reason: &str, values: &[i64]) -> String {
        let mut text = reason.to_owned();
        for name in placeholders(reason) {
            let place = self.signals.iter().position(|signal| signal.to_string() == name);
            let value = place.map_or(ABSENT, |place| values[place]);
            let shown = if value == ABSENT { "-".to_owned() } else { value.to_string() };
            text = text.replace(&format!("{{{name}}}"), &shown);
        }
        text
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.signal, self.compare, self.value)
    }
}

impl FromStr for Condition {
    type Err = ConditionError;
    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let short = || text.chars().take(64).collect::<String>();
        let (signal, compare, value) = Compare::split(text).ok_or_else(|| ConditionError::NoSign(short()))?;
        Ok(Self { signal: signal.parse()?, compare, value: threshold(value)? })
    }
}

impl Serialize for Condition {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: &str, all: &[&str], any: &[&str], weight: u16, reason: &str) -> FraudRule {
        let read = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let id = RuleId::parse(id).unwrap();
        FraudRule { id, on: Vec::new(), all: read(all), any: read(any), weight, reason: reason.into() }
    }

    fn plan(rules: Vec<FraudRule>) -> FraudPlan {
        FraudPlan::new(1, &FraudRules { high: 500, rules })
    }

    #[test]
    fn sixty_seconds_after_signup_is_inclusive() {
        let reason = "bought {purchase_minus_signup_s} s after signing up";
        let plan = plan(vec![rule("fast", &["purchase_time - signup_time <= 60 s"], &[], 600, reason)]);
        let (score, reasons) = plan.score(Kind::OrderReported, &[60]);
        assert_eq!((score, reasons[0].text.as_str()), (600, "bought 60 s after signing up"));
        assert_eq!(plan.score(Kind::OrderReported, &[61]).0, 0);
        assert_eq!(plan.score(Kind::OrderReported, &[ABSENT]).0, 0);
        assert_eq!(plan.score(Kind::Page, &[0]).0, 0);
    }

    #[test]
    fn needs_follow_from_the_rules() {
        let plan = plan(vec![rule("r", &["accounts_on_device_1h >= 3"], &["ring_accounts >= 4", "bot = 1"], 1, "r")]);
        let device = plan.needs[Entity::Device as usize];
        assert!(device.has(Measure::Accounts) && !device.has(Measure::Orders) && plan.rings);
        assert_eq!((plan.needs[Entity::Card as usize], plan.every_kind), (Needs::default(), false));
        // all of `all`, one of `any`
        assert_eq!(plan.score(Kind::AdClicked, &[3, ABSENT, 1]).0, 1);
        assert_eq!(plan.score(Kind::AdClicked, &[3, 3, 0]).0, 0);
        assert_eq!(plan.score(Kind::AdClicked, &[2, 4, 1]).0, 0);
    }

    #[test]
    fn scores_are_capped_and_faults_named() {
        let rules = ["a", "b"].map(|id| rule(id, &["bot = 1"], &[], 700, "bot"));
        assert_eq!(plan(rules.to_vec()).score(Kind::AdClicked, &[1]).0, SCORE_MAX);
        let bad = rule("x", &["accounts_on_device_1h >= 65"], &[], 0, "{quantity}");
        assert_eq!(bad.faults().iter().map(|(field, _)| *field).collect::<Vec<_>>(), ["weight", "reason", "all"]);
    }

    #[test]
    fn conditions_print_as_read() {
        for text in ["accounts_on_device_1h >= 3", "purchase_minus_signup_s <= 60", "bot != 0"] {
            assert_eq!(text.parse::<Condition>().unwrap().to_string(), text);
        }
        assert!(matches!("bot".parse::<Condition>(), Err(ConditionError::NoSign(_))));
        assert!(matches!("bot = x".parse::<Condition>(), Err(ConditionError::Number(_))));
    }
}
