//! Routes attention for sessions and items.

use hashbrown::HashMap;
use records::hash::FixedState;
use views::trending::{Input, Stage, Thing, weight};

use crate::frame::{Emit, Sequenced};

/// Sends one input for each session and item of the frame: the records of a frame have one log time, so that adding
/// their weights here changes nothing.
pub fn route(frame: &Sequenced, emit: &mut Emit<Input>) {
    let Some(batch) = frame.batch() else { return };
    let mut places = HashMap::<(Stage, Thing), usize, FixedState>::default();
    let mut list: Vec<(u32, Input)> = Vec::new();
    for row in frame.rows() {
        let at = row as usize;
        let weight = weight(batch.kind(at));
        if weight == 0 {
            continue;
        }
        let (session, item) = (batch.session(at), batch.item(at));
        let thing = match (session.is_some(), item.is_some()) {
            (true, _) => Thing::Session(session),
            (false, true) => Thing::Item(item),
            (false, false) => continue,
        };
        let stage = Stage { organization: batch.organization(at), event: batch.event(at) };
        let place = *places.entry((stage, thing)).or_insert(list.len());
        if place == list.len() {
            list.push((row, Input { stage, thing, weight: 0 }));
        }
        list[place].1.weight += weight;
    }
    for (row, input) in list {
        emit.to(input.stage.hash(), row, input);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use records::{Batch, ItemId, Kind, Record, SessionId, Timestamp};

    use super::*;

    #[test]
    fn weights_are_added_up_by_session_or_item() {
        let record =
            |kind, session, item| Record { session: SessionId(session), item: ItemId(item), ..Record::new(kind) };
        let records = [
            record(Kind::SessionJoined, 3, 0),
            record(Kind::ItemViewed, 0, 4),
            record(Kind::SessionHeartbeat, 3, 0),
            record(Kind::ItemViewed, 3, 4),
            record(Kind::ItemCarted, 0, 4),
            record(Kind::ChatReported, 0, 0),
        ];
        let mut emit = Emit::default();
        route(&Sequenced::of_batch(Batch::from_records(&records), Timestamp(9), Arc::default()), &mut emit);
        let sent: Vec<_> = emit.sent().map(|(_, row, input)| (row, input.thing, input.weight)).collect();
        assert_eq!(sent, [(0, Thing::Session(SessionId(3)), 4), (1, Thing::Item(ItemId(4)), 4)]);
    }
}
