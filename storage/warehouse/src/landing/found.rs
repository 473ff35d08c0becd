//! What a warehouse holds of a table set: how far it has landed, which tables have lost their rows, which were filled.

use std::collections::{BTreeMap, BTreeSet};

use super::epochs::{self, Owner};
use crate::client::{Client, Error, literal};
use crate::schema::{EPOCHS_TABLE, FILLS_TABLE, TableSchema};

/// The answer of a warehouse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The newest complete landing epoch.
    pub landed: Option<u64>,
    /// Stored tables of which landed rows are on record.
    pub recorded: BTreeSet<String>,
    /// Stored tables that are empty although rows are on record: somebody dropped or emptied them.
    pub lost: BTreeSet<String>,
    /// The newest fill of each stored table that had one.
    pub fills: BTreeMap<String, Filled>,
}

/// One table's newest fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    /// Its number, from 1.
    pub round: u32,
    /// The newest landing epoch that it brings.
    pub through: u64,
    /// Whether all of it has landed.
    pub done: bool,
}

/// Asks the warehouse. Its tables must have been migrated.
///
/// # Errors
/// The warehouse's, and [`Error::OtherLog`].
pub(crate) async fn look(client: &Client, owner: &Owner, tables: &[TableSchema]) -> Result<Found, Error> {
    if let Some(other) = epochs::other_log(client, owner).await? {
        return Err(Error::OtherLog { other, this: owner.incarnation });
    }
    let landed = epochs::landed(client, owner).await?;
    let (recorded, mut lost) = (recorded(client).await?, BTreeSet::new());
    for stored in tables.iter().map(TableSchema::stored_name).filter(|stored| recorded.contains(stored)) {
        if is_empty(client, &stored).await? {
            lost.insert(stored);
        }
    }
    Ok(Found { landed, recorded, lost, fills: fills(client, &owner.table_set).await? })
}

/// Stored tables of which landed rows are on record.
async fn recorded(client: &Client) -> Result<BTreeSet<String>, Error> {
    let sql = format!(
        "SELECT DISTINCT toString(table_name) FROM `{EPOCHS_TABLE}` WHERE table_name != '' AND state = 'landed' AND rows > 0"
    );
    Ok(client.fetch_all::<String>(&sql).await?.into_iter().collect())
}

async fn is_empty(client: &Client, stored: &str) -> Result<bool, Error> {
    let rows: u64 = client.fetch_one(&format!("SELECT count() FROM `{stored}`")).await?;
    Ok(rows == 0)
}

async fn fills(client: &Client, table_set: &str) -> Result<BTreeMap<String, Filled>, Error> {
    let sql = format!(
        "SELECT toString(table_name), round, max(through), max(done) FROM `{FILLS_TABLE}` WHERE table_set = {} \
         GROUP BY table_name, round ORDER BY round",
        literal(table_set)
    );
    let rows: Vec<(String, u32, u64, u8)> = client.fetch_all(&sql).await?;
    let named = rows.into_iter().map(|(table, round, through, done)| {
        let done = done != 0;
        (table, Filled { round, through, done })
    });
    Ok(named.collect())
}
