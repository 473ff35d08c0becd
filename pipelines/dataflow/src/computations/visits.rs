//! Routes what visitors did to their visits.

use records::kind::Origin;
use views::visits::{Input, Visitor};

use crate::frame::{Emit, Sequenced};

/// Sends one input for each tracked record of somebody. What other systems report is no sign of a visit. Late records
/// correct visits.
pub fn route(frame: &Sequenced, emit: &mut Emit<Input>) {
    let Some(batch) = frame.batch() else { return };
    for row in frame.rows() {
        let at = row as usize;
        let actor = batch.actor(at);
        if !actor.is_some() || batch.kind(at).origin() != Origin::Tracked {
            continue;
        }
        let visitor = Visitor { organization: batch.organization(at), event: batch.event(at), actor };
        emit.to(visitor.hash(), row, Input { visitor, time: batch.event_time(at) });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use records::{Batch, Kind, Record, Timestamp, Token};

    use super::*;

    #[test]
    fn only_tracked_records_of_somebody_are_visits() {
        let somebody = |kind| Record { actor: Token(5), event_time: Timestamp(7), ..Record::new(kind) };
        let records = [somebody(Kind::Page), somebody(Kind::OrderReported), Record::new(Kind::Page)];
        let mut emit = Emit::default();
        route(&Sequenced::of_batch(Batch::from_records(&records), Timestamp(9), Arc::default()), &mut emit);
        let sent: Vec<_> = emit.sent().map(|(_, row, input)| (row, input.visitor.actor, input.time)).collect();
        assert_eq!(sent, [(0, Token(5), Timestamp(7))]);
    }
}
