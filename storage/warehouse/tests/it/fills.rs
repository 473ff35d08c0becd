//! Tables that are filled with history: a raised version beside the old table, lost tables, a wiped engine or outbox.

use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use eventlog::disk::RealDisk;
use tokio::sync::watch;
use warehouse::Client;
use warehouse::landing::Progress;
use warehouse::outbox::{Intake, OutboxConfig, Part, Source, land};
use warehouse::schema::TableSchema;

use crate::support::{PATIENCE, number, start};
use crate::turnstiles::{batch, turnstiles};

const ROWS: usize = 50;

/// The table as version 2 of its view fills it: other numbers, and one table that stays as it was.
fn tables(version: u32) -> Vec<TableSchema> {
    let one_month = TableSchema { partition_month_of: None, ..turnstiles() };
    let bystander = TableSchema { name: "bystander".into(), ..one_month.clone() };
    vec![bystander, TableSchema { view_version: version, ..one_month }]
}

fn rows(landing_epoch: u64, version: u32) -> RecordBatch {
    // Version 2 tells one row more of each landing epoch.
    batch(landing_epoch, 0, ROWS + usize::from(version > 1))
}

fn parts(landing_epoch: u64, version: u32) -> Vec<Part> {
    let tables = tables(version);
    let part = |table: &TableSchema, batch| Part { table: table.stored_name(), shard: 0, batch };
    vec![part(&tables[0], rows(landing_epoch, 1)), part(&tables[1], rows(landing_epoch, version))]
}

fn source(folder: &Path, version: u32) -> Source {
    Source {
        disk: Arc::new(RealDisk::new(folder).unwrap()),
        directory: "outbox".into(),
        migrated: tables(version),
        tables: tables(version),
        config: OutboxConfig::default(),
        table_set: "views".into(),
        incarnation: 1,
        whole_log: true,
    }
}

/// One life of a process: it makes landing epochs again after `taken`, as the dataflow does, up to `last`.
async fn live(client: &Client, folder: &Path, version: u32, last: u64, until: impl AsyncFnOnce(&Intake)) -> u64 {
    let (intake, ready) = Intake::open(source(folder, version), client, PATIENCE).await.unwrap();
    assert!(ready.is_some(), "the engine answers");
    let (from, intake) = (intake.taken(), Arc::new(intake));
    let (report, _progress) = watch::channel(Progress::default());
    let (stop, stopped) = watch::channel(false);
    let landing = land(Arc::clone(&intake), client.clone(), ready, report, || {}, stopped);
    let work = async {
        for number in from + 1..=last {
            intake.take(number, number, number % 7 == 0, parts(number, version)).unwrap();
            tokio::task::yield_now().await;
        }
        until(&intake).await;
        stop.send_replace(true);
    };
    tokio::time::timeout(PATIENCE, async { tokio::join!(landing, work) }).await.expect("landing stalls");
    from
}

async fn all_landed(intake: &Intake) {
    while intake.outbox().oldest_unsent().is_some() || intake.filling().is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Fails unless a table holds each row of the landing epochs once.
async fn assert_whole(client: &Client, table: &str, last: u64, version: u32) {
    let expected = last * (ROWS as u64 + u64::from(version > 1));
    let found = number(client, &format!("SELECT count() FROM {table}")).await;
    let distinct = number(client, &format!("SELECT uniqExact(n) FROM {table}")).await;
    assert_eq!((found, distinct), (expected, expected), "{table}");
}

#[tokio::test]
async fn a_raised_version_is_filled_beside_the_old_table_and_then_takes_its_name() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(&root.path().join("engine")).await;
    live(&client, root.path(), 1, 40, all_landed).await;
    // The first lives of version 2 end in the middle: nothing gathered, something stored, everything but the end.
    for (last, through) in [(3, 0), (20, 14), (39, 35)] {
        let from = live(&client, root.path(), 2, last, async |intake| {
            let filling = intake.filling().expect("a table is being filled");
            assert_eq!(
                (filling.tables, filling.through, filling.made),
                (vec!["turnstiles_v2".to_owned()], 40, through)
            );
        })
        .await;
        assert!(from <= through, "{from}: what was not durable is made again");
        assert_whole(&client, "turnstiles", 40, 1).await;
    }
    live(&client, root.path(), 2, 45, all_landed).await;
    assert_whole(&client, "turnstiles", 45, 2).await;
    assert_whole(&client, "bystander", 45, 1).await;
    assert_whole(&client, "turnstiles_v1", 40, 1).await;
    let from = live(&client, root.path(), 2, 47, all_landed).await;
    assert_eq!(from, 45, "nothing is filled twice");
    assert_whole(&client, "turnstiles", 47, 2).await;
    // A third version takes the name of the second.
    live(&client, root.path(), 3, 50, all_landed).await;
    assert_whole(&client, "turnstiles", 50, 3).await;
    assert_whole(&client, "turnstiles_v2", 47, 2).await;
    engine.stop().await;
}

#[tokio::test]
async fn a_table_that_somebody_dropped_is_filled_again() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(&root.path().join("engine")).await;
    live(&client, root.path(), 1, 20, all_landed).await;
    client.execute("DROP TABLE turnstiles SYNC").await.unwrap();
    let from = live(&client, root.path(), 1, 25, all_landed).await;
    assert_eq!(from, 0, "the log tells it from the start");
    assert_whole(&client, "turnstiles", 25, 1).await;
    assert_whole(&client, "bystander", 25, 1).await;
    engine.stop().await;
}

#[tokio::test]
async fn a_wiped_engine_is_filled_from_the_log() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(&root.path().join("engine")).await;
    live(&client, root.path(), 1, 5, all_landed).await;
    live(&client, root.path(), 2, 80, all_landed).await;
    engine.stop().await;
    let (engine, client) = start(&root.path().join("another engine")).await;
    // It ends in the middle once.
    live(&client, root.path(), 2, 60, async |_| {}).await;
    live(&client, root.path(), 2, 90, all_landed).await;
    assert_whole(&client, "turnstiles", 90, 2).await;
    assert_whole(&client, "bystander", 90, 1).await;
    assert_eq!(live(&client, root.path(), 2, 91, all_landed).await, 90);
    engine.stop().await;
}

#[tokio::test]
async fn a_wiped_outbox_is_made_again_after_what_has_landed() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(&root.path().join("engine")).await;
    live(&client, root.path(), 1, 10, all_landed).await;
    // Some of these are handed out and not confirmed.
    live(&client, root.path(), 2, 20, async |_| {}).await;
    for name in ["outbox", "outbox-fill"] {
        std::fs::remove_dir_all(root.path().join(name)).unwrap();
    }
    std::fs::remove_file(root.path().join("outbox-plan.json")).unwrap();
    let from = live(&client, root.path(), 2, 25, all_landed).await;
    assert_eq!(from, 0, "the fill was not done, and the warehouse says so");
    assert_whole(&client, "turnstiles", 25, 2).await;
    assert_whole(&client, "bystander", 25, 1).await;
    for name in ["outbox", "outbox-plan.json"] {
        let path = root.path().join(name);
        if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }
    let from = live(&client, root.path(), 2, 28, all_landed).await;
    assert_eq!(from, 25, "the fill was done, and the warehouse says so");
    assert_whole(&client, "turnstiles", 28, 2).await;
    engine.stop().await;
}
