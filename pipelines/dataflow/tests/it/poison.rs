//! Records that make a fold or its routing panic (review 11).

use std::sync::Arc;

use dataflow::frame::{Emit, Sequenced};
use dataflow::{Handle, Hooks, Skipped, Step, Stepper};
use eventlog::EventLog;
use parking_lot::Mutex;
use records::Timestamp;
use records::hash::mix;
use views::state::{At, Effects, Fold, StateError};

use crate::support::{World, catch_up_after_panics, first_sum};

/// An amount that the fold cannot take, and one that routing cannot.
const DEADLY: i64 = 666;
const UNROUTABLE: i64 = 667;

#[derive(Debug, Default)]
pub struct Fragile(i64);

impl Fold for Fragile {
    const NAME: &'static str = "fragile";
    const VERSION: u32 = 1;
    type Input = i64;
    type Output = ();
    type Key = ();
    type Row = ();

    fn apply(&mut self, _at: At, input: &i64, _effects: &mut Effects<Self>) {
        assert!(*input != DEADLY, "the fold cannot take this");
        self.0 += input;
    }
    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}
    fn land(&mut self, _rows: &mut Vec<()>) {}
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.0.to_le_bytes());
    }
    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        Ok(Self(i64::from_le_bytes(bytes.try_into().map_err(|_| StateError::Damaged("fragile"))?)))
    }
    fn len(&self) -> usize {
        usize::from(self.0 != 0)
    }
}

fn route(frame: &Sequenced, emit: &mut Emit<i64>) {
    let Some(batch) = frame.batch() else { return };
    for row in frame.rows() {
        let amount = batch.amount_minor(row as usize);
        assert!(amount != UNROUTABLE, "routing cannot take this");
        emit.to(mix(amount.cast_unsigned() % 5), row, amount);
    }
}

dataflow::program! {
    /// Readers.
    pub struct Views;
    /// One that panics and one that does not.
    pub struct Poisoned;
    fragile: Fragile = route;
    robust: crate::support::Ordered = crate_route;
}

fn crate_route(frame: &Sequenced, emit: &mut Emit<crate::support::Seen>) {
    crate::support::route_ordered(frame, emit);
}

fn total(views: &Views) -> i64 {
    let mut total = 0;
    views.fragile.scan(|_, bin| total += bin.0);
    total
}

fn robust(views: &Views) -> i64 {
    first_sum(&views.robust)
}

fn hooks() -> (Arc<Mutex<Vec<Skipped>>>, Hooks) {
    let letters = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&letters);
    let dead_letters: dataflow::DeadLetters = Box::new(move |skipped| keep.lock().push(skipped.clone()));
    (letters, Hooks { dead_letters: Some(dead_letters), ..Hooks::default() })
}

#[test]
fn a_poisoned_record_is_skipped_by_its_view_only() {
    let mut world = World::new(61);
    world.append_amounts(&[1, 2, DEADLY, 4]);
    world.append_amounts(&[8, UNROUTABLE, 16]);
    let (letters, hooks) = hooks();
    let log: Arc<dyn EventLog> = world.log.clone();
    let disk = Arc::new(world.disk.clone());
    let mut stepper = Stepper::<Poisoned>::open(world.config(1, 100), log.clone(), disk.clone(), hooks).unwrap();
    // The first panic may have been bad luck; the second one in the same epoch is not.
    assert_eq!(stepper.step().unwrap(), Step::Rebuilt);
    assert!(letters.lock().is_empty());
    assert_eq!(stepper.step().unwrap(), Step::Rebuilt);
    assert_eq!(letters.lock().len(), 1);
    stepper.run().unwrap();
    let views = stepper.views();
    assert_eq!((total(&views), robust(&views)), (31, 31 + DEADLY + UNROUTABLE));
    let skipped: Vec<_> = letters.lock().iter().map(|letter| (letter.skip.view.clone(), letter.skip.rows)).collect();
    assert_eq!(skipped, [("fragile".to_owned(), 1), ("fragile".to_owned(), 1)]);
    drop(stepper);

    // The skip is in the log: another process, another machine, the same answer, and no panic.
    let again =
        Stepper::<Poisoned>::open(world.config(1, 7), log, Arc::new(eventlog::disk::SimDisk::new(1)), Hooks::default());
    let mut again = again.unwrap();
    while again.step().unwrap() != Step::Idle {
        assert_eq!(again.skipped(), 0);
    }
    assert_eq!(total(&again.views()), 31);
}

#[test]
fn threads_survive_a_panic_of_one_worker() {
    for workers in [1, 3] {
        let mut world = World::new(62);
        world.append_amounts(&[1, 2, 4]);
        let (letters, hooks) = hooks();
        let log: Arc<dyn EventLog> = world.log.clone();
        let handle =
            Handle::<Poisoned>::start(world.config(workers, 100), log, Arc::new(world.disk.clone()), hooks).unwrap();
        let old = handle.progress();
        world.append_amounts(&[8, DEADLY]);
        world.append_amounts(&[16]);
        catch_up_after_panics(&world, &handle);
        assert_eq!(total(&handle.views()), 31);
        assert_eq!(robust(&handle.views()), 31 + DEADLY);
        let status = handle.status();
        assert_eq!((status.skipped, letters.lock().len()), (1, 1));
        assert!(status.panics >= 2 && status.rebuilds >= 2);
        // Whoever waits at the views from before is told to ask again.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!(!runtime.block_on(old.past(u64::MAX)));
        handle.stop().unwrap();
    }
}

#[test]
fn a_frame_that_nobody_can_decode_is_skipped_by_every_view() {
    let mut world = World::new(63);
    world.append_amounts(&[1, 2]);
    let (lane, partition) = (eventlog::Lane::Activity, eventlog::PartitionId(0));
    let body = "no columns".into();
    world.log.append(vec![eventlog::NewFrame { lane, partition, body, rows: 3, dedup: vec![], claim: None }]).unwrap();
    world.append_amounts(&[4]);
    let (letters, hooks) = hooks();
    let log: Arc<dyn EventLog> = world.log.clone();
    let mut stepper =
        Stepper::<Poisoned>::open(world.config(1, 100), log, Arc::new(world.disk.clone()), hooks).unwrap();
    stepper.run().unwrap();
    assert_eq!((total(&stepper.views()), robust(&stepper.views())), (7, 7));
    let letters = letters.lock();
    assert_eq!((letters.len(), letters[0].skip.view.as_str(), letters[0].skip.rows), (1, "*", 3));
}
