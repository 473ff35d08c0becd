//! Whether the warehouse has its tables: another client may have dropped one.

use std::collections::BTreeSet;

use warehouse::{Client, schema};

use super::Finding::{self, Bad, Good, Warning};
use crate::commands::sql;
use crate::settings::{Settings, WarehouseChoice};

pub(super) fn tables(settings: &Settings, running: bool) -> Finding {
    match settings.warehouse {
        WarehouseChoice::None => return Good("none are needed".into()),
        WarehouseChoice::Embedded if !running => return Good("looked at when a process runs".into()),
        _ => {}
    }
    match there(settings) {
        Ok(there) => judge(&there, running),
        Err(error) => Warning(format!("not known: {error:#}"), "see `eventra status` when the warehouse answers"),
    }
}

fn there(settings: &Settings) -> anyhow::Result<BTreeSet<String>> {
    let client = Client::server(sql::endpoint(settings)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let names = client.fetch_all::<String>("SELECT name FROM system.tables WHERE database = currentDatabase()");
    Ok(runtime.block_on(names)?.into_iter().collect())
}

fn judge(there: &BTreeSet<String>, running: bool) -> Finding {
    let gone = |tables: Vec<schema::TableSchema>| -> Vec<String> {
        tables.iter().map(schema::TableSchema::stored_name).filter(|stored| !there.contains(stored)).collect()
    };
    let (all, views) = (gone(schema::tables()), gone(schema::aggregate_tables()));
    if all.is_empty() {
        return Good("all are there".into());
    }
    if !running && !there.contains(schema::EPOCHS_TABLE) {
        return Good("made when a process starts".into());
    }
    let text = format!("gone: {}", all.join(", "));
    if views.len() == all.len() {
        return Bad(text, "start eventra again: it makes them, and fills them with history from the log".into());
    }
    Bad(
        text,
        "stop eventra, drop the whole database (`eventra config` names it; embedded: the folder `engine`), and start: \
         everything lands again from the log"
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> BTreeSet<String> {
        schema::tables().iter().map(schema::TableSchema::stored_name).chain([schema::EPOCHS_TABLE.into()]).collect()
    }

    #[test]
    fn a_dropped_table_is_bad_and_says_what_to_do() {
        assert!(matches!(judge(&stored(), true), Good(_)));
        let mut there = stored();
        there.remove("window_counts");
        let Bad(text, mend) = judge(&there, true) else { panic!("it is bad") };
        assert!(text.contains("gone: window_counts") && mend.contains("fills them with history"), "{text} {mend}");
        there.remove("records");
        let Bad(_, mend) = judge(&there, true) else { panic!("it is bad") };
        assert!(mend.contains("everything lands again"), "{mend}");
        assert!(matches!(judge(&BTreeSet::new(), false), Good(_)), "a new server has none yet");
    }
}
