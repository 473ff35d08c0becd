//! Trending: every happening of an event as a list, told again and decayed frame by frame, under the view's bound.

use std::collections::{BTreeMap, BTreeSet};

use records::{Span, Timestamp};
use views::shards::Reader;
use views::state::Fold;
use views::trending::decay::decayed;
use views::trending::fold::THINGS_MAX;
use views::trending::{Stage, Thing, Trends as View, weight};

use super::{Differences, Row};

/// One unit of weight.
const UNIT: u64 = 1 << 20;

/// The happenings of each event by frame: the records of a frame have one log time, which no other frame has.
#[derive(Debug, Default)]
pub struct Trending(BTreeMap<Stage, Vec<Frame>>);

/// What one frame says of one event: things in the order in which they first came, with the sums of their weights.
#[derive(Debug)]
struct Frame {
    at: Timestamp,
    things: Vec<(Thing, u64)>,
    places: BTreeMap<Thing, usize>,
}

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
        let (at, frames) = (row.pos.log_time, self.0.entry(stage).or_default());
        if frames.last().is_none_or(|frame| frame.at != at) {
            frames.push(Frame { at, things: Vec::new(), places: BTreeMap::new() });
        }
        let frame = frames.last_mut().expect("there is one, or it was just made");
        let place = *frame.places.entry(thing).or_insert(frame.things.len());
        if place == frame.things.len() {
            frame.things.push((thing, 0));
        }
        frame.things[place].1 += u64::from(weight);
    }

    /// Everything with a score that is left, highest first, as of a log time.
    pub fn ranked(&self, stage: &Stage, as_of: Timestamp) -> Vec<(Thing, u64)> {
        scores(&self.replay(stage, |_, _, _| ()), as_of)
    }

    /// Tells an event's frames again; `ended` is told each minute that something happened in, what was kept at its end,
    /// and what got attention in it.
    fn replay(&self, stage: &Stage, mut ended: impl FnMut(Timestamp, &Kept, &BTreeSet<Thing>)) -> Kept {
        let mut kept = Kept::new();
        let (mut minute, mut fresh) = (Timestamp::MIN, BTreeSet::new());
        for frame in self.0.get(stage).into_iter().flatten() {
            let start = Timestamp(frame.at.0 - frame.at.0.rem_euclid(Span::MINUTE.0));
            if start != minute {
                ended(minute, &kept, &std::mem::take(&mut fresh));
                minute = start;
            }
            for (thing, weight) in &frame.things {
                fresh.insert(*thing);
                kept.entry(*thing).or_default().push((frame.at, *weight));
                // The bound is part of what the view says it is: at twice as many the lower half is forgotten.
                if kept.len() > 2 * THINGS_MAX {
                    let ranked = scores(&kept, frame.at);
                    let upper = ranked.into_iter().take(THINGS_MAX);
                    kept = upper.filter_map(|(thing, _)| kept.remove_entry(&thing)).collect();
                }
            }
        }
        ended(minute, &kept, &fresh);
        kept
    }

    /// The score of everything at the end of each minute in which it got attention, of the minutes that are over at a log
    /// time: what the landed rows say.
    pub fn minutes(&self, as_of: Timestamp) -> BTreeMap<(Stage, Thing, Timestamp), u64> {
        let mut rows = BTreeMap::new();
        for stage in self.0.keys() {
            self.replay(stage, |start, kept, fresh| {
                let end = start.saturating_add(Span::MINUTE);
                for thing in fresh.iter().filter(|_| end <= as_of) {
                    let frames = kept.get(thing);
                    rows.extend(frames.map(|frames| ((*stage, *thing, start), score(frames, end))));
                }
            });
        }
        rows
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

/// The weights of things by log time, since they came or came again.
type Kept = BTreeMap<Thing, Vec<(Timestamp, u64)>>;

fn scores(kept: &Kept, as_of: Timestamp) -> Vec<(Thing, u64)> {
    let mut scores: Vec<_> = kept.iter().map(|(thing, frames)| (*thing, score(frames, as_of))).collect();
    scores.retain(|(_, score)| *score > 0);
    scores.sort_unstable_by_key(|(thing, score)| (std::cmp::Reverse(*score), *thing));
    scores
}

fn score(frames: &[(Timestamp, u64)], as_of: Timestamp) -> u64 {
    let (mut score, mut at) = (0u64, None);
    for (time, weight) in frames {
        score = decayed(score, at.map_or(records::Span::ZERO, |at| *time - at)).saturating_add(weight * UNIT);
        at = Some(*time);
    }
    decayed(score, at.map_or(records::Span::ZERO, |at| as_of - at))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use records::{Batch, ItemId, Kind, Pos, Record};
    use views::state::{At, Effects};

    use super::*;
    use crate::frame::{Emit, Sequenced};

    #[test]
    fn an_event_with_more_things_than_are_kept_is_recounted_as_the_view_keeps_it() {
        let (mut view, mut twin) = (View::default(), Trending::default());
        let book = Arc::default();
        for frame in 1..=20 {
            let log_time = Timestamp::from_seconds(frame * 40);
            let pos = |offset| Pos { log_time, lane: 1, partition: 0, offset };
            let item =
                |row: u64| ItemId(u128::from(records::hash::mix(frame.cast_unsigned() * 1_000 + row) % 20_000) + 1);
            let records: Vec<Record> =
                (0..1_000).map(|row| Record { item: item(row), ..Record::new(Kind::ItemViewed) }).collect();
            let mut emit = Emit::default();
            let batch = Batch::from_records(&records);
            crate::computations::trending::route(&Sequenced::of_batch(batch, log_time, Arc::clone(&book)), &mut emit);
            for (_, _, input) in emit.sent() {
                view.apply(At { pos: pos(0) }, input, &mut Effects::default());
            }
            for (offset, record) in (0..).zip(&records) {
                twin.take(&Row { pos: pos(offset), record, book: &book });
            }
        }
        let (stage, now) = (*twin.0.keys().next().unwrap(), Timestamp::from_seconds(900));
        let mut rows = Vec::new();
        view.advance(now, &mut Effects::default());
        view.land(&mut rows);
        let landed: BTreeMap<_, _> = rows.iter().map(|row| ((row.stage, row.thing, row.start), row.score)).collect();
        assert!(
            landed.len() == rows.len() && landed == twin.minutes(now),
            "what was dropped before a minute's end has no row"
        );
        assert!(view.forgotten(stage.organization) > 0, "the bound was never met");
        let shown = view.top(&stage, now, usize::MAX).unwrap().trends;
        let shown: Vec<_> = shown.iter().map(|trend| (trend.thing, trend.score)).collect();
        let recounted: Vec<_> =
            twin.ranked(&stage, now).into_iter().map(|(thing, score)| (thing, score as f64 / UNIT as f64)).collect();
        assert_eq!(shown, recounted);
    }
}
