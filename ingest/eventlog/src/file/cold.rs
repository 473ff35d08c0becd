//! Rewrites sealed segments densely. What is read stays the same, byte for byte.

use std::io::{self, IoSlice};

use super::format::SegmentHead;
use super::index::Index;
use super::store::Store;
use super::walk::{BROWSE, Fault, STREAM, Walker};
use crate::codec::Codec;
use crate::error::ReadError;

/// Written at once.
const CHUNK: usize = 1 << 20;

/// A segment that was made cold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recompressed {
    /// Its file.
    pub segment: String,
    /// Bytes before.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
}

pub(crate) fn recompress(store: &Store, keep_hot: usize) -> Result<Option<Recompressed>, ReadError> {
    let _upkeep = store.upkeep.lock();
    let sealed = store.sealed();
    let old = &sealed[..sealed.len().saturating_sub(keep_hot)];
    let Some(hot) = old.iter().find(|sealed| !sealed.head.cold) else { return Ok(None) };
    let (segment, before) = (hot.head.name(), hot.bytes);
    let cold = SegmentHead { cold: true, ..SegmentHead::clone(&hot.head) };
    let walker = store.walk(cold.sequence, |_| cold.len(), STREAM);
    let rewritten = walker.and_then(|mut walker| rewrite(store, &cold, &mut walker));
    let index = match rewritten {
        Ok(index) => index,
        Err(fault) => {
            // The draft is of no use to anybody; opening the log removes it if this does not.
            let _ = store.disk.remove(&draft(store, &cold));
            return Err(store.corrupt(cold.sequence, fault, format!("{} frames", store.lane)));
        }
    };
    let after = index.end;
    store.rewritten(cold.clone(), after);
    store.save_sidecar(&cold, &index);
    Ok(Some(Recompressed { segment, before, after }))
}

fn draft(store: &Store, head: &SegmentHead) -> String {
    store.path(&format!("{}.tmp", head.name()))
}

fn rewrite(store: &Store, head: &SegmentHead, walker: &mut Walker) -> Result<Index, Fault> {
    let disk_failed = |error: io::Error| Fault { position: 0, reason: error.to_string(), io: true };
    let path = draft(store, head);
    let file = store.disk.create(&path).map_err(disk_failed)?;
    let mut index = Index::new(head);
    let mut chunk = head.encode();
    let mut written = 0;
    while let Some(mut frame) = walker.head()? {
        let hashes = super::format::encode_hashes(&walker.hashes(&frame)?);
        let body = walker.body(&frame)?;
        walker.pass(&frame);
        let (codec, stored) = Codec::Zstd.compress(body);
        frame.codec = codec;
        frame.stored_len = u32::try_from(stored.len()).expect("never longer than the body");
        frame.body_crc = crc32c::crc32c(&stored);
        frame.group_start = head.len();
        frame.encode(head.seed(), &mut chunk);
        chunk.extend(hashes);
        chunk.extend(&stored);
        index.push(&frame);
        if chunk.len() >= CHUNK {
            file.write_at(written, &mut [IoSlice::new(&chunk)]).map_err(disk_failed)?;
            written += chunk.len() as u64;
            chunk.clear();
        }
    }
    file.write_at(written, &mut [IoSlice::new(&chunk)]).map_err(disk_failed)?;
    // Before the rename: otherwise a crash could leave the name on a file without its bytes.
    file.sync().map_err(disk_failed)?;
    verify(&file, head, index.end)?;
    store.disk.rename(&path, &store.path(&head.name())).map_err(disk_failed)?;
    store.disk.sync_directory(&store.directory).map_err(disk_failed)?;
    Ok(index)
}

/// Reads the new file back before the old one goes: it is the only copy.
fn verify(file: &std::sync::Arc<dyn crate::disk::DiskFile>, head: &SegmentHead, end: u64) -> Result<(), Fault> {
    let mut walker = Walker::new(file.clone(), head.seed(), head.len(), end, BROWSE);
    while let Some(frame) = walker.head()? {
        walker.verify(&frame)?;
        walker.pass(&frame);
    }
    Ok(())
}
