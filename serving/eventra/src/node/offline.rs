//! What works without a running process: the command takes the directory's lock itself.

use std::sync::Arc;

use eventlog::EventLog;

use super::storage;
use crate::commands::apply::Applied;
use crate::document::Document;
use crate::facts::{self, Facts};
use crate::settings::Settings;

/// Applies a document to the log of a directory that nobody serves.
///
/// # Errors
/// When the log cannot be opened or written.
pub(crate) fn apply(settings: &Settings, document: &Document) -> anyhow::Result<Applied> {
    let disk = storage::disk(&settings.data_dir)?;
    let log: Arc<dyn EventLog> = Arc::new(storage::open_log(settings, Arc::clone(&disk))?);
    let parts = facts::parts(log, disk, storage::clock(), "offline".into());
    let desk = Facts::open(parts, Arc::new(|_, _| {}))?;
    let applied = apply_to(&desk, document);
    desk.close();
    applied
}

/// Appends the facts that a document wishes and that do not stand yet.
///
/// # Errors
/// When the log refuses; what was appended before stands, and applying again does the rest.
pub(crate) fn apply_to(desk: &Facts, document: &Document) -> anyhow::Result<Applied> {
    let (commands, candidates) = facts::commands(document);
    let rows = desk.decide_all(&commands)?;
    Ok(Applied { facts: rows.len(), made: facts::really_made(candidates, &rows) })
}
