//! The table of landed chunks: how it is written and read.

use std::collections::BTreeMap;

use super::chunk::{Chunk, ChunkKey};
use crate::client::{Client, Error, literal};
use crate::schema::EPOCHS_TABLE;

/// Whose landing epochs: each source (raw records, the outbox of views) has a cursor of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) table_set: String,
    pub(crate) incarnation: u64,
}

/// The newest thing known about a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) attempt: u32,
    pub(crate) repairing: bool,
    pub(crate) rows: u64,
    pub(crate) hash: u64,
}

const COLUMNS: &str =
    "table_set, landing_epoch, table_name, view_version, incarnation, shard, chunk, attempt, state, rows, hash";

/// A statement's values may be long: a whole wave of chunks is one insert, so that it is there whole or not at all.
const SETTINGS: &str = "SETTINGS async_insert = 0, max_query_size = 16777216";

fn row(owner: &Owner, key: &ChunkKey, known: Known) -> String {
    format!(
        "({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})",
        literal(&owner.table_set),
        key.landing_epoch,
        literal(&key.table),
        key.view_version,
        owner.incarnation,
        key.shard,
        key.chunk,
        known.attempt,
        if known.repairing { "'repairing'" } else { "'landed'" },
        known.rows,
        known.hash
    )
}

fn insert_sql(rows: &[String]) -> String {
    format!("INSERT INTO `{EPOCHS_TABLE}` ({COLUMNS}) {SETTINGS} VALUES {}", rows.join(", "))
}

/// A landing epoch that is complete, with the attempt of each of its chunks.
pub(crate) struct Complete<'a> {
    pub(crate) landing_epoch: u64,
    pub(crate) chunks: Vec<(&'a Chunk, u32)>,
}

/// Confirms landing epochs in one insert. Writing it again changes nothing: the rows replace themselves.
pub(crate) async fn confirm(client: &Client, owner: &Owner, epochs: &[Complete<'_>]) -> Result<(), Error> {
    let mut rows = Vec::new();
    for epoch in epochs {
        for (chunk, attempt) in &epoch.chunks {
            let known = Known { attempt: *attempt, repairing: false, rows: chunk.rows, hash: chunk.hash };
            rows.push(row(owner, &chunk.key, known));
        }
        let total = epoch.chunks.iter().map(|(chunk, _)| chunk.rows).sum();
        rows.push(row(
            owner,
            &marker(epoch.landing_epoch),
            Known { attempt: 0, repairing: false, rows: total, hash: 0 },
        ));
    }
    if rows.is_empty() { Ok(()) } else { client.execute(&insert_sql(&rows)).await }
}

fn marker(landing_epoch: u64) -> ChunkKey {
    ChunkKey { table: String::new(), view_version: 0, landing_epoch, shard: 0, chunk: 0 }
}

/// Notes, before any row is deleted, that the chunk is being repaired: after a crash the next attempt number is still known.
pub(crate) async fn note_repair(client: &Client, owner: &Owner, chunk: &ChunkKey, attempt: u32) -> Result<(), Error> {
    let known = Known { attempt, repairing: true, rows: 0, hash: 0 };
    client.execute(&insert_sql(&[row(owner, chunk, known)])).await
}

/// Returns the newest complete landing epoch.
pub(crate) async fn landed(client: &Client, owner: &Owner) -> Result<Option<u64>, Error> {
    let sql = format!(
        "SELECT max(landing_epoch), count() FROM `{EPOCHS_TABLE}` WHERE table_set = {} AND table_name = ''",
        literal(&owner.table_set)
    );
    let (newest, rows): (u64, u64) = client.fetch_one(&sql).await?;
    Ok((rows > 0).then_some(newest))
}

/// Returns another log that has landed in this warehouse, if one has.
pub(crate) async fn other_log(client: &Client, owner: &Owner) -> Result<Option<u64>, Error> {
    let sql =
        format!("SELECT any(incarnation), count() FROM `{EPOCHS_TABLE}` WHERE incarnation != {}", owner.incarnation);
    let (other, rows): (u64, u64) = client.fetch_one(&sql).await?;
    Ok((rows > 0).then_some(other))
}

/// Table, view version, landing epoch, shard, chunk; attempt, repairing, rows, hash.
type KnownRow = (String, u32, u64, u16, u32, u32, u8, u64, u64);

/// Returns what is known about the chunks of landing epochs `from` and later.
pub(crate) async fn known(client: &Client, owner: &Owner, from: u64) -> Result<BTreeMap<ChunkKey, Known>, Error> {
    // Within an attempt `landed` comes after `repairing`.
    let sql = format!(
        "SELECT table_name, view_version, landing_epoch, shard, chunk, attempt, toUInt8(state = 'repairing'), rows, hash \
         FROM `{EPOCHS_TABLE}` WHERE table_set = {} AND table_name != '' AND landing_epoch >= {from} \
         ORDER BY attempt, state = 'landed', landed_at",
        literal(&owner.table_set)
    );
    let rows: Vec<KnownRow> = client.fetch_all(&sql).await?;
    Ok(rows
        .into_iter()
        .map(|(table, view_version, landing_epoch, shard, chunk, attempt, repairing, rows, hash)| {
            let key = ChunkKey { table, view_version, landing_epoch, shard, chunk };
            (key, Known { attempt, repairing: repairing != 0, rows, hash })
        })
        .collect())
}

/// Takes back the completeness of landing epochs `from` and later: their source must land them again.
pub(crate) async fn reopen(client: &Client, owner: &Owner, from: u64) -> Result<(), Error> {
    let sql = format!(
        "ALTER TABLE `{EPOCHS_TABLE}` DELETE WHERE table_set = {} AND table_name = '' AND landing_epoch >= {from} \
         SETTINGS mutations_sync = 2",
        literal(&owner.table_set)
    );
    client.execute(&sql).await
}
