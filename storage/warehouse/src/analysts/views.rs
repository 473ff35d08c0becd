//! The database that analysts see: a view for each table and convenience view, and the policies that they are read by.

use super::READER;
use crate::client::literal;
use crate::schema::{FACTS_TABLE, Rows, TableSchema, current_views, tables};

/// The table that says which organization a seat stands for, in the database of the tables.
pub(super) const SEATS_TABLE: &str = "sql_seats";

/// Facts about accounts are for the audit stream, not for analysts: the kinds begin with these words.
const ACCOUNT_FACTS: &str =
    "^(access|identity|key|link|logins?|mail|partition|password|platform|recovery_codes|second_factor|user)_";

/// The database that analysts see. The embedded engine's tables are in `default`, and then it is `eventra`.
pub fn analysts_database(database: &str) -> String {
    if database == "default" { "eventra".to_owned() } else { format!("{database}_eventra") }
}

/// A name in back quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

/// Names of everything that [`READER`] reads: public names, stored tables, convenience views, and the seats.
pub(super) fn sources() -> Vec<String> {
    let mut names = policied();
    names.extend(current_views().iter().map(|view| view.name.to_owned()));
    names.push(SEATS_TABLE.to_owned());
    names
}

/// Names of the tables that have an organization, under their public and their stored names: those that need a policy.
pub(super) fn policied() -> Vec<String> {
    let mut names: Vec<String> =
        tables().iter().flat_map(|table| [table.name.to_string(), table.stored_name()]).collect();
    names.sort();
    names.dedup();
    names
}

/// What [`READER`] sees of a table: rows of the organization that the connection's account stands for. Without one the
/// subquery gives NULL, and no row is equal to that.
pub(super) fn policy(database: &str, table: &str) -> String {
    let organization = format!(
        "organization = (SELECT organization FROM {}.{} FINAL WHERE seat = authenticatedUser())",
        quoted(database),
        quoted(SEATS_TABLE)
    );
    if table == FACTS_TABLE {
        return format!("{organization} AND NOT match(kind, {})", literal(ACCOUNT_FACTS));
    }
    organization
}

/// The statements that make the database, the table of seats and the views, over the tables of `database`.
pub(super) fn statements(database: &str) -> Vec<String> {
    let shown = quoted(&analysts_database(database));
    let mut statements = vec![
        format!("CREATE DATABASE IF NOT EXISTS {shown}"),
        format!(
            "CREATE TABLE IF NOT EXISTS {}.{} (\n  `seat` String COMMENT 'account of a connection',\n  \
             `organization` String COMMENT 'whom it stands for',\n  `version` UInt64 COMMENT 'the highest counts'\n) \
             ENGINE = ReplacingMergeTree(version) ORDER BY seat COMMENT 'Which organization asks through which account'",
            quoted(database),
            quoted(SEATS_TABLE)
        ),
    ];
    statements.extend(tables().iter().map(|table| over_table(&shown, database, table)));
    statements.extend(current_views().iter().map(|view| {
        let source = format!("{}.{}", quoted(database), quoted(view.name));
        format!(
            "CREATE OR REPLACE VIEW {shown}.{} DEFINER = {READER} SQL SECURITY DEFINER AS SELECT * FROM {source} COMMENT {}",
            quoted(view.name),
            literal(view.doc)
        )
    }));
    statements
}

/// Upserts are read as of their newest row, which no client needs to know.
fn over_table(shown: &str, database: &str, table: &TableSchema) -> String {
    let columns = table.stored_columns();
    let described: Vec<String> = columns
        .iter()
        .map(|column| format!("{} {} COMMENT {}", quoted(&column.name), column.clickhouse_type, literal(&column.doc)))
        .collect();
    let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    let newest = if matches!(table.rows, Rows::Upsert(_)) { " FINAL" } else { "" };
    // A raised version is read through a `Merge` table, which forgets the column that policies need when a question reads
    // none of its own: this condition, which holds for every row, names it.
    let named = if table.view_version > 1 { " WHERE length(organization) >= 0" } else { "" };
    format!(
        "CREATE OR REPLACE VIEW {shown}.{} ({}) DEFINER = {READER} SQL SECURITY DEFINER AS SELECT {} FROM {}.{}{newest}{named} COMMENT {}",
        quoted(&table.name),
        described.join(", "),
        names.join(", "),
        quoted(database),
        quoted(&table.name),
        literal(&table.doc)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_with_rows_of_organizations_has_a_policy() {
        for table in tables() {
            assert!(table.stored_columns().iter().any(|column| column.name == "organization"), "{}", table.name);
            assert!(policied().contains(&table.stored_name()));
        }
        assert!(policy("default", "facts").contains("NOT match(kind"));
    }

    #[test]
    fn analysts_have_a_database_of_their_own() {
        assert_eq!(analysts_database("default"), "eventra");
        assert_eq!(analysts_database("shop"), "shop_eventra");
    }
}
