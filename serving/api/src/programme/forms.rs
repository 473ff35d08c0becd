//! What buyers are asked: forms with their editions, and whether an order answers them.

use axum::extract::State;
use records::json::FieldError;
use records::programme::{Answers, Form};
use records::{FormId, ItemId};
use rules::programme::Wish;
use rules::programme::forms::order_answers;
use schemars::JsonSchema;
use serde::Serialize;

use super::At;
use super::access::Visitor;
use super::manage::{OfEvent, Within, allowed, at, put};
use crate::Api;
use crate::auth::Presented;
use crate::booking::Exact;
use crate::conditional::IfMatch;
use crate::lists::{One, Page, Paging};
use crate::openapi::Routes;
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Named};
use crate::writes::{Idempotent, Written};

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!("/forms"), "Forms as they are asked now, by id", list)
        .may(&[Code::NotFound])
        .get(at!("/forms/{form}"), "A form as it is asked now", one)
        .may(&[Code::NotFound])
        .put(at!("/forms/{form}"), "Makes a form, or another edition of it", put_form)
        .may(&[Code::NotFound, Code::Refused])
        .get(at!("/forms/{form}/editions/{edition}"), "A form as it was asked then", edition)
        .may(&[Code::NotFound])
        .get("/v1/programmes/{organizer}/{event}/forms", "What buyers are asked", asked)
        .may(&[Code::NotFound])
}

/// A form with which edition it is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "FormEdition")]
struct Edition {
    id: FormId,
    /// From 1. Answers name it: `form:ID`.
    edition: u32,
    #[serde(flatten)]
    form: Form,
}

fn newest(id: FormId, editions: &[Form]) -> Option<Edition> {
    let form = editions.last()?.clone();
    Some(Edition { id, edition: u32::try_from(editions.len()).unwrap_or(u32::MAX), form })
}

fn no_form() -> Problem {
    Problem::new(Code::NotFound, "there is no such form")
}

async fn list(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    paging: Paging,
) -> Result<Page<Edition>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    let after: Option<FormId> = paging.after()?;
    let rest = api.programme(at, |known| paging.entries(after, known.forms()))?;
    Ok(paging.page(rest.into_iter().filter_map(|(id, editions)| newest(id, &editions)), |row| row.id))
}

fn current(api: &Api, at: At, form: FormId) -> Result<Edition, Problem> {
    let found = api.programme(at, |known| known.forms().get(&form).and_then(|editions| newest(form, editions)))?;
    found.ok_or_else(no_form)
}

async fn one(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(form))): Named<Within<FormId>>,
) -> Result<One<Edition>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    Ok(One { data: current(&api, at, form)? })
}

async fn put_form(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(form))): Named<Within<FormId>>,
    condition: IfMatch,
    write: Idempotent<Exact<Form>>,
) -> Result<Written<Edition>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    let wish = Wish::SetForm(form, write.body.0.clone());
    put((&api, &caller, at), &condition, &write, wish, || current(&api, at, form)).await
}

type OfEdition = (Id<records::OrganizationId>, Id<records::EventId>, Id<FormId>, u32);

async fn edition(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(form), edition)): Named<OfEdition>,
) -> Result<One<Edition>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    let place = usize::try_from(edition).unwrap_or(usize::MAX).wrapping_sub(1);
    let found =
        api.programme(at, |known| known.forms().get(&form).and_then(|editions| editions.get(place).cloned()))?;
    let spec = found.ok_or_else(no_form)?;
    Ok(One { data: Edition { id: form, edition, form: spec } })
}

/// What buyers are asked. Answers are sent with an order: `FORM.FIELD` of the buyer, `FORM.POSITION.FIELD` for the ticket at
/// that place of the order, from 0, and `form:FORM` with the edition that was shown.
async fn asked(
    State(api): State<Api>,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    visitor: Visitor,
) -> Result<One<Vec<Edition>>, Problem> {
    let at = (organization, event);
    api.admit(&visitor, at)?;
    let all = api.programme(at, |known| {
        let all =
            known.asked().map(|(id, current)| Edition { id, edition: current.edition, form: current.form.clone() });
        all.collect()
    })?;
    Ok(One { data: all })
}

impl Api {
    /// The answers of an order of these products (and whether each is a ticket) as they are kept; all of them where the event
    /// asks nothing.
    pub(crate) fn answers(&self, at: At, products: &[(ItemId, bool)], given: &Answers) -> Result<Answers, Problem> {
        let checked = self.programme(at, |known| {
            let mut forms = known.asked().map(|(id, current)| (id.to_string(), current)).peekable();
            if forms.peek().is_none() { Ok(given.clone()) } else { order_answers(forms, products, given) }
        })?;
        checked.map_err(|faults| {
            let fields =
                faults.iter().map(|fault| FieldError::new(format!("answers.{}", fault.field), fault.problem.clone()));
            let detail = faults.first().map(|fault| format!("`{}` {}", fault.field, fault.problem)).unwrap_or_default();
            Problem::new(Code::FieldsWrong, detail).with_fields(fields.collect())
        })
    }
}
