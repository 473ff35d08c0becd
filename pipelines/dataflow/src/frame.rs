//! What a routing function sees (`Sequenced`) and where it puts what it finds (`Emit`).

use std::sync::Arc;

use eventlog::{Frame, Lane, Offset, PartitionId, Voided};
use records::hash::{Bin, bin};
use records::{Batch, FactRow, Pos, Timestamp};
use rules::rulebook::Rulebook;
use serde::{Deserialize, Serialize};

/// One admitted frame at its place in an epoch, decoded.
#[derive(Debug, Clone)]
pub struct Sequenced {
    /// Which frame of its epoch it is, by log time.
    pub index: u32,
    /// The lane it was read from.
    pub lane: Lane,
    /// The partition it was read from.
    pub partition: PartitionId,
    /// The offset of its first row; the others follow.
    pub first: Offset,
    /// When the log took it: what "now" means for its rows.
    pub log_time: Timestamp,
    /// Rows that must be ignored; [`Sequenced::rows`] leaves them out.
    pub voided: Voided,
    /// The rows.
    pub body: Body,
    /// The rules as of this frame: every fact before it is in, and those of the frame itself.
    pub rulebook: Arc<Rulebook>,
}

/// The decoded rows of a frame.
#[derive(Debug, Clone)]
pub enum Body {
    /// Rows of the activity lane.
    Activity(Arc<Batch>),
    /// Rows of the facts lane.
    Facts(Vec<FactRow>),
}

impl Sequenced {
    /// A frame with its decoded body.
    pub fn new(index: u32, frame: &Frame, body: Body, rulebook: Arc<Rulebook>) -> Self {
        Self {
            index,
            lane: frame.lane,
            partition: frame.partition,
            first: frame.first,
            log_time: frame.log_time,
            voided: frame.voided.clone(),
            body,
            rulebook,
        }
    }

    /// A frame of the activity lane in which every row counts: for tests of routing functions.
    pub fn of_batch(batch: Batch, log_time: Timestamp, rulebook: Arc<Rulebook>) -> Self {
        Self::counted(Lane::Activity, Body::Activity(Arc::new(batch)), log_time, rulebook)
    }

    /// A frame of the facts lane in which every row counts: for tests of routing functions.
    pub fn of_facts(facts: Vec<FactRow>, log_time: Timestamp, rulebook: Arc<Rulebook>) -> Self {
        Self::counted(Lane::Facts, Body::Facts(facts), log_time, rulebook)
    }

    fn counted(lane: Lane, body: Body, log_time: Timestamp, rulebook: Arc<Rulebook>) -> Self {
        let (partition, first, voided) = (PartitionId(0), Offset(0), Voided::None);
        Self { index: 0, lane, partition, first, log_time, voided, body, rulebook }
    }

    /// The columns, when it is a frame of the activity lane.
    #[inline]
    pub fn batch(&self) -> Option<&Batch> {
        match &self.body {
            Body::Activity(batch) => Some(batch),
            Body::Facts(_) => None,
        }
    }

    /// The facts; none when it is a frame of the activity lane.
    #[inline]
    pub fn facts(&self) -> &[FactRow] {
        match &self.body {
            Body::Activity(_) => &[],
            Body::Facts(facts) => facts,
        }
    }

    /// How many rows it holds, those that do not count included.
    pub fn len(&self) -> u32 {
        let rows = match &self.body {
            Body::Activity(batch) => batch.len(),
            Body::Facts(facts) => facts.len(),
        };
        u32::try_from(rows).expect("a frame holds at most 2^20 rows")
    }

    /// Whether it holds no row at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows that count, ascending: the only rows that a routing function may look at.
    #[inline]
    pub fn rows(&self) -> impl Iterator<Item = u32> + '_ {
        let all = matches!(self.voided, Voided::None);
        (0..self.len()).filter(move |row| all || !self.voided.contains(*row))
    }

    /// The facts that count, each with its row.
    pub fn counted_facts(&self) -> impl Iterator<Item = (u32, &FactRow)> + '_ {
        (0..).zip(self.facts()).filter(|(row, _)| !self.voided.contains(*row))
    }

    /// The place of a row in the one total order.
    #[inline]
    pub fn pos(&self, row: u32) -> Pos {
        Pos {
            log_time: self.log_time,
            lane: self.lane as u8,
            partition: self.partition.0,
            offset: self.first.plus(row).0,
        }
    }
}

/// An input on its way to its bin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Routed<I> {
    /// `frame index << 32 | row`: the row's place in its epoch.
    pub seq: u64,
    /// 0 when it was routed from the log; 1 + bin when another operator's bin handed it on.
    pub from: u16,
    /// The bin it belongs to.
    pub bin: Bin,
    /// What the fold gets.
    pub input: I,
}

/// Takes the inputs that a routing function finds and sorts them by the worker that owns their bin.
#[derive(Debug)]
pub struct Emit<I> {
    frame: u64,
    packets: Vec<Vec<Routed<I>>>,
}

impl<I> Default for Emit<I> {
    fn default() -> Self {
        Self::for_workers(1)
    }
}

impl<I> Emit<I> {
    /// An empty one; worker `bin % workers` owns a bin.
    ///
    /// # Panics
    /// When `workers` is 0.
    pub fn for_workers(workers: usize) -> Self {
        assert!(workers > 0, "somebody has to do the work");
        Self { frame: 0, packets: (0..workers).map(|_| Vec::new()).collect() }
    }

    /// Sends `input`, found in `row`, to the bin of `hash`. Inputs of one row keep the order in which they were sent.
    #[inline]
    pub fn to(&mut self, hash: u64, row: u32, input: I) {
        let bin = bin(hash);
        let workers = self.packets.len();
        // One worker is the common case in tests and small machines; a division per row is not free.
        let owner = if workers == 1 { 0 } else { usize::from(bin) % workers };
        self.packets[owner].push(Routed { seq: self.frame << 32 | u64::from(row), from: 0, bin, input });
    }

    /// What was sent, as (bin, row, input), by owner and then in order: for tests of routing functions.
    pub fn sent(&self) -> impl Iterator<Item = (Bin, u32, &I)> + '_ {
        self.packets.iter().flatten().map(|routed| {
            let row = u32::try_from(routed.seq & u64::from(u32::MAX)).expect("the low half is a row");
            (routed.bin, row, &routed.input)
        })
    }

    /// Starts the next frame of the epoch.
    pub(crate) fn begin(&mut self, frame: &Sequenced) {
        self.frame = u64::from(frame.index);
    }

    /// The collected inputs by owner; whoever takes them leaves empty ones.
    pub(crate) fn packets(&mut self) -> &mut [Vec<Routed<I>>] {
        &mut self.packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use records::{Kind, OrganizationId, Record};

    fn frame(rows: usize, voided: Voided) -> Sequenced {
        let batch = Batch::from_records(&vec![Record::new(Kind::Page); rows]);
        let mut frame = Sequenced::of_batch(batch, Timestamp(5), Arc::default());
        frame.voided = voided;
        frame
    }

    #[test]
    fn voided_rows_are_left_out() {
        assert_eq!(frame(4, Voided::None).rows().collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(frame(4, Voided::Rows([0b0110].into())).rows().collect::<Vec<_>>(), [0, 3]);
        assert_eq!(frame(4, Voided::All).rows().count(), 0);
    }

    #[test]
    fn a_rows_place_follows_from_its_frame() {
        let mut frame = frame(4, Voided::None);
        (frame.partition, frame.first) = (PartitionId(3), Offset(70));
        assert_eq!(frame.pos(2), Pos { log_time: Timestamp(5), lane: 1, partition: 3, offset: 72 });
        let facts = Sequenced::of_facts(
            vec![FactRow::new(OrganizationId(1), Timestamp(1), records::Fact::Beat)],
            Timestamp(9),
            Arc::default(),
        );
        assert_eq!((facts.pos(0).lane, facts.counted_facts().count()), (0, 1));
    }

    #[test]
    fn inputs_go_to_the_owner_of_their_bin_in_order() {
        let mut emit = Emit::for_workers(2);
        let mut second = frame(3, Voided::None);
        second.index = 1;
        emit.begin(&second);
        for (row, bin) in [(0, 4u64), (1, 5), (2, 4)] {
            emit.to(bin << 56, row, row * 10);
        }
        let owned: Vec<Vec<_>> =
            emit.packets().iter().map(|part| part.iter().map(|routed| (routed.seq, routed.input)).collect()).collect();
        assert_eq!(owned, [vec![(1 << 32, 0), (1 << 32 | 2, 20)], vec![(1 << 32 | 1, 10)]]);
        assert_eq!(emit.sent().map(|(bin, row, _)| (bin, row)).collect::<Vec<_>>(), [(4, 0), (4, 2), (5, 1)]);
    }
}
