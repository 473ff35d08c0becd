//! States of so many keys, each made in a process of its own.

use std::sync::Arc;

use anyhow::Context;
use dataflow::computations::fraud;
use dataflow::frame::{Emit, Sequenced};
use records::hash::{BINS, bin};
use records::{Batch, EventId, Kind, LeaderboardId, OrganizationId, Pos, Record, SessionId, Span, Text, Timestamp};
use rules::Rulebook;
use views::fraud::Signals;
use views::leaderboards::{Board, Input as Award, Leaderboards, Named};
use views::state::{At, Effects, Fold};
use views::windows::{Input, Series, Windows};
use workload::mix::Mix;
use workload::scores::Scores;

use super::Held;
use crate::cpu::resident;
use crate::rows::input;

pub(super) const COUNTERS: &str = "windowed counters";
pub(super) const LONE_COUNTERS: &str = "series of one minute";
pub(super) const PARTICIPANTS: &str = "participants";
pub(super) const ENTITIES: &str = "fraud entities";

/// Minutes that each series has, as in some hours of a conference: a million counters are 4,000 series.
const MINUTES: u64 = 250;
/// Records of one batch of the mix.
const BATCH: usize = 4_096;
/// People for each hundred entities: each has an account, a device, a third of an address, most of them a card.
const PEOPLE_PER_HUNDRED: u64 = 34;
/// Scored records for each entity: it has a history, not just a first sight.
const SCORED_PER_ENTITY: u64 = 2;
/// Makes one state and prints what it takes.
pub(crate) fn child(words: &[String]) -> anyhow::Result<()> {
    let [what, keys] = words else { anyhow::bail!("a child is told what to hold, and how much") };
    let keys: u64 = keys.parse()?;
    let held = match what.as_str() {
        COUNTERS => counters(MINUTES, keys.div_ceil(MINUTES))?,
        LONE_COUNTERS => counters(1, keys)?,
        PARTICIPANTS => participants(keys)?,
        ENTITIES => entities(keys)?,
        _ => anyhow::bail!("nothing is called `{what}`"),
    };
    println!("{}", serde_json::to_string(&held)?);
    Ok(())
}

/// A view's bins, as a worker holds them.
struct Bins<F>(Vec<F>);

impl<F: Fold> Bins<F> {
    fn new() -> Self {
        Self((0..BINS).map(|_| F::default()).collect())
    }

    fn apply(&mut self, place: u8, pos: Pos, input: &F::Input, effects: &mut Effects<F>) {
        self.0[usize::from(place)].apply(At { pos }, input, effects);
        effects.changed.clear();
        effects.next.clear();
    }

    /// Rows for the warehouse are taken each second; a state that holds them back would be measured with them.
    fn land(&mut self) {
        for fold in &mut self.0 {
            fold.land(&mut Vec::new());
        }
    }
}

fn at(number: u64) -> Pos {
    Pos { log_time: Timestamp(number.cast_signed()), lane: 1, partition: 0, offset: number }
}

fn counters(minutes: u64, series: u64) -> anyhow::Result<Held> {
    let (mut bins, mut effects) = (Bins::<Windows>::new(), Effects::default());
    let before = resident();
    let mut number = 0;
    for minute in 0..minutes {
        for session in 1..=series {
            let series = Series {
                organization: OrganizationId(1),
                event: EventId(1),
                session: SessionId(u128::from(session)),
                kind: Kind::SessionHeartbeat,
            };
            number += 1;
            let time = Timestamp(Span::MINUTE.0 * minute.cast_signed());
            let input = Input::Count { series, time, records: 1, actors: vec![] };
            bins.apply(bin(series.hash()), at(number), &input, &mut effects);
            if number.is_multiple_of(BATCH as u64) {
                bins.land();
            }
        }
    }
    bins.land();
    let resident = resident().saturating_sub(before);
    // Each minute's counter stands for itself; the hours' counters beside them are paid by them.
    let (keys, kept) = (minutes * series, bins.0.iter().map(|fold| fold.windows() as u64).sum::<u64>());
    anyhow::ensure!(kept >= keys, "{kept} of {keys} counters are kept");
    let told = bins.0.iter().map(|fold| fold.count_bytes() as u64).sum();
    Ok(Held { keys, resident, told: Some(told) })
}

/// One board, in the one bin that it has; rows of it land as they do in life.
fn participants(keys: u64) -> anyhow::Result<Held> {
    let board = Board::all_time(OrganizationId(1), LeaderboardId(1));
    let (mut bins, mut effects) = (Bins::<Leaderboards>::new(), Effects::default());
    let place = bin(Board::hash(&board));
    let named = Arc::new(Named { board, track: Text::NONE, generation: 0 });
    let scores = Scores::new(11, 1);
    let before = resident();
    for number in 0..keys {
        let participant = scores.participant(u32::try_from(number)?);
        let points = number.cast_signed() % 997 + 1;
        let input = Award::Award { board: Arc::clone(&named), participant, points };
        bins.apply(place, at(number + 1), &input, &mut effects);
        if number.is_multiple_of(BATCH as u64) {
            bins.land();
        }
    }
    bins.land();
    let resident = resident().saturating_sub(before);
    let told = bins.0.iter().map(|fold| fold.bytes() as u64).sum();
    Ok(Held { keys, resident, told: Some(told) })
}

/// Entities of the mix's scored records, routed as the dataflow does; the other 95 % of records touch none.
fn entities(keys: u64) -> anyhow::Result<Held> {
    let people = u32::try_from(keys * PEOPLE_PER_HUNDRED / 100)?.max(1);
    let mut mix = Mix::new(5, people, Timestamp::from_seconds(1_791_183_600));
    let mut book = Rulebook::default();
    mix.facts().iter().for_each(|fact| book.apply(fact));
    let book = Arc::new(book);
    let mut plant = input::plant_rings(people);
    let (mut bins, mut effects) = (Bins::<Signals>::new(), Effects::default());
    let before = resident();
    let (mut number, mut scored) = (0, 0);
    let mut chunk: Vec<Record> = Vec::with_capacity(BATCH);
    // Records come twenty times as often as scored ones; a bound for a mix that would have none.
    let most = keys * SCORED_PER_ENTITY * 100;
    let mut made = 0;
    while scored < keys * SCORED_PER_ENTITY {
        anyhow::ensure!(made < most, "the mix has too few records that are scored");
        chunk.clear();
        mix.fill(&mut chunk, BATCH);
        made += BATCH as u64;
        chunk
            .retain(|record| matches!(record.kind, Kind::OrderReported | Kind::RegistrationReported | Kind::AdClicked));
        chunk.iter_mut().for_each(&mut plant);
        scored += chunk.len() as u64;
        let log_time = chunk.last().context("some records of a batch are scored")?.event_time;
        let frame = Sequenced::of_batch(Batch::from_records(&chunk), log_time, Arc::clone(&book));
        let mut emit = Emit::default();
        fraud::route(&frame, &mut emit);
        for (place, _, input) in emit.sent() {
            number += 1;
            bins.apply(place, Pos { log_time, ..at(number) }, input, &mut effects);
        }
    }
    let resident = resident().saturating_sub(before);
    let keys = bins.0.iter().map(|fold| fold.len() as u64).sum();
    let told = bins.0.iter().map(|fold| fold.bytes() as u64).sum();
    Ok(Held { keys, resident, told: Some(told) })
}
