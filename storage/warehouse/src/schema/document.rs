//! The schema as a page for people.

use std::fmt::Write as _;

use super::table::{Rows, TableSchema};
use super::views::View;

/// Returns the tables and the views over them as Markdown, column by column.
pub fn markdown(tables: &[TableSchema], views: &[View]) -> String {
    let mut page = String::from(
        "# Tables of the warehouse\n\nFirst the tables as rows land in them, then the views, which show figures without \
         asking how rows combine. Analysts see all of them as views of the database `eventra`: their organization's rows only, \
         and newest rows without `FINAL`.\n",
    );
    for table in tables {
        let combine = match &table.rows {
            Rows::Append => "Append-only: filter `landing_epoch <= N` for an exact cut.".to_owned(),
            Rows::Additive(sums) => {
                format!("Differences: sum {}; filter `landing_epoch <= N` for an exact cut.", quoted(sums))
            }
            Rows::Upsert(key) => format!("Newest row per {}: read with `FINAL`; there are no older cuts.", quoted(key)),
        };
        let order = quoted(&table.order_by);
        let partition = table
            .partition_month_of
            .as_ref()
            .map_or_else(String::new, |time| format!(", one partition per month of `{time}`"));
        write!(
            page,
            "\n## `{}`\n\n{}\n{combine} Sorted by {order}{partition}.\n\n| column | type | meaning |\n|---|---|---|\n",
            table.stored_name(),
            table.doc
        )
        .expect("writing to a string cannot fail");
        for column in table.stored_columns() {
            writeln!(page, "| `{}` | `{}` | {} |", column.name, column.clickhouse_type, column.doc.replace('|', "\\|"))
                .expect("writing to a string cannot fail");
        }
    }
    for view in views {
        describe(&mut page, view);
    }
    page
}

fn describe(page: &mut String, view: &View) {
    let View { name, table, doc, columns, .. } = view;
    write!(page, "\n## `{name}`\n\n{doc} A view over `{table}`.\n\n| column | meaning |\n|---|---|\n")
        .expect("writing to a string cannot fail");
    for (column, meaning) in *columns {
        writeln!(page, "| `{column}` | {meaning} |").expect("writing to a string cannot fail");
    }
}

fn quoted(names: &[std::borrow::Cow<'static, str>]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_page_is_current() {
        let page = super::markdown(&crate::schema::tables(), &crate::schema::current_views());
        assert!(
            page == include_str!("../../SCHEMA.md"),
            "run `cargo run -p warehouse --bin warehouse-engine-host schema > storage/warehouse/SCHEMA.md`"
        );
    }

    #[test]
    fn every_column_of_every_table_is_on_the_page_with_its_meaning() {
        let tables = crate::schema::aggregate_tables();
        let page = super::markdown(&tables, &[]);
        for table in &tables {
            assert!(page.contains(&format!("## `{}`", table.stored_name())));
            for column in table.stored_columns() {
                assert!(column.doc.len() > 3, "{}.{} says nothing", table.name, column.name);
                assert!(page.contains(&format!("| `{}` | `{}` |", column.name, column.clickhouse_type)));
            }
        }
    }
}
