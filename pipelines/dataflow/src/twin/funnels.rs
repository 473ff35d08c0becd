//! Funnels: each actor's matching records in the order of the log, and the chains that they make.

use std::collections::BTreeMap;

use records::{Span, Timestamp, Token};
use rules::funnel::Funnel;
use views::funnels::{FunnelKey, Funnels as View, StepSums, summarize};
use views::shards::Reader;
use views::state::Fold;

use super::leaderboards::track;
use super::{Differences, Row};

/// A record that stands for some steps.
#[derive(Debug, Clone, Copy)]
struct Match {
    time: Timestamp,
    steps: u16,
}

/// Every matching record, by funnel and actor.
#[derive(Debug, Default)]
pub struct Funnels(BTreeMap<FunnelKey, (Funnel, BTreeMap<Token, Vec<Match>>)>);

impl Funnels {
    pub(crate) fn take(&mut self, row: &Row<'_>) {
        let record = row.record;
        let Some(rules) = row.book.rules(record.organization) else { return };
        if !record.actor.is_some() {
            return;
        }
        let category = track(row);
        for (funnel, definition) in rules.funnels.defined() {
            let steps = funnel.steps_of(record.kind, &record.name, &category);
            if steps == 0 {
                continue;
            }
            let key =
                FunnelKey { organization: record.organization, event: record.event, funnel: funnel.funnel, definition };
            let (_, actors) = self.0.entry(key).or_insert_with(|| (funnel.clone(), BTreeMap::new()));
            actors.entry(record.actor).or_default().push(Match { time: record.event_time, steps });
        }
    }

    /// How many actors reached each step of a funnel.
    pub fn reached(&self, key: &FunnelKey) -> Vec<u64> {
        let Some((funnel, actors)) = self.0.get(key) else { return Vec::new() };
        let furthest: Vec<usize> = actors.values().map(|matches| chains(funnel, matches).len()).collect();
        (1..=funnel.steps.len())
            .map(|step| furthest.iter().filter(|reached| **reached >= step).count() as u64)
            .collect()
    }

    /// Actors by funnel, step and the hour in which the chain began that first reached it: what the landed rows add up to.
    pub fn landed(&self) -> BTreeMap<(FunnelKey, u8, Timestamp), StepSums> {
        let mut rows = BTreeMap::<_, StepSums>::new();
        for (key, (funnel, actors)) in &self.0 {
            for matches in actors.values() {
                for (step, (first, last)) in (0u8..).zip(chains(funnel, matches)) {
                    let hour = Timestamp(first.0 - first.0.rem_euclid(Span::HOUR.0));
                    let sums = rows.entry((*key, step, hour)).or_default();
                    sums.reached += 1;
                    sums.duration_ms += (last - first).0.div_euclid(1_000);
                }
            }
        }
        rows
    }

    /// Compares every step of every funnel.
    pub fn compare(&self, reader: &Reader<View>) -> Differences {
        let mut differences = Differences::new(View::NAME);
        for key in self.0.keys() {
            let twin = self.reached(key);
            let (summary, _) = summarize(reader, key, twin.len());
            differences.same(|| format!("{key:?}"), &summary.reached, &twin);
        }
        differences
    }
}

/// For each step that one actor reached, the begin and end of the chain that first did. Of the chains that reached a step the one that began latest goes on; of equals
/// the one whose newest record is earliest.
fn chains(funnel: &Funnel, matches: &[Match]) -> Vec<(Timestamp, Timestamp)> {
    let mut reached: Vec<(Timestamp, Timestamp)> = Vec::new();
    let mut best: Vec<Option<(Timestamp, Timestamp)>> = vec![None; funnel.steps.len()];
    for found in matches {
        // What was reached before this record: it cannot be two steps of one chain.
        let before = best.clone();
        for step in (0..funnel.steps.len()).filter(|step| found.steps & (1 << step) != 0) {
            let chain = if step == 0 {
                Some((found.time, found.time))
            } else {
                let goes_on = |(first, last): &(Timestamp, Timestamp)| {
                    *last <= found.time && found.time - *first <= funnel.within.0
                };
                before[step - 1].filter(goes_on).map(|(first, _)| (first, found.time))
            };
            let better = |new: (Timestamp, Timestamp), old: (Timestamp, Timestamp)| {
                new.0 > old.0 || new.0 == old.0 && new.1 < old.1
            };
            if let Some(new) = chain
                && best[step].is_none_or(|old| better(new, old))
            {
                if best[step].is_none() {
                    reached.push(new);
                }
                best[step] = Some(new);
            }
        }
    }
    // A step is reached after the one before it, so they stand in their order.
    reached
}
