//! The files of the outbox, their order, their bound.
//!
//! `N.ready` has never been handed out and may be rewritten or merged; `N.sent` may have reached the warehouse, and so must
//! stay as it is: other rows under the same token would be lost.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use eventlog::disk::{self, Disk};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::entry::{EntryError, Part, Unsent};
use super::merge::merged;
use crate::landing::RECHECKED_EPOCHS;
use crate::schema::TableSchema;

/// Two entries are merged only up to this size: both are in memory while it happens, and an entry lands in one go.
const MERGED_BYTES: u64 = 64 << 20;
/// A file larger than this was not written here.
const FILE_BYTES: usize = 1 << 30;

/// The outbox's bounds.
#[derive(Debug, Clone)]
pub struct OutboxConfig {
    /// Bytes waiting above which unsent landing epochs are merged.
    pub merge_above_bytes: u64,
    /// Bytes waiting above which nothing more is taken ([`Outbox::has_room`]).
    pub full_above_bytes: u64,
}

impl Default for OutboxConfig {
    /// An hour of a busy conference is some hundred megabytes; a day of append-only rows fits four times that.
    fn default() -> Self {
        Self { merge_above_bytes: 256 << 20, full_above_bytes: 1 << 30 }
    }
}

/// What became of a landing epoch that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is on the disk.
    Written,
    /// It was there: recovery made it again, with the same rows.
    Known,
}

/// Why the outbox cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The disk failed.
    #[error("outbox file `{path}`: {error}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        error: io::Error,
    },
    /// A file is damaged; its landing epoch must be made again from the log.
    #[error("outbox file `{path}` is damaged: {reason}; remove the outbox's folder, and it is made again from the log")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// Epochs that may have landed were merged with others.
    #[error("landing epochs {oldest} to {newest} overlap with some that may have landed: make them again one by one")]
    Overlap {
        /// First of the range.
        oldest: u64,
        /// Last of the range.
        newest: u64,
    },
    /// Landing epochs are missing before the one that was handed in.
    #[error("landing epoch {found} came where {expected} was due: those between would be missing")]
    Gap {
        /// The one that was due.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// There is no room, even after merging.
    #[error("the outbox is full: {bytes} bytes wait for the warehouse")]
    Full {
        /// Bytes waiting.
        bytes: u64,
    },
}

/// What waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboxStatus {
    /// Files that wait.
    pub entries: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The oldest landing epoch that waits.
    pub oldest_unsent: Option<u64>,
    /// The newest landing epoch that was put in.
    pub newest: Option<u64>,
    /// Merges since the start.
    pub merges: u64,
}

#[derive(Debug, Clone)]
struct Entry {
    oldest: u64,
    bytes: u64,
    sent: bool,
}

struct State {
    /// By newest landing epoch.
    entries: BTreeMap<u64, Entry>,
    landed: Option<u64>,
    handed: Option<u64>,
    merges: u64,
    /// A file has its new name, perhaps not for good yet.
    unsynced: bool,
}

/// A durable queue of landing epochs. Shared by the dataflow, which puts in, and the task that delivers.
pub struct Outbox {
    disk: Arc<dyn Disk>,
    directory: String,
    tables: Vec<TableSchema>,
    config: OutboxConfig,
    /// Stored tables whose rows up to a landing epoch come another way: they are left out of entries up to it.
    since: BTreeMap<String, u64>,
    state: Mutex<State>,
    pub(crate) arrived: Notify,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Outbox({}, {:?})", self.directory, self.status())
    }
}

impl Outbox {
    /// Opens the outbox in a directory of `disk`. `landed` is where [`crate::landing::recover`] found the warehouse:
    /// everything after it is handed out again.
    ///
    /// # Errors
    /// The disk's, or a damaged file after `landed`.
    pub fn open(
        disk: Arc<dyn Disk>,
        directory: &str,
        tables: Vec<TableSchema>,
        config: OutboxConfig,
        landed: Option<u64>,
    ) -> Result<Self, OutboxError> {
        Self::open_since(disk, directory, tables, config, landed, BTreeMap::new())
    }

    /// As [`Outbox::open`], where rows of some stored tables count only after a landing epoch.
    pub(crate) fn open_since(
        disk: Arc<dyn Disk>,
        directory: &str,
        tables: Vec<TableSchema>,
        config: OutboxConfig,
        landed: Option<u64>,
        since: BTreeMap<String, u64>,
    ) -> Result<Self, OutboxError> {
        let state = State { entries: BTreeMap::new(), landed, handed: landed, merges: 0, unsynced: false };
        let outbox = Self {
            disk,
            directory: directory.to_owned(),
            tables,
            config,
            since,
            state: Mutex::new(state),
            arrived: Notify::new(),
        };
        outbox.disk.create_directory(directory).map_err(|error| outbox.io(directory, error))?;
        outbox.load()?;
        Ok(outbox)
    }

    fn io(&self, path: &str, error: io::Error) -> OutboxError {
        OutboxError::Io { path: path.to_owned(), error }
    }

    fn path(&self, newest: u64, sent: bool) -> String {
        format!("{}/{newest:020}.{}", self.directory, if sent { "sent" } else { "ready" })
    }

    fn load(&self) -> Result<(), OutboxError> {
        let mut state = self.state.lock();
        let files = self.disk.list(&self.directory).map_err(|error| self.io(&self.directory, error))?;
        for file in &files {
            let path = format!("{}/{}", self.directory, file.name);
            let Some((newest, sent)) = parse_name(&file.name) else {
                // A draft of a write that a crash cut off.
                self.disk.remove(&path).map_err(|error| self.io(&path, error))?;
                continue;
            };
            let needed = Some(newest) > state.landed;
            let oldest = if needed { self.read(newest, sent)?.oldest } else { newest };
            state.entries.insert(newest, Entry { oldest, bytes: file.bytes, sent });
        }
        self.remove_merged_leftovers(&mut state)
    }

    /// A crash may come between writing a merged file and removing the ones that it holds.
    fn remove_merged_leftovers(&self, state: &mut State) -> Result<(), OutboxError> {
        let ranges: Vec<(u64, u64)> = state.entries.iter().map(|(newest, entry)| (entry.oldest, *newest)).collect();
        let inside: Vec<u64> = ranges
            .iter()
            .map(|(_, newest)| *newest)
            .filter(|newest| ranges.iter().any(|(from, to)| from <= newest && newest < to))
            .collect();
        for newest in inside {
            self.remove(state, newest)?;
        }
        Ok(())
    }

    fn read(&self, newest: u64, sent: bool) -> Result<Unsent, OutboxError> {
        let path = self.path(newest, sent);
        let content = disk::read_whole(self.disk.as_ref(), &path, FILE_BYTES).map_err(|error| self.io(&path, error))?;
        Unsent::decode(&content).map_err(|error| self.damaged(&path, &error))
    }

    fn damaged(&self, path: &str, error: &EntryError) -> OutboxError {
        OutboxError::Damaged { path: path.to_owned(), reason: error.to_string() }
    }

    fn write(&self, state: &mut State, entry: &Unsent) -> Result<(), OutboxError> {
        let path = self.path(entry.newest, false);
        let content = entry.encode().map_err(|error| self.damaged(&path, &error))?;
        disk::replace(self.disk.as_ref(), &path, &content).map_err(|error| self.io(&path, error))?;
        let known = Entry { oldest: entry.oldest, bytes: content.len() as u64, sent: false };
        state.entries.insert(entry.newest, known);
        Ok(())
    }

    fn remove(&self, state: &mut State, newest: u64) -> Result<(), OutboxError> {
        if let Some(entry) = state.entries.remove(&newest) {
            let path = self.path(newest, entry.sent);
            self.disk.remove(&path).map_err(|error| self.io(&path, error))?;
        }
        Ok(())
    }

    /// Puts in the rows of a landing epoch; they are on the disk when it returns. Numbers rise, except that recovery makes
    /// epochs again, with the same rows.
    ///
    /// # Errors
    /// [`OutboxError::Full`] leaves the rows with the caller: ask [`Outbox::has_room`] before closing a landing epoch.
    pub fn put(&self, landing_epoch: u64, parts: Vec<Part>) -> Result<Put, OutboxError> {
        self.put_range(landing_epoch, landing_epoch, parts)
    }

    /// Puts in the rows of several landing epochs that the caller has merged already; they land under the newest number.
    ///
    /// Epochs of the range that wait here and were never handed out are replaced, since the range holds their rows.
    ///
    /// # Errors
    /// [`OutboxError::Overlap`] when some epochs of the range may be in the warehouse and others are not: landing them
    /// together would count the former twice. And as [`Outbox::put`].
    pub fn put_range(&self, oldest: u64, newest: u64, parts: Vec<Part>) -> Result<Put, OutboxError> {
        let mut state = self.state.lock();
        let replaced = match state.place(oldest, newest) {
            Place::Known => return Ok(Put::Known),
            Place::Overlaps => return Err(OutboxError::Overlap { oldest, newest }),
            Place::Free(replaced) => replaced,
        };
        if state.waiting_bytes() > self.config.full_above_bytes {
            return Err(OutboxError::Full { bytes: state.waiting_bytes() });
        }
        let parts = if oldest < newest { self.summed_up(newest, parts)? } else { parts };
        self.write(&mut state, &Unsent { oldest, newest, parts })?;
        replaced
            .into_iter()
            .filter(|inside| *inside != newest)
            .try_for_each(|inside| self.remove(&mut state, inside))?;
        self.merge_down(&mut state)?;
        drop(state);
        self.arrived.notify_one();
        Ok(Put::Written)
    }

    /// What several landing epochs say of one key, as one row. They land under one number, and of two rows with the same
    /// number the warehouse keeps either one.
    fn summed_up(&self, newest: u64, parts: Vec<Part>) -> Result<Vec<Part>, OutboxError> {
        let sum_up = |part: Part| {
            let Some(table) = self.tables.iter().find(|table| table.stored_name() == part.table) else {
                return Ok(part);
            };
            let batch = merged(table, &part.batch.slice(0, 0), &part.batch)
                .map_err(|error| self.damaged(&self.path(newest, false), &error.into()))?;
            Ok(Part { batch, ..part })
        };
        parts.into_iter().map(sum_up).collect()
    }

    /// Returns whether a landing epoch may be closed now. Otherwise leave it open: the folds' changes wait in the folds.
    pub fn has_room(&self) -> bool {
        self.state.lock().waiting_bytes() <= self.config.full_above_bytes
    }

    /// Merges neighbours, smallest first, until the bytes are within their bound or nothing can be merged.
    fn merge_down(&self, state: &mut State) -> Result<(), OutboxError> {
        while state.waiting_bytes() > self.config.merge_above_bytes {
            let Some((older, newer)) = state.smallest_pair(&self.since) else {
                return Ok(());
            };
            let (first, second) = (self.read(older, false)?, self.read(newer, false)?);
            let joined = self.join(first, second)?;
            self.write(state, &joined)?;
            self.remove(state, older)?;
            state.merges += 1;
        }
        Ok(())
    }

    fn join(&self, older: Unsent, newer: Unsent) -> Result<Unsent, OutboxError> {
        let mut parts: BTreeMap<(String, u16), Part> = BTreeMap::new();
        let range = (older.oldest, newer.newest);
        for part in older.parts.into_iter().chain(newer.parts) {
            let key = (part.table.clone(), part.shard);
            let joined = match (parts.remove(&key), self.tables.iter().find(|table| table.stored_name() == part.table))
            {
                (Some(before), Some(table)) => {
                    let batch = merged(table, &before.batch, &part.batch)
                        .map_err(|error| self.damaged(&self.path(range.1, false), &error.into()))?;
                    Part { batch, ..part }
                }
                // Rows of a table that this build does not know never land: the newest will do.
                _ => part,
            };
            parts.insert(key, joined);
        }
        Ok(Unsent { oldest: range.0, newest: range.1, parts: parts.into_values().collect() })
    }

    /// Returns the next landing epoch to land, oldest first, after noting durably that it is on its way.
    ///
    /// # Errors
    /// The disk's, or a damaged file.
    pub fn next_unsent(&self) -> Result<Option<Unsent>, OutboxError> {
        let mut state = self.state.lock();
        let Some((newest, sent)) = state.next_after(state.handed) else {
            return Ok(None);
        };
        let mut entry = self.read(newest, sent)?;
        entry.parts.retain(|part| self.since.get(&part.table).is_none_or(|since| *since < newest));
        if !sent {
            let (from, to) = (self.path(newest, false), self.path(newest, true));
            self.disk.rename(&from, &to).map_err(|error| self.io(&from, error))?;
            state.entries.get_mut(&newest).expect("it was just found").sent = true;
            state.unsynced = true;
        }
        if state.unsynced {
            // Also when an earlier try got as far as the new name.
            self.disk.sync_directory(&self.directory).map_err(|error| self.io(&self.directory, error))?;
            state.unsynced = false;
        }
        state.handed = Some(newest);
        Ok(Some(entry))
    }

    /// Takes back a landing epoch that could not be handed on: it comes again.
    pub(crate) fn take_back(&self, entry: &Unsent) {
        let mut state = self.state.lock();
        state.handed = state.landed.max(entry.oldest.checked_sub(1));
    }

    /// Takes note that everything up to `landed` is in the warehouse. The newest landed epochs stay for a while, in case
    /// their rows turn out to be missing after a crash of the warehouse.
    ///
    /// # Errors
    /// The disk's.
    pub fn acknowledge(&self, landed: u64) -> Result<(), OutboxError> {
        let mut state = self.state.lock();
        state.landed = state.landed.max(Some(landed));
        state.handed = state.handed.max(Some(landed));
        let forget = landed.saturating_sub(RECHECKED_EPOCHS);
        let old: Vec<u64> = state.entries.range(..=forget).map(|(newest, _)| *newest).collect();
        old.into_iter().try_for_each(|newest| self.remove(&mut state, newest))
    }

    /// Returns the oldest landing epoch that is not in the warehouse.
    pub fn oldest_unsent(&self) -> Option<u64> {
        self.state.lock().oldest_unsent()
    }

    /// Returns what waits.
    pub fn status(&self) -> OutboxStatus {
        let state = self.state.lock();
        OutboxStatus {
            entries: state.waiting().count(),
            bytes: state.waiting_bytes(),
            oldest_unsent: state.oldest_unsent(),
            newest: state.entries.keys().next_back().copied(),
            merges: state.merges,
        }
    }

    /// Returns the newest landing epoch that need not be made again: it is here, or in the warehouse.
    pub(crate) fn durable(&self) -> u64 {
        let state = self.state.lock();
        state.entries.keys().next_back().copied().max(state.landed).unwrap_or(0)
    }

    /// Returns whether a range of landing epochs was put in before.
    pub(crate) fn knows(&self, oldest: u64, newest: u64) -> bool {
        matches!(self.state.lock().place(oldest, newest), Place::Known)
    }

    /// Returns the tables whose rows may be put in.
    pub fn tables(&self) -> &[TableSchema] {
        &self.tables
    }
}

enum Place {
    Known,
    Overlaps,
    /// Free, once these entries are removed.
    Free(Vec<u64>),
}

impl State {
    fn waiting(&self) -> impl Iterator<Item = (&u64, &Entry)> {
        let from = self.landed.map_or(0, |landed| landed + 1);
        self.entries.range(from..)
    }

    fn waiting_bytes(&self) -> u64 {
        self.waiting().map(|(_, entry)| entry.bytes).sum()
    }

    fn oldest_unsent(&self) -> Option<u64> {
        self.waiting().next().map(|(_, entry)| entry.oldest)
    }

    /// Where a range of landing epochs goes among those that are here.
    fn place(&self, oldest: u64, newest: u64) -> Place {
        if self.landed >= Some(newest) {
            return Place::Known;
        }
        let mut replaced = Vec::new();
        for (known, entry) in self.entries.range(oldest..) {
            let covers = entry.oldest <= oldest && newest <= *known;
            let same = entry.oldest == oldest && *known == newest;
            if entry.oldest > newest {
                break;
            }
            match () {
                // Merged or handed out: what is there stays, and holds the same rows.
                () if covers && (entry.sent || !same) => return Place::Known,
                () if !entry.sent && oldest <= entry.oldest && *known <= newest => replaced.push(*known),
                () => return Place::Overlaps,
            }
        }
        if self.landed >= Some(oldest) { Place::Overlaps } else { Place::Free(replaced) }
    }

    fn next_after(&self, handed: Option<u64>) -> Option<(u64, bool)> {
        let from = handed.map_or(0, |handed| handed + 1);
        self.entries.range(from..).next().map(|(newest, entry)| (*newest, entry.sent))
    }

    /// The smallest two neighbours that may be merged. What was handed out keeps its neighbours apart: a range over it
    /// would hold rows that have landed. So does the place from which on a table's rows count.
    fn smallest_pair(&self, since: &BTreeMap<String, u64>) -> Option<(u64, u64)> {
        let apart = |older: u64, newer: u64| since.values().any(|since| older <= *since && *since < newer);
        let waiting: Vec<(u64, &Entry)> = self.waiting().map(|(newest, entry)| (*newest, entry)).collect();
        waiting
            .windows(2)
            .filter(|pair| pair.iter().all(|(_, entry)| !entry.sent) && !apart(pair[0].0, pair[1].0))
            .map(|pair| (pair[0].1.bytes + pair[1].1.bytes, pair[0].0, pair[1].0))
            .filter(|(bytes, _, _)| *bytes <= MERGED_BYTES)
            .min()
            .map(|(_, older, newer)| (older, newer))
    }
}

/// What an outbox's directory holds, before anybody knows how far the warehouse is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The newest landing epoch.
    pub(crate) newest: Option<u64>,
    /// The first landing epoch after one that has landed.
    pub(crate) next: Option<u64>,
}

/// Looks into an outbox's directory. When it is known what has `landed`, files are read as far as it takes to see whether
/// the next landing epoch is there.
///
/// # Errors
/// The disk's. A damaged file is passed over here: opening the outbox names it.
pub(crate) fn kept(disk: &dyn Disk, directory: &str, landed: Option<u64>) -> Result<Kept, OutboxError> {
    let failed = |error| OutboxError::Io { path: directory.to_owned(), error };
    disk.create_directory(directory).map_err(failed)?;
    let files = disk.list(directory).map_err(failed)?;
    let mut names: Vec<(u64, String)> =
        files.into_iter().filter_map(|file| Some((parse_name(&file.name)?.0, file.name))).collect();
    names.sort_unstable();
    let (mut next, newest) = (None, names.last().map(|(newest, _)| *newest));
    let Some(landed) = landed else { return Ok(Kept { newest, next }) };
    // Ranges may overlap after a crash, so the first file alone does not always tell.
    for (_, name) in names.iter().filter(|(newest, _)| *newest > landed) {
        let content = disk::read_whole(disk, &format!("{directory}/{name}"), FILE_BYTES).map_err(failed)?;
        if let Ok(entry) = Unsent::decode(&content) {
            next = next.into_iter().chain([entry.oldest]).min();
        }
        if next.is_some_and(|next| next <= landed + 1) {
            break;
        }
    }
    Ok(Kept { newest, next })
}

/// Removes every file of an outbox's directory.
///
/// # Errors
/// The disk's.
pub(crate) fn empty(disk: &dyn Disk, directory: &str) -> Result<(), OutboxError> {
    let failed = |error| OutboxError::Io { path: directory.to_owned(), error };
    disk.create_directory(directory).map_err(failed)?;
    for file in disk.list(directory).map_err(failed)? {
        disk.remove(&format!("{directory}/{}", file.name)).map_err(failed)?;
    }
    disk.sync_directory(directory).map_err(failed)
}

fn parse_name(name: &str) -> Option<(u64, bool)> {
    let (number, state) = name.split_once('.')?;
    match state {
        "ready" => Some((number.parse().ok()?, false)),
        "sent" => Some((number.parse().ok()?, true)),
        _ => None,
    }
}
