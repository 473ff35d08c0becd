//! What the command line and a running process say to each other: one JSON object per line.

use std::path::PathBuf;

use records::fact::Role;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::Document;

/// The longest line, bytes: room for the rules and the programme of a very large event.
pub(crate) const LINE_BYTES_MAX: usize = 64 << 20;

/// What the command line asks for; one request per connection.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(crate) enum Request {
    /// How the process is.
    Status,
    /// The figures of `eventra top`.
    Top,
    /// Make the facts say what the document says.
    Apply {
        /// The document, its files already read and its secrets already hashed.
        document: Document,
    },
    /// Destroy a subject's key.
    Erase {
        /// The user id, as the client sends it.
        subject: String,
        /// The tenant.
        organization: String,
    },
    /// Make a user, unless there is one with this address.
    AddUser {
        /// The mail address.
        email: String,
        /// What people call them.
        name: String,
        /// Whether they may do everything everywhere.
        admin: bool,
        /// An organization, and what they are in it.
        member: Option<(String, Role)>,
    },
    /// A link that signs a user in once.
    SignInLink {
        /// The mail address.
        email: String,
    },
    /// Start every board of a leaderboard again.
    ResetLeaderboard {
        /// The leaderboard.
        leaderboard: String,
        /// The tenant.
        organization: String,
    },
    /// Compare live figures, a recount of the log, and the warehouse.
    Verify,
    /// Make the programme of an event what a file says.
    ImportProgramme {
        /// The file, absolute.
        file: PathBuf,
        /// The tenant.
        organization: String,
        /// The event.
        event: String,
        /// Only tell what would change.
        dry_run: bool,
        /// Remove sessions that the file does not have.
        remove: bool,
    },
    /// Feed a public data set.
    Replay {
        /// Which mapping.
        dataset: String,
        /// The files, absolute.
        files: Vec<PathBuf>,
        /// Times real speed; none for as fast as it goes.
        speed: Option<f64>,
        /// The order's word; none for the set's usual one.
        order: Option<String>,
        /// The tenant.
        organization: String,
    },
    /// Run a simulated conference.
    Simulate(Simulation),
    /// Lists dead letters.
    DeadLetters {
        /// The tenant.
        organization: String,
        /// The most to list.
        limit: usize,
    },
    /// Sends every dead letter through the door again.
    ReplayDeadLetters,
    /// Where the warehouse answers.
    Warehouse,
    /// Stop in order.
    Stop,
}

/// A simulated conference.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub(crate) struct Simulation {
    /// Decides everything: the same seed gives the same conference.
    pub(crate) seed: u64,
    /// Records a second; 0 for as fast as it goes.
    pub(crate) rate: u64,
    /// People.
    pub(crate) attendees: u32,
    /// Seconds to go on; none until interrupted.
    pub(crate) seconds: Option<u64>,
    /// Play the whole conference within so many seconds instead of at a rate.
    pub(crate) within_seconds: Option<u64>,
}

/// What the process answers: any number of `progress` lines, then one of the other two.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// Something went on.
    Progress(Value),
    /// It is done; this is the answer.
    Done(Value),
    /// It failed.
    Failed(String),
}
