//! "What next for this visitor" out of a million visits, asked of the view as the API asks it: titles, reasons, ended and
//! full items left out.

use std::time::Instant;

use records::hash::bin;
use records::{EventId, ItemId, OrganizationId, Pos, Span, Text, Timestamp, Token};
use views::as_of::{self, AsOf};
use views::feed;
use views::recommend::{Next, Place, Recommend, RecommendInput, VisitorKey};
use views::shards::{self, Reader};
use views::state::At;
use workload::visits::Visits;

use crate::Settings;
use crate::cpu::cost;
use crate::report::{Row, say};
use crate::rounds::quantile;

const VISITS: u64 = 1_000_000;
/// Every item is listed, as an organizer lists what is on; a view keeps 65,536 listings of an event.
const ITEMS: u32 = 60_000;
const ANSWERS: u64 = 20_000;
/// Items of one answer: what the API gives at most by default, twice over.
const LIMIT: usize = 20;
/// Visits folded in one epoch.
const EPOCH_VISITS: usize = 4_096;
/// One item of so many has ended, and one is full.
const CLOSED_ONE_OF: usize = 20;
const ORGANIZATION: OrganizationId = OrganizationId(1);
const EVENT: EventId = EventId(1);
const STARTS: Timestamp = Timestamp::from_seconds(1_791_183_600);
const P90_GOAL_MS: f64 = 1.0;
const RATE_GOAL: f64 = 5_000.0;
/// Serenade (SIGMOD 2022, section 5.3): 1,000 requests a second on two virtual cores, p90 below 7 ms.
const SERENADE_PER_CORE_SECOND: f64 = 500.0;
const SERENADE_P90_MS: f64 = 7.0;

/// Items whose number leaves this rest have ended; the next ones are full.
fn has_ended(number: usize) -> bool {
    number % CLOSED_ONE_OF == 7
}

fn is_full(number: usize) -> bool {
    number % CLOSED_ONE_OF == 8
}

/// What facts and a first guest say about the items.
fn listings(items: &[ItemId], ends: Timestamp) -> Vec<RecommendInput> {
    let (organization, event) = (ORGANIZATION, EVENT);
    let mut inputs = Vec::with_capacity(items.len());
    for (number, item) in items.iter().copied().enumerate() {
        let title = Text::new(&format!("Item number {number}"));
        let ends = Some(if has_ended(number) { STARTS } else { ends });
        let capacity = Some(if is_full(number) { 1 } else { 500 });
        inputs.push(RecommendInput::Listed { organization, event, item, title, ends, capacity });
        let (actor, place) = (Token(number as u64 + 1), Place::Registered);
        inputs.push(RecommendInput::Place { organization, event, item, actor, place, taken: true });
    }
    inputs
}

/// The view with its writer, as a worker of the dataflow holds it.
struct View {
    writer: shards::Writer<Recommend>,
    reader: Reader<Recommend>,
    announcer: as_of::Announcer,
    frontier: as_of::Frontier,
    epoch: u64,
    offset: u64,
}

impl View {
    fn new() -> Self {
        let (announcer, frontier, progress) = as_of::channel(AsOf::default());
        let (mut writers, reader) = shards::open::<Recommend>(1, progress, feed::Limits::default());
        Self { writer: writers.remove(0), reader, announcer, frontier, epoch: 0, offset: 0 }
    }

    /// Folds inputs as one epoch.
    fn fold(&mut self, log_time: Timestamp, inputs: &[RecommendInput]) {
        self.epoch += 1;
        let (epoch, first) = (self.epoch, self.offset);
        self.offset += inputs.len() as u64;
        self.announcer.announce(AsOf { epoch, log_time, ..AsOf::default() });
        let placed = inputs.iter().zip(first..).map(|(input, offset)| {
            let pos = Pos { log_time, lane: 1, partition: 0, offset };
            ((), At { pos }, input)
        });
        self.writer.apply(epoch, bin(Recommend::hash(ORGANIZATION, EVENT)), placed, &mut Vec::new());
        self.writer.finish(epoch, log_time);
        self.frontier.complete(epoch);
    }

    /// As `GET /v1/views/recommendations/VISITOR` asks.
    fn ask(&self, visitor: Token) -> Next {
        let key = VisitorKey { organization: ORGANIZATION, event: EVENT, visitor };
        let now = self.reader.progress().current().log_time;
        self.reader.read(Recommend::hash(ORGANIZATION, EVENT), |fold| fold.next(key, now, LIMIT)).0
    }
}

/// Folds the visits; who made the newest ones comes back.
fn index(view: &mut View, visits: u64, wanted: usize) -> Vec<Token> {
    let mut stream = Visits::new(7, ITEMS, STARTS);
    view.fold(STARTS + Span::MINUTE, &listings(stream.items(), STARTS + Span(7 * Span::DAY.0)));
    let mut left = usize::try_from(visits).unwrap_or(usize::MAX);
    let (mut visitors, mut inputs, mut now) = (Vec::new(), Vec::new(), STARTS + Span::MINUTE);
    while left > 0 {
        let some = left.min(EPOCH_VISITS);
        left -= some;
        inputs.clear();
        for visit in stream.by_ref().take(some) {
            visitors.push(visit.visitor);
            for (time, item) in visit.views {
                now = now.max(time);
                let (organization, event, visitor) = (ORGANIZATION, EVENT, visit.visitor);
                inputs.push(RecommendInput::Viewed { organization, event, visitor, item, time });
            }
        }
        view.fold(now, &inputs);
    }
    visitors.split_off(visitors.len().saturating_sub(wanted))
}

/// Nothing that has ended or is full may be suggested, and most suggestions must have a reason of their own.
fn check(answers: &[Next]) -> anyhow::Result<f64> {
    let items = Visits::new(7, ITEMS, STARTS).items().to_vec();
    let closed: std::collections::BTreeSet<ItemId> = items
        .iter()
        .enumerate()
        .filter(|(number, _)| has_ended(*number) || is_full(*number))
        .map(|one| *one.1)
        .collect();
    let suggested = || answers.iter().flat_map(|answer| &answer.next);
    anyhow::ensure!(suggested().count() > 0, "nothing was suggested");
    let wrong = suggested().find(|suggestion| closed.contains(&suggestion.item.item));
    anyhow::ensure!(wrong.is_none(), "an ended or full item was suggested: {wrong:?}");
    let reasoned = suggested().filter(|suggestion| suggestion.because.is_some()).count();
    Ok(reasoned as f64 / suggested().count() as f64)
}

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let visits = settings.size(VISITS);
    let mut view = View::new();
    let wanted = usize::try_from(settings.size(ANSWERS).min(visits))?;
    let (indexed, visitors) = cost(|| index(&mut view, visits, wanted));
    let known = view.reader.read(Recommend::hash(ORGANIZATION, EVENT), Recommend::visits).0;
    anyhow::ensure!(known as u64 == visits, "{known} of {visits} visits are indexed");
    say!("{visits} visits of {ITEMS} items indexed; asking for {} visitors, {} times", visitors.len(), settings.rounds);
    let (mut taken, mut rates) = (Vec::new(), Vec::new());
    let mut answers = Vec::with_capacity(visitors.len());
    // The first round warms caches.
    for round in 0..=settings.rounds {
        answers.clear();
        let mut times = Vec::with_capacity(visitors.len());
        let (answered, ()) = cost(|| {
            for visitor in &visitors {
                let started = Instant::now();
                answers.push(std::hint::black_box(view.ask(*visitor)));
                times.push(started.elapsed().as_secs_f64() * 1e3);
            }
        });
        if round > 0 {
            rates.push(visitors.len() as f64 / answered.cpu.as_secs_f64());
            taken.extend(times);
        }
    }
    let reasoned = check(&answers)?;
    let rate = quantile(rates, 0.5);
    let p90 = quantile(taken.clone(), 0.9);
    let holds = p90 <= P90_GOAL_MS && rate >= RATE_GOAL;
    let goal = "p90 1 ms; 5,000 answers per core-second";
    let mut row = Row::new("spine-recommend", "answers per core-second", rate, goal, holds);
    row.peer = Some(SERENADE_PER_CORE_SECOND);
    row.peer_name = "Serenade (published: 1,000/s on 2 vCPU)".into();
    row.ratio = Some(rate / SERENADE_PER_CORE_SECOND);
    Ok(row
        .part("p90 of one answer", "ms", p90)
        .part("p99 of one answer", "ms", quantile(taken, 0.99))
        .part("p90 of one answer, Serenade (published)", "ms", SERENADE_P90_MS)
        .part("share of suggestions because of a viewed item", "", reasoned)
        .part("visits folded into the view", "visits per CPU-second", visits as f64 / indexed.cpu.as_secs_f64()))
}
