//! Exactly once, through every stop there is.

use std::time::Duration;

use tokio::sync::watch;
use warehouse::engine::Engine;
use warehouse::landing::{Lander, LanderConfig, LandingEpoch, cut, recover};
use warehouse::migrate::migrate;
use warehouse::{Client, Endpoint};

use crate::support::{PATIENCE, config, kill, number, restarted, start};
use crate::turnstiles::{CHUNKS, assert_exactly, batch, epoch, turnstiles};

const SET: &str = "views";
const ROWS: usize = 2_000;

async fn ready(client: &Client) {
    migrate(client, &[turnstiles()]).await.unwrap();
}

async fn lander(client: &Client) -> Lander {
    let recovery = recover(client, SET, 1, &[turnstiles()]).await.unwrap();
    Lander::start(client.clone(), recovery, &LanderConfig::default())
}

async fn landed(lander: &Lander, landing_epoch: u64) {
    let mut progress = lander.progress();
    let reached = progress.wait_for(|now| now.landed >= Some(landing_epoch));
    let outcome = tokio::time::timeout(PATIENCE, reached).await;
    assert!(outcome.is_ok(), "landing stalled: {:?}", lander.progress().borrow());
}

async fn land(lander: &Lander, epochs: std::ops::RangeInclusive<u64>) {
    let last = *epochs.end();
    for number in epochs {
        lander.land(epoch(number, ROWS)).await.unwrap();
    }
    landed(lander, last).await;
}

#[tokio::test]
async fn landed_rows_are_there_once_and_the_cursor_goes_on_after_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    ready(&client).await;
    let first = lander(&client).await;
    assert_eq!(first.landed(), None);
    land(&first, 1..=5).await;
    first.land(LandingEpoch { landing_epoch: 6, chunks: vec![] }).await.unwrap();
    landed(&first, 6).await;
    let progress = first.stop(PATIENCE).await;
    assert_eq!((progress.landed, progress.waiting, progress.retries), (Some(6), 0, 0));
    assert_eq!(progress.chunks, 5 * CHUNKS);

    let other = recover(&client, SET, 2, &[turnstiles()]).await.unwrap_err();
    assert!(other.to_string().contains("rows of another log"), "they would pass for this one's: {other}");
    let recovery = recover(&client, SET, 1, &[turnstiles()]).await.unwrap();
    assert_eq!((recovery.landed, recovery.damaged.len()), (Some(6), 0));
    let second = Lander::start(client.clone(), recovery, &LanderConfig::default());
    land(&second, 7..=8).await;
    assert_eq!(number(&client, "SELECT count() FROM turnstiles WHERE landing_epoch = 6").await, 0);
    let expected = 7 * 2 * ROWS as u64;
    assert_eq!(number(&client, "SELECT count() FROM turnstiles").await, expected);
    assert_eq!(number(&client, "SELECT sum(rows) FROM epochs FINAL WHERE table_name != ''").await, expected);
    engine.stop().await;
}

#[tokio::test]
async fn a_server_by_its_address_lands_the_same_through_compressed_bodies() {
    let root = tempfile::tempdir().unwrap();
    let (engine, _) = start(root.path()).await;
    let at = engine.endpoint().borrow().clone().unwrap();
    // A server takes statements at its root, the embedded engine at a path of its own.
    let host = at.url.split('/').nth(2).unwrap();
    let address = format!("http://{}:{}@{host}/default", at.user, at.password.replace(' ', "%20"));
    let read = Endpoint::parse(&address).unwrap();
    let client = Client::server(Endpoint { url: at.url, ..read });
    ready(&client).await;
    let lander = lander(&client).await;
    land(&lander, 1..=3).await;
    assert_exactly(&client, 1..=3, ROWS).await;
    engine.stop().await;
}

/// The materialized view is a table of its own with a window of its own, as a user would add one.
async fn add_view(client: &Client) {
    let table = "CREATE TABLE per_shard (landing_shard UInt16, rows UInt64) ENGINE = SummingMergeTree ORDER BY landing_shard \
                 SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1";
    let view = "CREATE MATERIALIZED VIEW per_shard_view TO per_shard AS SELECT landing_shard, count() AS rows FROM turnstiles GROUP BY landing_shard";
    client.execute(table).await.unwrap();
    client.execute(view).await.unwrap();
}

#[tokio::test]
async fn kill_nine_of_the_engine_under_inserts_loses_and_doubles_nothing() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    ready(&client).await;
    add_view(&client).await;
    let lander = lander(&client).await;
    // Kills come after a number of landed epochs, while the next ones are on their way.
    let epochs = 60;
    let mut progress = lander.progress();
    let killer = async {
        for after in [10, 25, 40] {
            tokio::time::timeout(PATIENCE, progress.wait_for(|now| now.landed >= Some(after))).await.unwrap().unwrap();
            let old = kill(&engine);
            restarted(&engine, old).await;
        }
    };
    tokio::join!(land(&lander, 1..=epochs), killer);
    assert_exactly(&client, 1..=epochs, ROWS).await;
    let viewed = number(&client, "SELECT sum(rows) FROM per_shard").await;
    assert_eq!(viewed, epochs * 2 * ROWS as u64, "the materialized view counts the same rows");
    assert!(lander.progress().borrow().retries > 0, "some request must have met a dead engine");
    assert_eq!(engine.status().restarts, 3);
    engine.stop().await;
}

#[tokio::test]
async fn stop_between_sending_and_confirming_is_mended() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    ready(&client).await;
    let first = lander(&client).await;
    land(&first, 1..=5).await;
    first.stop(PATIENCE).await;
    // As if eventra had died before confirming 4 and 5: one chunk whole, one doubled, one absent, the others whole.
    client.execute("ALTER TABLE epochs DELETE WHERE landing_epoch >= 4 SETTINGS mutations_sync = 2").await.unwrap();
    client.execute("INSERT INTO turnstiles SELECT * FROM turnstiles WHERE landing_epoch = 4 AND landing_shard = 0 AND landing_chunk = 0").await.unwrap();
    client
        .execute("ALTER TABLE turnstiles DELETE WHERE landing_epoch = 5 AND landing_shard = 1 AND landing_chunk = 1 SETTINGS mutations_sync = 2")
        .await
        .unwrap();
    let recovery = recover(&client, SET, 1, &[turnstiles()]).await.unwrap();
    assert_eq!((recovery.landed, recovery.damaged.len()), (Some(3), 0), "what was not confirmed cannot be damaged");
    let second = Lander::start(client.clone(), recovery, &LanderConfig::default());
    land(&second, 4..=7).await;
    assert_exactly(&client, 1..=7, ROWS).await;
    engine.stop().await;
}

#[tokio::test]
async fn confirmed_chunks_that_are_not_whole_land_again() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    ready(&client).await;
    let first = lander(&client).await;
    land(&first, 1..=5).await;
    first.stop(PATIENCE).await;
    // As if power loss had taken a part that was confirmed.
    let lost = "ALTER TABLE turnstiles DELETE WHERE landing_epoch = 3 AND landing_shard = 0 AND landing_chunk = 1 SETTINGS mutations_sync = 2";
    client.execute(lost).await.unwrap();
    let recovery = recover(&client, SET, 1, &[turnstiles()]).await.unwrap();
    assert_eq!(recovery.landed, Some(2));
    assert_eq!(recovery.damaged.len(), 1);
    assert_eq!((recovery.damaged[0].landing_epoch, recovery.damaged[0].chunk), (3, 1));
    // Dies again before landing: the next one must still know that the old token is used up.
    let recovery = recover(&client, SET, 1, &[turnstiles()]).await.unwrap();
    assert_eq!(recovery.landed, Some(2));
    let second = Lander::start(client.clone(), recovery, &LanderConfig::default());
    land(&second, 3..=6).await;
    assert_exactly(&client, 1..=6, ROWS).await;
    let recovery = recover(&client, SET, 1, &[turnstiles()]).await.unwrap();
    assert_eq!((recovery.landed, recovery.damaged.len()), (Some(6), 0));
    engine.stop().await;
}

#[tokio::test]
async fn other_rows_under_the_name_of_landed_ones_replace_them() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    ready(&client).await;
    let first = lander(&client).await;
    land(&first, 1..=2).await;
    first.stop(PATIENCE).await;
    // As many rows, other numbers: only the hash tells.
    let chunks = cut(&turnstiles(), &batch(9, 1, ROWS), 2, 1).unwrap();
    let second = lander(&client).await;
    second.land(LandingEpoch { landing_epoch: 2, chunks }).await.unwrap();
    assert_eq!(second.stop(PATIENCE).await.waiting, 0);
    assert_eq!(number(&client, "SELECT count() FROM turnstiles").await, 4 * ROWS as u64);
    let of_nine = "SELECT count() FROM turnstiles WHERE n >= 9500000 AND landing_epoch = 2 AND landing_shard = 1";
    assert_eq!(number(&client, of_nine).await, ROWS as u64);
    engine.stop().await;
}

#[tokio::test]
async fn warehouse_that_was_down_is_caught_up_with() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    ready(&client).await;
    let recovery = recover(&client, SET, 1, &[turnstiles()]).await.unwrap();
    engine.stop().await;

    // The address goes away and comes back, as it does while the embedded engine is restarted.
    let (address, watched) = watch::channel::<Option<Endpoint>>(None);
    let lander = Lander::start(Client::embedded(watched), recovery, &LanderConfig { queued_epochs: 64 });
    for number in 1..=20 {
        lander.land(epoch(number, ROWS)).await.unwrap();
    }
    let mut progress = lander.progress();
    let failing =
        tokio::time::timeout(PATIENCE, progress.wait_for(|now| now.retries >= 4)).await.unwrap().unwrap().clone();
    assert_eq!((failing.landed, failing.waiting), (None, 20));
    assert!(failing.last_error.unwrap().contains("not running") && !failing.needs_attention);

    let engine = Engine::start(config(root.path())).await.unwrap();
    address.send_replace(engine.endpoint().borrow().clone());
    landed(&lander, 20).await;
    let now = lander.progress().borrow().clone();
    assert_eq!((now.waiting, now.last_error, now.failing_since), (0, None, None));
    assert_exactly(&Client::embedded(engine.endpoint()), 1..=20, ROWS).await;
    engine.stop().await;
}

#[tokio::test]
async fn refusal_is_reported_as_needing_attention_and_mends_without_loss() {
    let root = tempfile::tempdir().unwrap();
    let (engine, client) = start(root.path()).await;
    ready(&client).await;
    let lander = lander(&client).await;
    client.execute("RENAME TABLE turnstiles TO elsewhere").await.unwrap();
    lander.land(epoch(1, ROWS)).await.unwrap();
    let mut progress = lander.progress();
    let wait = progress.wait_for(|now| now.needs_attention);
    let failing = tokio::time::timeout(PATIENCE, wait).await.unwrap().unwrap().clone();
    assert!(failing.last_error.unwrap().contains("code 60"));
    client.execute("RENAME TABLE elsewhere TO turnstiles").await.unwrap();
    landed(&lander, 1).await;
    assert_exactly(&client, 1..=1, ROWS).await;
    assert!(lander.stop(Duration::from_secs(5)).await.last_error.is_none());
    engine.stop().await;
}
