//! Views that are set aside: they panic although no record is to blame, so they stand still and the others go on.
//!
//! The log says from which epoch on, so every replay sets the same views aside at the same place. Their answers stay
//! readable and name what they reflect. Another version of the view begins anew.

use std::collections::BTreeSet;
use std::sync::Arc;

use views::as_of::AsOf;

use crate::binding::Aside;

/// A view that stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    pub(crate) number: usize,
    /// The view.
    pub view: &'static str,
    /// The first epoch that it takes no part in.
    pub since: u64,
    /// What its answers reflect.
    pub as_of: AsOf,
    /// What the panic said, and where it was.
    pub why: Arc<str>,
}

/// The views of a program: who is set aside with whom.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    names: Vec<(&'static str, u32)>,
    upstreams: Vec<Vec<usize>>,
}

impl Plan {
    pub(crate) fn new(names: Vec<(&'static str, u32)>, upstreams: Vec<Vec<usize>>) -> Self {
        Self { names, upstreams }
    }

    pub(crate) fn position(&self, view: &str) -> Option<usize> {
        self.names.iter().position(|(name, _)| *name == view)
    }

    /// The view that an entry concerns; none when this build has another version of it, or none at all.
    fn concerned(&self, aside: &Aside) -> Option<usize> {
        self.position(&aside.view).filter(|view| self.names[*view].1 == aside.version)
    }

    /// A view and all that live on what it hands on: they would miss inputs and not know it.
    fn with_dependents(&self, view: usize) -> Vec<usize> {
        let mut found = vec![view];
        // Views come after those that hand inputs on to them, so one pass finds all.
        for (next, upstreams) in self.upstreams.iter().enumerate() {
            if upstreams.iter().any(|upstream| found.contains(upstream)) {
                found.push(next);
            }
        }
        found
    }
}

/// The views that are aside at the sequencer's place, and those that will be.
pub(crate) struct Asides {
    plan: Plan,
    coming: BTreeSet<Aside>,
    now: Arc<[SetAside]>,
}

impl Asides {
    /// `now` are those of the manifest, `coming` what the log says after it.
    pub(crate) fn new(plan: Plan, coming: BTreeSet<Aside>, now: Vec<SetAside>) -> Self {
        let coming = coming.into_iter().filter(|aside| plan.concerned(aside).is_some()).collect();
        Self { plan, coming, now: now.into() }
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn now(&self) -> Arc<[SetAside]> {
        Arc::clone(&self.now)
    }

    /// Whether a view will be set aside that still takes part. It may be its encoding that panics, so its state is not
    /// written before.
    pub(crate) fn are_coming(&self) -> bool {
        !self.coming.is_empty()
    }

    /// Goes on to an epoch; `before` says what the views reflect that leave there.
    pub(crate) fn enter(&mut self, epoch: u64, before: impl Fn() -> AsOf) -> Arc<[SetAside]> {
        while self.coming.first().is_some_and(|aside| aside.epoch <= epoch)
            && let Some(aside) = self.coming.pop_first()
            && let Some(view) = self.plan.concerned(&aside)
        {
            let mut now = self.now.to_vec();
            for number in self.plan.with_dependents(view) {
                if now.iter().any(|aside| aside.number == number) {
                    continue;
                }
                let cause = if number == view { aside.why.clone() } else { format!("lives on `{}`", aside.view) };
                let (view, since) = (self.plan.names[number].0, aside.epoch);
                now.push(SetAside { number, view, since, as_of: before(), why: cause.into() });
            }
            self.now = now.into();
        }
        self.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aside(epoch: u64, view: &str, version: u32) -> Aside {
        Aside { epoch, view: view.into(), version, why: "overflow".into() }
    }

    fn plan() -> Plan {
        let names = vec![("windows", 1), ("points", 2), ("leaderboards", 1), ("ranks", 1)];
        Plan::new(names, vec![vec![], vec![], vec![1], vec![2]])
    }

    #[test]
    fn who_lives_on_a_view_is_set_aside_with_it_from_that_epoch_on() {
        let mut asides = Asides::new(plan(), [aside(5, "points", 2)].into(), Vec::new());
        assert!(asides.enter(4, AsOf::default).is_empty());
        let before = || AsOf { epoch: 4, ..AsOf::default() };
        let now = asides.enter(5, before);
        assert_eq!(now.iter().map(|aside| aside.view).collect::<Vec<_>>(), ["points", "leaderboards", "ranks"]);
        assert!(now.iter().all(|aside| (aside.since, aside.as_of.epoch) == (5, 4)));
        assert_eq!(&*now[2].why, "lives on `points`");
        assert_eq!(asides.enter(9, AsOf::default), now);
    }

    #[test]
    fn another_version_of_a_view_begins_anew() {
        let coming = [aside(5, "points", 1), aside(6, "gone", 1)].into();
        let mut asides = Asides::new(plan(), coming, Vec::new());
        assert!(asides.enter(9, AsOf::default).is_empty());
    }
}
