//! What works without a running process: the command takes the directory's lock itself.

use std::sync::Arc;

use eventlog::EventLog;

use super::storage;
use crate::commands::apply::Applied;
use crate::document::Document;
use crate::facts::{self, Writer};
use crate::settings::Settings;

/// Applies a document to the log of a directory that nobody serves.
///
/// # Errors
/// When the log cannot be opened or written.
pub(crate) fn apply(settings: &Settings, document: &Document) -> anyhow::Result<Applied> {
    let disk = storage::disk(&settings.data_dir)?;
    let log: Arc<dyn EventLog> = Arc::new(storage::open_log(settings, disk)?);
    let mut writer = Writer::open(log, storage::clock(), "offline".into(), Box::new(|_| {}))?;
    apply_to(&mut writer, document)
}

/// Appends the facts that a document wishes and that do not stand yet.
///
/// # Errors
/// When the log refuses; what was appended before stands, and applying again does the rest.
pub(crate) fn apply_to(writer: &mut Writer, document: &Document) -> anyhow::Result<Applied> {
    let (commands, made) = facts::commands(document, writer.standing(), writer.now());
    let mut applied = Applied { facts: 0, made };
    for command in &commands {
        writer.append(command)?;
        applied.facts += command.rows.len();
    }
    Ok(applied)
}
