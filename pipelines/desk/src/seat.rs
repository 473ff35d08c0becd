//! The writer of one partition, step by step: who drives it decides when it waits. A thread does in the product, a test may.

use std::collections::VecDeque;
use std::sync::Arc;

use eventlog::{Appended, ClaimTag, Lane, NewFrame, Offset, PartitionId, ReadLimits, Ticket};
use records::fact::{self, CommandTag};
use records::{Fact, FactRow, OrganizationId, Span, Timestamp};
use rules::{Domain, decide::UnknownFact};
use tokio::sync::oneshot;

use crate::answer::{Answer, DeskError, Done, Pending, Place};
use crate::handle::Parts;
use crate::keeper::Keeper;
use crate::snapshot::{self, State};

/// Commands that are decided at once: what a sync of the disk lets gather.
pub const BATCH_MAX: usize = 1_024;
/// Batches on their way to the disk: while one syncs, the next are decided.
pub const FLIGHTS_MAX: usize = 16;
/// Facts that are appended because time has passed, before the commands of a batch.
const DUE_MAX: usize = 256;
/// Rows after which a snapshot is made, at the least: two seconds of reading.
const SNAPSHOT_ROWS: u64 = 200_000;
/// Bytes of a snapshot that one row pays for: of a state that has grown large one is made less often, so that what making it
/// takes stays the same share of the time. Reading the rows again takes longer then, in the same proportion.
const BYTES_PER_ROW: u64 = 100;
/// Rows after which one is made however large it is, and however much there is to do: some twenty seconds of reading.
const SNAPSHOT_ROWS_MAX: u64 = 2_000_000;
/// Rows of one second that leave time for a snapshot; where more come, as when a sale opens, it waits until they have.
const CALM_ROWS: u64 = 1_000;
/// Over so long rows are counted.
const PACE: Span = Span::from_seconds(1);

/// Hears each durable fact once, in the order of its partition, from the log's start on: for read models.
pub type Listener = Arc<dyn Fn(Place, &FactRow) + Send + Sync>;

/// One command on its way to a seat.
#[derive(Debug)]
pub struct Order<D: Domain> {
    pub(crate) tag: Option<CommandTag>,
    pub(crate) command: D::Command,
    pub(crate) reply: oneshot::Sender<Answer<D::Refusal>>,
}

impl<D: Domain> Order<D> {
    /// A command, and what its sender waits with.
    pub fn new(tag: Option<CommandTag>, command: D::Command) -> (Self, Pending<D::Refusal>) {
        let (reply, pending) = oneshot::channel();
        (Self { tag, command, reply }, Pending(pending))
    }
}

/// The writer of one partition.
pub struct Seat<D: Domain> {
    partition: PartitionId,
    parts: Parts,
    listener: Listener,
    standing: Standing<D>,
    claim: Option<Claim>,
    flights: VecDeque<Flight<D>>,
    /// Everything before it was told to the listener.
    heard: Offset,
    keeper: Keeper,
    pace: Pace,
}

/// How many rows have landed since a time, and in the same span before it.
#[derive(Debug, Default)]
struct Pace {
    since: Timestamp,
    rows: u64,
    before: u64,
}

impl Pace {
    fn note(&mut self, rows: u64, now: Timestamp) {
        self.turn(now);
        self.rows += rows;
    }

    fn is_calm(&mut self, now: Timestamp) -> bool {
        self.turn(now);
        self.before.max(self.rows) < CALM_ROWS
    }

    fn turn(&mut self, now: Timestamp) {
        let gone = now.since(self.since);
        // A clock that jumps back begins anew, too.
        if gone >= PACE || gone < Span(0) {
            let before = if (PACE..Span(2 * PACE.0)).contains(&gone) { self.rows } else { 0 };
            *self = Self { since: now, rows: 0, before };
        }
    }
}

/// What there is to decide on.
#[derive(Debug)]
enum Standing<D> {
    Ready(State<D>),
    /// Something may be in the log that is not in the state, or the other way round.
    Lost,
    /// A fact that this build does not know.
    Stopped(UnknownFact),
}

#[derive(Debug, Clone, Copy)]
struct Claim {
    id: u128,
    next: u64,
}

/// A batch on its way to the disk. Answers are given in order.
struct Flight<D: Domain> {
    /// None when nothing had to be appended.
    ticket: Option<Ticket>,
    waiting: Vec<Waiting<D>>,
}

type Reply<D> = oneshot::Sender<Answer<<D as Domain>::Refusal>>;

enum Waiting<D: Domain> {
    /// A frame of the flight; the reply is none for facts that time has brought.
    Frame { rows: Vec<FactRow>, tag: Option<CommandTag>, reply: Option<Reply<D>> },
    /// The same command again, while or after it was done.
    Echo { tag: CommandTag, reply: Reply<D> },
    /// An answer that rests on what is on its way.
    Verdict { answer: Answer<D::Refusal>, reply: Reply<D> },
}

/// The first cause why a seat cannot go on as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the log refuses: {0}")]
    Append(#[from] eventlog::AppendError),
    #[error("the log cannot be read: {0}")]
    Read(#[from] eventlog::ReadError),
    #[error("{0}")]
    Facts(#[from] fact::FactError),
    #[error("a frame of facts holds another number of rows than it says")]
    Rows,
    #[error("another writer has claimed the partition")]
    Fenced,
    #[error("{0}")]
    Unknown(#[from] UnknownFact),
    #[error("the disk does not take it: {0}")]
    Disk(#[from] std::io::Error),
}

impl Trouble {
    /// What whoever asked for something is told.
    fn answer<R: std::fmt::Debug + std::fmt::Display>(&self) -> DeskError<R> {
        match self {
            Self::Unknown(unknown) => DeskError::Stopped(unknown.to_string()),
            trouble => DeskError::Again(trouble.to_string()),
        }
    }
}

impl<D: Domain> Seat<D> {
    /// Reads what was decided; the partition is claimed when something is to be decided.
    ///
    /// # Errors
    /// When the log cannot be read. A fact that this build does not know is no error yet: reads go on, commands do not.
    pub fn open(partition: PartitionId, parts: Parts, listener: Listener) -> Result<Self, crate::OpenError> {
        let heard = parts.log.starts(Lane::Facts)[partition.index()];
        let (standing, flights, keeper) = (Standing::Lost, VecDeque::new(), Keeper::default());
        let mut seat =
            Self { partition, parts, listener, standing, claim: None, flights, heard, keeper, pace: Pace::default() };
        match seat.restore() {
            Ok(()) | Err(Trouble::Unknown(_)) => Ok(seat),
            Err(trouble) => Err(crate::OpenError { partition, reason: trouble.to_string() }),
        }
    }

    /// Whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.flights.is_empty()
    }

    /// How many batches are on their way.
    pub fn flights(&self) -> usize {
        self.flights.len()
    }

    /// Decides a batch and sends it off, after what is due by now. Answers come with [`Seat::settle`].
    pub fn decide(&mut self, orders: Vec<Order<D>>) {
        let now = self.parts.clock.now();
        if orders.is_empty() && !self.is_something_due(now) {
            return;
        }
        match self.make_ready() {
            Ok(()) => self.decide_ready(orders, now),
            Err(trouble) => {
                let error = trouble.answer();
                orders.into_iter().for_each(|order| answer::<D>(order.reply, Err(error.clone())));
            }
        }
    }

    fn is_something_due(&self, now: Timestamp) -> bool {
        matches!(&self.standing, Standing::Ready(state) if state.domain.due(now.max(state.now)).is_some())
    }

    fn decide_ready(&mut self, orders: Vec<Order<D>>, clock: Timestamp) {
        let (Standing::Ready(state), Some(claim)) = (&mut self.standing, &mut self.claim) else { return };
        let now = clock.max(state.now);
        state.now = now;
        let mut batch = Batch { partition: self.partition, claim, frames: Vec::new(), waiting: Vec::new() };
        for _ in 0..DUE_MAX {
            let Some(row) = state.domain.due(now) else { break };
            batch.frame(state, vec![row], None, None);
        }
        for Order { tag, command, reply } in orders {
            let known = tag.and_then(|tag| state.ids.get(tag.id).map(|known| (tag, known.hash)));
            if let Some((tag, hash)) = known {
                batch.waiting.push(if hash == tag.hash {
                    Waiting::Echo { tag, reply }
                } else {
                    Waiting::Verdict { answer: Err(DeskError::Conflict(tag.id)), reply }
                });
                continue;
            }
            match state.domain.decide(&command, now) {
                Ok(rows) if rows.is_empty() => {
                    let answer = Ok(Done { at: None, rows, again: false });
                    batch.waiting.push(Waiting::Verdict { answer, reply });
                }
                Ok(rows) => batch.frame(state, rows, tag, Some(reply)),
                Err(refusal) => {
                    batch.waiting.push(Waiting::Verdict { answer: Err(DeskError::Refused(refusal)), reply });
                }
            }
        }
        let Batch { frames, waiting, .. } = batch;
        self.send_off(frames, waiting);
    }

    fn send_off(&mut self, frames: Vec<NewFrame>, waiting: Vec<Waiting<D>>) {
        if frames.is_empty() {
            self.flights.push_back(Flight { ticket: None, waiting });
            return;
        }
        match self.parts.log.submit(frames) {
            Ok(ticket) => self.flights.push_back(Flight { ticket: Some(ticket), waiting }),
            Err(error) => {
                // What is on its way before is still good, and what was decided on top of it is not in the log.
                self.settle();
                self.lose(&Trouble::Append(error), waiting);
            }
        }
    }

    /// Waits for everything that is on its way, and answers it.
    pub fn settle(&mut self) {
        while !self.flights.is_empty() {
            self.settle_first();
        }
    }

    /// Answers what is durable already, without waiting.
    pub fn settle_ready(&mut self) {
        while self.flights.front().is_some_and(|flight| flight.ticket.as_ref().is_none_or(Ticket::is_settled)) {
            self.settle_first();
        }
    }

    /// Waits for the oldest batch that is on its way, and answers it.
    pub fn settle_first(&mut self) {
        let Some(flight) = self.flights.pop_front() else { return };
        let appended = flight.ticket.map_or(Ok(Vec::new()), Ticket::wait);
        match appended {
            Ok(appended) => self.land(&appended, flight.waiting),
            Err(error) => self.lose(&Trouble::Append(error), flight.waiting),
        }
    }

    fn land(&mut self, appended: &[Appended], waiting: Vec<Waiting<D>>) {
        let mut receipts = appended.iter();
        let mut waiting = waiting.into_iter();
        while let Some(next) = waiting.next() {
            match next {
                Waiting::Frame { rows, tag, reply } => {
                    let Some(receipt) = receipts.next().filter(|receipt| receipt.voided_rows == 0) else {
                        let rest = std::iter::once(Waiting::Frame { rows, tag, reply }).chain(waiting).collect();
                        return self.lose(&Trouble::Fenced, rest);
                    };
                    self.landed(receipt, rows, tag, reply);
                }
                Waiting::Echo { tag, reply } => {
                    let again = self.again(tag);
                    answer::<D>(reply, again);
                }
                Waiting::Verdict { answer: verdict, reply } => answer::<D>(reply, verdict),
            }
        }
    }

    fn landed(&mut self, receipt: &Appended, rows: Vec<FactRow>, tag: Option<CommandTag>, reply: Option<Reply<D>>) {
        let place = Place { partition: self.partition, first: receipt.first, log_time: receipt.log_time };
        if let Standing::Ready(state) = &mut self.standing {
            if let Some(tag) = tag {
                state.ids.settle(tag.id, place);
            }
            state.next = receipt.end();
            state.now = state.now.max(receipt.log_time);
            state.unsaved += u64::from(receipt.rows);
        }
        self.heard = receipt.end();
        self.pace.note(u64::from(receipt.rows), receipt.log_time);
        for (number, row) in (0..).zip(&rows) {
            (self.listener)(Place { first: receipt.first.plus(number), ..place }, row);
        }
        if let Some(reply) = reply {
            answer::<D>(reply, Ok(Done { at: Some(place), rows, again: false }));
        }
    }

    /// The answer to a command that was done before: its facts, as they lie in the log.
    fn again(&self, tag: CommandTag) -> Answer<D::Refusal> {
        let Standing::Ready(state) = &self.standing else { return Err(DeskError::Again("its writer is gone".into())) };
        let place = state.ids.get(tag.id).and_then(|known| known.place);
        let Some(place) = place else { return Err(DeskError::Again("it is not known any more".into())) };
        let limits = ReadLimits { max_rows: 1, ..ReadLimits::default() };
        let frames = self.parts.log.read(Lane::Facts, self.partition, place.first, limits);
        let frame = frames.map_err(Trouble::from).and_then(|frames| frames.into_iter().next().ok_or(Trouble::Rows));
        let rows = frame.and_then(|frame| Ok(fact::decode(&frame.body)?));
        match rows {
            Ok(rows) => Ok(Done { at: Some(place), rows, again: true }),
            Err(trouble) => Err(DeskError::Again(trouble.to_string())),
        }
    }

    /// The state and the log may differ from here on: what waits is told to come again, and the state is made anew.
    fn lose(&mut self, trouble: &Trouble, waiting: Vec<Waiting<D>>) {
        tracing::warn!(%trouble, partition = %self.partition, domain = D::NAME, "the desk starts again from the log");
        self.standing = Standing::Lost;
        self.claim = None;
        let behind: Vec<Waiting<D>> = self.flights.drain(..).flat_map(|flight| flight.waiting).collect();
        for waiting in waiting.into_iter().chain(behind) {
            let reply = match waiting {
                Waiting::Frame { reply, .. } => reply,
                Waiting::Echo { reply, .. } | Waiting::Verdict { reply, .. } => Some(reply),
            };
            if let Some(reply) = reply {
                answer::<D>(reply, Err(DeskError::Again(trouble.to_string())));
            }
        }
    }

    /// Afterwards there is a state, and a claim under which nobody else has written since.
    fn make_ready(&mut self) -> Result<(), Trouble> {
        if let Standing::Stopped(unknown) = &self.standing {
            return Err(Trouble::Unknown(unknown.clone()));
        }
        if matches!(self.standing, Standing::Lost) {
            self.restore()?;
        }
        if self.claim.is_some() {
            return Ok(());
        }
        let id = (self.parts.chance)();
        let claimed = Fact::PartitionClaimed { address: self.parts.address.clone() };
        let row = FactRow::new(OrganizationId::NONE, self.parts.clock.now(), claimed);
        let tag = ClaimTag { claim_id: id, n: 0, opens: true };
        self.parts.log.append(vec![frame(self.partition, &[row], tag)])?;
        // Up to the own claim, which is in the log: what others wrote before it counts, nothing of theirs after it.
        self.catch_up()?;
        self.claim = Some(Claim { id, next: 1 });
        Ok(())
    }

    fn restore(&mut self) -> Result<(), Trouble> {
        let Parts { log, disk, .. } = &self.parts;
        let start = log.starts(Lane::Facts)[self.partition.index()];
        let end = log.ends(Lane::Facts)[self.partition.index()];
        let incarnation = log.identity().incarnation;
        self.standing = Standing::Ready(snapshot::load_within(&**disk, incarnation, self.partition, start..=end));
        let caught_up = self.catch_up();
        if caught_up.is_err() && matches!(self.standing, Standing::Ready(_)) {
            self.standing = Standing::Lost;
        }
        caught_up
    }

    /// Reads to the end: the state takes what it has not, the listener hears what it has not.
    fn catch_up(&mut self) -> Result<(), Trouble> {
        loop {
            let next = match &self.standing {
                Standing::Ready(state) => state.next,
                Standing::Lost | Standing::Stopped(_) => self.heard,
            };
            let frames =
                self.parts.log.read(Lane::Facts, self.partition, next.min(self.heard), ReadLimits::default())?;
            if frames.is_empty() {
                return match &self.standing {
                    Standing::Stopped(unknown) => Err(Trouble::Unknown(unknown.clone())),
                    _ => Ok(()),
                };
            }
            for frame in &frames {
                self.pass(frame)?;
            }
        }
    }

    fn pass(&mut self, frame: &eventlog::Frame) -> Result<(), Trouble> {
        let rows = rows_of(frame)?;
        if let Standing::Ready(state) = &mut self.standing
            && let Err(unknown) = state.take_frame(self.partition, frame, &rows)
        {
            self.standing = Standing::Stopped(unknown);
        }
        for (place, row) in counted(self.partition, frame, &rows).filter(|(place, _)| place.first >= self.heard) {
            (self.listener)(place, row);
        }
        self.heard = self.heard.max(frame.end());
        Ok(())
    }

    /// Has a snapshot made, on another thread, when enough has happened since the last one and there is time for it; where it
    /// is wanted `at_once`, when anything has.
    pub fn save_beside(&mut self, at_once: bool) {
        let (finished, calm) = (self.keeper.finished(), at_once || self.pace.is_calm(self.parts.clock.now()));
        let Standing::Ready(state) = &mut self.standing else { return };
        state.saved_bytes = finished.unwrap_or(state.saved_bytes);
        let paid = (state.saved_bytes / BYTES_PER_ROW).clamp(SNAPSHOT_ROWS, SNAPSHOT_ROWS_MAX);
        let due = if at_once {
            1
        } else if calm {
            paid
        } else {
            SNAPSHOT_ROWS_MAX
        };
        if state.unsaved >= due && !self.keeper.is_busy() {
            state.unsaved = 0;
            self.keeper.begin::<D>(&self.parts, self.partition, state.next);
        }
    }

    /// Writes a snapshot of what has happened since the last one, if nothing is on its way.
    pub fn save(&mut self) {
        self.keeper.wait();
        let Standing::Ready(state) = &mut self.standing else { return };
        if state.unsaved == 0 || !self.flights.is_empty() {
            return;
        }
        let Parts { log, disk, .. } = &self.parts;
        match snapshot::save(&**disk, log.identity().incarnation, self.partition, state) {
            Ok(bytes) => (state.unsaved, state.saved_bytes) = (0, bytes),
            // The log has everything: without it the next start reads more.
            Err(error) => tracing::warn!(%error, partition = %self.partition, "no snapshot of the desk"),
        }
    }

    /// The time at which the last batch was decided, or later; none while nothing can be decided. For tests.
    pub fn time(&self) -> Option<Timestamp> {
        match (&self.standing, &self.claim) {
            (Standing::Ready(state), Some(_)) => Some(state.now),
            _ => None,
        }
    }

    /// Asks the state that is decided on, which may be ahead of what is durable; none while there is none. For tests.
    pub fn ask<T>(&self, question: impl FnOnce(&D) -> T) -> Option<T> {
        match &self.standing {
            Standing::Ready(state) => Some(question(&state.domain)),
            Standing::Lost | Standing::Stopped(_) => None,
        }
    }
}

/// The facts of a frame, all of them or none: a frame that is read again must find nothing of it done.
pub(crate) fn rows_of(frame: &eventlog::Frame) -> Result<Vec<FactRow>, Trouble> {
    if frame.counted() == 0 {
        return Ok(Vec::new());
    }
    let rows = fact::decode(&frame.body)?;
    if rows.len() == frame.rows as usize { Ok(rows) } else { Err(Trouble::Rows) }
}

/// Those that count, with where they lie.
fn counted<'a>(
    partition: PartitionId,
    frame: &eventlog::Frame,
    rows: &'a [FactRow],
) -> impl Iterator<Item = (Place, &'a FactRow)> {
    let place = move |number: u32| Place { partition, first: frame.first.plus(number), log_time: frame.log_time };
    (0..).zip(rows).filter(|(number, _)| frame.counts(*number)).map(move |(number, row)| (place(number), row))
}

impl<D: Domain> State<D> {
    /// Applies what it has not of a frame.
    pub(crate) fn take_frame(
        &mut self,
        partition: PartitionId,
        frame: &eventlog::Frame,
        rows: &[FactRow],
    ) -> Result<(), UnknownFact> {
        let next = self.next;
        for (place, row) in counted(partition, frame, rows).filter(|(place, _)| place.first >= next) {
            self.take(place, row)?;
        }
        self.next = next.max(frame.end());
        self.now = self.now.max(frame.log_time);
        Ok(())
    }

    fn take(&mut self, place: Place, row: &FactRow) -> Result<(), UnknownFact> {
        self.domain.apply(row)?;
        // A clock that has jumped back stamps frames earlier than their facts: nothing is decided before what was.
        self.now = self.now.max(row.at);
        if let Some(tag) = row.command {
            self.ids.insert(D::aggregate_of(row), tag, Some(place));
        }
        self.unsaved += 1;
        Ok(())
    }
}

/// What a batch becomes: frames for the log and answers that wait for them.
struct Batch<'a, D: Domain> {
    partition: PartitionId,
    claim: &'a mut Claim,
    frames: Vec<NewFrame>,
    waiting: Vec<Waiting<D>>,
}

impl<D: Domain> Batch<'_, D> {
    /// Applies facts, so that the next command is decided on them, and makes a frame of them.
    fn frame(
        &mut self,
        state: &mut State<D>,
        mut rows: Vec<FactRow>,
        tag: Option<CommandTag>,
        reply: Option<Reply<D>>,
    ) {
        let aggregate = D::aggregate_of(&rows[0]);
        debug_assert!(rows.iter().all(|row| D::aggregate_of(row) == aggregate), "a command touches one aggregate");
        rows[0].command = tag;
        for row in &rows {
            state.domain.apply(row).expect("what the rules decide they know");
        }
        if let Some(tag) = tag {
            state.ids.insert(aggregate, tag, None);
        }
        let of = ClaimTag { claim_id: self.claim.id, n: self.claim.next, opens: false };
        self.claim.next += 1;
        self.frames.push(frame(self.partition, &rows, of));
        self.waiting.push(Waiting::Frame { rows, tag, reply });
    }
}

fn frame(partition: PartitionId, rows: &[FactRow], tag: ClaimTag) -> NewFrame {
    let body = fact::encode(rows);
    // A field of a fact that a row has, too, would be written and never read: tests of every command find it.
    debug_assert!(fact::decode(&body).is_ok_and(|read| read == rows), "facts read back as they were: {rows:?}");
    NewFrame {
        lane: Lane::Facts,
        partition,
        body: body.into(),
        rows: u32::try_from(rows.len()).expect("a command decides far fewer than 2^32 facts"),
        dedup: Vec::new(),
        claim: Some(tag),
    }
}

/// Whoever asked may have gone.
fn answer<D: Domain>(reply: Reply<D>, answer: Answer<D::Refusal>) {
    let _ = reply.send(answer);
}

impl<D: Domain> std::fmt::Debug for Seat<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").field("partition", &self.partition).field("claim", &self.claim).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_calm_when_few_rows_came_in_this_second_and_the_one_before() {
        let (second, mut pace) = (|at: i64| Timestamp::from_seconds(at), Pace::default());
        assert!(pace.is_calm(second(100)));
        pace.note(CALM_ROWS, second(100));
        assert!(!pace.is_calm(second(100)), "they came just now");
        assert!(!pace.is_calm(second(101)), "they came a second ago");
        assert!(pace.is_calm(second(102)));
        pace.note(CALM_ROWS, second(103));
        assert!(pace.is_calm(second(200)), "nothing has come for long");
        pace.note(CALM_ROWS, second(200));
        assert!(pace.is_calm(second(10)), "a clock that jumps back begins anew");
    }
}
