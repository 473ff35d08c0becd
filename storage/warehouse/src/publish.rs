//! Public names: `window_counts` is the table that readers ask, whichever version of the view fills it.
//!
//! Version 1 is stored under the public name itself. A later version is stored as `window_counts_v2`, and the public name
//! becomes a `Merge` table over it (unlike a view, that understands `FINAL`). The change is one atomic statement.

use crate::client::{Client, Error, literal};
use crate::schema::{TableSchema, current_views};

/// Lets the public names of tables lead to their stored tables, and makes the convenience views over them. What stood under
/// a public name before stays as `NAME_v1`. May be repeated.
///
/// # Errors
/// The warehouse's; readers see the old table or the new one.
pub(crate) async fn publish(client: &Client, tables: &[TableSchema]) -> Result<(), Error> {
    for table in tables.iter().filter(|table| table.stored_name() != table.name) {
        lead(client, table).await?;
        views(client, table).await?;
    }
    Ok(())
}

/// The same for public names under which nothing stands yet: in a new database nobody has an older version to read meanwhile.
///
/// # Errors
/// The warehouse's.
pub(crate) async fn publish_new(client: &Client, tables: &[TableSchema]) -> Result<(), Error> {
    for table in tables.iter().filter(|table| table.stored_name() != table.name) {
        if standing(client, &table.name).await?.is_none() {
            client.execute(&over(&table.name, &table.stored_name())).await?;
            views(client, table).await?;
        }
    }
    Ok(())
}

async fn views(client: &Client, table: &TableSchema) -> Result<(), Error> {
    for view in current_views().into_iter().filter(|view| view.table == table.name) {
        client.execute(&view.create_sql()).await?;
    }
    Ok(())
}

async fn lead(client: &Client, table: &TableSchema) -> Result<(), Error> {
    let (name, stored) = (table.name.as_ref(), table.stored_name());
    match standing(client, name).await? {
        None => client.execute(&over(name, &stored)).await,
        Some(engine) if engine.starts_with("Merge(") => {
            if engine.contains(&pattern(&stored)) && !lacks_columns(client, name, &stored).await? {
                return Ok(());
            }
            tracing::info!(name, stored, "a public name leads to a new table");
            client.execute(&over(name, &stored)).await
        }
        Some(_) => {
            let old = format!("{name}_v1");
            client.execute(&over(&old, &stored)).await?;
            client.execute(&format!("EXCHANGE TABLES `{name}` AND `{old}`")).await?;
            tracing::info!(name, stored, "a public name leads to a new table; `DROP TABLE {old}` frees the old one");
            Ok(())
        }
    }
}

/// The engine of a table with its arguments; none when there is no such table.
async fn standing(client: &Client, name: &str) -> Result<Option<String>, Error> {
    let sql = format!(
        "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = {}",
        literal(name)
    );
    Ok(client.fetch_all::<String>(&sql).await?.into_iter().next())
}

async fn lacks_columns(client: &Client, name: &str, stored: &str) -> Result<bool, Error> {
    let columns = |table: &str| {
        format!("SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {}", literal(table))
    };
    let sql = format!("SELECT count() FROM ({}) WHERE name NOT IN ({})", columns(stored), columns(name));
    let lacking: u64 = client.fetch_one(&sql).await?;
    Ok(lacking > 0)
}

fn pattern(stored: &str) -> String {
    format!("^{stored}$")
}

fn over(name: &str, stored: &str) -> String {
    format!(
        "CREATE OR REPLACE TABLE `{name}` AS `{stored}` ENGINE = Merge(currentDatabase(), {})",
        literal(&pattern(stored))
    )
}
