//! Why a programme does not do something: a code that stays, and a sentence that people understand.

use records::Timestamp;

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What was written is not sound.
    #[error("`{field}` {problem}")]
    Invalid {
        /// Which field, as in `recurrence.rule`.
        field: String,
        /// What is wrong with it, and what would help.
        problem: String,
    },
    /// Nobody has scheduled the event.
    #[error("there is no such event")]
    NoEvent,
    /// No such session.
    #[error("there is no such session")]
    NoSession,
    /// No such room, track, speaker, form or invitation.
    #[error("there is no such {0}")]
    Nothing(&'static str),
    /// Another session is in the room.
    #[error("`{title}` is in that room at {at}: choose another room or time, or say that they may overlap")]
    RoomTaken {
        /// The other session.
        title: String,
        /// When it begins.
        at: Timestamp,
    },
    /// Something still names it.
    #[error("sessions are still there that name it: change them first")]
    InUse,
    /// More have places than there would be.
    #[error("{0} have places already: choose at least as many, or none")]
    CapacityTooSmall(u32),
    /// It is cancelled for good.
    #[error("the event was called off: duplicate it to begin again")]
    CalledOff,
    /// The session has no places to take.
    #[error("this session needs no place: just come")]
    NoPlaces,
    /// All places are taken, and nobody wants to wait.
    #[error("all places in this session are taken")]
    SessionFull,
    /// It is over, or does not take place.
    #[error("this session does not take place any more")]
    SessionOver,
    /// Not a ticket of this event, or one that was cancelled.
    #[error("this ticket is not valid")]
    NoTicket,
    /// An invitation that ended, was revoked, or let in as many as it may.
    #[error("this invitation does not work any more")]
    InvitationGone,
    /// An id that means something else.
    #[error("this id was used for something else")]
    IdUsed,
}

impl Refusal {
    /// A field that is not sound.
    pub(crate) fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), problem: problem.into() }
    }

    /// The same, with which wish of a command it was, from 0.
    pub(crate) fn of_wish(self, number: usize) -> Self {
        match self {
            Self::Invalid { field, problem } => Self::Invalid { field: format!("[{number}].{field}"), problem },
            other => other,
        }
    }

    /// A word that stays.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid",
            Self::NoEvent => "no_event",
            Self::NoSession => "no_session",
            Self::Nothing(_) => "not_there",
            Self::RoomTaken { .. } => "room_taken",
            Self::InUse => "in_use",
            Self::CapacityTooSmall(_) => "capacity_too_small",
            Self::CalledOff => "called_off",
            Self::NoPlaces => "no_places",
            Self::SessionFull => "session_full",
            Self::SessionOver => "session_over",
            Self::NoTicket => "no_ticket",
            Self::InvitationGone => "invitation_gone",
            Self::IdUsed => "id_used",
        }
    }
}
