//! The product's own computations against their naive twins, on a generated conference.

use std::sync::Arc;

use dataflow::computations::Product;
use dataflow::twin::{Landed, Twin};
use dataflow::{Handle, Hooks};
use eventlog::{EventLog, Lane, NewFrame, PartitionId};
use parking_lot::Mutex;
use records::Batch;
use views::as_of::Wanted;
use workload::{Conference, Scale};

use crate::support::{HUNG, World};

/// Records of the conference: enough for every view to have something, few enough for a dev build.
const RECORDS: usize = 6_000;

fn fill(world: &mut World, conference: &mut Conference, records: usize) {
    let mut rows = Vec::new();
    for _ in 0..records / 100 {
        rows.clear();
        conference.fill(&mut rows, 100);
        world.clock.set(conference.clock().max(world.newest()));
        let batch = Batch::from_records(&rows);
        let partition = PartitionId(u16::try_from(world.random(3)).unwrap());
        let (body, rows) = (batch.encode().into(), u32::try_from(rows.len()).unwrap());
        let (lane, dedup, claim) = (Lane::Activity, batch.dedup(), None);
        world.log.append(vec![NewFrame { lane, partition, body, rows, dedup, claim }]).unwrap();
    }
}

#[test]
fn every_view_equals_its_twin_with_any_workers_and_after_restarts() {
    let mut world = World::new(81);
    let mut conference = Conference::new(81, Scale::of_records(RECORDS as u64));
    let facts = conference.facts();
    let (body, rows) = (records::fact::encode(&facts).into(), u32::try_from(facts.len()).unwrap());
    let (lane, partition) = (Lane::Facts, PartitionId(0));
    world.log.append(vec![NewFrame { lane, partition, body, rows, dedup: vec![], claim: None }]).unwrap();
    let landed = Arc::new(Mutex::new(Landed::default()));
    for (workers, epoch_rows) in [(1, 5_000), (3, 700), (2, 100)] {
        fill(&mut world, &mut conference, RECORDS / 3);
        let log: Arc<dyn EventLog> = world.log.clone();
        let disk = Arc::new(world.disk.clone());
        let handle =
            Handle::<Product>::start(world.config(workers, epoch_rows), Arc::clone(&log), disk, landing(&landed))
                .unwrap();
        // The clock stands still: a beat later everything is in some epoch.
        let newest = world.newest();
        world.clock.advance(2_000_000);
        assert!(handle.progress().wait_for(Wanted::LogTime(newest), HUNG).is_some(), "hung: {:?}", handle.status());
        let twin = Twin::recount(&*log, handle.as_of().log_time).unwrap();
        for differences in twin.compare(&handle.views()) {
            assert_eq!(differences.found(), 0, "{workers} workers: {differences:?}");
        }
        let progress = handle.progress();
        handle.stop().unwrap();
        let (twin, landed) = (Twin::recount(&*log, progress.current().log_time).unwrap(), landed.lock());
        for differences in landed.compare(&twin) {
            assert_eq!(differences.found(), 0, "{workers} workers landed {differences:?}");
            assert!(differences.compared() > 0, "{} landed nothing", differences.view());
        }
    }
    let rows = landed.lock().rows();
    assert!(rows < RECORDS as u64, "{rows} rows of {RECORDS} records");
}

/// Keeps what is told over all restarts.
fn landing(landed: &Arc<Mutex<Landed>>) -> Hooks {
    let landed = Arc::clone(landed);
    let sink: dataflow::Sink = Box::new(move |epoch| {
        landed.lock().take(epoch);
        Ok(epoch.number)
    });
    Hooks { sink: Some(sink), ..Hooks::default() }
}
