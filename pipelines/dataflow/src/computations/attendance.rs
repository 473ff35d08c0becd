//! Routes signs of life in sessions.

use records::{Column, Kind};
use views::attendance::{Input, Place, Sign};

use crate::frame::{Emit, Sequenced};

/// Sends one input for each join, heartbeat and goodbye of somebody. Attendance follows log time: a sign counts when it
/// arrives.
pub fn route(frame: &Sequenced, emit: &mut Emit<Input>) {
    let Some(batch) = frame.batch().filter(|batch| batch.has(Column::session)) else { return };
    for row in frame.rows() {
        let at = row as usize;
        let sign = match batch.kind(at) {
            Kind::SessionJoined => Sign::Joined,
            Kind::SessionHeartbeat => Sign::Heartbeat { focused_ms: batch.duration_ms(at) },
            Kind::SessionLeft => Sign::Left,
            _ => continue,
        };
        let (session, actor) = (batch.session(at), batch.actor(at));
        if session.is_some() && actor.is_some() {
            let place = Place { organization: batch.organization(at), event: batch.event(at), session };
            emit.to(place.hash(), row, Input { place, actor, sign });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use records::{Batch, Record, SessionId, Timestamp, Token};

    use super::*;

    #[test]
    fn signs_of_somebody_in_a_session_are_routed() {
        let sign = |kind| Record { session: SessionId(3), actor: Token(5), duration_ms: 30, ..Record::new(kind) };
        let records = [
            sign(Kind::SessionJoined),
            sign(Kind::SessionHeartbeat),
            sign(Kind::ItemViewed),
            sign(Kind::SessionLeft),
            Record { actor: Token::NONE, ..sign(Kind::SessionLeft) },
        ];
        let mut emit = Emit::default();
        route(&Sequenced::of_batch(Batch::from_records(&records), Timestamp(9), Arc::default()), &mut emit);
        let sent: Vec<_> = emit.sent().map(|(_, row, input)| (row, input.sign)).collect();
        assert_eq!(sent, [(0, Sign::Joined), (1, Sign::Heartbeat { focused_ms: 30 }), (3, Sign::Left)]);
    }
}
