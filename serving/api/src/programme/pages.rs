//! Pages of events that the server writes: they need no script, and search engines and link previews understand them.
//!
//! | address | what |
//! |---|---|
//! | `/e/{organization}` | public events of an organization |
//! | `/e/{organization}/{event}` | an event: what it is, where, when, what tickets cost |
//! | `.../schedule[/{day}]` | what takes place on a day, by time; `room=` and `track=` for less, `page=` where it is much |
//! | `.../sessions/{session}`, `.../speakers[/{speaker}]` | one of them |
//! | `.../calendar.ics`, `.../sessions/{session}/calendar.ics`, `.../agendas/{ticket}/{key}/calendar.ics` | calendars |
//! | `/sitemap.xml`, `/robots.txt` | what search engines may know |
//!
//! A page is a function of the facts and the time; its tag is a hash of it. Scripts and styles are known by their hash, so
//! pages can be kept by caches, and nothing else may run.

mod event;
mod layout;
mod lists;
mod schedule;
mod words;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http_body_util::{BodyExt as _, Limited};
use records::{EventId, OrganizationId, SessionId, SpeakerId, TicketId};
use rules::programme::EventProgramme;

use super::At;
use super::access::{Asks, Key, Visitor};
use super::calendars::part;
use crate::Api;
use crate::conditional::tag_of;
use crate::edge::client::Client;
use crate::problem::Problem;
use layout::Page;

/// Bytes of a form that is sent.
const FORM_BYTES_MAX: usize = 4 << 10;
/// Addresses of a sitemap (sitemaps.org: 50,000).
const SITEMAP_MAX: usize = 50_000;

/// The routes of the pages.
pub(crate) fn router() -> Router<Api> {
    Router::new()
        .route("/e/{organization}", get(organization))
        .route("/e/{organization}/{event}", get(event))
        .route("/e/{organization}/{event}/access", post(enter))
        .route("/e/{organization}/{event}/schedule", get(first_day))
        .route("/e/{organization}/{event}/schedule/{day}", get(one_day))
        .route("/e/{organization}/{event}/sessions/{session}", get(session))
        .route("/e/{organization}/{event}/sessions/{session}/calendar.ics", get(session_calendar))
        .route("/e/{organization}/{event}/speakers", get(speakers))
        .route("/e/{organization}/{event}/speakers/{speaker}", get(speaker))
        .route("/e/{organization}/{event}/calendar.ics", get(calendar))
        .route("/e/{organization}/{event}/agendas/{ticket}/{key}/calendar.ics", get(agenda))
        .route("/sitemap.xml", get(sitemap))
        .route("/robots.txt", get(robots))
}

/// What a page is made with.
struct Asked {
    at: At,
    visitor: Visitor,
    query: String,
    /// The name of who organizes it.
    organizer: String,
}

impl Asked {
    /// A parameter of the query; empty when there is none.
    fn parameter(&self, name: &str) -> String {
        let found = form_urlencoded::parse(self.query.as_bytes()).find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    }
}

fn asked(api: &Api, headers: &HeaderMap, at: Option<At>, query: Option<String>) -> Option<Asked> {
    let visitor = Visitor::read(api, &Method::GET, headers);
    let at = at?;
    let named = api.callers.read(|directory| directory.organization(at.0).and_then(|known| known.name.clone()));
    let organizer = named.unwrap_or_else(|| at.0.to_string());
    Some(Asked { at, visitor, query: query.unwrap_or_default(), organizer })
}

fn ids(organization: &str, event: &str) -> Option<At> {
    Some((OrganizationId::parse(organization).ok()?, EventId::parse(event).ok()?))
}

/// A page of an event for whoever may see it; otherwise the way in, or nothing.
fn shown(api: &Api, asked: Option<&Asked>, page: impl FnOnce(&Asked, &EventProgramme) -> Option<Page>) -> Response {
    let Some(asked) = asked else { return missing() };
    if api.shows(&asked.visitor, asked.at).is_err() {
        return closed(api, asked);
    }
    match api.programme(asked.at, |known| Some((page(asked, known)?, super::public::is_listed(known)))) {
        Ok(Some((page, listed))) => page.answer(listed),
        _ => missing(),
    }
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, layout::missing()).into_response()
}

/// What somebody sees who may not see the event: a way in, where there is one. It says nothing of the event.
fn closed(api: &Api, asked: &Asked) -> Response {
    let action = format!("/e/{}/{}/access", part(asked.at.0), part(asked.at.1));
    let (text, wrong) = (asked.parameter("invitation"), !asked.parameter("wrong").is_empty());
    match api.asks(asked.at, &text) {
        Some(Asks::Password) => (StatusCode::FORBIDDEN, layout::password(&action, wrong)).into_response(),
        Some(Asks::Invitation) => (StatusCode::FORBIDDEN, layout::invitation(&action, &text, wrong)).into_response(),
        None => missing(),
    }
}

async fn organization(
    State(api): State<Api>,
    Path(organization): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let at = OrganizationId::parse(&organization).ok().map(|organization| (organization, EventId::NONE));
    let Some(asked) = asked(&api, &headers, at, query) else { return missing() };
    match lists::organization(&api, &asked) {
        Some(page) => page.answer(true),
        None => missing(),
    }
}

type OfEvent = Path<(String, String)>;

async fn event(
    State(api): State<Api>,
    Path((o, e)): OfEvent,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let asked = asked(&api, &headers, ids(&o, &e), query);
    // Before the programme is looked at: whoever holds both looks at box offices first.
    let offers = asked.as_ref().map(|asked| event::offers(&api, asked.at)).unwrap_or_default();
    shown(&api, asked.as_ref(), |asked, known| Some(event::page(&api, asked, known, &offers)))
}

async fn first_day(
    State(api): State<Api>,
    Path((o, e)): OfEvent,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let asked = asked(&api, &headers, ids(&o, &e), query);
    shown(&api, asked.as_ref(), |asked, known| schedule::page(&api, asked, known, None))
}

async fn one_day(
    State(api): State<Api>,
    Path((o, e, day)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let asked = asked(&api, &headers, ids(&o, &e), query);
    shown(&api, asked.as_ref(), |asked, known| schedule::page(&api, asked, known, Some(&day)))
}

async fn session(
    State(api): State<Api>,
    Path((o, e, session)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let asked = asked(&api, &headers, ids(&o, &e), None);
    let id = SessionId::parse(&session).unwrap_or(SessionId::NONE);
    shown(&api, asked.as_ref(), |asked, known| lists::session(&api, asked, known, id))
}

async fn speakers(
    State(api): State<Api>,
    Path((o, e)): OfEvent,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let asked = asked(&api, &headers, ids(&o, &e), query);
    shown(&api, asked.as_ref(), |asked, known| Some(lists::speakers(&api, asked, known)))
}

async fn speaker(
    State(api): State<Api>,
    Path((o, e, speaker)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let asked = asked(&api, &headers, ids(&o, &e), None);
    let id = SpeakerId::parse(&speaker).unwrap_or(SpeakerId::NONE);
    shown(&api, asked.as_ref(), |asked, known| lists::speaker(&api, asked, known, id))
}

fn ics(answer: Result<super::calendars::Ics, Problem>) -> Response {
    answer.map_or_else(|_| missing(), IntoResponse::into_response)
}

async fn calendar(State(api): State<Api>, Path((o, e)): OfEvent, headers: HeaderMap) -> Response {
    let Some(asked) = asked(&api, &headers, ids(&o, &e), None) else { return missing() };
    ics(api.shows(&asked.visitor, asked.at).and_then(|()| api.event_calendar(asked.at)))
}

async fn session_calendar(
    State(api): State<Api>,
    Path((o, e, session)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(asked) = asked(&api, &headers, ids(&o, &e), None) else { return missing() };
    let id = SessionId::parse(&session).unwrap_or(SessionId::NONE);
    ics(api.shows(&asked.visitor, asked.at).and_then(|()| api.session_calendar(asked.at, id)))
}

async fn agenda(State(api): State<Api>, Path((o, e, ticket, key)): Path<(String, String, String, String)>) -> Response {
    let (Some(at), Ok(ticket)) = (ids(&o, &e), TicketId::parse(&ticket)) else { return missing() };
    ics(api.ticket_calendar(at, ticket, &key))
}

/// Takes a password or an invitation from a form, and sends the browser to the page with a cookie.
async fn enter(
    State(api): State<Api>,
    Path((o, e)): OfEvent,
    client: Option<Extension<Client>>,
    request: Request<Body>,
) -> Response {
    let Some(at) = ids(&o, &e) else { return missing() };
    let Ok(body) = Limited::new(request.into_body(), FORM_BYTES_MAX).collect().await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let body = body.to_bytes();
    let field = |name: &str| {
        form_urlencoded::parse(&body).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    let page = format!("/e/{}/{}", part(at.0), part(at.1));
    let key = field("invitation").map(Key::Invitation).or_else(|| field("password").map(Key::Password));
    let Some(key) = key else { return missing() };
    let invitation = field("invitation").map(|text| {
        let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        format!("&invitation={text}")
    });
    match api.let_in(at, key, client.map(|Extension(client)| client)).await {
        Ok(entered) => ([(header::SET_COOKIE, entered.cookie)], Redirect::to(&page)).into_response(),
        Err(problem) if problem.code == crate::problem::Code::NotFound => missing(),
        Err(problem) if problem.code == crate::problem::Code::RateLimited => problem.into_response(),
        Err(_) => Redirect::to(&format!("{page}?wrong=1{}", invitation.unwrap_or_default())).into_response(),
    }
}

async fn sitemap(State(api): State<Api>) -> Response {
    let mut addresses = Vec::new();
    api.booking.programmes().each(None, |at, known| {
        if super::public::is_listed(known) && addresses.len() < SITEMAP_MAX {
            let page = api.event_address(at);
            let changed = rules::programme::EventProgramme::revision(known).1;
            let mut add = |address: String| {
                if addresses.len() < SITEMAP_MAX {
                    addresses.push((address, changed));
                }
            };
            add(page.clone());
            if !known.sessions().is_empty() {
                add(format!("{page}/schedule"));
                known.sessions().iter().for_each(|(id, _)| add(format!("{page}/sessions/{}", part(id))));
            }
        }
    });
    let urls: String = addresses
        .iter()
        .map(|(address, changed)| {
            let address = address.replace('&', "&amp;");
            format!("<url><loc>{address}</loc><lastmod>{}</lastmod></url>\n", layout::day_of(*changed))
        })
        .collect();
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n{urls}</urlset>\n"
    );
    let headers = [
        (header::CONTENT_TYPE, "application/xml; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, "public, max-age=300".to_owned()),
        (header::ETAG, tag_of(text.as_bytes())),
    ];
    (headers, text).into_response()
}

async fn robots(State(api): State<Api>) -> Response {
    let text = format!(
        "User-agent: *\nAllow: /e/\nDisallow: /v1/\nDisallow: /shop/\nDisallow: /scan/\n\nSitemap: {}/sitemap.xml\n",
        api.accounts.public_url
    );
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
