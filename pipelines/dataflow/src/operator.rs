//! The stateful half of a computation: stashes inputs by epoch, folds them in order when the frontier has passed.

use std::cell::Cell;
use std::collections::BTreeMap;

use records::hash::{BINS, Bin, bin};
use views::shards::{Next, Writer};
use views::state::{At, Fold};

use crate::epoch::{Depth, Epoch};
use crate::frame::Routed;
use crate::landing::Landed;
use crate::packet::{Packet, Pool};
use crate::shared::Figures;
use crate::snapshot::Part;
use crate::worker::Context;

/// One view's bins on one worker.
pub(crate) struct Stage<F: Fold> {
    view: usize,
    writer: Writer<F>,
    stash: BTreeMap<u64, Vec<Routed<F::Input>>>,
    pool: Pool<F::Input>,
    /// Bins that some snapshot holds, or would if it were not empty.
    kept: Box<[bool]>,
    order: Order,
    next: Vec<Next<u64, F::Output>>,
    out: Vec<Vec<Routed<F::Output>>>,
    outputs: bool,
}

/// What the stage is doing, so that a panic can be blamed on a record.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Doing {
    pub(crate) epoch: u64,
    /// The row that is being folded; none between rows.
    pub(crate) seq: Option<u64>,
    /// State is being encoded. That depends on snapshots, not on the log: a replay may do it in other epochs.
    encoding: bool,
}

impl Doing {
    /// The first epoch from which the view may stand still after a panic in `epoch`.
    pub(crate) fn stands_from(&self, epoch: &Epoch) -> u64 {
        if self.encoding { epoch.number.max(epoch.bound_before + 1) } else { epoch.number }
    }
}

/// Scratch memory for sorting an epoch's inputs by bin.
#[derive(Default)]
struct Order {
    ends: Vec<u32>,
    rows: Vec<u32>,
    keys: Vec<u128>,
}

impl<F: Fold> Stage<F> {
    pub(crate) fn new(view: usize, writer: Writer<F>, workers: usize, kept: Box<[bool]>, outputs: bool) -> Self {
        let order = Order::new();
        let out = (0..workers).map(|_| Vec::new()).collect();
        let (stash, pool, next) = (BTreeMap::new(), Pool::default(), Vec::new());
        Self { view, writer, stash, pool, kept, order, next, out, outputs }
    }

    /// Where emptied vectors go, for whoever fills them on the same worker.
    pub(crate) fn pool(&self) -> Pool<F::Input> {
        self.pool.clone()
    }

    /// Keeps inputs until their epoch is complete.
    pub(crate) fn stash(&mut self, epoch: u64, packet: Packet<F::Input>) {
        let mut rows = packet.rows;
        let stashed = self.stash.entry(epoch).or_default();
        if stashed.is_empty() {
            *stashed = rows;
        } else {
            stashed.append(&mut rows);
            self.pool.give(rows);
        }
    }

    /// Does everything that an epoch asks for, in this order: fold, advance, land, write.
    pub(crate) fn run(&mut self, epoch: &Epoch, context: &Context, doing: &mut Doing) {
        *doing = Doing { epoch: epoch.number, ..Doing::default() };
        if let Some(aside) = epoch.set_aside(self.view) {
            self.stash.remove(&epoch.number);
            self.writer.freeze(aside.as_of.clone());
            return self.stand_still(epoch, context);
        }
        if let Some(mut rows) = self.stash.remove(&epoch.number) {
            for skip in epoch.skipped(self.view) {
                rows.retain(|row| !skip.contains(row.seq));
            }
            Figures::add(&context.shared.figures.inputs, rows.len() as u64);
            self.fold(epoch, &rows, doing);
            doing.seq = None;
            rows.clear();
            self.pool.give(rows);
        }
        self.writer.finish(epoch.number, epoch.bound);
        if let Some(number) = epoch.landing {
            let landed = self.land();
            context.shared.landings.landed(number, epoch, self.view, context.index, landed);
        }
        if let Some(depth) = epoch.snapshot {
            doing.encoding = true;
            context.shared.snapshots.part(epoch, self.view, context.index, self.encode(depth));
        }
    }

    /// Takes no part in an epoch, except that nobody has to wait for it.
    fn stand_still(&self, epoch: &Epoch, context: &Context) {
        if let Some(number) = epoch.landing {
            let nothing = Landed::new(Vec::new(), Vec::<F::Row>::new());
            context.shared.landings.landed(number, epoch, self.view, context.index, nothing);
        }
        if epoch.snapshot.is_some() {
            context.shared.snapshots.part(epoch, self.view, context.index, Part::default());
        }
    }

    /// The bin that was last told of time, landed or written.
    pub(crate) fn at_work(&self) -> Bin {
        self.writer.at_work()
    }

    fn fold(&mut self, epoch: &Epoch, rows: &[Routed<F::Input>], doing: &mut Doing) {
        self.order.by_bin(rows);
        let mut start = 0;
        let folding = Cell::from_mut(&mut doing.seq);
        for bin in 0..=u8::MAX {
            let end = self.order.ends[usize::from(bin)] as usize;
            if end > start {
                let places = &self.order.rows[start..end];
                let inputs = places.iter().map(|place| {
                    let row = &rows[*place as usize];
                    folding.set(Some(row.seq));
                    (row.seq, At { pos: epoch.pos(row.seq) }, &row.input)
                });
                self.writer.apply(epoch.number, bin, inputs, &mut self.next);
                self.hand_on(bin);
            }
            start = end;
        }
    }

    fn hand_on(&mut self, from: Bin) {
        if !self.outputs {
            return self.next.clear();
        }
        let workers = self.out.len();
        for next in self.next.drain(..) {
            let to = bin(next.hash);
            // Bins of one view, then of the next: the order in which equal places are folded further down.
            let from = u16::try_from(1 + self.view * BINS + usize::from(from)).expect("there are at most 255 views");
            self.out[usize::from(to) % workers].push(Routed { seq: next.tag, from, bin: to, input: next.output });
        }
    }

    /// What the last epoch gave the next operators, by the worker that it is for.
    pub(crate) fn outputs(&mut self) -> impl Iterator<Item = Packet<F::Output>> + '_ {
        let some = self.out.iter_mut().enumerate().filter(|(_, rows)| !rows.is_empty());
        some.map(|(to, rows)| Packet { to, rows: std::mem::take(rows) })
    }

    fn land(&mut self) -> Landed {
        let mut rows = Vec::new();
        let mut counts = Vec::new();
        let bins: Vec<Bin> = self.writer.bins().collect();
        for bin in bins {
            let before = rows.len();
            self.writer.land_bin(bin, &mut rows);
            if rows.len() > before {
                counts.push((bin, rows.len() - before));
            }
        }
        Landed::new(counts, rows)
    }

    fn encode(&mut self, depth: Depth) -> Part {
        let mut part = Part::default();
        let bins: Vec<Bin> = self.writer.bins().collect();
        for bin in bins {
            let kept = &mut self.kept[usize::from(bin)];
            if self.writer.is_dirty(bin) || (*kept && depth == Depth::Everything) {
                *kept = true;
                part.add(bin, |out| self.writer.snapshot(bin, out));
            }
        }
        part
    }
}

impl Order {
    fn new() -> Self {
        Self { ends: vec![0; BINS], ..Self::default() }
    }

    /// Sorts the places of `rows` by bin, and within a bin by place in the log. Rows mostly come sorted, or as a few
    /// sorted runs, so the sort is a check or a merge.
    fn by_bin<I>(&mut self, rows: &[Routed<I>]) {
        let (mut sorted, mut last) = (true, (0, 0));
        self.ends.fill(0);
        for row in rows {
            self.ends[usize::from(row.bin)] += 1;
            let key = (row.seq, row.from);
            sorted &= last <= key;
            last = key;
        }
        let mut start = 0;
        for end in &mut self.ends {
            start += std::mem::replace(end, start);
        }
        self.rows.clear();
        self.rows.resize(rows.len(), 0);
        for (place, row) in (0u32..).zip(rows) {
            // Starts turn into ends while the places are filled in.
            let end = &mut self.ends[usize::from(row.bin)];
            self.rows[*end as usize] = place;
            *end += 1;
        }
        if !sorted {
            self.sort_bins(rows);
        }
    }

    /// Sorts each bin's rows: runs of inputs that other workers or other views' bins have sent.
    fn sort_bins<I>(&mut self, rows: &[Routed<I>]) {
        let mut start = 0;
        for end in &self.ends {
            let end = *end as usize;
            let bin = &mut self.rows[start..end];
            self.keys.clear();
            // Numbers side by side sort several times faster than rows that are looked up. The place comes last, so
            // several inputs of one row keep the order in which they were found.
            self.keys.extend(bin.iter().map(|place| {
                let row = &rows[*place as usize];
                u128::from(row.seq) << 48 | u128::from(row.from) << 32 | u128::from(*place)
            }));
            // The stable sort, because it makes use of runs.
            self.keys.sort();
            for (place, key) in bin.iter_mut().zip(&self.keys) {
                *place = *key as u32;
            }
            start = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_are_ordered_by_bin_then_place_then_arrival(keys in proptest::collection::vec((0u64..20, 0u16..3, any::<u8>()), 0..200)) {
            let rows: Vec<_> =
                keys.iter().map(|(seq, from, bin)| Routed { seq: *seq, from: *from, bin: *bin % 5, input: () }).collect();
            let mut order = Order::new();
            order.by_bin(&rows);
            let mut expected: Vec<u32> = (0..rows.len() as u32).collect();
            expected.sort_by_key(|place| {
                let row = &rows[*place as usize];
                (row.bin, row.seq, row.from)
            });
            prop_assert_eq!(&order.rows, &expected);
            prop_assert_eq!(order.ends[BINS - 1] as usize, rows.len());
        }
    }
}
