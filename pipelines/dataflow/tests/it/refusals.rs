//! A log without room for bindings, or that cannot be read for a while: views wait, say so, and go on by themselves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dataflow::{Config, DataflowError, Handle, Hooks, Phase, Status, Step, Stepper};
use eventlog::clock::ManualClock;
use eventlog::disk::{Disk, SimDisk};
use eventlog::{
    AppendError, EventLog, FileLog, FileOptions, Incarnation, Lane, NewFrame, PartitionId, Partitions, Writers,
};
use proptest::prelude::*;
use records::{Batch, Kind, Record, Timestamp, Token};

use crate::moody::Moody;
use crate::support::{ACTORS, HUNG, ORGANIZATION, Outbox, Test, World, answers, catch_up, sums_of, twin};

/// Below a quarter of this the log refuses everything; one more append fits then, so that its check sees it in time.
const LOW_WATER: u64 = 256 << 10;

/// A log in files on a simulated disk that runs full.
struct Full {
    disk: SimDisk,
    clock: Arc<ManualClock>,
    world: World,
    told: Outbox,
}

struct Process {
    log: Arc<FileLog>,
    stepper: Stepper<Test>,
}

impl Full {
    fn new(seed: u64) -> Self {
        let (disk, clock) = (SimDisk::new(seed), Arc::new(ManualClock::new(Timestamp::from_seconds(1_000))));
        Self { disk, clock, world: World::new(seed), told: Outbox::default() }
    }

    fn open(&mut self) -> Process {
        let options = FileOptions {
            incarnation: Incarnation { id: 7, ordinal: 0 },
            partitions: Partitions { facts: 1, activity: 3, system: 1 },
            writers: Writers::Inline,
            reserve_bytes: 0,
            low_water: LOW_WATER,
            ..FileOptions::default()
        };
        let log = Arc::new(FileLog::open(Arc::new(self.disk.clone()), Arc::clone(&self.clock), options).unwrap());
        let config = self.world.config(1, 40);
        let shared: Arc<dyn EventLog> = log.clone();
        let stepper = Stepper::open(config, shared, Arc::new(self.disk.clone()), self.told.hooks()).unwrap();
        Process { log, stepper }
    }

    fn append(&mut self, log: &FileLog) {
        self.clock.advance(400_000);
        let record = |row: u64| Record {
            organization: ORGANIZATION,
            actor: Token(row * 7 % ACTORS),
            amount_minor: row.cast_signed() - 5,
            ..Record::new(Kind::Page)
        };
        let rows = 1 + self.world.random(20);
        let body = Batch::from_records(&(0..rows).map(record).collect::<Vec<_>>()).encode().into();
        let (rows, partition) = (u32::try_from(rows).unwrap(), PartitionId(u16::try_from(rows % 3).unwrap()));
        let frame = NewFrame { lane: Lane::Activity, partition, body, rows, dedup: vec![], claim: None };
        match log.append(vec![frame]) {
            Ok(_) | Err(AppendError::NoSpace { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Leaves a little, which is less than the log wants to see.
    fn fill(&self) {
        self.disk.set_capacity(1 << 30);
        let used = (1 << 30) - self.disk.free_bytes().unwrap();
        self.disk.set_capacity(used + LOW_WATER / 4 - 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn epochs_wait_for_room_and_none_is_lost_or_doubled(seed in 0u64..1 << 32, actions in proptest::collection::vec(0u8..10, 5..60)) {
        let mut full = Full::new(seed);
        let mut process = full.open();
        let mut refused = 0;
        for action in actions {
            match action {
                0..4 => full.append(&process.log),
                4 | 5 => full.fill(),
                6 => full.disk.set_capacity(1 << 30),
                7 => {
                    drop(process);
                    full.disk.crash();
                    full.disk.restart();
                    process = full.open();
                }
                _ => for _ in 0..3 {
                    match process.stepper.step() {
                        Ok(_) => {}
                        Err(error) => {
                            prop_assert!(error.is_refusal(), "{}", error);
                            refused += 1;
                        }
                    }
                }
            }
        }
        full.disk.set_capacity(1 << 30);
        full.append(&process.log);
        process.stepper.run().unwrap();
        let expected = twin(&*process.log);
        prop_assert_eq!(answers(&process.stepper.views()), expected.clone(), "{} refusals", refused);
        process.stepper.close().unwrap();
        prop_assert_eq!(full.told.sums(), sums_of(&expected));
    }
}

#[test]
fn the_epoch_that_was_refused_is_the_next_one() {
    let mut full = Full::new(5);
    let mut process = full.open();
    full.append(&process.log);
    process.stepper.run().unwrap();
    let epoch = process.stepper.progress().epoch();
    full.append(&process.log);
    full.fill();
    // The log looks after the first append that still fits.
    full.append(&process.log);
    for _ in 0..3 {
        let error = process.stepper.step().unwrap_err();
        assert!(error.is_refusal() && !error.is_final(), "{error}");
        assert_eq!(process.stepper.progress().epoch(), epoch, "views stand still and can be read");
        assert!(!answers(&process.stepper.views()).0.is_empty());
    }
    full.disk.set_capacity(1 << 30);
    assert_eq!(process.stepper.step().unwrap(), Step::Epoch(epoch + 1), "no number is left out");
    process.stepper.run().unwrap();
    assert_eq!(answers(&process.stepper.views()), twin(&*process.log));
}

fn start(world: &World, log: &Arc<Moody>, config: Config) -> Handle<Test> {
    let log: Arc<dyn EventLog> = log.clone();
    Handle::start(config, log, Arc::new(world.disk.clone()), Hooks::default()).unwrap()
}

fn wait_for(handle: &Handle<Test>, wanted: impl Fn(&Status) -> bool) -> Status {
    let deadline = Instant::now() + HUNG;
    loop {
        let status = handle.status();
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "hung: {status:?}");
        std::thread::yield_now();
    }
}

#[test]
fn threads_wait_for_room_and_answer_meanwhile() {
    let mut world = World::new(91);
    let log = Moody::over(world.log.clone());
    world.append(40);
    let handle = start(&world, &log, world.config(2, 100));
    catch_up(&world, &handle);
    let (before, as_of) = (twin(&*world.log), handle.as_of());
    log.refuse(true);
    // In flight may be a beat.
    world.append(40);
    let status = wait_for(&handle, |status| matches!(status.phase, Phase::Waiting(_)));
    assert!(status.last_error.is_some_and(|error| error.contains("no space for system")));
    assert!(handle.as_of().epoch >= as_of.epoch && handle.as_of().log_time < world.newest());
    assert_eq!(answers(&handle.views()).0.len(), before.0.len());
    wait_for(&handle, |status| status.behind_records > 0);
    log.refuse(false);
    catch_up(&world, &handle);
    assert_eq!(answers(&handle.views()), twin(&*world.log));
    wait_for(&handle, |status| status.phase == Phase::Live);
    assert_eq!(handle.status().rebuilds, 0, "the group was kept");
    handle.stop().unwrap();
}

#[test]
fn a_start_and_a_stop_need_no_room() {
    let mut world = World::new(92);
    let log = Moody::over(world.log.clone());
    world.append(40);
    let handle = start(&world, &log, world.config(1, 100));
    catch_up(&world, &handle);
    handle.stop().unwrap();
    let before = twin(&*world.log);
    log.refuse(true);
    world.append(10);
    for _ in 0..2 {
        let handle = start(&world, &log, world.config(1, 100));
        assert_eq!(answers(&handle.views()), before, "the snapshot can be read");
        wait_for(&handle, |status| matches!(status.phase, Phase::Waiting(_)));
        handle.stop().unwrap();
    }
    let handle = start(&world, &log, world.config(1, 100));
    log.refuse(false);
    catch_up(&world, &handle);
    assert_eq!(answers(&handle.views()), twin(&*world.log));
    handle.stop().unwrap();
}

#[test]
fn an_error_that_goes_away_needs_nobody() {
    for panics in [false, true] {
        let mut world = World::new(93);
        let log = Moody::over(world.log.clone());
        world.append(40);
        let config = Config { restart_pause: Duration::from_millis(1), ..world.config(2, 100) };
        let handle = start(&world, &log, config);
        catch_up(&world, &handle);
        let old = handle.progress();
        if panics {
            log.panic_once()
        } else {
            log.fail_reads(3)
        }
        world.append(40);
        let newest = world.newest();
        world.clock.advance(2_000_000);
        let done = |status: &Status| status.phase == Phase::Live && status.as_of.log_time >= newest;
        let status = wait_for(&handle, done);
        assert_eq!(answers(&handle.views()), twin(&*world.log));
        assert_eq!(status.rebuilds, if panics { 1 } else { 3 });
        let said = status.last_error.unwrap();
        assert!(said.contains(if panics { "the log panics" } else { "the cable is loose" }), "{said}");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!(!runtime.block_on(old.past(u64::MAX)), "whoever waits at the old views is told to ask again");
        handle.stop().unwrap();
    }
}

#[test]
fn an_error_that_stays_is_told_after_five_restarts() {
    let mut world = World::new(94);
    let log = Moody::over(world.log.clone());
    world.append(40);
    let config = Config { restart_pause: Duration::from_millis(1), ..world.config(1, 100) };
    let handle = start(&world, &log, config);
    catch_up(&world, &handle);
    let before = answers(&handle.views());
    log.fail_reads(u32::MAX);
    world.append(10);
    let status = wait_for(&handle, |status| matches!(status.phase, Phase::Failed(_)));
    assert!(matches!(&status.phase, Phase::Failed(why) if why.contains("the cable is loose")));
    assert_eq!(status.rebuilds, 6, "the first failure, and five restarts");
    assert_eq!(answers(&handle.views()), before, "what there was can still be read");
    assert!(handle.stop().unwrap_err().contains("the cable is loose"));
}

#[test]
fn what_cannot_heal_is_not_tried_again() {
    let read_only = || AppendError::Poisoned { reason: "writing activity".into() };
    let of = |error: AppendError| DataflowError::System(error.into());
    assert!(of(read_only()).is_final() && of(AppendError::Closed).is_final());
    assert!(of(AppendError::Busy { lane: Lane::System }).is_refusal());
    assert!(!of(AppendError::Busy { lane: Lane::System }).is_final());
}
