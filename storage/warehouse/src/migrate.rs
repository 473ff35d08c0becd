//! Brings a warehouse's schema to the version that this build knows.
//!
//! Numbered migrations run once, in order. The tables of [`TableSchema`] are reconciled: made where absent, given the
//! columns that they lack. A column of another type is an error: the view that fills it needs a new version, and so a new table.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::backoff::Backoff;
use crate::client::{Client, Error, literal};
use crate::publish::publish_new;
use crate::schema::{TableSchema, current_views, epochs_sql, fills_sql};

const MIGRATIONS_TABLE: &str = "CREATE TABLE IF NOT EXISTS `schema_migrations` (
  `number` UInt32 COMMENT 'number of the migration; they run in this order',
  `name` String COMMENT 'what it does',
  `checksum` String COMMENT 'SHA-256 of its statements',
  `applied_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'clock of the warehouse'
) ENGINE = ReplacingMergeTree ORDER BY number
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Migrations that this database has seen'";

/// A warehouse that does not answer is asked this often before migrating gives up: about a minute.
const TRIES: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// One numbered step. Its statements must bear being run again: a crash may come between them and the record of them.
#[derive(Debug, Clone)]
pub struct Migration {
    /// Place in the order, from 1, without gaps.
    pub number: u32,
    /// What it does.
    pub name: &'static str,
    /// What it runs.
    pub statements: Vec<String>,
}

impl Migration {
    fn checksum(&self) -> String {
        let mut sum = Sha256::new();
        for statement in &self.statements {
            sum.update(statement.as_bytes());
            sum.update([0]);
        }
        sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Returns this build's numbered migrations. Append only: a released one never changes.
pub fn migrations() -> Vec<Migration> {
    vec![
        Migration { number: 1, name: "chunks that have landed", statements: vec![epochs_sql()] },
        Migration { number: 2, name: "tables filled with history", statements: vec![fills_sql()] },
        Migration {
            number: 3,
            name: "scores of leaderboards are a view of awards",
            statements: vec![
                "DROP VIEW IF EXISTS `leaderboard_scores_current`".into(),
                "DROP TABLE IF EXISTS `leaderboard_scores`".into(),
            ],
        },
    ]
}

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A newer Eventra has been here.
    #[error("the warehouse has schema {found} and this build knows {known}: use a newer eventra, or another database")]
    Newer {
        /// Newest migration in the database.
        found: u32,
        /// Newest migration of this build.
        known: u32,
    },
    /// A migration was applied with other statements than this build has.
    #[error("migration {number} of the warehouse differs from this build's (checksum {found}, expected {expected})")]
    Changed {
        /// Its number.
        number: u32,
        /// Checksum in the database.
        found: String,
        /// Checksum of this build.
        expected: String,
    },
    /// A stored column has another type.
    #[error("column `{table}.{column}` is {found}, this build writes {expected}: raise the view's version")]
    ColumnType {
        /// Stored table.
        table: String,
        /// Column.
        column: String,
        /// Type in the database.
        found: String,
        /// Type of this build.
        expected: String,
    },
    /// ClickHouse refused a statement, or could not be reached.
    #[error("{0}")]
    Warehouse(#[from] Error),
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migrated {
    /// Numbers of the migrations that ran.
    pub applied: Vec<u32>,
    /// `table.column` of the columns that were added to existing tables.
    pub added_columns: Vec<String>,
}

/// Brings the schema up to date: this build's migrations, then `tables`, then the convenience views.
///
/// # Errors
/// See [`MigrateError`]. A warehouse that cannot be reached is tried for about a minute.
pub async fn migrate(client: &Client, tables: &[TableSchema]) -> Result<Migrated, MigrateError> {
    migrate_with(client, &migrations(), tables).await
}

/// As [`migrate`], with another list of migrations.
pub async fn migrate_with(
    client: &Client,
    migrations: &[Migration],
    tables: &[TableSchema],
) -> Result<Migrated, MigrateError> {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    for _ in 1..TRIES {
        match once(client, migrations, tables).await {
            Err(MigrateError::Warehouse(error)) if error.is_transient() => {
                tracing::warn!(%error, "warehouse is not ready for migrations");
                backoff.pause().await;
            }
            outcome => return outcome,
        }
    }
    once(client, migrations, tables).await
}

async fn once(client: &Client, migrations: &[Migration], tables: &[TableSchema]) -> Result<Migrated, MigrateError> {
    let mut migrated = Migrated::default();
    client.execute(MIGRATIONS_TABLE).await?;
    let applied = check_applied(client, migrations).await?;
    for migration in migrations.iter().filter(|migration| !applied.contains_key(&migration.number)) {
        apply(client, migration).await?;
        migrated.applied.push(migration.number);
    }
    for table in tables {
        migrated.added_columns.extend(reconcile(client, table).await?);
    }
    for view in views_over(tables) {
        client.execute(&view).await?;
    }
    publish_new(client, tables).await?;
    Ok(migrated)
}

/// The convenience views read tables by name: only those whose table is among the reconciled ones are made.
fn views_over(tables: &[TableSchema]) -> impl Iterator<Item = String> {
    current_views()
        .into_iter()
        .filter(|view| tables.iter().any(|known| known.stored_name() == view.table))
        .map(|view| view.create_sql())
}

async fn check_applied(client: &Client, migrations: &[Migration]) -> Result<BTreeMap<u32, String>, MigrateError> {
    let rows: Vec<(u32, String)> =
        client.fetch_all("SELECT number, checksum FROM schema_migrations ORDER BY applied_at").await?;
    let applied: BTreeMap<u32, String> = rows.into_iter().collect();
    let known = migrations.iter().map(|migration| migration.number).max().unwrap_or(0);
    if let Some((found, _)) = applied.last_key_value().filter(|(found, _)| **found > known) {
        return Err(MigrateError::Newer { found: *found, known });
    }
    for migration in migrations {
        let expected = migration.checksum();
        if let Some(found) = applied.get(&migration.number).filter(|found| **found != expected) {
            return Err(MigrateError::Changed { number: migration.number, found: found.clone(), expected });
        }
    }
    Ok(applied)
}

async fn apply(client: &Client, migration: &Migration) -> Result<(), Error> {
    for statement in &migration.statements {
        client.execute(statement).await?;
    }
    let sql = format!(
        "INSERT INTO schema_migrations (number, name, checksum) VALUES ({}, {}, {})",
        migration.number,
        literal(migration.name),
        literal(&migration.checksum())
    );
    client.execute(&sql).await
}

async fn reconcile(client: &Client, table: &TableSchema) -> Result<Vec<String>, MigrateError> {
    client.execute(&table.create_sql()).await?;
    let stored = table.stored_name();
    let sql = format!(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {}",
        literal(&stored)
    );
    let found: BTreeMap<String, String> = client.fetch_all::<(String, String)>(&sql).await?.into_iter().collect();
    let mut added = Vec::new();
    for column in table.stored_columns() {
        match found.get(column.name.as_ref()) {
            None => {
                client.execute(&table.add_column_sql(&column)).await?;
                added.push(format!("{stored}.{}", column.name));
            }
            Some(found) if found != column.clickhouse_type.as_ref() => {
                return Err(MigrateError::ColumnType {
                    table: stored,
                    column: column.name.into_owned(),
                    found: found.clone(),
                    expected: column.clickhouse_type.into_owned(),
                });
            }
            Some(_) => {}
        }
    }
    Ok(added)
}
