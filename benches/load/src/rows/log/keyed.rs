//! fjall, an embedded store of keys in log-structured trees, as a log: the frame's number is the key.
//!
//! In its best form for this: values in files of their own (key-value separation), nothing compressed, its journal synced
//! by us. It is a store and does more than a log needs; it is reported, not a goal.

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode};

use super::frames::{Frames, OneFrame};
use super::{Appended, GROUP};
use crate::cpu::cost;

fn open(path: &Path) -> anyhow::Result<(Database, Keyspace)> {
    let database = Database::builder(path).manual_journal_persist(true).open()?;
    let options = || KeyspaceCreateOptions::default().with_kv_separation(Some(KvSeparationOptions::default()));
    let frames = database.keyspace("frames", options)?;
    Ok((database, frames))
}

/// The same bytes, each frame under its number, the journal synced every 10 ms and at the end.
pub(super) fn append(frames: &Frames) -> anyhow::Result<Appended> {
    let folder = super::folder()?;
    let (database, keyspace) = open(folder.path())?;
    let values = values(frames);
    let (cost, written) = cost(|| insert(&database, &keyspace, values));
    written?;
    Ok(Appended::new(frames.mib(), cost))
}

/// A store filled with the frames and written out, to be read from its files.
pub(super) struct Filled {
    keyspace: Keyspace,
    _database: Database,
    bytes: u64,
    rows: u64,
}

impl Filled {
    pub(super) fn new(path: &Path, frames: &Frames) -> anyhow::Result<Self> {
        let (database, keyspace) = open(path)?;
        insert(&database, &keyspace, values(frames))?;
        keyspace.rotate_memtable_and_wait()?;
        Ok(Self { keyspace, _database: database, bytes: frames.bytes() as u64, rows: frames.rows })
    }

    /// Reads everything in order; its own checksums are checked by itself. Records per CPU-second.
    pub(super) fn read(&self) -> anyhow::Result<f64> {
        let (cost, bytes) = cost(|| -> fjall::Result<u64> {
            let mut bytes = 0;
            for guard in self.keyspace.iter() {
                bytes += std::hint::black_box(guard.value()?).len() as u64;
            }
            Ok(bytes)
        });
        let bytes = bytes?;
        anyhow::ensure!(bytes == self.bytes, "fjall gave {bytes} of {} bytes back", self.bytes);
        Ok(self.rows as f64 / cost.cpu.as_secs_f64())
    }
}

/// Made before any clock starts: hashes and body in one piece.
fn values(frames: &Frames) -> Vec<Bytes> {
    let value = |frame: &OneFrame| Bytes::from([frame.hashes.as_slice(), &frame.body].concat());
    frames.all.iter().map(value).collect()
}

fn insert(database: &Database, keyspace: &Keyspace, values: Vec<Bytes>) -> fjall::Result<()> {
    let mut synced = Instant::now();
    for (number, value) in values.into_iter().enumerate() {
        keyspace.insert((number as u64).to_be_bytes(), value)?;
        if synced.elapsed() >= GROUP {
            database.persist(PersistMode::SyncData)?;
            synced = Instant::now();
        }
    }
    database.persist(PersistMode::SyncData)
}
