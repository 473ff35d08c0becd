//! Views that panic although no record is to blame: while time passes, rows land, or state is written or read.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataflow::frame::{Emit, Sequenced};
use dataflow::{Handle, Hooks, SetAside, Step, Stepper};
use eventlog::EventLog;
use eventlog::disk::SimDisk;
use parking_lot::Mutex;
use records::Timestamp;
use records::hash::mix;
use views::codec::{In, Out};
use views::state::{At, Effects, Fold, StateError};

use crate::support::{Ordered, Seen, World, catch_up_after_panics, first_sum, route_ordered};

/// Amounts that are taken well, and regretted later.
const IN_ADVANCE: i64 = 701;
const IN_LAND: i64 = 702;
const IN_ENCODE: i64 = 703;
const IN_DECODE: i64 = 704;
const IN_APPLY: i64 = 705;
const IN_ROUTING: i64 = 706;

macro_rules! brittle {
    ($fold:ident, $version:literal, $panics:literal) => {
        /// A sum that breaks when it is touched in the wrong place.
        #[derive(Debug, Default)]
        pub struct $fold {
            sum: i64,
            mine: i64,
            untold: Vec<i64>,
        }

        impl $fold {
            fn tread(&self, mine: i64) {
                assert!(!$panics || self.mine != mine, "trodden on {mine}");
            }
        }

        impl Fold for $fold {
            const NAME: &'static str = "brittle";
            const VERSION: u32 = $version;
            type Input = i64;
            type Output = i64;
            type Key = ();
            type Row = i64;

            fn apply(&mut self, _at: At, input: &i64, effects: &mut Effects<Self>) {
                assert!(!$panics || *input != IN_APPLY, "every record is one too many");
                self.sum += input;
                self.mine = self.mine.max(*input);
                self.untold.push(*input);
                effects.changed.push(());
                effects.next.push((mix(1), *input));
            }
            fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {
                self.tread(IN_ADVANCE);
            }
            fn land(&mut self, rows: &mut Vec<i64>) {
                self.tread(IN_LAND);
                rows.append(&mut self.untold);
            }
            fn encode(&self, out: &mut Vec<u8>) {
                self.tread(IN_ENCODE);
                let mut out = Out::open::<Self>(out);
                out.i64(self.sum);
                out.i64(self.mine);
            }
            fn decode(bytes: &[u8]) -> Result<Self, StateError> {
                let mut from = In::open::<Self>(bytes)?;
                let read = Self { sum: from.i64()?, mine: from.i64()?, untold: Vec::new() };
                read.tread(IN_DECODE);
                from.done().map(|()| read)
            }
            fn len(&self) -> usize {
                usize::from(self.sum != 0)
            }
        }
    };
}

brittle!(Brittle, 1, true);
brittle!(Mended, 2, false);

/// Lives on what the brittle one hands on.
#[derive(Debug, Default)]
pub struct Follower(i64);

impl Fold for Follower {
    const NAME: &'static str = "follower";
    const VERSION: u32 = 1;
    type Input = i64;
    type Output = ();
    type Key = ();
    type Row = ();

    fn apply(&mut self, _at: At, input: &i64, _effects: &mut Effects<Self>) {
        self.0 += input;
    }
    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}
    fn land(&mut self, _rows: &mut Vec<()>) {}
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.0.to_le_bytes());
    }
    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        Ok(Self(i64::from_le_bytes(bytes.try_into().map_err(|_| StateError::Damaged("follower"))?)))
    }
    fn len(&self) -> usize {
        usize::from(self.0 != 0)
    }
}

fn route(frame: &Sequenced, emit: &mut Emit<i64>) {
    let Some(batch) = frame.batch() else { return };
    for row in frame.rows() {
        let amount = batch.amount_minor(row as usize);
        assert!(amount != IN_ROUTING, "no way for this record");
        emit.to(mix(amount.cast_unsigned()), row, amount);
    }
}

fn robust_route(frame: &Sequenced, emit: &mut Emit<Seen>) {
    route_ordered(frame, emit);
}

dataflow::program! {
    /// Readers.
    pub struct Views;
    /// One that breaks, one that lives on it, one that does neither.
    pub struct Program;
    brittle: Brittle = route -> next;
    follower: Follower = none from brittle;
    robust: Ordered = robust_route;
}

dataflow::program! {
    /// Readers.
    pub struct MendedViews;
    /// The next build.
    pub struct MendedProgram;
    brittle: Mended = route -> next;
    follower: Follower = none from brittle;
    robust: Ordered = robust_route;
}

fn append(world: &mut World, amounts: &[i64]) {
    world.clock.advance(1_100_000);
    world.append_amounts(amounts);
}

fn open(world: &World, disk: &SimDisk) -> Stepper<Program> {
    let log: Arc<dyn EventLog> = world.log.clone();
    Stepper::open(world.config(1, 100), log, Arc::new(disk.clone()), Hooks::default()).unwrap()
}

/// The sums of the three views, and the epoch that the first one reflects.
fn sums(views: &Views) -> ([i64; 3], u64) {
    let mut sums = [0; 3];
    let as_of = views.brittle.scan(|_, bin| sums[0] += bin.sum);
    assert_eq!(views.follower.scan(|_, bin| sums[1] += bin.0), as_of, "they stand still together");
    sums[2] = first_sum(&views.robust);
    (sums, as_of.epoch)
}

fn names(aside: &[SetAside]) -> Vec<&'static str> {
    aside.iter().map(|aside| aside.view).collect()
}

/// A view with this mine is set aside, durably, and the others go on.
fn is_set_aside(mine: i64, said: &str) {
    let mut world = World::new(110);
    for amounts in [[1, 2], [4, 8]] {
        append(&mut world, &amounts);
    }
    let mut stepper = open(&world, &world.disk);
    stepper.run().unwrap();
    assert_eq!(sums(&stepper.views()).0, [15, 15, 15]);
    let good = stepper.progress().epoch();
    append(&mut world, &[mine, 16]);
    // Time for a landing epoch and a snapshot.
    for amount in 0..4 {
        append(&mut world, &[32 << amount]);
        stepper.run().unwrap();
    }
    let all = 15 + mine + 16 + 32 * 15;
    let (found, reflected) = sums(&stepper.views());
    assert_eq!(found[2], all, "the others go on");
    let aside = stepper.set_aside();
    assert_eq!(names(&aside), ["brittle", "follower"]);
    assert!(aside[0].why.contains(said) && aside[0].why.contains("bin "), "{:?}", aside[0].why);
    assert_eq!(&*aside[1].why, "lives on `brittle`");
    assert!(reflected >= good && reflected < stepper.progress().epoch() && reflected == aside[0].as_of.epoch);
    assert!(found[0] == found[1] && found[0] >= 15, "what it reflects can still be read: {found:?}");
    assert_eq!(stepper.skipped(), 0);
    let since = aside[0].since;
    let written = stepper.snapshot().written;
    stepper.close().unwrap();

    // From a snapshot that was taken since, and from the log alone.
    for disk in [world.disk.clone(), SimDisk::new(1)] {
        let mut again = open(&world, &disk);
        append(&mut world, &[1 << 20]);
        again.run().unwrap();
        let (found, reflected) = sums(&again.views());
        assert_eq!(found[2], twin_sum(&world), "{written} snapshots");
        assert!(found[0] == found[1] && found[0] >= 15 && reflected < since, "{found:?} as of {reflected}");
        let aside = again.set_aside();
        assert_eq!((names(&aside), aside[0].since), (vec!["brittle", "follower"], since));
        again.close().unwrap();
    }

    // The next version begins anew.
    let log: Arc<dyn EventLog> = world.log.clone();
    let disk = Arc::new(world.disk.clone());
    let mut mended = Stepper::<MendedProgram>::open(world.config(1, 100), log, disk, Hooks::default()).unwrap();
    mended.run().unwrap();
    let mut sum = 0;
    let as_of = mended.views().brittle.scan(|_, bin| sum += bin.sum);
    assert_eq!((sum, as_of), (twin_sum(&world), mended.progress().current()));
    assert!(mended.set_aside().is_empty());
}

fn twin_sum(world: &World) -> i64 {
    crate::support::twin(&*world.log).0[&1].sum
}

#[test]
fn a_view_that_panics_as_time_passes_is_set_aside() {
    is_set_aside(IN_ADVANCE, "trodden on 701");
}

#[test]
fn a_view_that_panics_as_rows_land_is_set_aside() {
    is_set_aside(IN_LAND, "trodden on 702");
}

#[test]
fn a_view_that_panics_as_state_is_written_is_set_aside() {
    is_set_aside(IN_ENCODE, "trodden on 703");
}

/// Rows of the brittle view by landing epoch.
type Told = Arc<Mutex<BTreeMap<u64, Vec<i64>>>>;

/// A sink that keeps the rows of the brittle view by landing epoch: whatever comes again must be the same.
fn telling() -> (Told, impl Fn() -> Hooks) {
    let told = Told::default();
    let keep = Arc::clone(&told);
    let hooks = move || {
        let keep = Arc::clone(&keep);
        let sink: dataflow::Sink = Box::new(move |epoch| {
            let rows = epoch.views[0].rows::<i64>().unwrap_or_default().to_vec();
            let before = keep.lock().insert(epoch.number, rows.clone());
            assert!(before.is_none_or(|before| before == rows), "landing epoch {} came with other rows", epoch.number);
            Ok(epoch.number)
        });
        Hooks { sink: Some(sink), ..Hooks::default() }
    };
    (told, hooks)
}

#[test]
fn a_view_whose_state_cannot_be_written_is_set_aside_after_all_that_has_left() {
    let mut world = World::new(114);
    append(&mut world, &[1, 2]);
    append(&mut world, &[IN_ENCODE, 4]);
    for amount in 3..9 {
        append(&mut world, &[1 << amount]);
    }
    let log: Arc<dyn EventLog> = world.log.clone();
    // Another version has bound everything, and its snapshots keep this one from taking any until it has passed them.
    let disk = Arc::new(world.disk.clone());
    let mended = Stepper::<MendedProgram>::open(world.config(1, 2), log.clone(), disk.clone(), Hooks::default());
    mended.unwrap().close().unwrap();
    let (told, hooks) = telling();
    let mut stepper = Stepper::<Program>::open(world.config(1, 2), log.clone(), disk, hooks()).unwrap();
    while stepper.step().unwrap() != Step::Idle {}
    let newest = stepper.progress().epoch();
    assert!(stepper.set_aside().is_empty() && told.lock().values().flatten().count() > 6);
    drop(stepper);

    // Without these snapshots it may write its state at epochs of which the rows are told already.
    for _ in 0..2 {
        let disk = Arc::new(SimDisk::new(1));
        let mut again = Stepper::<Program>::open(world.config(1, 2), log.clone(), disk, hooks()).unwrap();
        append(&mut world, &[1 << 20]);
        append(&mut world, &[1 << 21]);
        again.run().unwrap();
        let aside = again.set_aside();
        assert_eq!(names(&aside), ["brittle", "follower"]);
        assert!(aside[0].since > newest, "{aside:?} after {newest}");
    }
}

#[test]
fn state_that_cannot_be_read_without_a_panic_is_made_again_from_the_log() {
    let mut world = World::new(111);
    append(&mut world, &[1, 2]);
    append(&mut world, &[IN_DECODE, 4]);
    let mut stepper = open(&world, &world.disk);
    stepper.run().unwrap();
    stepper.close().unwrap();
    for _ in 0..2 {
        append(&mut world, &[8]);
        let mut stepper = open(&world, &world.disk);
        stepper.run().unwrap();
        assert_eq!(sums(&stepper.views()).0, [twin_sum(&world); 3]);
        assert!(stepper.set_aside().is_empty());
        stepper.close().unwrap();
    }
}

/// A view that panics on all records of this amount.
fn is_set_aside_after_a_few(amount: i64) {
    let mut world = World::new(112);
    append(&mut world, &[1, 2]);
    let mut stepper = open(&world, &world.disk);
    stepper.run().unwrap();
    for _ in 0..40 {
        append(&mut world, &[amount]);
    }
    stepper.run().unwrap();
    assert_eq!(names(&stepper.set_aside()), ["brittle", "follower"]);
    assert!((1..40).contains(&stepper.skipped()), "{} were skipped before", stepper.skipped());
    assert_eq!(sums(&stepper.views()).0, [3, 3, twin_sum(&world)]);
}

#[test]
fn a_view_that_panics_on_every_record_is_set_aside_after_a_few() {
    is_set_aside_after_a_few(IN_APPLY);
}

#[test]
fn a_view_that_cannot_route_any_record_is_set_aside_after_a_few() {
    is_set_aside_after_a_few(IN_ROUTING);
}

#[test]
fn threads_go_on_without_the_view() {
    let mut world = World::new(113);
    append(&mut world, &[1, 2]);
    let log: Arc<dyn EventLog> = world.log.clone();
    let disk = Arc::new(world.disk.clone());
    let handle = Handle::<Program>::start(world.config(3, 100), log, disk, Hooks::default()).unwrap();
    append(&mut world, &[IN_ADVANCE]);
    append(&mut world, &[4]);
    catch_up_after_panics(&world, &handle);
    let status = handle.status();
    assert_eq!(names(&status.set_aside), ["brittle", "follower"]);
    let (found, reflected) = sums(&handle.views());
    assert_eq!((found[2], reflected), (twin_sum(&world), status.set_aside[0].as_of.epoch));
    assert!(status.panics >= 2 && status.skipped == 0);
    handle.stop().unwrap();
}
