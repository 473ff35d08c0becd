//! Poison: records that one view's routing or fold panics on, and the proof that each was put aside once, by that view.
//!
//! The mark is in the message id, so it needs no state and is the same in every process and every thread.

use std::collections::BTreeMap;
use std::sync::{Arc, Once};

use dataflow::binding::{Entry, Skip};
use dataflow::computations::{self, attendance, campaigns, fraud, funnels, leaderboards, points, recommend, segments};
use dataflow::computations::{trending, windows};
use dataflow::frame::{Emit, Sequenced};
use dataflow::{DeadLetters, Hooks, Skipped};
use eventlog::{EventLog, Lane, PartitionId, ReadLimits};
use parking_lot::Mutex;
use records::kind::Origin;
use records::{MessageId, Record, Timestamp};
use serde::{Deserialize, Serialize};
use views::as_of::Progress;
use views::attendance::Rooms;
use views::campaigns::Campaigns;
use views::feed::Limits;
use views::fraud::{Scores, Signals};
use views::funnels::Funnels;
use views::leaderboards::Leaderboards;
use views::points::Points;
use views::recommend::Recommend;
use views::segments::Segments;
use views::shards;
use views::state::{At, Effects, Fold, StateError};
use views::trending::Trends;
use views::visits::Visits;
use views::windows::Windows;
use workload::chance::Chance;

/// The upper half of a poisoned message's id.
const TAG: u64 = u64::from_be_bytes(*b"poisoned");
/// What such a panic says; these are expected and not printed.
const SAYS: &str = "this record is poison";
/// Poisoned records of one run. Each costs two rebuilds, and the dataflow gives up after a hundred.
const MARKED_MAX: u64 = 4;
/// The last of the views below: its fold panics, not its routing.
const FOLD: u8 = 10;

/// The views that a record can be poison for, by the number in its id.
const VIEWS: [&str; 11] = [
    Windows::NAME,
    Points::NAME,
    Campaigns::NAME,
    Signals::NAME,
    Rooms::NAME,
    Visits::NAME,
    Funnels::NAME,
    Trends::NAME,
    Recommend::NAME,
    Segments::NAME,
    Visits::NAME,
];

/// Poisoned records, and what the dataflow said about them.
#[derive(Default)]
pub(crate) struct Poison {
    marked: u64,
    letters: Arc<Mutex<Vec<Skipped>>>,
    /// Letters of earlier lives.
    earlier: u64,
}

impl Poison {
    /// Turns one record of a batch into poison for some view.
    pub(crate) fn mark(&mut self, batch: &mut [Record], chance: &mut Chance) {
        if self.marked == MARKED_MAX || batch.is_empty() {
            return;
        }
        let place = usize::try_from(chance.below(batch.len() as u64)).expect("batches are short");
        let record = &mut batch[place];
        let visited = record.actor.is_some() && record.kind.origin() == Origin::Tracked;
        // Of those that the fold sees, half fall on it: it is the way that leaves a half folded epoch behind.
        let view = if visited && chance.per_mille(500) { FOLD } else { chance.below(FOLD.into()) as u8 };
        self.marked += 1;
        record.message = MessageId(u128::from(TAG) << 64 | u128::from(view) << 56 | u128::from(self.marked));
    }

    /// What is told of records that are put aside, in the life that begins.
    pub(crate) fn listen(&mut self) -> Hooks {
        self.earlier = self.letters.lock().len() as u64;
        let letters = Arc::clone(&self.letters);
        let dead_letters: DeadLetters = Box::new(move |skipped| letters.lock().push(skipped.clone()));
        Hooks { dead_letters: Some(dead_letters), ..Hooks::default() }
    }

    /// Compares the dataflow's own count of this life with the letters that it sent.
    pub(crate) fn check_count(&self, skipped: u64) -> Result<(), String> {
        let told = self.letters.lock().len() as u64 - self.earlier;
        if told == skipped {
            Ok(())
        } else {
            Err(format!("{skipped} records count as skipped, {told} dead letters came"))
        }
    }

    /// Compares what the log says with the poisoned records that it holds (the view by partition and offset): each was
    /// put aside once, by its view, and no other record was. Returns how many.
    pub(crate) fn check(&self, log: &dyn EventLog, found: &BTreeMap<(u16, u64), &'static str>) -> Result<u64, String> {
        let mut left = found.clone();
        let skips = skips(log)?;
        for skip in &skips {
            let poison = left.remove(&(skip.pos.partition, skip.pos.offset));
            if skip.rows != 1 || poison != Some(skip.view.as_str()) {
                return Err(format!("{skip:?} puts aside what is poison for {poison:?}, or a second time"));
            }
        }
        if let Some((place, view)) = left.first_key_value() {
            return Err(format!("the record at {place:?} is poison for `{view}` and was not put aside"));
        }
        // A crash may come between the log and the letter, so some of them are never sent; none is sent twice.
        let letters = self.letters.lock();
        for (place, letter) in letters.iter().enumerate() {
            if !letter.message.contains(SAYS) || !skips.contains(&letter.skip) {
                return Err(format!("a dead letter that nothing explains: {letter:?}"));
            }
            if letters[..place].iter().any(|before| before.skip == letter.skip) {
                return Err(format!("a dead letter came twice: {letter:?}"));
            }
        }
        Ok(skips.len() as u64)
    }
}

/// Which view a message is poison for.
pub(crate) fn poisons(message: MessageId) -> Option<&'static str> {
    code(message).and_then(|code| VIEWS.get(usize::from(code)).copied())
}

fn code(message: MessageId) -> Option<u8> {
    (message.0 >> 64 == u128::from(TAG)).then_some((message.0 >> 56) as u8)
}

/// Every record that some view ignores, as the system lane says.
fn skips(log: &dyn EventLog) -> Result<Vec<Skip>, String> {
    let mut found = Vec::new();
    let mut at = log.starts(Lane::System)[0];
    loop {
        let read = log.read(Lane::System, PartitionId(0), at, ReadLimits::default());
        let frames = read.map_err(|error| error.to_string())?;
        let Some(last) = frames.last() else { return Ok(found) };
        at = last.end();
        for frame in frames.iter().filter(|frame| frame.counted() > 0) {
            if let Entry::Skipped(skip) = Entry::decode(&frame.body).map_err(|error| error.to_string())? {
                found.push(skip);
            }
        }
    }
}

/// Keeps panics that are part of the plan off the screen; all others are printed as ever.
pub(crate) fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let text = panic.payload().downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.payload().downcast_ref::<&str>().copied());
            if text != Some(SAYS) {
                print(panic);
            }
        }));
    });
}

/// Panics when the frame holds poison for this view.
fn refuse(frame: &Sequenced, view: u8) {
    let Some(batch) = frame.batch() else { return };
    for row in frame.rows() {
        assert!(code(batch.message(row as usize)) != Some(view), "{SAYS}");
    }
}

macro_rules! guarded {
    ($($name:ident: $fold:ty = $view:literal, $route:path;)+) => {$(
        fn $name(frame: &Sequenced, emit: &mut Emit<<$fold as Fold>::Input>) {
            refuse(frame, $view);
            $route(frame, emit);
        }
    )+};
}

guarded! {
    guarded_windows: Windows = 0, windows::route;
    guarded_points: Points = 1, points::route;
    guarded_campaigns: Campaigns = 2, campaigns::route;
    guarded_signals: Signals = 3, fraud::route;
    guarded_attendance: Rooms = 4, attendance::route;
    guarded_funnels: Funnels = 6, funnels::route;
    guarded_trending: Trends = 7, trending::route;
    guarded_recommend: Recommend = 8, recommend::route;
    guarded_segments: Segments = 9, segments::route;
}

fn guarded_visits(frame: &Sequenced, emit: &mut Emit<Dose<<Visits as Fold>::Input>>) {
    refuse(frame, 5);
    let Some(batch) = frame.batch() else { return };
    let mut sent = Emit::default();
    computations::visits::route(frame, &mut sent);
    for (bin, row, input) in sent.sent() {
        let deadly = code(batch.message(row as usize)) == Some(FOLD);
        // The top byte of a hash is its bin.
        emit.to(u64::from(bin) << 56, row, Dose { deadly, input: *input });
    }
}

/// A fold that panics on some inputs, when its state has changed already.
#[derive(Debug, Default)]
pub(crate) struct Brittle<F>(F);

/// An input, and whether it is deadly.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Dose<I> {
    deadly: bool,
    input: I,
}

impl<F: Fold> Fold for Brittle<F> {
    const NAME: &'static str = F::NAME;
    const VERSION: u32 = F::VERSION;
    type Input = Dose<F::Input>;
    type Output = F::Output;
    type Key = F::Key;
    type Row = F::Row;

    fn apply(&mut self, at: At, dose: &Self::Input, effects: &mut Effects<Self>) {
        within(effects, |effects| self.0.apply(at, &dose.input, effects));
        assert!(!dose.deadly, "{SAYS}");
    }

    fn advance(&mut self, bound: Timestamp, effects: &mut Effects<Self>) {
        within(effects, |effects| self.0.advance(bound, effects));
    }

    fn land(&mut self, rows: &mut Vec<F::Row>) {
        self.0.land(rows);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        F::decode(bytes).map(Self)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Lends the effects of a brittle fold to the fold inside it.
fn within<F: Fold>(effects: &mut Effects<Brittle<F>>, run: impl FnOnce(&mut Effects<F>)) {
    let mut inner = Effects { changed: std::mem::take(&mut effects.changed), next: std::mem::take(&mut effects.next) };
    run(&mut inner);
    (effects.changed, effects.next) = (inner.changed, inner.next);
}

dataflow::program! {
    /// The readers of every live view.
    pub struct Views;
    /// The product's computations over records that one or the other cannot take.
    pub struct Poisonable;
    windows: Windows = {guarded_windows};
    points: Points = {guarded_points} -> next;
    leaderboards: Leaderboards = {leaderboards::route} from points;
    campaigns: Campaigns = {guarded_campaigns};
    signals: Signals = {guarded_signals} -> next;
    scores: Scores = none from signals;
    attendance: Rooms = {guarded_attendance};
    visits: Brittle<Visits> = {guarded_visits};
    funnels: Funnels = {guarded_funnels};
    trending: Trends = {guarded_trending};
    recommend: Recommend = {guarded_recommend};
    segments: Segments = {guarded_segments};
}

impl Views {
    /// The same views as the product's twins know them: what is brittle is read into a plain one.
    pub(crate) fn plain(&self, progress: &Progress) -> Result<computations::Views, StateError> {
        Ok(computations::Views {
            windows: self.windows.clone(),
            points: self.points.clone(),
            leaderboards: self.leaderboards.clone(),
            campaigns: self.campaigns.clone(),
            signals: self.signals.clone(),
            scores: self.scores.clone(),
            attendance: self.attendance.clone(),
            visits: plain(&self.visits, progress)?,
            funnels: self.funnels.clone(),
            trending: self.trending.clone(),
            recommend: self.recommend.clone(),
            segments: self.segments.clone(),
        })
    }
}

fn plain<F: Fold>(brittle: &shards::Reader<Brittle<F>>, progress: &Progress) -> Result<shards::Reader<F>, StateError> {
    let (mut writers, reader) = shards::open::<F>(1, progress.clone(), Limits::default());
    let (epoch, mut bytes, mut outcome) = (progress.epoch(), Vec::new(), Ok(()));
    brittle.scan(|bin, fold| {
        bytes.clear();
        fold.encode(&mut bytes);
        if outcome.is_ok() && !fold.is_empty() {
            outcome = writers[0].restore(epoch, bin, &bytes);
        }
    });
    outcome.map(|()| reader)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_computations_are_the_products() {
        use dataflow::graph::Program;
        assert_eq!(Poisonable::views(), computations::Product::views());
    }

    #[test]
    fn a_mark_names_its_view() {
        let mut poison = Poison::default();
        let mut batch = vec![Record::default()];
        poison.mark(&mut batch, &mut Chance::new(1));
        assert!(poisons(batch[0].message).is_some());
        assert_eq!(poisons(MessageId(7)), None);
        assert!(poison.check_count(1).is_err(), "nobody was told");
    }
}
