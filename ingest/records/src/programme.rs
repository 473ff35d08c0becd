//! Facts of one event's programme: its page, rooms, tracks, speakers, sessions, forms, who may see it, places in sessions.

mod shapes;

use serde::{Deserialize, Serialize};

pub use shapes::*;

use crate::id::{EventId, FormId, HallId, InvitationId, SessionId, SpeakerId, TicketId, TrackId};

/// One thing that was decided about an event's programme. Fields are never removed, only added with a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum ProgrammeFact {
    /// What an event says of itself was set.
    PageSet {
        /// The event.
        event: EventId,
        /// From here on.
        page: Box<Page>,
    },
    /// An event is shown to whoever may see it.
    EventPublished {
        /// The event.
        event: EventId,
    },
    /// An event is a draft again.
    EventWithdrawn {
        /// The event.
        event: EventId,
    },
    /// An event does not take place.
    EventCalledOff {
        /// The event.
        event: EventId,
        /// Why, for visitors; may be empty.
        #[serde(default)]
        reason: String,
    },
    /// Who may see an event was set.
    AccessSet {
        /// The event.
        event: EventId,
        /// From here on.
        access: Access,
    },
    /// Somebody may be let in by a link.
    InvitationMade {
        /// The event.
        event: EventId,
        /// The invitation.
        invitation: InvitationId,
        /// What it allows.
        spec: Invitation,
    },
    /// An invitation lets nobody in any more, nor those whom it has let in.
    InvitationRevoked {
        /// The event.
        event: EventId,
        /// The invitation.
        invitation: InvitationId,
    },
    /// An invitation let somebody in.
    InvitationUsed {
        /// The event.
        event: EventId,
        /// The invitation.
        invitation: InvitationId,
    },
    /// A room was made or changed.
    HallSet {
        /// The event.
        event: EventId,
        /// The room.
        hall: HallId,
        /// From here on.
        spec: Hall,
    },
    /// A room is gone.
    HallRemoved {
        /// The event.
        event: EventId,
        /// The room.
        hall: HallId,
    },
    /// A track was made or changed.
    TrackSet {
        /// The event.
        event: EventId,
        /// The track.
        track: TrackId,
        /// From here on.
        spec: Track,
    },
    /// A track is gone.
    TrackRemoved {
        /// The event.
        event: EventId,
        /// The track.
        track: TrackId,
    },
    /// A speaker was made or changed.
    SpeakerSet {
        /// The event.
        event: EventId,
        /// The speaker.
        speaker: SpeakerId,
        /// From here on.
        spec: Speaker,
    },
    /// A speaker is gone.
    SpeakerRemoved {
        /// The event.
        event: EventId,
        /// The speaker.
        speaker: SpeakerId,
    },
    /// A session was made or changed.
    SessionSet {
        /// The event.
        event: EventId,
        /// The session.
        session: SessionId,
        /// From here on.
        spec: Box<Session>,
    },
    /// A session is gone.
    SessionRemoved {
        /// The event.
        event: EventId,
        /// The session.
        session: SessionId,
    },
    /// A form was made, or has another edition.
    FormSet {
        /// The event.
        event: EventId,
        /// The form.
        form: FormId,
        /// Which edition this is, from 1: answers name theirs.
        edition: u32,
        /// What is asked from here on.
        spec: Form,
    },
    /// The holder of a ticket has a place in a session.
    SessionPlaceTaken {
        /// The event.
        event: EventId,
        /// The session, or one time of a recurring one.
        session: SessionId,
        /// The ticket.
        ticket: TicketId,
        /// Whether they waited for it.
        #[serde(default)]
        waited: bool,
    },
    /// The holder of a ticket waits for a place in a session.
    SessionPlaceAwaited {
        /// The event.
        event: EventId,
        /// The session, or one time of a recurring one.
        session: SessionId,
        /// The ticket.
        ticket: TicketId,
    },
    /// A ticket has no place in a session any more, and does not wait for one.
    SessionPlaceLeft {
        /// The event.
        event: EventId,
        /// The session, or one time of a recurring one.
        session: SessionId,
        /// The ticket.
        ticket: TicketId,
        /// Why.
        why: Leaving,
    },
}

impl From<ProgrammeFact> for crate::Fact {
    fn from(fact: ProgrammeFact) -> Self {
        Self::Programme(fact)
    }
}

impl ProgrammeFact {
    /// The event that it is about.
    pub fn event(&self) -> EventId {
        match self {
            Self::PageSet { event, .. }
            | Self::EventPublished { event }
            | Self::EventWithdrawn { event }
            | Self::EventCalledOff { event, .. }
            | Self::AccessSet { event, .. }
            | Self::InvitationMade { event, .. }
            | Self::InvitationRevoked { event, .. }
            | Self::InvitationUsed { event, .. }
            | Self::HallSet { event, .. }
            | Self::HallRemoved { event, .. }
            | Self::TrackSet { event, .. }
            | Self::TrackRemoved { event, .. }
            | Self::SpeakerSet { event, .. }
            | Self::SpeakerRemoved { event, .. }
            | Self::SessionSet { event, .. }
            | Self::SessionRemoved { event, .. }
            | Self::FormSet { event, .. }
            | Self::SessionPlaceTaken { event, .. }
            | Self::SessionPlaceAwaited { event, .. }
            | Self::SessionPlaceLeft { event, .. } => *event,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::booking::BookingFact;
    use crate::{Fact, FactRow, OrganizationId, Span, Timestamp, fact};

    #[test]
    fn they_read_back_among_the_other_facts() {
        let event = EventId(3);
        let session = Session { title: "Talk".into(), starts: Timestamp(1), ends: Timestamp(2), ..Session::default() };
        let set = ProgrammeFact::SessionSet { event, session: SessionId(4), spec: session.into() };
        let taken =
            ProgrammeFact::SessionPlaceTaken { event, session: SessionId(4), ticket: TicketId(5), waited: false };
        let rows: Vec<FactRow> = [set.into(), taken.into(), BookingFact::DeadlinesMoved { length: Span(9) }.into()]
            .into_iter()
            .map(|fact: Fact| FactRow::new(OrganizationId(7), Timestamp(5), fact))
            .collect();
        let bytes = fact::encode(&rows);
        assert_eq!(fact::decode(&bytes).unwrap(), rows);
        assert!(String::from_utf8(bytes).unwrap().contains(r#""fact":"session_set""#));
    }
}
