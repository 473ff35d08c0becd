//! `admit`: the fold that decides which records of a partition count. The only way to read a log goes through it.
//!
//! **Fence.** A claim is opened by a frame (`partition_claimed`) with a random id and `n` 0. A frame of a claim counts
//! iff its claim is the nearest preceding one and its `n` follows that claim's last; the first violation voids the
//! rest of the claim. A frame of an older claim is void and harms nobody else's. Once a partition has been claimed,
//! frames without a claim are void there. So of two writers that both believe they own a partition at most one
//! counts, on any log, and a batch that a broker lost cannot be stepped over.
//!
//! **Deduplication.** Of several rows with the same hash among the partition's last 2^20 rows the first one counts.
//! Rows that do not count are not remembered: a record that was fenced off may be sent again under the next claim.
//!
//! Both are pure functions of the partition's content, so whoever runs the fold gets the same answer. The embedded
//! logs run it once, under the append lock, and store the verdict; brokers run it in the reader; `verify` and the
//! conformance suite run it again and compare.

use crate::frame::{ClaimTag, Voided};
use crate::window::Window;

pub use crate::window::WINDOW;

/// The fence's state: all that later verdicts need to know about earlier claims. Stored in segment heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fence {
    /// The nearest preceding claim, once there is one.
    pub claim: Option<Claim>,
    /// Whether frames before this point are lost (see [`Admission::lost`]): the next claimed frame is believed.
    pub uncertain: bool,
}

/// How far a claim has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Its id.
    pub id: u128,
    /// The `n` that must follow.
    pub next: u64,
    /// Whether it was violated; then nothing of it counts any more.
    pub broken: bool,
}

impl Fence {
    /// Judges one frame: whether it counts.
    pub(crate) fn admits(&mut self, tag: Option<&ClaimTag>) -> bool {
        let Some(tag) = tag else { return self.claim.is_none() };
        if std::mem::take(&mut self.uncertain) {
            self.claim = Some(Claim { id: tag.claim_id, next: tag.n, broken: false });
        }
        match &mut self.claim {
            Some(claim) if claim.id == tag.claim_id => {
                let follows = !claim.broken && tag.n == claim.next;
                claim.broken = !follows;
                claim.next = tag.n.saturating_add(1);
                follows
            }
            current if tag.opens && tag.n == 0 => {
                *current = Some(Claim { id: tag.claim_id, next: 1, broken: false });
                true
            }
            _ => false,
        }
    }
}

/// The admission state of one partition.
#[derive(Debug, Clone)]
pub struct Admission {
    fence: Fence,
    window: Window,
}

impl Default for Admission {
    fn default() -> Self {
        Self::resume(Fence::default())
    }
}

impl Admission {
    /// The state of a partition before its first record, with a deduplication window of [`WINDOW`] rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state at a place where the fence stood at `fence`, with an empty window.
    pub fn resume(fence: Fence) -> Self {
        Self { fence, window: Window::new(WINDOW) }
    }

    /// The state before the first record with a smaller window, for tests of the window's edge.
    #[cfg(any(test, feature = "test-util"))]
    pub fn with_window(rows: u32) -> Self {
        Self { fence: Fence::default(), window: Window::new(rows) }
    }

    /// The fence's state after everything judged so far.
    pub const fn fence(&self) -> Fence {
        self.fence
    }

    /// Judges the partition's next frame. `dedup` holds one hash per row, or none.
    pub fn admit(&mut self, claim: Option<&ClaimTag>, rows: u32, dedup: &[u64]) -> Voided {
        debug_assert!(dedup.is_empty() || dedup.len() == rows as usize, "one hash per row, or none");
        if !self.fence.admits(claim) {
            self.window.skip(rows);
            return Voided::All;
        }
        if dedup.is_empty() {
            self.window.skip(rows);
            return Voided::None;
        }
        self.first_sights(dedup)
    }

    fn first_sights(&mut self, dedup: &[u64]) -> Voided {
        let mut seen: Vec<u64> = Vec::new();
        self.window.push_first_sights(dedup, |row| {
            seen.resize(dedup.len().div_ceil(64), 0);
            seen[row / 64] |= 1 << (row % 64);
        });
        let count: usize = seen.iter().map(|word| word.count_ones() as usize).sum();
        match count {
            0 => Voided::None,
            all if all == dedup.len() => Voided::All,
            _ => Voided::Rows(seen.into()),
        }
    }

    /// Takes over a verdict reached earlier: afterwards the state is as if [`Admission::admit`] had reached it.
    pub fn remember(&mut self, claim: Option<&ClaimTag>, rows: u32, dedup: &[u64], verdict: &Voided) {
        // While the fence is uncertain only a frame that counted tells which claim holds.
        if !self.fence.uncertain || *verdict != Voided::All {
            self.fence.admits(claim);
        }
        if dedup.is_empty() || *verdict == Voided::All {
            return self.window.skip(rows);
        }
        if *verdict == Voided::None {
            return self.window.push_first_sights(dedup, |_| {});
        }
        for (row, hash) in (0..rows).zip(dedup) {
            let first = !verdict.contains(row) && !self.window.contains(*hash);
            self.window.push(if first { *hash } else { 0 });
        }
    }

    /// Takes over a fence that somebody who knew more has written down.
    pub(crate) fn set_fence(&mut self, fence: Fence) {
        self.fence = fence;
    }

    /// Whether a hash is in the window.
    pub(crate) fn knows(&self, hash: u64) -> bool {
        self.window.contains(hash)
    }

    /// Steps over `rows` rows that are lost. What they claimed is unknown, so the next claimed frame is believed.
    pub fn lost(&mut self, rows: u32) {
        self.fence.uncertain = true;
        self.window.skip(rows);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tag(claim_id: u128, n: u64) -> Option<ClaimTag> {
        Some(ClaimTag { claim_id, n, opens: n == 0 })
    }

    /// Judges a sequence of (claim, n) frames of one row: which count?
    fn fence(frames: &[(u128, u64)]) -> Vec<bool> {
        let mut admission = Admission::new();
        frames.iter().map(|(id, n)| admission.admit(tag(*id, *n).as_ref(), 1, &[]) == Voided::None).collect()
    }

    #[test]
    fn two_writers_that_both_believe_they_own_a_partition_cannot_both_count() {
        // Review 3: both standbys claimed; the older one has not noticed and goes on writing.
        let frames = [(1, 0), (1, 1), (2, 0), (1, 2), (2, 1), (1, 3), (2, 2)];
        assert_eq!(fence(&frames), [true, true, true, false, true, false, true]);
    }

    #[test]
    fn a_lost_n_voids_the_rest_of_its_claim() {
        // Review 3: the broker lost n = 2 and accepted n = 3, which was decided on a state that never was.
        assert_eq!(fence(&[(1, 0), (1, 1), (1, 3), (1, 2), (1, 4)]), [true, true, false, false, false]);
    }

    #[test]
    fn a_repeated_n_voids_the_rest_of_its_claim() {
        assert_eq!(fence(&[(1, 0), (1, 1), (1, 1), (1, 2)]), [true, true, false, false]);
    }

    #[test]
    fn a_new_claim_heals_a_broken_one() {
        assert_eq!(fence(&[(1, 0), (1, 2), (1, 3), (2, 0), (2, 1)]), [true, false, false, true, true]);
    }

    #[test]
    fn a_claim_counts_only_from_its_opening() {
        assert_eq!(fence(&[(1, 1), (2, 0), (2, 1)]), [false, true, true]);
    }

    #[test]
    fn an_owner_may_claim_again_in_sequence() {
        let mut admission = Admission::new();
        let again = ClaimTag { claim_id: 1, n: 2, opens: true };
        assert_eq!(admission.admit(tag(1, 0).as_ref(), 1, &[]), Voided::None);
        assert_eq!(admission.admit(tag(1, 1).as_ref(), 1, &[]), Voided::None);
        assert_eq!(admission.admit(Some(&again), 1, &[]), Voided::None);
        assert_eq!(admission.admit(tag(1, 3).as_ref(), 1, &[]), Voided::None);
    }

    #[test]
    fn a_delayed_copy_of_an_old_opening_lets_nobody_count() {
        // Claim 1 opens again after 2: neither 1's old numbers nor 2's frames count until someone claims anew.
        assert_eq!(
            fence(&[(1, 0), (1, 1), (2, 0), (1, 0), (1, 2), (2, 1), (3, 0), (3, 1)]),
            [true, true, true, true, false, false, true, true]
        );
    }

    #[test]
    fn unfenced_frames_count_until_the_first_claim() {
        let mut admission = Admission::new();
        assert_eq!(admission.admit(None, 1, &[]), Voided::None);
        assert_eq!(admission.admit(tag(1, 0).as_ref(), 1, &[]), Voided::None);
        assert_eq!(admission.admit(None, 1, &[]), Voided::All);
    }

    #[test]
    fn a_record_doubled_by_two_doors_counts_once() {
        // Review 5: a crash between append and remembering, or two API processes.
        let mut admission = Admission::new();
        assert_eq!(admission.admit(None, 3, &[7, 8, 7]), Voided::Rows([0b100].into()));
        assert_eq!(admission.admit(None, 2, &[8, 9]), Voided::Rows([0b01].into()));
        assert_eq!(admission.admit(None, 2, &[7, 9]), Voided::All);
        assert_eq!(admission.admit(None, 2, &[0, 0]), Voided::None);
    }

    #[test]
    fn a_record_that_was_fenced_off_may_be_sent_again() {
        let mut admission = Admission::new();
        assert_eq!(admission.admit(tag(1, 0).as_ref(), 1, &[0]), Voided::None);
        assert_eq!(admission.admit(tag(9, 5).as_ref(), 1, &[77]), Voided::All);
        assert_eq!(admission.admit(tag(1, 1).as_ref(), 1, &[77]), Voided::None);
    }

    #[test]
    fn a_duplicate_is_forgotten_after_the_window() {
        let mut admission = Admission::with_window(4);
        assert_eq!(admission.admit(None, 4, &[1, 2, 3, 4]), Voided::None);
        assert_eq!(admission.admit(None, 1, &[1]), Voided::All);
        // Row 4 pushed row 0 out of the window of four.
        assert_eq!(admission.admit(None, 1, &[1]), Voided::None);
    }

    proptest! {
        #[test]
        fn remembered_verdicts_lead_to_the_same_state(
            frames in proptest::collection::vec((proptest::option::of((0u128..3, 0u64..3)), proptest::collection::vec(0u64..9, 1..6)), 0..40),
            cut in 0usize..40,
        ) {
            let (mut live, mut restored) = (Admission::with_window(8), Admission::with_window(8));
            for (at, (claim, dedup)) in frames.iter().enumerate() {
                let claim = claim.map(|(claim_id, n)| ClaimTag { claim_id, n, opens: n == 0 });
                let rows = u32::try_from(dedup.len()).unwrap();
                let verdict = live.admit(claim.as_ref(), rows, dedup);
                if at < cut {
                    restored.remember(claim.as_ref(), rows, dedup, &verdict);
                } else {
                    prop_assert_eq!(restored.admit(claim.as_ref(), rows, dedup), verdict);
                }
                prop_assert_eq!(live.fence(), restored.fence());
            }
        }
    }
}
