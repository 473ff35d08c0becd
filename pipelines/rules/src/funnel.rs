//! Funnels: ordered steps within a time limit, and how many visitors reach each.
//!
//! ```toml
//! [[funnels]]
//! funnel = "buy"
//! within = "2h"
//! steps = [
//!     { step = "look", kind = "item_viewed" },
//!     { step = "cart", kind = "item_carted" },
//!     { step = "pay", kind = "order_reported" },
//! ]
//! ```

use std::collections::BTreeSet;

use records::{Kind, RuleId, Text};
use serde::{Deserialize, Serialize};

use crate::length::Length;

/// The most funnels of one organization.
pub const FUNNELS_MAX: usize = 32;
/// The most steps of a funnel: a record's matching steps fit 16 bits.
pub const STEPS_MAX: usize = 16;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What people call it.
    pub step: Text,
    /// The kind of record that reaches it.
    pub kind: Kind,
    /// Only records with this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// Only records with this category or track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Text>,
}

/// One funnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Funnel {
    /// Its name.
    pub funnel: RuleId,
    /// The most time between the first step and the last, by event time.
    pub within: Length,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// Why funnels cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunnelError {
    /// Too many.
    #[error("more than {FUNNELS_MAX} funnels")]
    Funnels,
    /// Two have the same name.
    #[error("funnel `{0}` is there twice")]
    Same(RuleId),
    /// No steps, or too many.
    #[error("funnel `{0}` has {1} steps; 1 to {STEPS_MAX} are possible")]
    Steps(RuleId, usize),
}

/// Checked funnels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FunnelRules {
    funnels: Vec<Funnel>,
    // By funnel: the hash of its definition, so that a changed funnel counts from the start.
    definitions: Vec<u64>,
    kinds: Vec<Kind>,
}

impl FunnelRules {
    /// Checks funnels.
    ///
    /// # Errors
    /// When there are too many, a name is there twice, or one has no or too many steps.
    pub fn new(funnels: Vec<Funnel>) -> Result<Self, FunnelError> {
        if funnels.len() > FUNNELS_MAX {
            return Err(FunnelError::Funnels);
        }
        let mut names = BTreeSet::new();
        for funnel in &funnels {
            if !names.insert(funnel.funnel) {
                return Err(FunnelError::Same(funnel.funnel));
            }
            if !(1..=STEPS_MAX).contains(&funnel.steps.len()) {
                return Err(FunnelError::Steps(funnel.funnel, funnel.steps.len()));
            }
        }
        let kinds: BTreeSet<Kind> = funnels.iter().flat_map(|funnel| &funnel.steps).map(|step| step.kind).collect();
        let definitions = funnels.iter().map(Funnel::definition).collect();
        Ok(Self { funnels, definitions, kinds: kinds.into_iter().collect() })
    }

    /// The funnels, as published.
    pub fn funnels(&self) -> &[Funnel] {
        &self.funnels
    }

    /// The funnels, each with the hash of its definition: another limit or another step gives another hash.
    pub fn defined(&self) -> impl Iterator<Item = (&Funnel, u64)> {
        self.funnels.iter().zip(self.definitions.iter().copied())
    }

    /// Whether any step is reached by records of this kind.
    #[inline]
    pub fn hears(&self, kind: Kind) -> bool {
        self.kinds.binary_search(&kind).is_ok()
    }
}

impl Funnel {
    /// The hash of everything that decides what it counts.
    pub fn definition(&self) -> u64 {
        let text = serde_json::to_vec(self).expect("a funnel has text keys only");
        records::hash::bytes(&text)
    }

    /// The steps that a record reaches: bit n for step n. A record may stand for several.
    pub fn steps_of(&self, kind: Kind, name: &str, category: &str) -> u16 {
        let reached = |step: &Step| {
            step.kind == kind
                && step.name.as_ref().is_none_or(|wanted| wanted.as_str() == name)
                && step.category.as_ref().is_none_or(|wanted| wanted.as_str() == category)
        };
        (0..).zip(&self.steps).filter(|(_, step)| reached(step)).fold(0, |bits, (place, _)| bits | 1u16 << place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(kind: Kind) -> Step {
        Step { step: kind.word().into(), kind, name: None, category: None }
    }

    fn funnel(steps: Vec<Step>) -> Funnel {
        Funnel { funnel: RuleId::parse("buy").unwrap(), within: Length::seconds(7_200), steps }
    }

    #[test]
    fn a_record_may_stand_for_several_steps() {
        let named = Step { name: Some("pricing".into()), ..step(Kind::Page) };
        let funnel = funnel(vec![step(Kind::Page), named, step(Kind::OrderReported)]);
        assert_eq!(funnel.steps_of(Kind::Page, "pricing", ""), 0b011);
        assert_eq!(funnel.steps_of(Kind::Page, "home", ""), 0b001);
        assert_eq!(funnel.steps_of(Kind::OrderReported, "", ""), 0b100);
        assert_eq!(funnel.steps_of(Kind::Screen, "", ""), 0);
    }

    #[test]
    fn impossible_funnels_are_refused() {
        assert!(FunnelRules::new(vec![funnel(vec![])]).is_err());
        assert!(FunnelRules::new(vec![funnel(vec![step(Kind::Page); STEPS_MAX + 1])]).is_err());
        assert!(FunnelRules::new(vec![funnel(vec![step(Kind::Page)]), funnel(vec![step(Kind::Page)])]).is_err());
        let rules = FunnelRules::new(vec![funnel(vec![step(Kind::Page)])]).unwrap();
        assert!(rules.hears(Kind::Page) && !rules.hears(Kind::Screen));
    }

    #[test]
    fn a_changed_funnel_is_another_one() {
        let first = funnel(vec![step(Kind::Page)]);
        assert_eq!(first.definition(), first.clone().definition());
        assert_ne!(first.definition(), Funnel { within: Length::seconds(60), ..first.clone() }.definition());
        assert_ne!(first.definition(), funnel(vec![step(Kind::Screen)]).definition());
    }
}
