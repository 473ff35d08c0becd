//! Recovery: the newest manifest that can be used, the bindings after it, the bins behind it.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use eventlog::disk::{Disk, DiskFile};
use eventlog::{EventLog, Lane, Offset};
use records::hash::{Bin, HASH_VERSION};
use rules::rulebook::{Rulebook, RulebookError};
use tracing::{error, info, warn};
use views::state::StateError;

use crate::cursors::Cursors;
use crate::engine::DataflowError;
use crate::epoch::Checkpoint;
use crate::manifest::{self, Manifest, ManifestError, Stopped};
use crate::replay::{Replay, Scanned};
use crate::sequencer::Resume;

/// Why the state of a manifest cannot be used; the one before is tried then.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The disk failed.
    #[error("reading bins: {0}")]
    Disk(#[from] io::Error),
    /// The bytes of a bin are not what was written.
    #[error("bin {bin} of view {view} is damaged")]
    Damaged {
        /// The view's number.
        view: usize,
        /// The bin.
        bin: Bin,
    },
    /// The bytes are no state of this build.
    #[error(transparent)]
    State(#[from] StateError),
    /// Records of the epoch were lost with a lane's tail, and the log went on without them.
    #[error("epoch {epoch} was cut, a later one follows epoch {follows}")]
    Cut {
        /// The manifest's epoch.
        epoch: u64,
        /// The epoch after which the log went on.
        follows: u64,
    },
    /// Reading the state panicked.
    #[error("reading state: {0}")]
    Panicked(String),
    /// The rules cannot be read.
    #[error(transparent)]
    Rulebook(#[from] RulebookError),
    /// The manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// A manifest with its files open.
pub(crate) struct Restored {
    manifest: Manifest,
    files: Vec<Arc<dyn DiskFile>>,
    checkpoint: Checkpoint,
}

impl Restored {
    pub(crate) fn open(disk: &dyn Disk, directory: &str, manifest: Manifest) -> Result<Self, RestoreError> {
        let open = |name: &String| disk.open(&format!("{directory}/{name}"));
        let files = manifest.files.iter().map(open).collect::<io::Result<_>>()?;
        let rulebook = Arc::new(Rulebook::decode(&manifest.rulebook)?);
        let checkpoint = Checkpoint { progress: manifest.end, cursors: manifest.cursors.clone(), rulebook };
        Ok(Self { manifest, files, checkpoint })
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.manifest.end.epoch
    }

    pub(crate) fn outbox(&self) -> u64 {
        self.manifest.outbox
    }

    /// A view that was set aside before, and what its bins reflect.
    pub(crate) fn stopped(&self, view: usize) -> Option<&Stopped> {
        self.manifest.views[view].stopped.as_ref()
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        self.checkpoint.clone()
    }

    /// Appends the bytes of a bin; false when it is empty.
    pub(crate) fn bin(&self, view: usize, bin: Bin, into: &mut Vec<u8>) -> Result<bool, RestoreError> {
        let bins = &self.manifest.views[view].bins;
        let Ok(place) = bins.binary_search_by_key(&bin, |place| place.0) else { return Ok(false) };
        let place = bins[place];
        let damaged = RestoreError::Damaged { view, bin };
        let Some(file) = self.files.get(place.1 as usize) else { return Err(damaged) };
        let read = file.read_at(place.2, place.3 as usize, into)?;
        if read != place.3 as usize || crc32c::crc32c(into) != place.4 {
            return Err(damaged);
        }
        Ok(true)
    }
}

/// What the disk holds.
pub(crate) struct Found {
    /// Manifests whose state this build can go on with, the oldest first.
    pub(crate) usable: Vec<Manifest>,
    /// The newest epoch and landing epoch of any manifest, of whatever incarnation: numbers go on above them.
    pub(crate) highest: u64,
    pub(crate) landing: u64,
}

impl Found {
    /// Leaves out manifests after the landing epoch up to which rows for the warehouse are somewhere: the others are made
    /// again. Not when that would take views further back than the log goes: then the rows are lost, and the views stay.
    pub(crate) fn up_to(mut self, taken: Option<u64>, log: &dyn EventLog) -> Self {
        let Some(taken) = taken else { return self };
        let (told, lacking): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.usable).into_iter().partition(|manifest| manifest.end.landing <= taken);
        let whole_log = log.starts(Lane::Activity).iter().all(|start| start.0 == 0);
        self.usable = if told.is_empty() && !whole_log { lacking } else { told };
        if let Some(manifest) = self.usable.last().filter(|manifest| manifest.end.landing > taken) {
            let landing = manifest.end.landing;
            error!(taken, landing, "rows between these landing epochs are lost: the log no longer has what they told");
        } else if self.usable.is_empty() {
            info!(taken, "views are rebuilt from the log, for rows that the warehouse lacks");
        }
        self
    }
}

/// Looks through the manifests, the newest first.
pub(crate) fn find(
    disk: &dyn Disk,
    directory: &str,
    log: &dyn EventLog,
    views: &[(&'static str, u32)],
) -> io::Result<Found> {
    let mut found = Found { usable: Vec::new(), highest: 0, landing: 0 };
    for epoch in manifest::list(disk, directory)? {
        found.highest = found.highest.max(epoch);
        let manifest = match Manifest::read(disk, directory, epoch) {
            Ok(manifest) => manifest,
            Err(error) => {
                warn!(%error, epoch, "manifest cannot be used, the one before is tried");
                continue;
            }
        };
        found.landing = found.landing.max(manifest.end.landing);
        match unusable(&manifest, log, views) {
            Some(reason) => info!(epoch, reason, "manifest cannot be used"),
            None => found.usable.insert(0, manifest),
        }
    }
    Ok(found)
}

/// Why this build, or this log, cannot go on from a manifest.
fn unusable(manifest: &Manifest, log: &dyn EventLog, views: &[(&'static str, u32)]) -> Option<String> {
    if manifest.incarnation() != log.identity().incarnation {
        return Some("it is of another log".to_owned());
    }
    if manifest.hash_version != HASH_VERSION {
        return Some(format!("its bins were made with hash version {}", manifest.hash_version));
    }
    let same =
        |(view, stored): (&(&'static str, u32), &manifest::ViewBins)| view.0 == stored.name && view.1 == stored.version;
    if manifest.views.len() != views.len() || !views.iter().zip(&manifest.views).all(same) {
        let name = |(name, version): &(&str, u32)| format!("{name}.{version}");
        let stored: BTreeSet<_> = manifest.views.iter().map(|view| format!("{}.{}", view.name, view.version)).collect();
        let missing: Vec<_> = views.iter().map(name).filter(|view| !stored.contains(view)).collect();
        return Some(format!("it has no state for [{}]; views are rebuilt from the log", missing.join(", ")));
    }
    (!manifest.cursors.fit(log)).then(|| "the log does not reach as far".to_owned())
}

/// Reads the system lane and puts together where the sequencer goes on: after `from`, or at the log's start.
pub(crate) fn resume(
    log: &Arc<dyn EventLog>,
    from: Option<Checkpoint>,
    found: (u64, u64),
) -> Result<Resume, DataflowError> {
    let from_start = from.is_none();
    let mut end = from.unwrap_or_else(|| Checkpoint::start(Cursors::at_start(&**log)));
    let scanned = Replay::scan(log, Offset(end.progress.system))?;
    let Scanned { replay, skips, asides, highest, landing: told, follows } = scanned;
    let epoch = end.progress.epoch;
    if let Some(follows) = follows.filter(|follows| *follows < epoch && !from_start) {
        return Err(RestoreError::Cut { epoch, follows }.into());
    }
    let highest = highest.max(found.0).max(epoch);
    if from_start && replay.len() == 0 {
        // A new log: what other logs were told must stay told, so numbers go on.
        end.progress.epoch = highest;
        end.progress.landing = found.1;
    }
    Ok(Resume { end, highest, replay, skips, asides, stopped: Vec::new(), told })
}
