//! Running threads: stuck sinks, idle logs, stopping.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use dataflow::{Hooks, Phase, Sink};
use views::as_of::Wanted;

use crate::support::{HUNG, World, answers, catch_up, twin};

#[test]
fn a_stuck_sink_does_not_stop_epochs() {
    // Review 9: a warehouse that is down stalls neither views nor the log's readers.
    let mut world = World::new(31);
    world.append(50);
    let (release, blocked) = sync_channel::<()>(1);
    let sink: Sink = Box::new(move |epoch| {
        // Nothing is ever sent: it blocks until the test lets go.
        let _ = blocked.recv();
        Ok(epoch.number)
    });
    let handle = world.start(2, 100, Hooks { sink: Some(sink), ..Hooks::default() });
    for _ in 0..5 {
        world.append(30);
        catch_up(&world, &handle);
        assert_eq!(answers(&handle.views()), twin(&*world.log));
    }
    assert!(handle.status().landing.waiting > 0);
    drop(release);
    handle.stop().unwrap();
}

#[test]
fn an_idle_log_beats_so_that_as_of_advances() {
    let mut world = World::new(32);
    world.append(3);
    let handle = world.start(1, 100, Hooks::default());
    catch_up(&world, &handle);
    let before = handle.as_of();
    world.clock.advance(3_000_000);
    let wanted = Wanted::LogTime(records::Timestamp(before.log_time.0 + 2_000_000));
    assert!(handle.progress().wait_for(wanted, HUNG).is_some());
    handle.stop().unwrap();
}

#[test]
fn a_stop_takes_a_snapshot_of_everything() {
    let mut world = World::new(33);
    world.append(80);
    let handle = world.start(2, 100, Hooks::default());
    catch_up(&world, &handle);
    handle.stop().unwrap();
    let expected = twin(&*world.log);
    let again = world.start(3, 100, Hooks::default());
    // Published at once: nothing of the log had to be folded again.
    assert_eq!(answers(&again.views()), expected);
    assert_eq!((again.status().rows, again.status().rebuilds), (0, 0));
    assert!(again.safe_to_truncate().is_some());
    again.stop().unwrap();
}

#[test]
fn a_dataflow_says_when_it_follows_the_log() {
    let mut world = World::new(34);
    world.append(10);
    let handle = world.start(1, 100, Hooks::default());
    catch_up(&world, &handle);
    let deadline = std::time::Instant::now() + HUNG;
    while handle.status().phase != Phase::Live {
        assert!(std::time::Instant::now() < deadline, "hung: {:?}", handle.status());
        std::thread::yield_now();
    }
    assert_eq!(handle.status().behind_records, 0);
    handle.stop().unwrap();
}

#[test]
fn dropping_a_handle_ends_its_threads() {
    let world = World::new(35);
    let log = Arc::downgrade(&world.log);
    let handle = world.start(2, 100, Hooks::default());
    drop(handle);
    drop(world);
    assert_eq!(log.strong_count(), 0, "no thread holds the log any more");
}
