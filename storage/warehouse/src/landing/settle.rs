//! Brings one chunk into its table exactly once.

use super::chunk::{Chunk, ChunkKey};
use super::epochs::{self, Known, Owner};
use crate::client::{Client, Error};
use crate::schema::{LANDING_CHUNK, LANDING_EPOCH, LANDING_SHARD};

/// More rows and bytes than a chunk can have, so that ClickHouse never cuts or joins a chunk's block: the same token under
/// other block sizes loses or doubles rows.
const BLOCK_ROWS: &str = "1048576";
const BLOCK_BYTES: &str = "1073741824";

/// How a chunk is named to ClickHouse's deduplication. `incarnation` and `attempt` are part of it: a new log is not the old
/// one, and a token is remembered after its rows are deleted. A fill (`set/round`) has tokens of its own: it brings rows
/// under numbers that the table may have seen before its rows were deleted.
fn token(owner: &Owner, key: &ChunkKey, attempt: u32) -> String {
    let ChunkKey { table, view_version, landing_epoch, shard, chunk } = key;
    let token = format!("{table}/{view_version}/{}/{landing_epoch}/{shard}/{chunk}/{attempt}", owner.incarnation);
    if owner.table_set.contains('/') { format!("{}:{token}", owner.table_set) } else { token }
}

/// Sends the chunk as one block under its token. Sending it again under the same token changes nothing.
async fn insert(client: &Client, owner: &Owner, chunk: &Chunk, attempt: u32) -> Result<(), Error> {
    let token = token(owner, &chunk.key, attempt);
    let settings = [
        ("insert_deduplicate", "1"),
        ("insert_deduplication_token", token.as_str()),
        ("deduplicate_blocks_in_dependent_materialized_views", "1"),
        ("async_insert", "0"),
        ("max_insert_threads", "1"),
        ("max_insert_block_size", BLOCK_ROWS),
        ("min_insert_block_size_rows", BLOCK_ROWS),
        ("min_insert_block_size_bytes", BLOCK_BYTES),
        ("max_partitions_per_insert_block", "1"),
        ("throw_on_max_partitions_per_insert_block", "1"),
    ];
    client.insert_body(&chunk.key.table, &chunk.columns, chunk.body.clone(), &settings).await
}

fn rows_of(key: &ChunkKey) -> String {
    format!(
        "{LANDING_EPOCH} = {} AND {LANDING_SHARD} = {} AND {LANDING_CHUNK} = {}",
        key.landing_epoch, key.shard, key.chunk
    )
}

async fn count(client: &Client, key: &ChunkKey) -> Result<u64, Error> {
    client.fetch_one(&format!("SELECT count() FROM `{}` WHERE {}", key.table, rows_of(key))).await
}

/// Deletes whatever rows of a chunk are there. The next attempt's number is on record first.
pub(crate) async fn clear(client: &Client, owner: &Owner, key: &ChunkKey, attempt: u32) -> Result<(), Error> {
    epochs::note_repair(client, owner, key, attempt).await?;
    let sql = format!("ALTER TABLE `{}` DELETE WHERE {} SETTINGS mutations_sync = 2", key.table, rows_of(key));
    client.execute(&sql).await
}

/// Lands a chunk that was never sent before this process started. Returns its attempt.
pub(crate) async fn settle_new(
    client: &Client,
    owner: &Owner,
    chunk: &Chunk,
    known: Option<Known>,
) -> Result<u32, Error> {
    let attempt = known.map_or(0, |known| known.attempt);
    insert(client, owner, chunk, attempt).await?;
    Ok(attempt)
}

/// Lands a chunk that an earlier process may have sent: looks first, repairs what is neither absent nor whole, looks again.
pub(crate) async fn settle_suspect(
    client: &Client,
    owner: &Owner,
    chunk: &Chunk,
    known: Option<Known>,
) -> Result<u32, Error> {
    if !chunk.counted {
        return settle_new(client, owner, chunk, known).await;
    }
    let found = count(client, &chunk.key).await?;
    let mut attempt = known.map_or(0, |known| known.attempt);
    let torn = known.is_some_and(|known| known.repairing);
    let differs = known.is_some_and(|known| !known.repairing && known.hash != chunk.hash);
    if differs {
        // The same log gave other rows: somebody was erased since, or a view changed without a new version. What it gives
        // now is what counts.
        tracing::warn!(key = ?chunk.key, "chunk differs from the one that landed under its name");
    }
    if found == chunk.rows && !torn && !differs {
        return Ok(attempt);
    }
    // Nothing there and nothing on record: an insert of the old process may still be on its way, so the same token first.
    if found == 0 && known.is_none() {
        insert(client, owner, chunk, attempt).await?;
        if count(client, &chunk.key).await? == chunk.rows {
            return Ok(attempt);
        }
        // The token is remembered although its rows are gone: it drops every further insert.
    }
    attempt += 1;
    tracing::warn!(key = ?chunk.key, found, rows = chunk.rows, attempt, "repairing chunk");
    clear(client, owner, &chunk.key, attempt).await?;
    insert(client, owner, chunk, attempt).await?;
    let now = count(client, &chunk.key).await?;
    if now == chunk.rows {
        return Ok(attempt);
    }
    Err(Error::Format(format!("chunk {:?} has {now} rows after its repair, expected {}", chunk.key, chunk.rows)))
}
