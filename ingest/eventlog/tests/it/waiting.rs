//! Who waits for whom: slow disks, full queues, readers, tickets in tasks.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use eventlog::conformance::frame;
use eventlog::disk::SimDisk;
use eventlog::{AppendError, EventLog, FileOptions, Lane, Offset, ReadLimits};

use crate::{open, threaded};

#[test]
fn facts_do_not_wait_for_a_slow_activity_file_but_the_bound_does() {
    let disk = SimDisk::new(1);
    let log = open(&disk, threaded());
    disk.stall_syncs(Some("log/activity"));
    let slow = log.submit(vec![frame(Lane::Activity, 0, "slow", 1)]).unwrap();
    let fact = log.append(vec![frame(Lane::Facts, 0, "fact", 1)]).expect("facts have a file of their own");
    assert!(!slow.is_settled());
    assert_eq!(log.ends(Lane::Activity)[0], Offset(0), "what is not durable is not readable");
    let bound = log.bound();
    assert!(bound < fact[0].log_time, "an earlier frame is still on its way");
    assert_eq!(log.wait_past(bound, Duration::ZERO), bound, "and nobody is woken for what is behind it");
    disk.stall_syncs(None);
    let slow = slow.wait().unwrap();
    assert!(slow[0].log_time < fact[0].log_time);
    assert!(log.wait_past(bound, Duration::from_secs(600)) >= fact[0].log_time);
}

#[test]
fn a_queue_that_stays_full_refuses() {
    let disk = SimDisk::new(1);
    let options = FileOptions { queue_bytes: 10_000, submit_wait: Duration::from_millis(1), ..threaded() };
    let log = open(&disk, options);
    disk.stall_syncs(Some("log/activity"));
    let big = || log.submit(vec![frame(Lane::Activity, 0, records_of(6_000), 1)]);
    let first = big().expect("an empty queue takes anything");
    let refused = big();
    assert!(matches!(refused, Err(AppendError::Busy { lane: Lane::Activity })), "{refused:?}");
    log.append(vec![frame(Lane::Facts, 0, "fact", 1)]).expect("only activity is busy");
    disk.stall_syncs(None);
    first.wait().unwrap();
    big().expect("there is room again").wait().unwrap();
    assert_eq!(log.ends(Lane::Activity)[0], Offset(2), "what was refused took no offset");
    assert_eq!(log.status().lanes[Lane::Activity.index()].refused, 1);
}

/// Bytes that do not compress.
fn records_of(length: u64) -> Vec<u8> {
    (0..length / 8).flat_map(|at| records::hash::mix(at).to_le_bytes()).collect()
}

#[test]
fn everything_queued_shares_a_sync() {
    let disk = SimDisk::new(1);
    let log = open(&disk, threaded());
    disk.stall_syncs(Some("log/facts"));
    let tickets: Vec<_> = (0..100).map(|n: u8| log.submit(vec![frame(Lane::Facts, 0, [n], 1)]).unwrap()).collect();
    disk.stall_syncs(None);
    tickets.into_iter().for_each(|ticket| drop(ticket.wait().unwrap()));
    let groups = log.status().lanes[Lane::Facts.index()].groups;
    // The first sync began with what there was then; all that came while it was held back went with the second.
    assert!(groups <= 3, "{groups}");
}

#[test]
fn a_ticket_can_be_awaited() {
    let disk = SimDisk::new(1);
    let log = open(&disk, threaded());
    disk.stall_syncs(Some("log/facts"));
    let mut ticket = pin!(log.submit(vec![frame(Lane::Facts, 0, "x", 1)]).unwrap());
    let mut context = Context::from_waker(Waker::noop());
    assert!(ticket.as_mut().poll(&mut context).is_pending());
    disk.stall_syncs(None);
    // The bound passes a frame once it is durable; its ticket is settled right after.
    log.wait_past(records::Timestamp(999_999), Duration::from_secs(600));
    let settled = (0..10_000_000).any(|_| match ticket.as_mut().poll(&mut context) {
        Poll::Ready(outcome) => outcome.expect("it is durable").len() == 1,
        Poll::Pending => {
            std::thread::yield_now();
            false
        }
    });
    assert!(settled);
}

#[test]
fn dropping_the_log_writes_what_is_queued() {
    let disk = SimDisk::new(1);
    let log = open(&disk, FileOptions { group_every: [Duration::from_secs(600); 3], ..threaded() });
    log.append(vec![frame(Lane::Activity, 0, "the first after a quiet time waits for nobody", 1)]).unwrap();
    let ticket = log.submit(vec![frame(Lane::Activity, 0, "x", 1)]).unwrap();
    assert!(!ticket.is_settled(), "it waits for company");
    drop(log);
    assert_eq!(ticket.wait().unwrap().len(), 1);
    let log = open(&disk, threaded());
    let frames = log.read(Lane::Activity, eventlog::PartitionId(0), Offset(0), ReadLimits::default()).unwrap();
    assert_eq!(&*frames[1].body, b"x");
}

#[test]
fn a_crash_settles_every_ticket() {
    let disk = SimDisk::new(1);
    let log = open(&disk, threaded());
    disk.stall_syncs(Some("log/"));
    let tickets: Vec<_> = Lane::ALL.iter().map(|lane| log.submit(vec![frame(*lane, 0, "x", 1)]).unwrap()).collect();
    disk.crash();
    for ticket in tickets {
        let outcome = ticket.wait();
        assert!(matches!(outcome, Err(AppendError::Poisoned { .. })), "{outcome:?}");
    }
}
