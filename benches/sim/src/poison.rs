//! Poison: records that a view's routing or fold panics on, and mines: records that a fold takes, and panics later, as time
//! passes, rows land or state is written. And the proof that each was put aside once, by its view, or its view was.
//!
//! The mark is in the message id, so it needs no state and is the same in every process and every thread. What views hand
//! on carries it too, so that it reaches folds that never see a record.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Once};

use dataflow::binding::{Entry, Skip};
use dataflow::computations::{self, attendance, audience, campaigns, fraud, funnels, leaderboards, points, recommend};
use dataflow::computations::{revenue, segments, trending, visits, windows};
use dataflow::frame::{Emit, Sequenced};
use dataflow::{DeadLetters, Hooks, SetAside, Skipped};
use eventlog::{EventLog, Lane, PartitionId, ReadLimits};
use parking_lot::Mutex;
use records::kind::Origin;
use records::{Kind, MessageId, Record, Timestamp};
use serde::{Deserialize, Serialize};
use views::as_of::Progress;
use views::attendance::Rooms;
use views::audience::Audience;
use views::campaigns::Campaigns;
use views::feed::Limits;
use views::fraud::{Scores, Signals};
use views::funnels::Funnels;
use views::leaderboards::Leaderboards;
use views::points::Points;
use views::recommend::Recommend;
use views::revenue::Revenue;
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
/// Poisoned records of one run, and mines. Each costs two rebuilds, and the dataflow gives up after a hundred.
const MARKED_MAX: u64 = 12;
const MINES_MAX: u64 = 2;

/// The views that a record can be poison for, by the number in its id.
const VIEWS: [&str; 14] = [
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
    Revenue::NAME,
    Audience::NAME,
    Leaderboards::NAME,
    Scores::NAME,
];
/// Views from here on live on what others hand on: no record is routed to them.
const HANDED_ON: u8 = 12;

/// Where a marked record makes its view panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Place {
    Routing,
    Fold,
    /// From here on later, when no record is to blame any more.
    Advance,
    Land,
    Encode,
}

/// What the mark of a record says: which view it is for, where, and the how many-th of the run it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Mark {
    view: u8,
    place: Place,
    number: u8,
}

/// A marked record that counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) mark: Mark,
    pub(crate) log_time: Timestamp,
}

/// How many records were put aside, of them on folds, and on folds that take what others hand on; and views.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct PutAside {
    pub(crate) records: u64,
    pub(crate) on_folds: u64,
    pub(crate) handed_on: u64,
    pub(crate) views: u64,
}

thread_local! {
    /// The marks that folds have panicked on, again and again: whether a record reaches a fold is the rules' business.
    static TRODDEN: RefCell<Vec<Mark>> = const { RefCell::new(Vec::new()) };
}

/// How often folds have panicked in this run.
pub(crate) fn panics() -> usize {
    TRODDEN.with_borrow(Vec::len)
}

/// What a fold panicked on last.
pub(crate) fn newest_panic() -> Option<Mark> {
    TRODDEN.with_borrow(|trodden| trodden.last().copied())
}

/// Poisoned records, and what the dataflow said about them.
pub(crate) struct Poison {
    marked: u64,
    mines: u64,
    letters: Arc<Mutex<Vec<Skipped>>>,
    /// Letters of earlier lives.
    earlier: u64,
}

impl Place {
    const ALL: [Self; 5] = [Self::Routing, Self::Fold, Self::Advance, Self::Land, Self::Encode];
}

impl Mark {
    pub(crate) fn of(message: MessageId) -> Option<Self> {
        let [.., view, place, number] = message.0.to_be_bytes();
        let place = *Place::ALL.get(usize::from(place))?;
        (message.0 >> 64 == u128::from(TAG)).then_some(Self { view, place, number })
    }

    fn message(self) -> MessageId {
        let low = u64::from_be_bytes([0, 0, 0, 0, 0, self.view, self.place as u8, self.number]);
        MessageId(u128::from(TAG) << 64 | u128::from(low))
    }

    pub(crate) fn view(&self) -> &'static str {
        VIEWS[usize::from(self.view)]
    }

    fn is_mine(&self) -> bool {
        self.place > Place::Fold
    }

    /// Panics as planned.
    fn go_off(self) -> ! {
        TRODDEN.with_borrow_mut(|trodden| trodden.push(self));
        panic!("{SAYS}");
    }
}

/// Whether a view's fold is likely to get something of a record.
fn concerns(view: &str, record: &Record) -> bool {
    let (kind, tracked) = (record.kind, record.kind.origin() == Origin::Tracked);
    match view {
        "visits" => record.actor.is_some() && tracked,
        "signals" | "scores" => matches!(kind, Kind::OrderReported | Kind::RegistrationReported | Kind::AdClicked),
        "points" | "leaderboards" => matches!(
            kind,
            Kind::CheckInReported
                | Kind::SessionJoined
                | Kind::PollAnswerReported
                | Kind::ChatReported
                | Kind::ItemViewed
        ),
        "attendance" => matches!(kind, Kind::SessionJoined | Kind::SessionHeartbeat | Kind::SessionLeft),
        "recommend" => matches!(kind, Kind::ItemViewed | Kind::SessionJoined | Kind::OrderReported),
        "campaigns" => kind == Kind::AdClicked,
        "revenue" => kind == Kind::OrderReported,
        _ => record.actor.is_some(),
    }
}

impl Poison {
    /// Nothing is marked, and nothing has panicked.
    pub(crate) fn new() -> Self {
        TRODDEN.take();
        Self { marked: 0, mines: 0, letters: Arc::default(), earlier: 0 }
    }

    /// Turns one record of a batch into poison for some view: for its fold, which leaves a half folded epoch behind, or for
    /// its routing.
    pub(crate) fn mark(&mut self, batch: &mut [Record], chance: &mut Chance) {
        if self.marked < MARKED_MAX {
            self.marked += 1;
            let view = chance.below(VIEWS.len() as u64) as u8;
            let routing = view < HANDED_ON && chance.per_mille(400);
            self.put(batch, view, if routing { Place::Routing } else { Place::Fold }, chance);
        }
    }

    /// Turns one record of a batch into a mine for some view.
    pub(crate) fn mine(&mut self, batch: &mut [Record], chance: &mut Chance) {
        if self.mines < MINES_MAX {
            self.mines += 1;
            let view = chance.below(VIEWS.len() as u64) as u8;
            self.put(batch, view, [Place::Advance, Place::Land, Place::Encode][chance.below(3) as usize], chance);
        }
    }

    fn put(&self, batch: &mut [Record], view: u8, place: Place, chance: &mut Chance) {
        let unmarked = |record: &&mut Record| Mark::of(record.message).is_none();
        let mut records: Vec<_> = batch.iter_mut().filter(unmarked).collect();
        if records.iter().any(|record| concerns(VIEWS[usize::from(view)], record)) {
            records.retain(|record| concerns(VIEWS[usize::from(view)], record));
        }
        if records.is_empty() {
            return;
        }
        let chosen = usize::try_from(chance.below(records.len() as u64)).expect("batches are short");
        let number = u8::try_from(self.marked + MARKED_MAX * self.mines).expect("there are few");
        records[chosen].message = Mark { view, place, number }.message();
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

    /// Compares what the log says with the marked records that it holds, by partition and offset, and with the panics that
    /// there were: each poisoned record was put aside once, by its view, and no other record was; a view was set aside when
    /// it had trodden on a mine, and no other view.
    pub(crate) fn check(
        &self,
        log: &dyn EventLog,
        found: &BTreeMap<(u16, u64), Found>,
        aside: &[SetAside],
    ) -> Result<PutAside, String> {
        let trodden: BTreeSet<Mark> = TRODDEN.with_borrow(|trodden| trodden.iter().copied().collect());
        let mut left = found.clone();
        let Said { skips, coming } = said(log)?;
        let mut count = PutAside { views: aside.len() as u64, ..PutAside::default() };
        for skip in &skips {
            let mark = left.remove(&(skip.pos.partition, skip.pos.offset)).map(|found| found.mark);
            let Some(mark) = mark.filter(|mark| skip.rows == 1 && mark.view() == skip.view && !mark.is_mine()) else {
                return Err(format!("{skip:?} puts aside what is {mark:?}, or a second time"));
            };
            count.records += 1;
            count.on_folds += u64::from(mark.place == Place::Fold);
            count.handed_on += u64::from(mark.view >= HANDED_ON);
        }
        for (place, Found { mark, log_time }) in left {
            // A view that stands still meets no later record.
            let stands = aside.iter().any(|aside| aside.view == mark.view() && aside.as_of.log_time < log_time);
            let must = mark.place == Place::Routing || mark.place == Place::Fold && trodden.contains(&mark);
            if must && !stands {
                return Err(format!("the record at {place:?} is poison, {mark:?}, and was not put aside"));
            }
        }
        self.check_letters(&skips)?;
        check_mines(&trodden, aside, &coming).map(|()| count)
    }

    /// A crash may come between the log and the letter, so some of them are never sent; none is sent twice.
    fn check_letters(&self, skips: &[Skip]) -> Result<(), String> {
        let letters = self.letters.lock();
        for (place, letter) in letters.iter().enumerate() {
            if !letter.message.contains(SAYS) || !skips.contains(&letter.skip) {
                return Err(format!("a dead letter that nothing explains: {letter:?}"));
            }
            if letters[..place].iter().any(|before| before.skip == letter.skip) {
                return Err(format!("a dead letter came twice: {letter:?}"));
            }
        }
        Ok(())
    }
}

fn check_mines(trodden: &BTreeSet<Mark>, aside: &[SetAside], coming: &[String]) -> Result<(), String> {
    let mines = || trodden.iter().filter(|mark| mark.is_mine());
    let stands = |mine: &Mark| {
        aside.iter().any(|aside| aside.view == mine.view()) || coming.iter().any(|view| view == mine.view())
    };
    if let Some(mine) = mines().find(|mine| !stands(mine)) {
        return Err(format!("{mine:?} went off, and the view goes on"));
    }
    let explained = |one: &&SetAside| {
        let upstream = one.why.strip_prefix("lives on `").and_then(|rest| rest.strip_suffix('`'));
        match upstream {
            Some(upstream) => aside.iter().any(|other| other.view == upstream),
            None => one.why.contains(SAYS) && mines().any(|mine| mine.view() == one.view),
        }
    };
    match aside.iter().find(|one| !explained(one)) {
        None => Ok(()),
        Some(one) => Err(format!("nothing explains why {one:?} was set aside")),
    }
}

/// What the system lane says of poison.
#[derive(Debug, Default)]
struct Said {
    /// Every record that some view ignores.
    skips: Vec<Skip>,
    /// Views that take no part in epochs after the newest one that is bound: none has come that leaves them out.
    coming: Vec<String>,
}

fn said(log: &dyn EventLog) -> Result<Said, String> {
    let mut said = Said::default();
    let (mut asides, mut bound) = (Vec::new(), 0);
    let mut at = log.starts(Lane::System)[0];
    loop {
        let read = log.read(Lane::System, PartitionId(0), at, ReadLimits::default());
        let frames = read.map_err(|error| error.to_string())?;
        let Some(last) = frames.last() else { break };
        at = last.end();
        for frame in frames.iter().filter(|frame| frame.counted() > 0) {
            match Entry::decode(&frame.body).map_err(|error| error.to_string())? {
                Entry::Skipped(skip) => said.skips.push(skip),
                Entry::SetAside(aside) => asides.push(aside),
                Entry::Bound(binding) => bound = binding.epoch,
                Entry::Opened => {}
            }
        }
    }
    said.coming = asides.into_iter().filter(|aside| aside.epoch > bound).map(|aside| aside.view).collect();
    Ok(said)
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

/// Panics when the frame holds poison for this view's routing; else routes, and passes marks on.
fn guarded<I: Clone>(view: u8, frame: &Sequenced, emit: &mut Emit<Dose<I>>, route: fn(&Sequenced, &mut Emit<I>)) {
    let mark = |row: u32| frame.batch().and_then(|batch| Mark::of(batch.message(row as usize)));
    let refused = |row| mark(row).is_some_and(|mark| mark.view == view && mark.place == Place::Routing);
    assert!(!frame.rows().any(refused), "{SAYS}");
    let mut sent = Emit::default();
    route(frame, &mut sent);
    for (bin, row, input) in sent.sent() {
        // The top byte of a hash is its bin.
        emit.to(u64::from(bin) << 56, row, Dose { mark: mark(row), input: input.clone() });
    }
}

macro_rules! guarded {
    ($($name:ident: $fold:ty = $view:literal, $route:path;)+) => {$(
        fn $name(frame: &Sequenced, emit: &mut Emit<Dose<<$fold as Fold>::Input>>) {
            guarded($view, frame, emit, $route);
        }
    )+};
}

guarded! {
    guarded_windows: Windows = 0, windows::route;
    guarded_points: Points = 1, points::route;
    guarded_campaigns: Campaigns = 2, campaigns::route;
    guarded_signals: Signals = 3, fraud::route;
    guarded_attendance: Rooms = 4, attendance::route;
    guarded_visits: Visits = 5, visits::route;
    guarded_funnels: Funnels = 6, funnels::route;
    guarded_trending: Trends = 7, trending::route;
    guarded_recommend: Recommend = 8, recommend::route;
    guarded_segments: Segments = 9, segments::route;
    guarded_revenue: Revenue = 10, revenue::route;
    guarded_audience: Audience = 11, audience::route;
    guarded_leaderboards: Leaderboards = 12, leaderboards::route;
}

/// A fold that panics on some inputs when its state has changed already, and on mines later.
#[derive(Debug, Default)]
pub(crate) struct Brittle<F, const VIEW: u8> {
    fold: F,
    // No state that is written has one: it goes off before.
    mine: Option<Mark>,
}

/// An input, and the mark of the record that it comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Dose<I> {
    mark: Option<Mark>,
    input: I,
}

impl<F, const VIEW: u8> Brittle<F, VIEW> {
    /// The fold that panics on nothing.
    pub(crate) fn plain(&self) -> &F {
        &self.fold
    }

    fn tread(&self, place: Place) {
        if let Some(mine) = self.mine.filter(|mine| mine.place == place) {
            mine.go_off();
        }
    }
}

impl<F: Fold, const VIEW: u8> Fold for Brittle<F, VIEW> {
    const NAME: &'static str = F::NAME;
    const VERSION: u32 = F::VERSION;
    type Input = Dose<F::Input>;
    type Output = Dose<F::Output>;
    type Key = F::Key;
    type Row = F::Row;

    fn warm(&self, doses: &[&Self::Input]) {
        self.fold.warm(&doses.iter().map(|dose| &dose.input).collect::<Vec<_>>());
    }

    fn apply(&mut self, at: At, dose: &Self::Input, effects: &mut Effects<Self>) {
        within(effects, dose.mark, |effects| self.fold.apply(at, &dose.input, effects));
        match dose.mark.filter(|mark| mark.view == VIEW) {
            Some(mark) if mark.place == Place::Fold => mark.go_off(),
            Some(mark) if mark.is_mine() => self.mine = Some(mark),
            _ => {}
        }
    }

    fn advance(&mut self, bound: Timestamp, effects: &mut Effects<Self>) {
        self.tread(Place::Advance);
        within(effects, None, |effects| self.fold.advance(bound, effects));
    }

    fn land(&mut self, rows: &mut Vec<F::Row>) {
        self.fold.land(rows);
        self.tread(Place::Land);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.tread(Place::Encode);
        self.fold.encode(out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        F::decode(bytes).map(|fold| Self { fold, mine: None })
    }

    fn len(&self) -> usize {
        self.fold.len()
    }

    fn is_empty(&self) -> bool {
        self.fold.is_empty()
    }
}

/// Lends the effects of a brittle fold to the fold inside it; what that hands on comes from the same record.
fn within<F: Fold, const VIEW: u8>(
    effects: &mut Effects<Brittle<F, VIEW>>,
    mark: Option<Mark>,
    run: impl FnOnce(&mut Effects<F>),
) {
    let mut inner = Effects { changed: std::mem::take(&mut effects.changed), next: Vec::new() };
    run(&mut inner);
    effects.changed = inner.changed;
    effects.next.extend(inner.next.into_iter().map(|(hash, input)| (hash, Dose { mark, input })));
}

dataflow::program! {
    /// The readers of every live view.
    pub struct Views;
    /// The product's computations over records that one or the other cannot take.
    pub struct Poisonable;
    windows: Brittle<Windows, 0> = {guarded_windows};
    points: Brittle<Points, 1> = {guarded_points} -> next;
    leaderboards: Brittle<Leaderboards, 12> = {guarded_leaderboards} from points;
    campaigns: Brittle<Campaigns, 2> = {guarded_campaigns};
    signals: Brittle<Signals, 3> = {guarded_signals} -> next;
    scores: Brittle<Scores, 13> = none from signals;
    attendance: Brittle<Rooms, 4> = {guarded_attendance};
    visits: Brittle<Visits, 5> = {guarded_visits};
    funnels: Brittle<Funnels, 6> = {guarded_funnels};
    trending: Brittle<Trends, 7> = {guarded_trending};
    recommend: Brittle<Recommend, 8> = {guarded_recommend};
    segments: Brittle<Segments, 9> = {guarded_segments};
    revenue: Brittle<Revenue, 10> = {guarded_revenue};
    audience: Brittle<Audience, 11> = {guarded_audience};
}

impl Views {
    /// The same views as the product's twins know them.
    pub(crate) fn plain(&self, progress: &Progress) -> Result<computations::Views, StateError> {
        Ok(computations::Views {
            windows: plain(&self.windows, progress)?,
            points: plain(&self.points, progress)?,
            leaderboards: plain(&self.leaderboards, progress)?,
            campaigns: plain(&self.campaigns, progress)?,
            signals: plain(&self.signals, progress)?,
            scores: plain(&self.scores, progress)?,
            attendance: plain(&self.attendance, progress)?,
            visits: plain(&self.visits, progress)?,
            funnels: plain(&self.funnels, progress)?,
            trending: plain(&self.trending, progress)?,
            recommend: plain(&self.recommend, progress)?,
            segments: plain(&self.segments, progress)?,
            revenue: plain(&self.revenue, progress)?,
            audience: plain(&self.audience, progress)?,
        })
    }
}

/// Reads what is brittle into a view that is not.
fn plain<F: Fold, const VIEW: u8>(
    brittle: &shards::Reader<Brittle<F, VIEW>>,
    progress: &Progress,
) -> Result<shards::Reader<F>, StateError> {
    let (mut writers, reader) = shards::open::<F>(1, progress.clone(), Limits::default());
    let (epoch, mut bytes, mut outcome) = (progress.epoch(), Vec::new(), Ok(()));
    brittle.scan(|bin, fold| {
        bytes.clear();
        fold.plain().encode(&mut bytes);
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
        assert_eq!(Poisonable::upstreams(), computations::Product::upstreams());
    }

    #[test]
    fn a_mark_names_its_view() {
        let mut poison = Poison::new();
        let mut batch = vec![Record::default(), Record::default()];
        poison.mark(&mut batch, &mut Chance::new(1));
        poison.mine(&mut batch, &mut Chance::new(1));
        let marks: Vec<Mark> = batch.iter().filter_map(|record| Mark::of(record.message)).collect();
        assert_eq!(marks.iter().filter(|mark| mark.is_mine()).count(), 1);
        assert_eq!(marks.len(), 2);
        assert_eq!(Mark::of(MessageId(7)), None);
        assert!(poison.check_count(1).is_err(), "nobody was told");
    }

    #[test]
    fn a_view_that_is_set_aside_for_nothing_is_found_and_a_mine_without_a_consequence() {
        let mine = Mark { view: 5, place: Place::Land, number: 1 };
        assert!(check_mines(&BTreeSet::new(), &[], &[]).is_ok());
        assert!(check_mines(&[mine].into(), &[], &[]).unwrap_err().contains("the view goes on"));
        assert!(
            check_mines(&[mine].into(), &[], &[mine.view().to_owned()]).is_ok(),
            "it stands from the next epoch on"
        );
    }
}
