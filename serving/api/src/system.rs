//! The process, for its operators: how far everything is, what failed, and dead letters.

use axum::extract::State;
use records::OrganizationId;
use rules::access::{Act, On};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use views::as_of::AsOf;

use crate::Api;
use crate::auth::Presented;
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named, Params};
use crate::writes::{Idempotent, Written};

/// The most dead letters of one answer.
const LETTERS_MAX: usize = 1_000;
/// Dead letters that are answered with when it is not said.
const LETTERS: usize = 100;

/// How the binary answers for itself.
pub struct Operations {
    /// How the process is.
    pub figures: Box<dyn Fn() -> Figures + Send + Sync>,
    /// The newest dead letters of an organization, the newest first; reads the log, so it may take long.
    pub letters: Box<dyn Fn(OrganizationId, usize) -> Result<Vec<Letter>, String> + Send + Sync>,
    /// The newest mails, the newest first; none when they go to a mail server.
    pub mailbox: Box<dyn Fn() -> Option<Vec<ShownMail>> + Send + Sync>,
    /// Sends every dead letter of every organization through the door again.
    pub replay: Box<dyn Fn() -> Result<Replayed, String> + Send + Sync>,
}

/// A mail, as a mailbox shows it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Mail")]
pub struct ShownMail {
    /// The mail.
    pub id: String,
    /// Whom it goes to.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// The link in it; empty when there is none.
    pub link: String,
}

/// How the process is.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[schemars(rename = "System")]
pub struct Figures {
    /// The version of the binary.
    pub version: String,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// Resident bytes of the process.
    pub resident_bytes: u64,
    /// What the views reflect.
    pub as_of: AsOf,
    /// What the dataflow is doing: `Live`, or what it does before.
    pub phase: String,
    /// Records in the log that no view reflects.
    pub behind_records: u64,
    /// Milliseconds of log time that the views are behind.
    pub behind_ms: i64,
    /// Epochs that are still to be folded again after the start.
    pub replaying: u64,
    /// Epochs fed since the start.
    pub epochs: u64,
    /// Records that views ignore because they panic on them.
    pub skipped: u64,
    /// How often the dataflow was started again.
    pub rebuilds: u64,
    /// Views that stand still, and since which epoch.
    pub set_aside: Vec<SetAside>,
    /// The newest error of the dataflow, also when it is over.
    pub last_error: Option<String>,
    /// The newest snapshot.
    pub snapshot: Snapshot,
    /// The log, by lane.
    pub log: Vec<Lane>,
    /// Free bytes of the disk that the log is on.
    pub free_bytes: Option<u64>,
    /// What the log promises.
    pub durability: String,
    /// The warehouse.
    pub warehouse: Sink,
    /// The front door since the start.
    pub door: Door,
    /// Mails that no server took yet.
    pub mails_waiting: u64,
}

/// A view that stands still.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct SetAside {
    /// The view.
    pub view: String,
    /// Since which epoch.
    pub since: u64,
}

/// The newest snapshot.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Snapshot {
    /// The epoch that it holds.
    pub epoch: u64,
    /// Bytes that were written for it.
    pub bytes: u64,
    /// Snapshots written since the start.
    pub written: u64,
    /// Snapshots that were given up.
    pub given_up: u64,
    /// Why the last one was given up.
    pub last_error: Option<String>,
}

/// One lane of the log.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Lane {
    /// `facts`, `activity` or `system`.
    pub lane: String,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Rows that became durable since the start.
    pub rows: u64,
    /// Rows that do not count: repeated, or of a writer that was fenced.
    pub voided_rows: u64,
}

/// Where rows land.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Sink {
    /// `running`, `restarting`, `none`, ...
    pub state: String,
    /// Rows landed since the start.
    pub rows: u64,
    /// The newest landed epoch.
    pub landed: Option<u64>,
    /// Landing epochs that wait.
    pub waiting: u64,
    /// The newest failure.
    pub error: Option<String>,
    /// Which tables are being filled with history.
    pub filling: Option<String>,
    /// Resident bytes of the engine, when it is ours.
    pub resident_bytes: u64,
}

/// What came through the front door since the start.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Door {
    /// Messages that were in the log already.
    pub duplicates: u64,
    /// Messages that could not be read since the log began.
    pub dead_letters: u64,
}

/// A message that could not be read. The original stays sealed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "DeadLetter")]
pub struct Letter {
    /// When the log took it, RFC 3339.
    pub at: String,
    /// Why it could not be read.
    pub reason: String,
    /// The field, when one is to blame.
    pub field: String,
    /// Its place in the log.
    pub position: String,
}

/// What became of dead letters that were sent again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Replayed {
    /// Dead letters that were read.
    pub seen: u64,
    /// Those that are records now.
    pub replayed: u64,
    /// Those that were records already.
    pub already: u64,
    /// Those that are still wrong.
    pub still_bad: u64,
    /// Those whose original cannot be opened any more.
    pub unreadable: u64,
}

pub(crate) fn routes() -> Routes {
    Routes::new()
        .get("/v1/system", "How the process is; for platform admins", figures)
        .get(
            "/v1/organizations/{organization}/dead-letters",
            "Messages that could not be read, the newest first",
            letters,
        )
        .may(&[Code::Internal])
        .get("/v1/system/mailbox", "Mails of a demo, which has no mail server; for platform admins", mailbox)
        .may(&[Code::NotFound])
        .post("/v1/system/dead-letters/replay", "Sends every dead letter through the door again", replay)
        .may(&[Code::Internal])
}

/// How many dead letters.
#[derive(Deserialize, JsonSchema)]
struct Which {
    /// Rows, at most 1,000; 100 by default.
    #[schemars(range(min = 1, max = 1_000))]
    limit: Option<usize>,
}

async fn figures(State(api): State<Api>, caller: Presented) -> Result<One<Figures>, Problem> {
    caller.may(Act::ReadSystem, &On::default())?;
    Ok(One { data: (api.operations.figures)() })
}

async fn mailbox(State(api): State<Api>, caller: Presented) -> Result<One<Vec<ShownMail>>, Problem> {
    caller.may(Act::ManageSystem, &On::default())?;
    let data = (api.operations.mailbox)();
    let data = data.ok_or_else(|| Problem::new(Code::NotFound, "mails go to a mail server here, or wait for one"))?;
    Ok(One { data })
}

async fn letters(
    State(api): State<Api>,
    caller: Presented,
    Named(Id(organization)): Named<Id<OrganizationId>>,
    Params(which): Params<Which>,
) -> Result<One<Vec<Letter>>, Problem> {
    caller.may(Act::ReadAudit, &On::organization(organization))?;
    let limit = which.limit.unwrap_or(LETTERS).clamp(1, LETTERS_MAX);
    let data = apart(move || (api.operations.letters)(organization, limit)).await?;
    Ok(One { data })
}

async fn replay(State(api): State<Api>, caller: Presented, _: Idempotent) -> Result<Written<Replayed>, Problem> {
    caller.may(Act::ManageSystem, &On::default())?;
    let data = apart(move || (api.operations.replay)()).await?;
    Ok(Written { data, offset: None })
}

/// On a thread that serves nobody else.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()));
    done.map_err(|error| {
        tracing::error!(error, "dead letters");
        Problem::new(Code::Internal, "")
    })
}
