//! Snapshots: workers encode their changed bins, a thread of its own writes and syncs them, then the manifest.

use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eventlog::disk::Disk;
use eventlog::{Incarnation, Lane, Offset};
use parking_lot::{Condvar, Mutex};
use records::hash::{Bin, HASH_VERSION};
use tracing::{debug, warn};

use crate::aside::SetAside;
use crate::epoch::{Checkpoint, Depth, Epoch};
use crate::landing::Landings;
use crate::manifest::{self, BinPlace, Manifest, Stopped, ViewBins};

/// What a file of bins begins with; the last byte is the version of its layout.
const MAGIC: &[u8; 8] = b"EVNTBIN\x01";
const SUFFIX: &str = ".bins";
/// When the bins of a manifest are spread over more files than this, the next snapshot writes all of them: every
/// untouched bin would otherwise keep its old file alive.
const FILES_MAX: usize = 64;
/// Bytes of snapshots that one folded row may cost on average, so that their share of the work does not grow with the
/// state. Chosen by an estimate, not measured: at 5 ns a byte, 25 bytes are a twentieth of the 2.5 µs of a row.
const BYTES_PER_ROW: u64 = 25;
/// Snapshots up to this size are always worth their while.
const SMALL_BYTES: u64 = 8 << 20;

/// The bins of one view that one worker wrote.
#[derive(Debug, Default)]
pub(crate) struct Part {
    bytes: Vec<u8>,
    // Bin, offset in `bytes`, length, CRC-32C.
    bins: Vec<(Bin, usize, usize, u32)>,
}

impl Part {
    pub(crate) fn add(&mut self, bin: Bin, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        encode(&mut self.bytes);
        self.bins.push((bin, start, self.bytes.len() - start, crc32c::crc32c(&self.bytes[start..])));
    }
}

/// Collects the parts of the snapshot that is being taken; there is one at a time.
pub(crate) struct Snapshots {
    views: usize,
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    workers: usize,
    asked: bool,
    collecting: Vec<Collected>,
    ready: Option<Ready>,
    writing: bool,
    everything: bool,
    closed: bool,
    figures: SnapshotFigures,
}

struct Collected {
    view: usize,
    worker: usize,
    part: Part,
}

/// A snapshot whose parts are all there.
pub(crate) struct Ready {
    landing: u64,
    end: Arc<Checkpoint>,
    aside: Arc<[SetAside]>,
    parts: Vec<Collected>,
}

/// Figures about snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SnapshotFigures {
    /// The epoch of the newest manifest; 0 when there is none.
    pub epoch: u64,
    /// Manifests written by this process.
    pub written: u64,
    /// Snapshots that were given up: the disk failed, or the outbox did not take the landing epoch in time.
    pub given_up: u64,
    /// Bytes of bins in the newest one, without those that older files hold.
    pub bytes: u64,
    /// Bins in the newest one, without those that older files hold.
    pub bins: u64,
    /// How long writing the newest one took.
    pub took: Duration,
    /// Why the last one was given up.
    pub last_error: Option<String>,
    /// What every kept manifest has left behind; none before the first.
    pub limit: Option<TruncationLimit>,
}

/// Up to where the log may be truncated without harming recovery: what the oldest kept manifest has left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TruncationLimit {
    /// Offsets of the facts lane, one per partition.
    pub facts: Vec<Offset>,
    /// Offsets of the activity lane, one per partition.
    pub activity: Vec<Offset>,
    /// The offset of the system lane.
    pub system: Offset,
}

impl TruncationLimit {
    fn of(oldest: &Manifest) -> Self {
        let system = Offset(oldest.end.system);
        Self { facts: oldest.cursors.offsets(Lane::Facts), activity: oldest.cursors.offsets(Lane::Activity), system }
    }
}

impl Snapshots {
    pub(crate) fn new(views: usize) -> Self {
        Self { views, state: Mutex::default(), moved: Condvar::new() }
    }

    /// A new group begins: halves of an old one are forgotten.
    pub(crate) fn restart(&self, workers: usize) {
        let mut state = self.state.lock();
        state.workers = workers;
        state.asked = false;
        state.collecting.clear();
        // One that is not being written yet holds what changed since a manifest that may not be the one restored from.
        state.ready = None;
    }

    /// Whether so many folded rows pay for a snapshot of the size of the last one.
    pub(crate) fn pays(&self, rows: u64) -> bool {
        let bytes = self.state.lock().figures.bytes;
        bytes <= SMALL_BYTES || rows >= bytes / BYTES_PER_ROW
    }

    /// Which bins a snapshot would write now; none while one is on its way.
    pub(crate) fn wanted(&self) -> Option<Depth> {
        let state = self.state.lock();
        let free = !state.asked && state.ready.is_none() && !state.writing;
        free.then_some(if state.everything { Depth::Everything } else { Depth::Changed })
    }

    /// The next epoch asks the workers for their parts.
    pub(crate) fn ask(&self) {
        self.state.lock().asked = true;
    }

    /// One worker's bins of one view.
    pub(crate) fn part(&self, epoch: &Epoch, view: usize, worker: usize, part: Part) {
        let mut state = self.state.lock();
        state.collecting.push(Collected { view, worker, part });
        if state.collecting.len() < self.views * state.workers {
            return;
        }
        let mut parts = std::mem::take(&mut state.collecting);
        parts.sort_by_key(|part| (part.worker, part.view));
        let end = Arc::clone(epoch.checkpoint.as_ref().expect("snapshots are taken at landing epochs"));
        let landing = epoch.landing.expect("snapshots are taken at landing epochs");
        state.asked = false;
        state.ready = Some(Ready { landing, end, aside: Arc::clone(&epoch.aside), parts });
        drop(state);
        self.moved.notify_all();
    }

    /// Parks until there is a snapshot to write; none when nothing will come any more.
    pub(crate) fn wait_for_work(&self) -> Option<Ready> {
        let mut state = self.state.lock();
        while state.ready.is_none() && !state.closed {
            self.moved.wait(&mut state);
        }
        state.begin()
    }

    /// The snapshot to write, if there is one.
    pub(crate) fn take(&self) -> Option<Ready> {
        self.state.lock().begin()
    }

    /// Waits until a manifest of an epoch, or a later one, is there.
    pub(crate) fn wait_written(&self, epoch: u64, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut state = self.state.lock();
        let given_up = state.figures.given_up;
        while state.figures.epoch < epoch && state.figures.given_up == given_up {
            if self.moved.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.figures.epoch >= epoch
    }

    fn finish(&self, outcome: Result<Written, String>) {
        let mut state = self.state.lock();
        state.writing = false;
        match outcome {
            Ok(written) => {
                state.everything = written.files > FILES_MAX;
                let given_up = state.figures.given_up;
                let count = state.figures.written + 1;
                let Written { epoch, bytes, bins, took, limit, .. } = written;
                state.figures =
                    SnapshotFigures { epoch, written: count, given_up, bytes, bins, took, last_error: None, limit };
            }
            Err(error) => {
                if state.figures.last_error.as_ref() != Some(&error) {
                    warn!(error, "snapshot was given up");
                }
                // The bins count as clean by now, and no file holds them.
                state.everything = true;
                state.figures.given_up += 1;
                state.figures.last_error = Some(error);
            }
        }
        drop(state);
        self.moved.notify_all();
    }

    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.moved.notify_all();
    }

    pub(crate) fn figures(&self) -> SnapshotFigures {
        self.state.lock().figures.clone()
    }

    /// What recovery found: the epoch that it goes on from, and what may be truncated.
    pub(crate) fn found(&self, epoch: u64, oldest: Option<&Manifest>) {
        let mut state = self.state.lock();
        (state.figures.epoch, state.figures.limit) = (epoch, oldest.map(TruncationLimit::of));
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.wanted().is_some()
    }
}

impl State {
    fn begin(&mut self) -> Option<Ready> {
        let ready = self.ready.take();
        self.writing = ready.is_some();
        ready
    }
}

struct Written {
    epoch: u64,
    files: usize,
    bytes: u64,
    bins: u64,
    took: Duration,
    limit: Option<TruncationLimit>,
}

/// Writes snapshots and removes what no kept manifest needs.
pub(crate) struct SnapshotWriter {
    disk: Arc<dyn Disk>,
    directory: String,
    incarnation: Incarnation,
    views: Vec<(&'static str, u32)>,
    keep: usize,
    patience: Duration,
    /// Kept manifests, the oldest first. The last one is what the next snapshot refers to.
    manifests: Vec<Manifest>,
    /// Whether the last one describes the present state, so that clean bins may be referred to.
    current: bool,
}

impl SnapshotWriter {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        directory: &str,
        incarnation: Incarnation,
        views: Vec<(&'static str, u32)>,
        keep: usize,
        patience: Duration,
    ) -> Self {
        let (directory, keep) = (directory.to_owned(), keep.max(1));
        Self { disk, directory, incarnation, views, keep, patience, manifests: Vec::new(), current: false }
    }

    /// Takes over what recovery found: manifests that can be read (the oldest first), and whether the state was
    /// restored from the last one.
    pub(crate) fn adopt(&mut self, manifests: Vec<Manifest>, current: bool) {
        (self.manifests, self.current) = (manifests, current);
    }

    /// Writes one snapshot; reports how it went.
    pub(crate) fn write(&mut self, ready: Ready, snapshots: &Snapshots, landings: &Landings) {
        let Some(outbox) = landings.wait_taken(ready.landing, self.patience) else {
            // Without its rows in the outbox the state would claim to have told them.
            self.current = false;
            return snapshots.finish(Err("the outbox did not take the landing epoch in time".to_owned()));
        };
        let started = Instant::now();
        let outcome = self.store(ready, outbox).map_err(|error| error.to_string());
        self.current = outcome.is_ok();
        snapshots.finish(outcome.map(|written| Written { took: started.elapsed(), ..written }));
    }

    fn store(&mut self, ready: Ready, outbox: u64) -> io::Result<Written> {
        self.disk.create_directory(&self.directory)?;
        let mut manifest = self.draft(&ready, outbox);
        let mut workers: Vec<usize> = ready.parts.iter().map(|part| part.worker).collect();
        workers.dedup();
        let (mut bytes, mut bins) = (0, 0);
        for worker in workers {
            let parts: Vec<_> = ready.parts.iter().filter(|part| part.worker == worker).collect();
            bytes += self.store_bins(&mut manifest, worker, &parts)?;
            bins += parts.iter().map(|part| part.part.bins.len() as u64).sum::<u64>();
        }
        manifest.forget_unused_files();
        self.disk.sync_directory(&self.directory)?;
        manifest.write(&*self.disk, &self.directory)?;
        let (epoch, files) = (manifest.end.epoch, manifest.files.len());
        self.manifests.retain(|kept| kept.end.epoch != epoch);
        self.manifests.push(manifest);
        self.collect_garbage();
        debug!(epoch, bytes, bins, files, "snapshot written");
        let limit = self.manifests.first().map(TruncationLimit::of);
        Ok(Written { epoch, files, bytes, bins, took: Duration::ZERO, limit })
    }

    /// A manifest that refers to the bins of the one before: where they are still as they were there, and those of views
    /// that stand still.
    fn draft(&self, ready: &Ready, outbox: u64) -> Manifest {
        let before = self.manifests.last();
        let views = self.views.iter().enumerate().map(|(view, (name, version))| {
            let aside = ready.aside.iter().find(|aside| aside.number == view);
            let kept = before.filter(|_| self.current || aside.is_some()).map(|before| before.views[view].bins.clone());
            let stopped = aside.map(|aside| {
                let known = before.and_then(|before| before.views[view].stopped.clone());
                let as_of = || before.map(Manifest::as_of).unwrap_or_default();
                known.unwrap_or_else(|| Stopped { since: aside.since, as_of: as_of(), why: Arc::clone(&aside.why) })
            });
            ViewBins { name: (*name).to_owned(), version: *version, bins: kept.unwrap_or_default(), stopped }
        });
        let mut rulebook = Vec::new();
        ready.end.rulebook.encode(&mut rulebook);
        Manifest {
            hash_version: HASH_VERSION,
            incarnation_id: self.incarnation.id,
            incarnation_ordinal: self.incarnation.ordinal,
            end: ready.end.progress,
            cursors: ready.end.cursors.clone(),
            outbox,
            files: before.map(|before| before.files.clone()).unwrap_or_default(),
            views: views.collect(),
            rulebook,
        }
    }

    /// Writes one worker's file and enters its bins. A worker without changed bins has no file.
    fn store_bins(&self, manifest: &mut Manifest, worker: usize, parts: &[&Collected]) -> io::Result<u64> {
        if parts.iter().all(|part| part.part.bins.is_empty()) {
            return Ok(0);
        }
        let name = format!("e{:020}-w{worker:03}{SUFFIX}", manifest.end.epoch);
        let path = format!("{}/{name}", self.directory);
        let file = u32::try_from(manifest.files.len()).expect("a manifest names few files");
        manifest.files.push(name);
        let mut offset = MAGIC.len() as u64;
        for part in parts {
            let view = &mut manifest.views[part.view];
            for (bin, start, length, crc) in &part.part.bins {
                view.bins.retain(|place| place.0 != *bin);
                let length = u32::try_from(*length).map_err(|_| io::Error::other("a bin is larger than 4 GiB"))?;
                view.bins.push(BinPlace(*bin, file, offset + *start as u64, length, *crc));
            }
            view.bins.sort_unstable_by_key(|place| place.0);
            offset += part.part.bytes.len() as u64;
        }
        let footer = footer(manifest, file);
        let mut slices = vec![IoSlice::new(MAGIC)];
        slices.extend(parts.iter().map(|part| IoSlice::new(&part.part.bytes)));
        slices.push(IoSlice::new(&footer));
        // A crash may have left one of the same name.
        match self.disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let written = self.disk.create(&path)?;
        written.write_at(0, &mut slices)?;
        written.sync()?;
        Ok(offset)
    }

    /// Removes manifests beyond those that are kept, then files that none of the kept ones names. Failures only cost
    /// space, and the next snapshot tries again.
    fn collect_garbage(&mut self) {
        while self.manifests.len() > self.keep {
            let old = self.manifests.remove(0);
            if let Err(error) = Manifest::remove(&*self.disk, &self.directory, old.end.epoch) {
                warn!(%error, epoch = old.end.epoch, "an old manifest stays");
            }
        }
        if let Err(error) = self.remove_unused() {
            warn!(%error, "old snapshot files stay");
        }
    }

    fn remove_unused(&self) -> io::Result<()> {
        let kept: BTreeSet<u64> = self.manifests.iter().map(|manifest| manifest.end.epoch).collect();
        let mut named: BTreeSet<String> = self.manifests.iter().flat_map(|manifest| manifest.files.clone()).collect();
        for epoch in manifest::list(&*self.disk, &self.directory)? {
            if kept.contains(&epoch) {
                continue;
            }
            // One that recovery could not use: newer ones than ours may belong to a build that can.
            match Manifest::read(&*self.disk, &self.directory, epoch) {
                Ok(foreign) if kept.first().is_some_and(|oldest| epoch > *oldest) => named.extend(foreign.files),
                _ => Manifest::remove(&*self.disk, &self.directory, epoch)?,
            }
        }
        // The manifests must be gone for good before what they name.
        self.disk.sync_directory(&self.directory)?;
        for entry in self.disk.list(&self.directory)? {
            if entry.name.ends_with(SUFFIX) && !named.contains(&entry.name) {
                self.disk.remove(&format!("{}/{}", self.directory, entry.name))?;
            }
        }
        Ok(())
    }
}

/// The list of a file's bins at its end, so that a file explains itself: JSON, its CRC-32C and length, magic.
fn footer(manifest: &Manifest, file: u32) -> Vec<u8> {
    let own = |view: &ViewBins| {
        let bins = view.bins.iter().copied().filter(|place| place.1 == file).collect();
        ViewBins { name: view.name.clone(), version: view.version, bins, stopped: None }
    };
    let views: Vec<ViewBins> = manifest.views.iter().map(own).collect();
    let mut bytes = serde_json::to_vec(&views).expect("a footer has text keys only");
    let (crc, length) = (crc32c::crc32c(&bytes), bytes.len() as u64);
    bytes.extend(crc.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(MAGIC);
    bytes
}

impl Manifest {
    /// Drops files that no bin is in any more, and numbers the others anew.
    fn forget_unused_files(&mut self) {
        let used: BTreeSet<u32> = self.views.iter().flat_map(|view| view.bins.iter().map(|place| place.1)).collect();
        let old = std::mem::take(&mut self.files);
        self.files = used.iter().map(|file| old[*file as usize].clone()).collect();
        for place in self.views.iter_mut().flat_map(|view| &mut view.bins) {
            let number = used.iter().position(|file| *file == place.1).expect("the file is used by this bin");
            place.1 = u32::try_from(number).expect("a manifest names few files");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_snapshot_waits_for_rows_that_pay_for_it() {
        let snapshots = Snapshots::new(1);
        assert!(snapshots.pays(0), "the first one always does");
        snapshots.state.lock().figures.bytes = SMALL_BYTES;
        assert!(snapshots.pays(0));
        snapshots.state.lock().figures.bytes = 250 << 20;
        assert_eq!([(10 << 20) - 1, 10 << 20].map(|rows| snapshots.pays(rows)), [false, true]);
    }
}
