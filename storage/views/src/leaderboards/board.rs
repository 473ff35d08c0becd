//! What a board is called: its key and its hash.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use records::hash::{bytes, join, mix, wide};
use records::zone::Day;
use records::{EventId, LeaderboardId, OrganizationId, Text};
use rules::points::Scope;
use serde::{Deserialize, Serialize};

/// One ranking: a leaderboard's board for an event, track, day, or for all time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Board {
    /// The tenant.
    pub organization: OrganizationId,
    /// The leaderboard, as the rules name it.
    pub leaderboard: LeaderboardId,
    /// The event; none for all time, and for days of records outside any event.
    pub event: EventId,
    /// What it ranks over.
    pub scope: Scope,
    // The day's number, or the hash of the track's name.
    #[serde(with = "crate::digits")]
    part: u64,
}

/// For tables in memory. Not one field after the other, as a derived hash would: the fields are mixed side by side, and
/// a board is looked up for every award and every answer.
impl Hash for Board {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ids = wide(self.organization.0) ^ wide(self.leaderboard.0).rotate_left(21);
        let rest = wide(self.event.0).rotate_left(42) ^ mix(self.part).rotate_left(11);
        state.write_u64(ids ^ rest ^ self.scope as u64);
    }
}

impl Board {
    /// The board of a whole event.
    pub fn event(organization: OrganizationId, leaderboard: LeaderboardId, event: EventId) -> Self {
        Self { organization, leaderboard, event, scope: Scope::Event, part: 0 }
    }

    /// The board of one track of an event.
    pub fn track(organization: OrganizationId, leaderboard: LeaderboardId, event: EventId, track: &str) -> Self {
        Self { organization, leaderboard, event, scope: Scope::Track, part: bytes(track.as_bytes()) }
    }

    /// The board of one calendar day of an event.
    pub fn day(organization: OrganizationId, leaderboard: LeaderboardId, event: EventId, day: Day) -> Self {
        Self { organization, leaderboard, event, scope: Scope::Day, part: u64::from(day.0.cast_unsigned()) }
    }

    /// The board of everything that the organization ever ran.
    pub fn all_time(organization: OrganizationId, leaderboard: LeaderboardId) -> Self {
        Self { organization, leaderboard, event: EventId::NONE, scope: Scope::AllTime, part: 0 }
    }

    /// The hash that decides its bin.
    pub fn hash(&self) -> u64 {
        let hash = join(wide(self.organization.0), wide(self.leaderboard.0));
        join(join(hash, wide(self.event.0)), join(self.part, self.scope as u64))
    }

    /// The day, on boards of days.
    pub fn on(&self) -> Option<Day> {
        (self.scope == Scope::Day).then(|| Day((self.part as u32).cast_signed()))
    }

    pub(super) fn encode(&self, out: &mut crate::codec::Out<'_>) {
        out.id(self.organization.0);
        out.id(self.leaderboard.0);
        out.id(self.event.0);
        out.u8(self.scope as u8);
        out.u64(self.part);
    }

    pub(super) fn decode(input: &mut crate::codec::In<'_>) -> Result<Self, crate::state::StateError> {
        let (organization, leaderboard, event) = (input.id()?, input.id()?, input.id()?);
        let scope = input.u8()?;
        let scope = Scope::ALL.into_iter().find(|known| *known as u8 == scope).ok_or_else(|| input.damaged())?;
        let part = input.u64()?;
        Ok(Self {
            organization: OrganizationId(organization),
            leaderboard: LeaderboardId(leaderboard),
            event: EventId(event),
            scope,
            part,
        })
    }
}

/// A board, with what it is made with by its first award.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The board.
    pub board: Board,
    /// The track's name on boards of tracks; none elsewhere.
    pub track: Text,
    /// How often the leaderboard had been reset.
    pub generation: u32,
}

/// What happens on boards. Awards are by far the most frequent input of all views, so the board is shared: an input is
/// 24 bytes, not 120.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// A participant got points.
    Award {
        /// Where.
        board: Arc<Named>,
        /// Who.
        participant: records::Token,
        /// How many, of either sign.
        points: i64,
    },
    /// All boards of a leaderboard start again. Goes to every bin.
    Reset(Arc<Reset>),
}

/// Which boards start again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// The tenant.
    pub organization: OrganizationId,
    /// The leaderboard.
    pub leaderboard: LeaderboardId,
}
