//! How the dataflow runs. Nothing here changes what it computes.

use std::time::Duration;

use records::Span;
use views::feed::Limits;

/// Settings of one dataflow.
#[derive(Debug, Clone)]
pub struct Config {
    /// Worker threads, `1..=256`. State written with another number is read all the same.
    pub workers: usize,
    /// A random number for the sequencer's claim of the system lane; never used twice.
    pub claim_id: u128,
    /// The directory on the disk for snapshots.
    pub directory: String,
    /// The least time between two live epochs. Shorter is fresher and costs more for each epoch.
    pub epoch_every: Duration,
    /// The most rows of an epoch (a single larger frame makes one of its own). Bounds what a worker stashes and how
    /// long one epoch takes, about 0.2 s.
    pub epoch_rows: u64,
    /// The most epochs that are fed and not complete. Two keep the workers busy while the next one is being cut;
    /// more help when epochs are small.
    pub in_flight: usize,
    /// How much log time passes on an idle log before an epoch without rows tells folds that windows may close.
    pub beat_every: Span,
    /// How much log time a landing epoch covers at least.
    pub landing_every: Span,
    /// How much log time passes between two snapshots at least. A running dataflow waits longer when it folds old records
    /// quickly, and when the state is large and few rows were folded: 25 bytes of snapshot for each row.
    pub snapshot_every: Span,
    /// How many rows may pass between two snapshots, whatever their log time: it bounds what a restart folds again.
    pub snapshot_rows: u64,
    /// Manifests that are kept, at least 3: a damaged one must not be the end.
    pub manifests: usize,
    /// How long a snapshot waits for its landing epoch to be in the outbox before it is given up.
    pub landing_patience: Duration,
    /// Rows that wait for the sink in all. When it takes none and more come, they are dropped, and made again from the
    /// newest snapshot as soon as it takes some.
    pub landing_rows: usize,
    /// How long the first restart after an error waits; the next ones wait twice as long each.
    pub restart_pause: Duration,
    /// What changefeeds remember.
    pub feed: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 1,
            claim_id: 0,
            directory: "snapshots".to_owned(),
            epoch_every: Duration::from_millis(10),
            epoch_rows: 65_536,
            in_flight: 4,
            beat_every: Span::from_seconds(1),
            landing_every: Span::from_seconds(1),
            snapshot_every: Span::from_seconds(10),
            snapshot_rows: 4_000_000,
            manifests: 3,
            landing_patience: Duration::from_secs(5),
            // At some 100 bytes each half a gigabyte, which is what a stuck sink may cost.
            landing_rows: 1 << 22,
            restart_pause: Duration::from_secs(1),
            feed: Limits::default(),
        }
    }
}
