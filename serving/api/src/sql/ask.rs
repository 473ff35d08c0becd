//! The handlers: asking, cancelling, and what can be asked about.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request, State};
use axum::response::NoContent;
use records::OrganizationId;
use rules::access::Act;
use schemars::{JsonSchema, json_schema};
use serde::Deserialize;

use super::answer::{Refusal, Reply, Shown};
use super::caller::{Analyst, warehouse};
use crate::lists::One;
use crate::openapi::{Sketch, Takes};
use crate::problem::{Code, Problem, Refused};
use crate::reads::extract::Named;
use crate::{Api, limits, writes};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Rows with their columns, in JSON.
    #[default]
    Json,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// A Parquet file.
    Parquet,
    /// An Arrow file.
    Arrow,
}

/// A question, decided to be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whose rows it is about.
    pub organization: OrganizationId,
    /// Who asks.
    pub asker: String,
    /// The asker's id for it.
    pub id: Option<String>,
    /// The statement.
    pub text: String,
    /// Values of its parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// How the answer is written.
    pub format: Format,
    /// The most rows; none: as many as the warehouse gives.
    pub limit: Option<u64>,
}

/// What is sent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// One statement: SELECT, SHOW, DESCRIBE or EXPLAIN, without FORMAT.
    query: String,
    /// How the answer is written.
    #[serde(default)]
    format: Format,
    /// Values for `{name:Type}` in the statement.
    #[serde(default)]
    parameters: BTreeMap<String, Scalar>,
    /// The most rows: of JSON 1,000 unless said otherwise, at most 10,000; of files all.
    #[serde(default)]
    limit: Option<u64>,
    /// An id of the asker's own, to cancel it by: letters, digits, `-`, `_`, `.` and `:`, at most 64.
    #[serde(default)]
    query_id: Option<String>,
}

/// A value as people write it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Integer(i64),
    Real(f64),
    Truth(bool),
}

impl Scalar {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Integer(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
        }
    }
}

impl FromRequest<Api> for Asked {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        writes::parse(&parts.headers, &writes::read(body).await?)
    }
}

impl Takes for Asked {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.body::<Self>();
        sketch.may(&[Code::FieldsWrong]);
    }
}

/// Files beside the rows.
pub(super) fn describe_files(sketch: &mut Sketch<'_>) {
    let bytes = || json_schema!({"type": "string", "contentMediaType": "application/octet-stream"});
    for media in ["text/csv; charset=utf-8", "application/vnd.apache.parquet", "application/vnd.apache.arrow.file"] {
        sketch.answers_as(200, "The answer, and what part of the log it reflects.", media, bytes());
    }
}

pub(super) async fn ask(State(api): State<Api>, analyst: Analyst, asked: Asked) -> Result<Reply, Problem> {
    let refused = Box::new(analyst.refused.clone());
    let question = question(analyst, asked)?;
    (warehouse(&api)?.ask)(question).await.map_err(|refusal| {
        let is_act = matches!(refusal, Refusal::Forbidden(_));
        Problem { refused: is_act.then_some(refused), ..Problem::from(refusal) }
    })
}

/// A question of somebody, as far as it is read here.
pub(super) fn read(bytes: &[u8]) {
    let Ok(asked) = serde_json::from_slice::<Asked>(bytes) else { return };
    let (organization, why) = (OrganizationId(7), "");
    let refused = Refused { by: None, act: Act::RunSql, organization, why };
    let analyst = Analyst { organization, asker: "fuzzer".into(), refused };
    if let Ok(question) = question(analyst, asked) {
        let most = limits::QUESTION_ROWS_MAX;
        let is_bounded = question.limit.is_some_and(|limit| (1..=most).contains(&limit));
        assert!(question.format != Format::Json || is_bounded, "rows in JSON are bounded");
    }
}

fn question(analyst: Analyst, asked: Asked) -> Result<Question, Problem> {
    let limit = match asked.format {
        Format::Json => {
            let limit = asked.limit.unwrap_or(limits::QUESTION_ROWS_DEFAULT);
            if !(1..=limits::QUESTION_ROWS_MAX).contains(&limit) {
                let detail = format!("`limit` of JSON is 1 to {}; files hold more", limits::QUESTION_ROWS_MAX);
                return Err(Problem::new(Code::ParameterWrong, detail));
            }
            Some(limit)
        }
        _ => asked.limit,
    };
    let parameters = asked.parameters.into_iter().map(|(name, value)| (name, value.into_text())).collect();
    Ok(Question {
        organization: analyst.organization,
        asker: analyst.asker,
        id: asked.query_id,
        text: asked.query,
        parameters,
        format: asked.format,
        limit,
    })
}

pub(super) async fn schema(State(api): State<Api>, _: Analyst) -> Result<One<Vec<Shown>>, Problem> {
    Ok(One { data: (warehouse(&api)?.tables)() })
}

pub(super) async fn cancel(
    State(api): State<Api>,
    analyst: Analyst,
    Named(path): Named<BTreeMap<String, String>>,
) -> Result<NoContent, Problem> {
    let id = path.get("query_id").cloned().unwrap_or_default();
    let ran = (warehouse(&api)?.cancel)(analyst.asker, id).await?;
    if ran { Ok(NoContent) } else { Err(Problem::new(Code::NotFound, "no question of yours with this id runs")) }
}
