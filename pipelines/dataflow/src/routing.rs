//! Calls a routing function on one frame; when it panics, finds the row that it cannot take.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use eventlog::Voided;

use crate::epoch::Epoch;
use crate::frame::{Emit, Sequenced};
use crate::graph::Route;
use crate::shared::{Failure, Shared};
use crate::worker::message;

/// Routes a frame without the rows that the view ignores. A panic is reported with the row at fault.
pub(crate) fn route_frame<I>(
    route: Route<I>,
    frame: &Sequenced,
    emit: &mut Emit<I>,
    view: usize,
    epoch: &Epoch,
    shared: &Shared,
) {
    let frame = without_skipped(frame, view, epoch);
    emit.begin(&frame);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| route(&frame, emit))) {
        let row = culprit(route, &frame);
        let at =
            (epoch.pos(u64::from(frame.index) << 32 | u64::from(row.unwrap_or(0))), row.map_or(frame.len(), |_| 1));
        let (epoch, message) = (epoch.number, message(&*panic));
        shared.fail(Failure { epoch, stands_from: epoch, view: Some(view), at: Some(at), bin: None, message });
    }
}

fn without_skipped<'a>(frame: &'a Sequenced, view: usize, epoch: &Epoch) -> Cow<'a, Sequenced> {
    // Nearly always there is nothing to skip, and nothing is copied.
    if epoch.skipped(view).next().is_none() {
        return Cow::Borrowed(frame);
    }
    let first = u64::from(frame.index) << 32;
    let counts = |row: u32| {
        !frame.voided.contains(row) && !epoch.skipped(view).any(|skip| skip.contains(first | u64::from(row)))
    };
    Cow::Owned(only(frame, counts))
}

/// The frame with only some of its rows counting.
fn only(frame: &Sequenced, counts: impl Fn(u32) -> bool) -> Sequenced {
    let mut words = vec![0u64; frame.len().div_ceil(64) as usize];
    for row in (0..frame.len()).filter(|row| !counts(*row)) {
        words[row as usize / 64] |= 1 << (row % 64);
    }
    Sequenced { voided: Voided::Rows(words.into()), ..frame.clone() }
}

/// Bisects for one row that alone makes the routing function panic; none when it takes several.
fn culprit<I>(route: Route<I>, frame: &Sequenced) -> Option<u32> {
    let panics = |from: u32, to: u32| {
        let part = only(frame, |row| (from..to).contains(&row) && !frame.voided.contains(row));
        catch_unwind(AssertUnwindSafe(|| {
            let mut emit = Emit::for_workers(1);
            emit.begin(&part);
            route(&part, &mut emit);
        }))
        .is_err()
    };
    let (mut from, mut to) = (0, frame.len());
    while to - from > 1 {
        let middle = from + (to - from) / 2;
        if panics(from, middle) {
            to = middle;
        } else if panics(middle, to) {
            from = middle;
        } else {
            return None;
        }
    }
    panics(from, to).then_some(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use records::{Batch, Kind, Record, Timestamp};

    fn route(frame: &Sequenced, emit: &mut Emit<u32>) {
        for row in frame.rows() {
            assert!(row != 37, "row 37 cannot be routed");
            emit.to(0, row, row);
        }
    }

    #[test]
    fn the_row_that_cannot_be_routed_is_found() {
        let batch = Batch::from_records(&vec![Record::new(Kind::Page); 100]);
        let frame = Sequenced::of_batch(batch, Timestamp(1), Default::default());
        assert_eq!(culprit(route, &frame), Some(37));
        assert_eq!(culprit(route, &only(&frame, |row| row != 37)), None);
    }
}
