//! After a stop that may have been unclean: what has landed, what only seems to, and what must land again.

use std::collections::BTreeMap;

use super::chunk::ChunkKey;
use super::epochs::{self, Known, Owner};
use super::{RECHECKED_EPOCHS, settle};
use crate::client::{Client, Error};
use crate::schema::{LANDING_CHUNK, LANDING_EPOCH, LANDING_SHARD, Rows, TableSchema};

/// What a lander starts from.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// The newest landing epoch up to which everything has landed: the source goes on after it.
    pub landed: Option<u64>,
    /// Chunks that said they had landed and had not, or not whole; their rows are deleted and `landed` stands before them.
    pub damaged: Vec<ChunkKey>,
    /// Landing epochs up to this one may have been sent by an earlier process: their chunks are counted before and after.
    pub(crate) suspects_until: Option<u64>,
    pub(crate) known: BTreeMap<ChunkKey, Known>,
    pub(crate) owner: Owner,
}

/// A table, and the landing epochs of it that a table set brings: another set brought or brings the others.
#[derive(Debug, Clone)]
pub(crate) struct Covered {
    pub(crate) table: TableSchema,
    /// Those after this one.
    pub(crate) after: u64,
    /// Up to this one.
    pub(crate) through: u64,
}

impl Covered {
    fn whole(table: &TableSchema) -> Self {
        Self { table: table.clone(), after: 0, through: u64::MAX }
    }

    fn holds(&self, key: &ChunkKey) -> bool {
        // Landing epochs count from 1; a source of its own may begin with 0.
        (self.after == 0 || self.after < key.landing_epoch) && key.landing_epoch <= self.through
    }
}

/// Compares the newest landing epochs with what their tables hold, and opens again what is damaged.
///
/// Costs one grouped count per append-only table, over its newest landing epochs.
///
/// # Errors
/// The warehouse's; nothing is half done that a second call does not mend. [`Error::OtherLog`] when rows of another log
/// are in it: that log's landing epochs have the same numbers, so this log's rows would pass for landed and be lost.
pub async fn recover(
    client: &Client,
    table_set: &str,
    incarnation: u64,
    tables: &[TableSchema],
) -> Result<Recovery, Error> {
    let covered: Vec<Covered> = tables.iter().map(Covered::whole).collect();
    recover_covered(client, table_set, incarnation, &covered, false).await
}

/// As [`recover`], for tables of which the set brings some landing epochs only. A source that has `forgotten` what it sent
/// after the newest complete landing epoch may cut it otherwise when it makes it again: what is there of it is deleted.
pub(crate) async fn recover_covered(
    client: &Client,
    table_set: &str,
    incarnation: u64,
    tables: &[Covered],
    forgotten: bool,
) -> Result<Recovery, Error> {
    let owner = Owner { table_set: table_set.to_owned(), incarnation };
    if let Some(other) = epochs::other_log(client, &owner).await? {
        return Err(Error::OtherLog { other, this: incarnation });
    }
    let confirmed = epochs::landed(client, &owner).await?;
    let from = confirmed.map_or(0, |newest| newest.saturating_sub(RECHECKED_EPOCHS - 1));
    let mut known = epochs::known(client, &owner, from).await?;
    let mut damaged = Vec::new();
    let mut suspects_until = confirmed;
    let mut loose = Vec::new();
    for covered in tables {
        let (table, stored) = (&covered.table, covered.table.stored_name());
        let mut counts = counts(client, table, from).await?;
        counts.retain(|key, _| covered.holds(key));
        known.retain(|key, _| key.table != stored || covered.holds(key));
        suspects_until = suspects_until.max(counts.keys().map(|key| key.landing_epoch).max());
        if forgotten {
            loose.extend(counts.keys().filter(|key| Some(key.landing_epoch) > confirmed).cloned());
        }
        if !matches!(table.rows, Rows::Upsert(_)) {
            damaged.extend(compare(&stored, confirmed, &known, &counts));
        }
    }
    if !loose.is_empty() {
        tracing::warn!(chunks = loose.len(), "chunks that had not landed whole are deleted: they come again");
        clear_all(client, &owner, &loose, &mut known).await?;
    }
    let landed = open_again(client, &owner, confirmed, &damaged, &mut known).await?;
    Ok(Recovery { landed, damaged, suspects_until, known, owner })
}

async fn counts(client: &Client, table: &TableSchema, from: u64) -> Result<BTreeMap<ChunkKey, u64>, Error> {
    let stored = table.stored_name();
    let sql = format!(
        "SELECT {LANDING_EPOCH}, {LANDING_SHARD}, {LANDING_CHUNK}, count() FROM `{stored}` WHERE {LANDING_EPOCH} >= {from} GROUP BY ALL"
    );
    let rows: Vec<(u64, u16, u32, u64)> = client.fetch_all(&sql).await?;
    Ok(rows
        .into_iter()
        .map(|(landing_epoch, shard, chunk, rows)| {
            (ChunkKey { table: stored.clone(), view_version: table.view_version, landing_epoch, shard, chunk }, rows)
        })
        .collect())
}

/// Chunks of complete landing epochs whose rows are not there as recorded. Rows of epochs that are not complete are no
/// damage: their source lands them again, and each is counted then.
fn compare(
    table: &str,
    confirmed: Option<u64>,
    known: &BTreeMap<ChunkKey, Known>,
    counts: &BTreeMap<ChunkKey, u64>,
) -> Vec<ChunkKey> {
    let complete = |key: &ChunkKey| confirmed.is_some_and(|newest| key.landing_epoch <= newest);
    let recorded = known.iter().filter(|(key, _)| key.table == table && complete(key));
    let wrong = recorded.filter(|(key, known)| known.repairing || counts.get(*key).copied().unwrap_or(0) != known.rows);
    let unrecorded = counts.keys().filter(|key| complete(key) && !known.contains_key(*key));
    wrong.map(|(key, _)| key).chain(unrecorded).cloned().collect()
}

async fn open_again(
    client: &Client,
    owner: &Owner,
    confirmed: Option<u64>,
    damaged: &[ChunkKey],
    known: &mut BTreeMap<ChunkKey, Known>,
) -> Result<Option<u64>, Error> {
    let Some(first) = damaged.iter().map(|key| key.landing_epoch).min() else {
        return Ok(confirmed);
    };
    tracing::error!(chunks = damaged.len(), first, "chunks that had landed are not whole");
    // The cursor goes back first: should this stop half-way, the epochs stay open and are counted when they land again.
    epochs::reopen(client, owner, first).await?;
    clear_all(client, owner, damaged, known).await?;
    epochs::landed(client, owner).await
}

/// Deletes chunks' rows; they land again under their next attempt.
async fn clear_all(
    client: &Client,
    owner: &Owner,
    chunks: &[ChunkKey],
    known: &mut BTreeMap<ChunkKey, Known>,
) -> Result<(), Error> {
    for key in chunks {
        let attempt = known.get(key).map_or(0, |known| known.attempt) + 1;
        settle::clear(client, owner, key, attempt).await?;
        known.insert(key.clone(), Known { attempt, repairing: true, rows: 0, hash: 0 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(landing_epoch: u64, chunk: u32) -> ChunkKey {
        ChunkKey { table: "t".to_owned(), view_version: 1, landing_epoch, shard: 0, chunk }
    }

    fn landed(rows: u64) -> Known {
        Known { attempt: 0, repairing: false, rows, hash: 0 }
    }

    #[test]
    fn only_complete_epochs_can_be_damaged() {
        let known = BTreeMap::from([(key(1, 0), landed(5)), (key(2, 0), landed(5)), (key(2, 1), landed(5))]);
        let counts = BTreeMap::from([(key(1, 0), 5), (key(2, 0), 4), (key(3, 0), 9)]);
        assert_eq!(compare("t", Some(2), &known, &counts), [key(2, 0), key(2, 1)]);
        assert_eq!(compare("t", None, &known, &counts), []);
    }

    #[test]
    fn rows_nobody_recorded_are_damage() {
        let counts = BTreeMap::from([(key(1, 7), 3)]);
        assert_eq!(compare("t", Some(1), &BTreeMap::new(), &counts), [key(1, 7)]);
    }
}
