//! Small folds whose answers depend on everything that may go wrong, a log full of traps, and their naive twin.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use dataflow::frame::{Emit, Sequenced};
use dataflow::graph::Program;
use dataflow::{Config, Handle, Hooks, Stepper};
use eventlog::clock::ManualClock;
use eventlog::disk::SimDisk;
use eventlog::{EventLog, Lane, MemoryLog, MemoryOptions, NewFrame, PartitionId, Partitions, ReadLimits};
use parking_lot::Mutex;
use records::hash::{join, mix};
use records::{Batch, Fact, FactRow, Kind, OrganizationId, Record, Timestamp, Token};
use serde::{Deserialize, Serialize};
use views::as_of::Wanted;
use views::codec::{In, Out};
use views::shards::Reader;
use views::state::{At, Effects, Fold, StateError};

/// A test that waits longer than this has hung.
pub const HUNG: Duration = Duration::from_secs(60);

/// For each actor: a sum, a hash over its records in order, and a window that closes with time.
#[derive(Debug, Default)]
pub struct Ordered {
    actors: BTreeMap<u64, Actor>,
    untold: Vec<(u64, i64)>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Actor {
    pub sum: i64,
    pub chain: u64,
    pub last: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seen {
    pub actor: u64,
    pub amount: i64,
    pub event_time: i64,
    pub rules: u32,
}

impl Ordered {
    pub fn actor(&self, actor: u64) -> Option<&Actor> {
        self.actors.get(&actor)
    }
}

impl Fold for Ordered {
    const NAME: &'static str = "ordered";
    const VERSION: u32 = 1;
    type Input = Seen;
    type Output = Scored;
    type Key = u64;
    type Row = (u64, i64);

    fn apply(&mut self, at: At, input: &Seen, effects: &mut Effects<Self>) {
        let actor = self.actors.entry(input.actor).or_default();
        actor.sum += input.amount;
        let parts =
            [at.pos.offset, at.pos.log_time.0.cast_unsigned(), input.amount.cast_unsigned(), input.rules.into()];
        actor.chain = parts.into_iter().fold(actor.chain, join);
        actor.last = actor.last.max(input.event_time);
        self.untold.push((input.actor, input.amount));
        effects.changed.push(input.actor);
        // Two outputs for one input, to the same bin: their order must hold too.
        let group = input.actor % 3;
        effects.next.push((mix(group), Scored { group, chain: actor.chain }));
        effects.next.push((mix(group), Scored { group, chain: !actor.chain }));
    }

    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}

    fn land(&mut self, rows: &mut Vec<(u64, i64)>) {
        self.untold.sort_unstable();
        rows.append(&mut self.untold);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        assert!(self.untold.is_empty(), "snapshots come right after landing");
        let mut out = Out::open::<Self>(out);
        out.len(self.actors.len());
        for (actor, state) in &self.actors {
            out.u64(*actor);
            out.i64(state.sum);
            out.fixed(state.chain);
            out.i64(state.last);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = In::open::<Self>(bytes)?;
        let mut actors = BTreeMap::new();
        for _ in 0..from.len(11)? {
            let actor = from.u64()?;
            actors.insert(actor, Actor { sum: from.i64()?, chain: from.fixed()?, last: from.i64()? });
        }
        from.done()?;
        Ok(Self { actors, untold: Vec::new() })
    }

    fn len(&self) -> usize {
        self.actors.len()
    }
}

/// The second step: for each group of actors a hash over everything in order, direct inputs among the handed-on ones.
#[derive(Debug, Default)]
pub struct Chained {
    groups: BTreeMap<u64, (u64, u64)>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scored {
    pub group: u64,
    pub chain: u64,
}

impl Chained {
    pub fn group(&self, group: u64) -> Option<(u64, u64)> {
        self.groups.get(&group).copied()
    }
}

impl Fold for Chained {
    const NAME: &'static str = "chained";
    const VERSION: u32 = 3;
    type Input = Scored;
    type Output = ();
    type Key = u64;
    type Row = u64;

    fn apply(&mut self, at: At, input: &Scored, effects: &mut Effects<Self>) {
        let (count, chain) = self.groups.entry(input.group).or_default();
        *count += 1;
        *chain = join(join(*chain, input.chain), at.pos.offset);
        effects.changed.push(input.group);
    }

    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}

    fn land(&mut self, _rows: &mut Vec<u64>) {}

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        out.len(self.groups.len());
        for (group, (count, chain)) in &self.groups {
            out.u64(*group);
            out.u64(*count);
            out.fixed(*chain);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = In::open::<Self>(bytes)?;
        let mut groups = BTreeMap::new();
        for _ in 0..from.len(10)? {
            let group = from.u64()?;
            groups.insert(group, (from.u64()?, from.fixed()?));
        }
        from.done()?;
        Ok(Self { groups })
    }

    fn len(&self) -> usize {
        self.groups.len()
    }
}

pub fn route_ordered(frame: &Sequenced, emit: &mut Emit<Seen>) {
    let Some(batch) = frame.batch() else { return };
    let rules = frame.rulebook.rules(ORGANIZATION).map_or(0, |rules| rules.version);
    for row in frame.rows() {
        let at = row as usize;
        let actor = batch.actor(at).0;
        let seen = Seen { actor, amount: batch.amount_minor(at), event_time: batch.event_time(at).0, rules };
        emit.to(mix(actor), row, seen);
    }
}

/// Every seventh record also goes straight to the second step.
pub fn route_chained(frame: &Sequenced, emit: &mut Emit<Scored>) {
    let Some(batch) = frame.batch() else { return };
    for row in frame.rows() {
        let actor = batch.actor(row as usize).0;
        if actor % 7 == 0 {
            let group = actor % 3;
            emit.to(mix(group), row, Scored { group, chain: actor });
        }
    }
}

dataflow::program! {
    /// Readers.
    pub struct TestViews;
    /// Two computations, the second fed by the first.
    pub struct Test;
    ordered: Ordered = route_ordered -> next;
    chained: Chained = route_chained from ordered;
}

pub const ORGANIZATION: OrganizationId = OrganizationId(9);
pub const ACTORS: u64 = 40;

/// Everything that can be asked.
pub type Answers = (BTreeMap<u64, Actor>, BTreeMap<u64, (u64, u64)>);

pub fn answers(views: &TestViews) -> Answers {
    let actor = |actor: u64| Some((actor, views.ordered.read(mix(actor), |fold| fold.actor(actor).cloned()).0?));
    let group = |group: u64| Some((group, views.chained.read(mix(group), |fold| fold.group(group)).0?));
    ((0..ACTORS).filter_map(actor).collect(), (0..3).filter_map(group).collect())
}

/// The same from the log, record by record, without any of the machinery.
pub fn twin(log: &dyn EventLog) -> Answers {
    twin_without(log, &|_, _| false)
}

/// As [`twin`], but the given (actor, amount) are ignored by the first view.
pub fn twin_without(log: &dyn EventLog, ignored: &dyn Fn(u64, i64) -> bool) -> Answers {
    let mut frames = Vec::new();
    for lane in [Lane::Facts, Lane::Activity] {
        for partition in log.identity().partitions.each(lane) {
            frames.extend(
                log.read(lane, partition, log.starts(lane)[partition.index()], ReadLimits::everything()).unwrap(),
            );
        }
    }
    frames.sort_by_key(|frame| frame.log_time);
    let (mut ordered, mut chained, mut rules) = (Ordered::default(), Chained::default(), 0);
    for frame in &frames {
        if frame.lane == Lane::Facts {
            rules += frame.counted();
            continue;
        }
        let Ok(batch) = Batch::decode(&frame.body) else { continue };
        for row in frame.counted_rows() {
            let pos = records::Pos {
                log_time: frame.log_time,
                lane: 1,
                partition: frame.partition.0,
                offset: frame.first.plus(row).0,
            };
            let (at, row) = (At { pos }, row as usize);
            let actor = batch.actor(row).0;
            let (amount, event_time) = (batch.amount_minor(row), batch.event_time(row).0);
            if actor % 7 == 0 {
                chained.apply(at, &Scored { group: actor % 3, chain: actor }, &mut Effects::default());
            }
            if ignored(actor, amount) {
                continue;
            }
            let mut effects = Effects::default();
            ordered.apply(at, &Seen { actor, amount, event_time, rules }, &mut effects);
            for (_, scored) in effects.next {
                chained.apply(at, &scored, &mut Effects::default());
            }
        }
    }
    (ordered.actors, chained.groups)
}

/// A log in memory whose clock the test moves.
pub struct World {
    pub log: Arc<MemoryLog>,
    pub clock: Arc<ManualClock>,
    pub disk: SimDisk,
    chance: u64,
}

/// Claims are never used twice, not even in another world.
static CLAIMS: AtomicU64 = AtomicU64::new(1);

impl World {
    pub fn new(seed: u64) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_000)));
        let partitions = Partitions { facts: 2, activity: 3, system: 1 };
        let options = MemoryOptions { partitions, ..MemoryOptions::default() };
        let log = Arc::new(MemoryLog::with_options(seed + 1, Arc::clone(&clock), options));
        Self { log, clock, disk: SimDisk::new(seed), chance: mix(seed) }
    }

    pub fn random(&mut self, below: u64) -> u64 {
        self.chance = mix(self.chance);
        self.chance % below
    }

    /// Appends frames with out-of-order event times, duplicates, voided frames and rules, and lets time pass.
    pub fn append(&mut self, frames: u64) {
        for _ in 0..frames {
            let step = self.random(120_000);
            self.clock.advance(step.cast_signed());
            if self.random(12) == 0 {
                self.append_rules();
            }
            let rows = 1 + self.random(30);
            let records: Vec<Record> = (0..rows).map(|_| self.record()).collect();
            // A small range of hashes makes many duplicates; 0 is never one.
            let dedup = (0..rows).map(|_| self.random(400)).collect();
            self.append_records(&records, dedup);
        }
    }

    fn record(&mut self) -> Record {
        let jitter = self.random(5_000_000).cast_signed();
        Record {
            organization: ORGANIZATION,
            actor: Token(self.random(ACTORS)),
            amount_minor: self.random(1_000).cast_signed() - 500,
            event_time: Timestamp(1_000_000_000 - jitter),
            ..Record::new(Kind::Page)
        }
    }

    pub fn append_records(&mut self, records: &[Record], dedup: Vec<u64>) {
        let batch = Batch::from_records(records);
        let partition = PartitionId(u16::try_from(self.random(3)).unwrap());
        let rows = u32::try_from(records.len()).unwrap();
        let body = batch.encode().into();
        self.log.append(vec![NewFrame { lane: Lane::Activity, partition, body, rows, dedup, claim: None }]).unwrap();
    }

    /// Appends a frame of records of one actor, each with an amount.
    pub fn append_amounts(&mut self, amounts: &[i64]) {
        let record = |amount: &i64| Record { actor: Token(1), amount_minor: *amount, ..Record::new(Kind::Page) };
        self.append_records(&amounts.iter().map(record).collect::<Vec<_>>(), vec![]);
    }

    fn append_rules(&mut self) {
        let document = Arc::new(serde_json::json!({ "format": 1 }));
        let row = FactRow::new(ORGANIZATION, Timestamp(1), Fact::RulesPublished { document });
        let body = records::fact::encode(&[row]).into();
        let partition = PartitionId(u16::try_from(self.random(2)).unwrap());
        let frame = NewFrame { lane: Lane::Facts, partition, body, rows: 1, dedup: vec![], claim: None };
        self.log.append(vec![frame]).unwrap();
    }

    /// Settings with many small epochs, so that every boundary is met.
    pub fn config(&self, workers: usize, epoch_rows: u64) -> Config {
        Config {
            workers,
            epoch_rows,
            claim_id: u128::from(CLAIMS.fetch_add(1, Ordering::Relaxed)),
            snapshot_every: records::Span::from_seconds(2),
            epoch_every: Duration::ZERO,
            ..Config::default()
        }
    }

    pub fn stepper(&self, epoch_rows: u64, hooks: Hooks) -> Stepper<Test> {
        let log: Arc<dyn EventLog> = self.log.clone();
        Stepper::open(self.config(1, epoch_rows), log, Arc::new(self.disk.clone()), hooks).unwrap()
    }

    pub fn start(&self, workers: usize, epoch_rows: u64, hooks: Hooks) -> Handle<Test> {
        let log: Arc<dyn EventLog> = self.log.clone();
        Handle::start(self.config(workers, epoch_rows), log, Arc::new(self.disk.clone()), hooks).unwrap()
    }

    /// The log time of the newest record.
    pub fn newest(&self) -> Timestamp {
        self.log.bound()
    }
}

/// Waits until a dataflow reflects everything that is in the log now.
pub fn catch_up(world: &World, handle: &Handle<Test>) {
    // A later beat makes the last records' epoch complete even when nothing follows.
    let newest = world.newest();
    world.clock.advance(2_000_000);
    assert!(handle.progress().wait_for(Wanted::LogTime(newest), HUNG).is_some(), "hung: {:?}", handle.status());
}

/// As [`catch_up`], for a dataflow whose groups are rebuilt on the way.
pub fn catch_up_after_panics<P: Program>(world: &World, handle: &Handle<P>) {
    let newest = world.newest();
    world.clock.advance(2_000_000);
    let deadline = std::time::Instant::now() + HUNG;
    while handle.progress().wait_for(Wanted::LogTime(newest), Duration::from_millis(50)).is_none() {
        assert!(std::time::Instant::now() < deadline, "hung: {:?}", handle.status());
    }
}

/// What the first actor's amounts add up to.
pub fn first_sum(ordered: &Reader<Ordered>) -> i64 {
    ordered.read(mix(1), |bin| bin.actor(1).map_or(0, |actor| actor.sum)).0
}

/// Landed rows by (actor, amount), as a table of additive rows shows them.
pub type Told = Arc<Mutex<BTreeMap<u64, Vec<(u64, i64)>>>>;

/// A sink that keeps what it is told, by landing epoch: telling twice must not count twice.
pub fn telling() -> (Told, Hooks) {
    let told = Told::default();
    let keep = Arc::clone(&told);
    let sink: dataflow::Sink = Box::new(move |epoch| {
        let rows = epoch.views[0].rows::<(u64, i64)>().expect("the first view's rows").to_vec();
        let before = keep.lock().insert(epoch.number, rows.clone());
        assert!(before.is_none_or(|before| before == rows), "landing epoch {} has the same rows again", epoch.number);
        Ok(epoch.number)
    });
    (told, Hooks { sink: Some(sink), ..Hooks::default() })
}

/// What all landed rows add up to, which must be what the views say.
pub fn sums(told: &Told) -> BTreeMap<u64, i64> {
    let mut sums = BTreeMap::new();
    told.lock().values().flatten().for_each(|(actor, amount)| *sums.entry(*actor).or_default() += amount);
    sums
}

pub fn sums_of(answers: &Answers) -> BTreeMap<u64, i64> {
    answers.0.iter().map(|(actor, state)| (*actor, state.sum)).collect()
}

/// A receiver as the outbox is: it knows what it was told, in ranges too, and refuses while it is full.
#[derive(Debug, Default, Clone)]
pub struct Outbox {
    ranges: Arc<Mutex<BTreeMap<u64, Range>>>,
    full: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Range {
    first: u64,
    rows: Vec<(u64, i64)>,
}

impl Outbox {
    pub fn hooks(&self) -> Hooks {
        let this = self.clone();
        let sink: dataflow::Sink = Box::new(move |epoch| {
            if this.full.load(Ordering::SeqCst) {
                return Err(dataflow::SinkError("full".into()));
            }
            let rows = epoch.views[0].rows::<(u64, i64)>().expect("the first view's rows").to_vec();
            this.put(epoch.first, epoch.number, rows);
            Ok(epoch.number)
        });
        Hooks { sink: Some(sink), ..Hooks::default() }
    }

    /// Whether nothing more is taken.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    fn put(&self, first: u64, number: u64, rows: Vec<(u64, i64)>) {
        let mut ranges = self.ranges.lock();
        let (newest, known) =
            ranges.last_key_value().map_or((0, None), |(newest, _)| (*newest, ranges.range(number..).next()));
        match known {
            Some((last, range)) if range.first <= first => {
                let same = (range.first, *last) != (first, number) || range.rows == rows;
                assert!(same, "landing epoch {number} has the same rows again");
            }
            _ => {
                assert_eq!(first, newest + 1, "..={number}: no gap, no overlap");
                ranges.insert(number, Range { first, rows });
            }
        }
    }

    /// The newest landing epoch that it has.
    pub fn newest(&self) -> u64 {
        self.ranges.lock().last_key_value().map_or(0, |(newest, _)| *newest)
    }

    /// What all rows add up to, which must be what the views say.
    pub fn sums(&self) -> BTreeMap<u64, i64> {
        let mut sums = BTreeMap::new();
        let ranges = self.ranges.lock();
        let rows = ranges.values().flat_map(|range| &range.rows);
        rows.for_each(|(actor, amount)| *sums.entry(*actor).or_default() += amount);
        sums
    }
}
