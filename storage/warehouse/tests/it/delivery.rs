//! From the outbox into the warehouse, with a stop in between.

use std::sync::Arc;

use eventlog::disk::RealDisk;
use tokio::sync::watch;
use warehouse::Client;
use warehouse::landing::{Lander, LanderConfig, recover};
use warehouse::migrate::migrate;
use warehouse::outbox::{Outbox, OutboxConfig, Part, Put, deliver};

use crate::support::{PATIENCE, start};
use crate::turnstiles::{SHARDS, assert_exactly, batch, turnstiles};

const ROWS: usize = 500;

fn parts(landing_epoch: u64) -> Vec<Part> {
    (0..SHARDS)
        .map(|shard| Part { table: "turnstiles".to_owned(), shard, batch: batch(landing_epoch, shard, ROWS) })
        .collect()
}

fn open(folder: &std::path::Path, config: OutboxConfig, landed: Option<u64>) -> Arc<Outbox> {
    let disk = Arc::new(RealDisk::new(folder).unwrap());
    Arc::new(Outbox::open(disk, "outbox", vec![turnstiles()], config, landed).unwrap())
}

/// Starts a process's delivery: recovery, lander, outbox. Returns what runs it until told to stop.
async fn delivered(client: &Client, folder: &std::path::Path, config: OutboxConfig, work: impl AsyncFnOnce(&Outbox)) {
    let recovery = recover(client, "views", 1, &[turnstiles()]).await.unwrap();
    let outbox = open(folder, config, recovery.landed);
    let lander = Lander::start(client.clone(), recovery, &LanderConfig::default());
    let (stop, stopped) = watch::channel(false);
    let ends = async {
        work(&outbox).await;
        stop.send_replace(true);
    };
    tokio::time::timeout(PATIENCE, async { tokio::join!(deliver(outbox.clone(), &lander, stopped), ends) })
        .await
        .unwrap();
}

#[tokio::test]
async fn outbox_survives_a_restart_and_lands_each_epoch_once() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(&root.path().join("engine")).await;
    migrate(&client, &[turnstiles()]).await.unwrap();
    // The first process dies while it delivers: whatever is on its way is dropped.
    let never = OutboxConfig::default();
    delivered(&client, root.path(), never.clone(), async |outbox| {
        for number in 1..=10 {
            assert_eq!(outbox.put(number, parts(number)).unwrap(), Put::Written);
        }
        while outbox.oldest_unsent() == Some(1) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // The second makes some epochs again, from its snapshot, and goes on.
    delivered(&client, root.path(), never, async |outbox| {
        for number in 8..=14 {
            outbox.put(number, parts(number)).unwrap();
        }
        while outbox.oldest_unsent().is_some() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_exactly(&client, 1..=14, ROWS).await;
    engine.stop().await;
}

#[tokio::test]
async fn merged_landing_epochs_land_all_their_rows() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(&root.path().join("engine")).await;
    migrate(&client, &[turnstiles()]).await.unwrap();
    let small = OutboxConfig { merge_above_bytes: 100_000, ..OutboxConfig::default() };
    let outbox = open(root.path(), small.clone(), None);
    for number in 1..=20 {
        outbox.put(number, parts(number)).unwrap();
    }
    let status = outbox.status();
    assert!(status.merges > 0 && status.entries < 20, "{status:?}");
    assert_eq!((status.oldest_unsent, status.newest), (Some(1), Some(20)));
    drop(outbox);
    delivered(&client, root.path(), small, async |outbox| {
        while outbox.oldest_unsent().is_some() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_exactly(&client, 1..=20, ROWS).await;
    engine.stop().await;
}
