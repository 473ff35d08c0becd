//! What can be asked of an event's programme.

use records::programme::{Access, Form, Hall, Invitation, Page, Session, Speaker, Track};
use records::{EventId, FormId, HallId, InvitationId, OrganizationId, SessionId, SpeakerId, TicketId, TrackId};

/// Wishes of one command: an import sends several commands rather than one that nobody else gets past.
pub const WISHES_MAX: usize = 1_000;

/// A command to the programme of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The tenant.
    pub organization: OrganizationId,
    /// The event.
    pub event: EventId,
    /// What is asked: all of it, or nothing.
    pub wishes: Vec<Wish>,
}

/// What is asked. The ids of what is made come from whoever asks: the same id with the same wish changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// The event says this of itself.
    SetPage(Page),
    /// It is shown.
    Publish,
    /// It is a draft again.
    Withdraw,
    /// It does not take place, for this reason.
    CallOff(String),
    /// These may see it.
    SetAccess(Access),
    /// This invitation lets people in.
    Invite(InvitationId, Invitation),
    /// This invitation lets nobody in.
    Revoke(InvitationId),
    /// Somebody comes with this invitation.
    UseInvitation(InvitationId),
    /// There is this room.
    SetHall(HallId, Hall),
    /// There is no such room.
    RemoveHall(HallId),
    /// There is this track.
    SetTrack(TrackId, Track),
    /// There is no such track.
    RemoveTrack(TrackId),
    /// There is this speaker.
    SetSpeaker(SpeakerId, Speaker),
    /// There is no such speaker.
    RemoveSpeaker(SpeakerId),
    /// There is this session.
    SetSession {
        /// Its id.
        session: SessionId,
        /// What it is.
        spec: Box<Session>,
        /// Whether it may share its room with another one at the same time.
        overlap: bool,
    },
    /// There is no such session.
    RemoveSession(SessionId),
    /// This is asked.
    SetForm(FormId, Form),
    /// The holder of a ticket wants a place.
    TakePlace {
        /// The session, or one time of a recurring one.
        session: SessionId,
        /// The ticket.
        ticket: TicketId,
        /// Whether they wait when there is none.
        wait: bool,
    },
    /// The holder of a ticket wants no place, and does not wait.
    LeavePlace {
        /// The session, or one time of a recurring one.
        session: SessionId,
        /// The ticket.
        ticket: TicketId,
    },
}
