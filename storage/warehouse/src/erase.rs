//! Erasure in the warehouse: the properties of a person's rows go, the rows themselves stay and keep their counts.

use std::time::Duration;

use crate::client::{Client, Error, literal};
use crate::schema::RECORDS_TABLE;

/// Sources of a rewritten part are removed a few seconds after it; a busy merge may hold one longer.
const GONE_WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Whose properties go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Tenant.
    pub organization: String,
    /// Tokens of the person: of the known one and of the anonymous ones linked to it.
    pub actors: Vec<u64>,
    /// Numbers of the person's keys: rows without an actor may still carry one.
    pub subjects: Vec<u64>,
}

/// Why an erasure is not complete.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The warehouse refused it or cannot be reached; nothing is half done that a second call does not complete.
    #[error(transparent)]
    Warehouse(#[from] Error),
    /// The rows are rewritten, but the old files were still there when waiting ended. They go by themselves; call again to be sure.
    #[error("{0} replaced parts are still on the disk after {seconds} s", seconds = GONE_WITHIN.as_secs())]
    StillOnDisk(u64),
}

/// Clears the properties of a person's rows, and returns once the old values have left the warehouse's files.
///
/// # Errors
/// See [`EraseError`]. May be repeated.
pub async fn erase(client: &Client, erasure: &Erasure) -> Result<(), EraseError> {
    let Some(rows) = condition(erasure) else {
        return Ok(());
    };
    let sql =
        format!("ALTER TABLE `{RECORDS_TABLE}` UPDATE properties = map() WHERE {rows} SETTINGS mutations_sync = 2");
    client.execute(&sql).await?;
    wait_until_gone(client).await
}

fn condition(erasure: &Erasure) -> Option<String> {
    let list = |column: &str, values: &[u64]| {
        let values: Vec<String> = values.iter().filter(|value| **value != 0).map(u64::to_string).collect();
        (!values.is_empty()).then(|| format!("{column} IN ({})", values.join(", ")))
    };
    let parts: Vec<String> =
        [list("actor", &erasure.actors), list("subject", &erasure.subjects)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| {
        format!(
            "organization = {} AND ({}) AND notEmpty(properties)",
            literal(&erasure.organization),
            parts.join(" OR ")
        )
    })
}

async fn wait_until_gone(client: &Client) -> Result<(), EraseError> {
    let now: u32 = client.fetch_one("SELECT toUInt32(now())").await?;
    // Asking for `_state` lists parts whose files are being removed, too; without it they vanish before their files do.
    // Parts that were replaced before this moment; merges meanwhile replace further ones, which hold erased rows no more.
    let sql = format!(
        "SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = {} AND _state IN ('Outdated', 'Deleting', 'DeleteOnDestroy') \
         AND toUInt32(remove_time) <= {now}",
        literal(RECORDS_TABLE)
    );
    let tries = GONE_WITHIN.as_millis() / LOOK_EVERY.as_millis();
    let mut left: u64 = 0;
    for _ in 0..tries {
        left = client.fetch_one(&sql).await?;
        if left == 0 {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(EraseError::StillOnDisk(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_matches_no_row_and_zero_is_nobody() {
        let mut erasure = Erasure { organization: "o'x".to_owned(), actors: vec![0], subjects: vec![] };
        assert_eq!(condition(&erasure), None);
        erasure.actors.push(7);
        assert_eq!(condition(&erasure).unwrap(), r"organization = 'o\'x' AND (actor IN (7)) AND notEmpty(properties)");
    }
}
