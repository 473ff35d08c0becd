//! Deals an epoch's frames to the workers that decode and route them.

use std::sync::Arc;

use crate::epoch::Dealt;
use crate::sequencer::Cut;
use crate::worker::Feed;

/// One feed per worker; each frame goes to whoever has the fewest rows so far. Every worker gets the epoch itself.
pub(crate) fn deal(cut: Cut, workers: usize) -> Vec<Feed> {
    // Small epochs have one frame: the start rotates, so that it is not always the same worker.
    let start = usize::try_from(cut.epoch.number % workers as u64).expect("there are at most 256 workers");
    let mut shares: Vec<(u64, Vec<Dealt>)> = vec![(0, Vec::new()); workers];
    for dealt in cut.frames {
        let least = (0..workers).map(|turn| (start + turn) % workers).min_by_key(|worker| shares[*worker].0);
        let share = &mut shares[least.expect("there is a worker")];
        share.0 += u64::from(dealt.frame.rows);
        share.1.push(dealt);
    }
    let epoch = Arc::new(cut.epoch);
    shares.into_iter().map(|(_, frames)| Feed { epoch: Arc::clone(&epoch), frames }).collect()
}
