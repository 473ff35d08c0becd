//! Where a view and its twin disagree.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};

/// One disagreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The view.
    pub view: &'static str,
    /// What was asked.
    pub question: String,
    /// What the view answers.
    pub view_says: String,
    /// What the recount gives.
    pub twin_says: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: view {}, recount {}", self.view, self.question, self.view_says, self.twin_says)
    }
}

/// The most differences of one view that are kept: the first tell the cause, millions more would only fill memory.
const KEPT_MAX: usize = 100;

/// Collects the disagreements of one view, and counts what was compared, so that nothing compared is no agreement.
#[derive(Debug, Clone)]
pub struct Differences {
    view: &'static str,
    compared: u64,
    found: u64,
    kept: Vec<Difference>,
}

impl Differences {
    /// Nothing compared yet.
    pub fn new(view: &'static str) -> Self {
        Self { view, compared: 0, found: 0, kept: Vec::new() }
    }

    /// The view.
    pub fn view(&self) -> &'static str {
        self.view
    }

    /// How many answers were compared.
    pub fn compared(&self) -> u64 {
        self.compared
    }

    /// How many of them differ.
    pub fn found(&self) -> u64 {
        self.found
    }

    /// The first differences.
    pub fn kept(&self) -> &[Difference] {
        &self.kept
    }

    /// Compares two answers to one question.
    pub(crate) fn same<T: PartialEq + Debug>(&mut self, question: impl FnOnce() -> String, view: &T, twin: &T) {
        self.compared += 1;
        if view != twin {
            self.add(question(), format!("{view:?}"), format!("{twin:?}"));
        }
    }

    /// Compares all answers of a view with all of its twin's: missing ones and ones too many differ as well.
    pub(crate) fn same_map<K: Ord + Debug, V: PartialEq + Debug>(
        &mut self,
        view: &BTreeMap<K, V>,
        twin: &BTreeMap<K, V>,
    ) {
        for (key, twin_value) in twin {
            self.compared += 1;
            match view.get(key) {
                Some(value) if value == twin_value => {}
                Some(value) => self.add(format!("{key:?}"), format!("{value:?}"), format!("{twin_value:?}")),
                None => self.add(format!("{key:?}"), "nothing".into(), format!("{twin_value:?}")),
            }
        }
        for (key, value) in view.iter().filter(|(key, _)| !twin.contains_key(key)) {
            self.compared += 1;
            self.add(format!("{key:?}"), format!("{value:?}"), "nothing".into());
        }
    }

    fn add(&mut self, question: String, view_says: String, twin_says: String) {
        self.found += 1;
        if self.kept.len() < KEPT_MAX {
            self.kept.push(Difference { view: self.view, question, view_says, twin_says });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_surplus_answers_differ() {
        let mut differences = Differences::new("test");
        let (view, twin) = (BTreeMap::from([(1, 'a'), (2, 'b')]), BTreeMap::from([(2, 'c'), (3, 'd')]));
        differences.same_map(&view, &twin);
        assert_eq!((differences.compared(), differences.found()), (3, 3));
        assert_eq!(differences.kept()[0].to_string(), "test 2: view 'b', recount 'c'");
        differences.same(|| "x".into(), &1, &1);
        assert_eq!((differences.compared(), differences.found()), (4, 3));
    }
}
