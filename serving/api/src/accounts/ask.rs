//! Who asks, as handlers take it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use rules::access::{Person, Principal};

use crate::Api;
use crate::auth::{self, Presented};
use crate::openapi::{Sketch, Takes};
use crate::problem::{Code, Problem};

impl FromRequestParts<Api> for Presented {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        auth::present(api, &parts.method, &parts.headers, None)
    }
}

impl Takes for Presented {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.somebody();
    }
}

/// Somebody who is signed in; keys have no account.
#[derive(Debug, Clone)]
pub struct Signed(pub Person);

impl FromRequestParts<Api> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match auth::present(api, &parts.method, &parts.headers, None)?.principal {
            Principal::Person(person) => Ok(Self(person)),
            Principal::Nobody => Err(Problem::new(Code::KeyMissing, "nobody is signed in")),
            _ => Err(Problem::new(Code::AccessDenied, "this is for people who are signed in; a key has no account")),
        }
    }
}

impl Takes for Signed {
    fn describe(sketch: &mut Sketch<'_>) {
        sketch.person();
    }
}
