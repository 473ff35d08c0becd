//! Programmes of other systems, uploaded as files: what they would change is told first, and then done.

use axum::extract::{Request, State};
use http_body_util::{BodyExt as _, Limited};
use records::json::FieldError;
use rules::access::{Act, On};
use rules::programme::import::{self, BYTES_MAX, Counts, Fault, Imported, Plan};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

use super::At;
use super::manage::{OfEvent, at};
use crate::Api;
use crate::accounts::When;
use crate::auth::{self, Presented};
use crate::lists::One;
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named, Params};

/// Wishes of one command of an import: others get in between.
const CHUNK: usize = 250;

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(at!("/imports"), "Makes the programme what a file says", upload)
        .may(&[Code::NotFound, Code::Refused, Code::FieldsWrong, Code::BodyUnreadable, Code::BodyTooLarge, Code::DeskBusy])
        .with(|operation| {
            operation.somebody();
            operation.text(
                "Pentabarf's or EuroPython's XML, the JSON of frab and pretalx, OSCON's JSON. Ids follow from the file's own: the \
                 same file again changes nothing.",
            );
            let schema = json_schema!({"type": "string", "contentMediaType": "application/xml", "maxLength": BYTES_MAX});
            operation.body_as("application/xml", schema);
            operation.body_as("application/json", json_schema!({"type": "object"}));
        })
}

/// How to import.
#[derive(Deserialize, JsonSchema)]
struct How {
    /// Tells what would change, and changes nothing.
    #[serde(default)]
    dry_run: bool,
    /// Removes sessions that the file does not have.
    #[serde(default)]
    remove: bool,
}

/// What an import came to.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "ProgrammeImport")]
pub(crate) struct Told {
    /// What kind of file it is.
    kind: String,
    /// What the event is called there.
    title: String,
    /// The zone that the file names; times that name no offset are otherwise in the event's.
    zone: Option<String>,
    /// When the first session begins, and the last one is over.
    starts: Option<When>,
    ends: Option<When>,
    rooms: Counts,
    tracks: Counts,
    speakers: Counts,
    sessions: Counts,
    /// How much is to change, or was changed.
    changes: usize,
    /// Whether it was done.
    done: bool,
    /// What was left out, and where.
    notes: Vec<String>,
}

fn told(file: &Imported, plan: &Plan, done: bool) -> Told {
    let span = file.span();
    Told {
        kind: file.kind.to_owned(),
        title: file.title.clone(),
        zone: file.zone.as_ref().map(|zone| zone.name().to_owned()),
        starts: span.map(|(starts, _)| When(starts)),
        ends: span.map(|(_, ends)| When(ends)),
        rooms: plan.halls,
        tracks: plan.tracks,
        speakers: plan.speakers,
        sessions: plan.sessions,
        changes: plan.wishes.len(),
        done,
        notes: file.notes.iter().map(Fault::to_string).collect(),
    }
}

async fn upload(
    State(api): State<Api>,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    Params(how): Params<How>,
    request: Request,
) -> Result<One<Told>, Problem> {
    let at: At = (organization, event);
    let caller: Presented = auth::present(&api, request.method(), request.headers(), None)?;
    caller.may(Act::ManageEvents, &On::event(organization, event))?;
    let zone = api.programme(at, |known| known.scheduled().zone.clone())?;
    let body = Limited::new(request.into_body(), BYTES_MAX).collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            Problem::new(Code::BodyTooLarge, format!("a programme has at most {BYTES_MAX} bytes"))
        } else {
            Problem::new(Code::BodyUnreadable, "the body was cut off")
        }
    })?;
    let bytes = body.to_bytes();
    // Megabytes of XML take a while: not on a thread that serves others.
    let read = tokio::task::spawn_blocking(move || import::read(&bytes, &zone)).await;
    let file = read.map_err(|_| Problem::new(Code::Internal, ""))?.map_err(|faults| wrong(&faults))?;
    let plan = api.programme(at, |known| import::plan(known, &file, how.remove))?;
    if how.dry_run {
        return Ok(One { data: told(&file, &plan, false) });
    }
    for wishes in plan.wishes.chunks(CHUNK) {
        api.arrange(None, caller.principal.by(), at, wishes.to_vec()).await?;
    }
    Ok(One { data: told(&file, &plan, true) })
}

fn wrong(faults: &[Fault]) -> Problem {
    let fields = faults.iter().map(|fault| FieldError::new(fault.place.clone(), fault.problem.clone()));
    let detail = faults.first().map_or_else(String::new, Fault::to_string);
    Problem::new(Code::FieldsWrong, detail).with_fields(fields.collect())
}
