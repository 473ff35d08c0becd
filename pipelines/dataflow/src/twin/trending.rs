//! Trending: every happening of an event and thing as a list, decayed frame by frame.

use std::collections::BTreeMap;

use records::Timestamp;
use views::shards::Reader;
use views::state::Fold;
use views::trending::decay::decayed;
use views::trending::{Stage, Thing, Trends as View, weight};

use super::{Differences, Row};

/// One unit of weight.
const UNIT: u64 = 1 << 20;

/// The weights of each thing by log time: the records of a frame have one.
#[derive(Debug, Default)]
pub struct Trending(BTreeMap<Stage, BTreeMap<Thing, BTreeMap<Timestamp, u64>>>);

impl Trending {
    pub(crate) fn take(&mut self, row: &Row<'_>) {
        let record = row.record;
        let weight = weight(record.kind);
        if weight == 0 {
            return;
        }
        let stage = Stage { organization: record.organization, event: record.event };
        // What happens to an item within a session is attention for the session.
        let thing = match (record.session.is_some(), record.item.is_some()) {
            (true, _) => Thing::Session(record.session),
            (false, true) => Thing::Item(record.item),
            (false, false) => return,
        };
        let frames = self.0.entry(stage).or_default().entry(thing).or_default();
        *frames.entry(row.pos.log_time).or_default() += u64::from(weight);
    }

    /// Everything with a score that is left, highest first, as of a log time.
    pub fn ranked(&self, stage: &Stage, as_of: Timestamp) -> Vec<(Thing, u64)> {
        let things = self.0.get(stage).into_iter().flatten();
        let mut scores: Vec<(Thing, u64)> = things.map(|(thing, frames)| (*thing, score(frames, as_of))).collect();
        scores.retain(|(_, score)| *score > 0);
        scores.sort_unstable_by_key(|(thing, score)| (std::cmp::Reverse(*score), *thing));
        scores
    }

    /// Compares the whole ranking of each event.
    pub fn compare(&self, reader: &Reader<View>, as_of: Timestamp) -> Differences {
        let mut differences = Differences::new(View::NAME);
        for stage in self.0.keys() {
            let (top, _) = reader.read(stage.hash(), |bin| bin.top(stage, as_of, usize::MAX));
            let shown: Vec<(Thing, f64)> =
                top.map(|top| top.trends.iter().map(|trend| (trend.thing, trend.score)).collect()).unwrap_or_default();
            let twin: Vec<(Thing, f64)> = self
                .ranked(stage, as_of)
                .into_iter()
                .map(|(thing, score)| (thing, score as f64 / UNIT as f64))
                .collect();
            differences.same(|| format!("{stage:?} things"), &shown.len(), &twin.len());
            for (rank, (view, twin)) in (1..).zip(shown.iter().zip(&twin)) {
                differences.same(|| format!("{stage:?} rank {rank}"), view, twin);
            }
        }
        differences
    }
}

fn score(frames: &BTreeMap<Timestamp, u64>, as_of: Timestamp) -> u64 {
    let (mut score, mut at) = (0u64, None);
    for (time, weight) in frames {
        score = decayed(score, at.map_or(records::Span::ZERO, |at| *time - at)).saturating_add(weight * UNIT);
        at = Some(*time);
    }
    decayed(score, at.map_or(records::Span::ZERO, |at| as_of - at))
}
