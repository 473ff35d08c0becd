//! Who asks: somebody who may run SQL in the organization of the address.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use records::OrganizationId;
use records::fact::Scope;
use rules::access::{Act, On};

use super::Sql;
use crate::openapi::{Sketch, Takes};
use crate::problem::{Code, Problem, Refused};
use crate::reads::extract::Named;
use crate::{Api, auth};

/// Why a question that nobody may ask was refused, for the audit trail.
pub const STATEMENT: &str = "statement";

/// An analyst.
#[derive(Debug, Clone)]
pub(crate) struct Analyst {
    /// The organization whose rows are asked about.
    pub(super) organization: OrganizationId,
    /// Who it is, as a word that nobody else has.
    pub(super) asker: String,
    /// What the audit trail is told when a statement is none that may be run.
    pub(super) refused: Refused,
}

impl FromRequestParts<Api> for Analyst {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let presented = auth::present(api, &parts.method, &parts.headers, None)?;
        let Named(path) = Named::<Vec<(String, String)>>::from_request_parts(parts, api).await?;
        let text = path.iter().find(|(name, _)| name == "organization").map_or("", |(_, value)| value.as_str());
        let named = OrganizationId::parse(text)
            .map_err(|error| Problem::new(Code::ParameterWrong, format!("`organization`: {error}")))?;
        presented.may(Act::RunSql, &On::organization(named))?;
        let refused = presented.refused(Act::RunSql, named, STATEMENT);
        Ok(Self { organization: named, asker: presented.who(), refused })
    }
}

impl Takes for Analyst {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.known(Scope::Sql);
        sketch.may(&[Code::ParameterWrong]);
    }
}

/// The way to the warehouse.
pub(super) fn warehouse(api: &Api) -> Result<&Sql, Problem> {
    api.sql.as_ref().ok_or_else(|| Problem::new(Code::SqlUnavailable, "this installation has no warehouse"))
}
