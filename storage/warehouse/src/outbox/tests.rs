//! The outbox on a simulated disk: crashes at every operation, damage, bounds, and merging as a law.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch, StringArray};
use eventlog::disk::{Disk, SimDisk, SimOp};
use proptest::prelude::*;

use super::merge::merged;
use super::*;
use crate::landing::RECHECKED_EPOCHS;
use crate::schema::{Column, Rows, TableSchema};

fn table(rows: Rows) -> TableSchema {
    TableSchema {
        name: "t".into(),
        view_version: 1,
        doc: "test".into(),
        columns: vec![Column::new("key", "String", "key"), Column::new("value", "Int64", "value")],
        order_by: vec!["key".into()],
        partition_month_of: None,
        rows,
    }
}

fn additive() -> TableSchema {
    table(Rows::Additive(vec!["value".into()]))
}

fn upsert() -> TableSchema {
    table(Rows::Upsert(vec!["key".into()]))
}

fn batch(rows: &[(String, i64)]) -> RecordBatch {
    RecordBatch::try_new(
        additive().arrow_schema().unwrap(),
        vec![
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.0))),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1))),
        ],
    )
    .unwrap()
}

fn rows(batch: &RecordBatch) -> Vec<(String, i64)> {
    let keys = batch.column(0).as_string::<i32>();
    let values = batch.column(1).as_primitive::<Int64Type>();
    (0..batch.num_rows()).map(|row| (keys.value(row).to_owned(), values.value(row))).collect()
}

fn parts(landing_epoch: u64) -> Vec<Part> {
    let epoch = i64::try_from(landing_epoch).unwrap();
    let rows = [("a".to_owned(), epoch), (format!("k{}", epoch % 3), 1)];
    vec![Part { table: "t".to_owned(), shard: 0, batch: batch(&rows) }]
}

fn open(disk: &SimDisk, config: OutboxConfig, landed: Option<u64>) -> Result<Outbox, OutboxError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Outbox::open(disk, "outbox", vec![additive()], config, landed)
}

/// Sums by key of everything that waits, and the ranges it comes in.
fn drain(outbox: &Outbox) -> (BTreeMap<String, i64>, Vec<(u64, u64)>) {
    let (mut sums, mut ranges) = (BTreeMap::new(), Vec::new());
    while let Some(entry) = outbox.next_unsent().unwrap() {
        ranges.push((entry.oldest, entry.newest));
        for (key, value) in entry.parts.iter().flat_map(|part| rows(&part.batch)) {
            *sums.entry(key).or_insert(0) += value;
        }
    }
    (sums, ranges)
}

fn expected(epochs: impl Iterator<Item = u64>) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for (key, value) in epochs.flat_map(|epoch| rows(&parts(epoch)[0].batch)) {
        *sums.entry(key).or_insert(0) += value;
    }
    sums
}

const MERGING: OutboxConfig = OutboxConfig { merge_above_bytes: 3_000, full_above_bytes: 1 << 30 };

#[test]
fn epochs_come_back_in_order_after_a_restart() {
    let disk = SimDisk::new(1);
    let outbox = open(&disk, OutboxConfig::default(), None).unwrap();
    for epoch in [3, 4, 7] {
        assert_eq!(outbox.put(epoch, parts(epoch)).unwrap(), Put::Written);
    }
    assert_eq!(outbox.next_unsent().unwrap().unwrap().newest, 3);
    drop(outbox);
    disk.crash();
    disk.restart();
    let outbox = open(&disk, OutboxConfig::default(), Some(2)).unwrap();
    assert_eq!(outbox.oldest_unsent(), Some(3));
    let (sums, ranges) = drain(&outbox);
    assert_eq!((sums, ranges), (expected([3, 4, 7].into_iter()), vec![(3, 3), (4, 4), (7, 7)]));
}

#[test]
fn what_was_handed_out_is_never_rewritten_or_merged() {
    let disk = SimDisk::new(2);
    let outbox = open(&disk, MERGING, None).unwrap();
    outbox.put(1, parts(1)).unwrap();
    let handed = outbox.next_unsent().unwrap().unwrap();
    for epoch in 2..=20 {
        outbox.put(epoch, parts(epoch)).unwrap();
    }
    assert!(outbox.status().merges > 0);
    assert_eq!(outbox.put(1, parts(99)).unwrap(), Put::Known);
    drop(outbox);
    let outbox = open(&disk, MERGING, None).unwrap();
    assert_eq!(outbox.next_unsent().unwrap().unwrap(), handed);
}

#[test]
fn merged_and_landed_epochs_are_known_when_recovery_makes_them_again() {
    let disk = SimDisk::new(3);
    let outbox = open(&disk, MERGING, None).unwrap();
    for epoch in 1..=20 {
        outbox.put(epoch, parts(epoch)).unwrap();
    }
    drop(outbox);
    let outbox = open(&disk, MERGING, None).unwrap();
    for epoch in 5..=20 {
        outbox.put(epoch, parts(epoch)).unwrap();
    }
    assert_eq!(drain(&outbox).0, expected(1..=20));
    outbox.acknowledge(20).unwrap();
    assert_eq!(outbox.put(20, parts(20)).unwrap(), Put::Known);
    assert_eq!(outbox.oldest_unsent(), None);
}

#[test]
fn ranges_replace_what_was_never_handed_out_and_refuse_the_rest() {
    let disk = SimDisk::new(7);
    let outbox = open(&disk, OutboxConfig::default(), None).unwrap();
    for epoch in 1..=3 {
        outbox.put(epoch, parts(epoch)).unwrap();
    }
    outbox.next_unsent().unwrap();
    let both = |a, b| {
        vec![Part {
            batch: batch(&[rows(&parts(a)[0].batch), rows(&parts(b)[0].batch)].concat()),
            ..parts(a).remove(0)
        }]
    };
    assert_eq!(outbox.put_range(2, 3, both(2, 3)).unwrap(), Put::Written);
    assert_eq!(outbox.put(3, parts(3)).unwrap(), Put::Known);
    assert!(matches!(outbox.put_range(1, 4, both(1, 4)), Err(OutboxError::Overlap { .. })), "1 may have landed");
    assert!(matches!(outbox.put_range(3, 4, both(3, 4)), Err(OutboxError::Overlap { .. })), "3 waits together with 2");
    drop(outbox);
    let outbox = open(&disk, OutboxConfig::default(), None).unwrap();
    assert_eq!(drain(&outbox), (expected(1..=3), vec![(1, 1), (2, 3)]));
    outbox.acknowledge(3).unwrap();
    assert!(matches!(outbox.put_range(3, 4, both(3, 4)), Err(OutboxError::Overlap { .. })));
}

#[test]
fn landed_epochs_stay_for_a_while_and_then_go() {
    let disk = SimDisk::new(4);
    let outbox = open(&disk, OutboxConfig::default(), None).unwrap();
    let last = RECHECKED_EPOCHS + 10;
    for epoch in 1..=last {
        outbox.put(epoch, parts(epoch)).unwrap();
    }
    outbox.acknowledge(last).unwrap();
    assert_eq!(disk.list("outbox").unwrap().len() as u64, RECHECKED_EPOCHS);
    drop(outbox);
    // The warehouse turns out to have lost the newest ones.
    let outbox = open(&disk, OutboxConfig::default(), Some(last - 5)).unwrap();
    assert_eq!(drain(&outbox).0, expected(last - 4..=last));
}

#[test]
fn epochs_that_were_made_again_are_not_merged_across_handed_out_ones() {
    let disk = SimDisk::new(7);
    let outbox = open(&disk, OutboxConfig::default(), None).unwrap();
    let last = RECHECKED_EPOCHS + 10;
    for epoch in 1..=last {
        outbox.put(epoch, parts(epoch)).unwrap();
    }
    drain(&outbox);
    outbox.acknowledge(last).unwrap();
    drop(outbox);
    // The warehouse does not say how far it is, and a rebuild begins before what is kept here.
    let outbox = open(&disk, MERGING, None).unwrap();
    for epoch in (1..=9).chain(last + 1..=last + 9) {
        outbox.put(epoch, parts(epoch)).unwrap();
    }
    assert!(outbox.status().merges > 0);
    outbox.acknowledge(last).unwrap();
    let (sums, ranges) = drain(&outbox);
    assert_eq!(sums, expected(last + 1..=last + 9), "{ranges:?}");
}

#[test]
fn a_range_says_one_thing_of_each_key() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(8));
    let outbox = Outbox::open(disk, "outbox", vec![upsert()], OutboxConfig::default(), None).unwrap();
    let told = [("a", 1), ("b", 2), ("a", 3), ("a", 2)].map(|(key, value)| (key.to_owned(), value));
    let part = Part { table: "t".to_owned(), shard: 0, batch: batch(&told) };
    outbox.put_range(1, 3, vec![part]).unwrap();
    let entry = outbox.next_unsent().unwrap().unwrap();
    assert_eq!(rows(&entry.parts[0].batch), [("b".to_owned(), 2), ("a".to_owned(), 2)], "the newest of each key");
}

#[test]
fn full_outbox_refuses_and_says_so_beforehand() {
    let disk = SimDisk::new(5);
    let config = OutboxConfig { merge_above_bytes: 1 << 30, full_above_bytes: 5_000 };
    let outbox = open(&disk, config, None).unwrap();
    let mut epoch = 0;
    while outbox.has_room() {
        epoch += 1;
        outbox.put(epoch, parts(epoch)).unwrap();
    }
    assert!(matches!(outbox.put(epoch + 1, parts(epoch + 1)), Err(OutboxError::Full { .. })));
    outbox.acknowledge(epoch).unwrap();
    assert!(outbox.has_room());
}

#[test]
fn damaged_file_is_named() {
    let disk = SimDisk::new(6);
    open(&disk, OutboxConfig::default(), None).unwrap().put(5, parts(5)).unwrap();
    disk.damage("outbox/00000000000000000005.ready", |bytes| bytes[40] ^= 1);
    let error = open(&disk, OutboxConfig::default(), None).unwrap_err();
    assert!(matches!(&error, OutboxError::Damaged { path, .. } if path.ends_with("05.ready")), "{error}");
}

/// Puts twelve epochs with a crash at the n-th operation, restarts, makes the unacknowledged ones again: all is there once.
#[test]
fn crash_at_any_operation_loses_and_doubles_nothing() {
    for n in 1..200 {
        let disk = SimDisk::new(n);
        disk.crash_at(SimOp::Any, n);
        let mut written = 0;
        if let Ok(outbox) = open(&disk, MERGING, None) {
            for epoch in 1..=12 {
                if outbox.put(epoch, parts(epoch)).is_err() {
                    break;
                }
                written = epoch;
            }
        }
        disk.crash();
        disk.restart();
        let outbox = open(&disk, MERGING, None).unwrap_or_else(|error| panic!("crash at {n}: {error}"));
        // Recovery makes again what had not been acknowledged, and some that had.
        for epoch in written.max(3) - 2..=12 {
            outbox.put(epoch, parts(epoch)).unwrap();
        }
        let (sums, ranges) = drain(&outbox);
        assert_eq!(sums, expected(1..=12), "crash at {n}, ranges {ranges:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn merging_keeps_sums_newest_and_all_rows(
        older in proptest::collection::vec(("[a-d]{0,2}", -9_i64..9), 0..12),
        newer in proptest::collection::vec(("[a-d]{0,2}", -9_i64..9), 0..12),
    ) {
        let all: Vec<(String, i64)> = older.iter().chain(&newer).cloned().collect();
        let join = |table: &TableSchema| rows(&merged(table, &batch(&older), &batch(&newer)).unwrap());
        prop_assert_eq!(join(&table(Rows::Append)), all.clone());

        let (mut sums, mut newest) = (BTreeMap::new(), BTreeMap::new());
        for (key, value) in &all {
            *sums.entry(key.clone()).or_insert(0) += value;
            newest.insert(key.clone(), *value);
        }
        let summed = join(&additive());
        prop_assert_eq!(summed.len(), sums.len());
        prop_assert_eq!(summed.into_iter().collect::<BTreeMap<_, _>>(), sums);
        let kept = join(&upsert());
        prop_assert_eq!(kept.len(), newest.len());
        prop_assert_eq!(kept.into_iter().collect::<BTreeMap<_, _>>(), newest);
    }
}

#[tokio::test]
async fn a_disk_that_fails_is_tried_again() {
    let disk = SimDisk::new(11);
    let outbox = Arc::new(open(&disk, OutboxConfig::default(), None).unwrap());
    for epoch in [1, 2] {
        outbox.put(epoch, parts(epoch)).unwrap();
    }
    let flip = |bytes: &mut Vec<u8>| bytes.iter_mut().for_each(|byte| *byte = !*byte);
    let second = "outbox/00000000000000000002.ready";
    disk.damage(second, flip);
    disk.fail_syncs(1);
    // Nobody answers there: the lander only has to accept.
    let client = crate::Client::server(crate::Endpoint::parse("http://127.0.0.1:1").unwrap());
    let owner = crate::landing::Owner { table_set: "views".into(), incarnation: 1 };
    let recovery = crate::landing::Recovery {
        landed: None,
        damaged: Vec::new(),
        suspects_until: None,
        known: BTreeMap::new(),
        owner,
    };
    let lander = crate::landing::Lander::start(client, recovery, &crate::landing::LanderConfig::default());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut progress = lander.progress();
    let mends = async {
        let said =
            |now: &crate::landing::Progress| now.last_error.as_ref().is_some_and(|error| error.contains("damaged"));
        progress.wait_for(said).await.unwrap();
        assert_eq!(lander.progress().borrow().accepted, Some(1), "the failed sync was tried again");
        disk.damage(second, flip);
        progress.wait_for(|now| now.accepted == Some(2)).await.unwrap();
        stop.send_replace(true);
    };
    let both = async { tokio::join!(deliver(Arc::clone(&outbox), &lander, stopped), mends) };
    tokio::time::timeout(std::time::Duration::from_secs(60), both).await.unwrap();
}
