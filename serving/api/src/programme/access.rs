//! Who may see an event: everybody, members, whoever knows the password or has an invitation.
//!
//! Whoever was let in has a *pass*, a text that only this installation can make: browsers keep it as a cookie, programs send it
//! as `Event-Pass`. A pass ends after a month, with the password that it was given for, and with its invitation. To whoever may
//! not see an event it is as if it were not there.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use records::programme::{Access, AccessMode, Invitation};
use records::{InvitationId, SecretHash, Span, Timestamp};
use rules::access::{self as rights, Act, On, Principal};
use rules::programme::{EventProgramme, Standing, Wish};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::manage::{OfEvent, Within, allowed, at, put, remove};
use super::{At, no_event};
use crate::Api;
use crate::accounts::{Nothing, When, offset, passwords};
use crate::auth::{self, Presented};
use crate::conditional::IfMatch;
use crate::edge::client::Client;
use crate::lists::{One, Page, Paging};
use crate::openapi::{Gives, Routes, Sketch, Takes};
use crate::problem::{Code, Problem};
use crate::reads::extract::{Id, Instant, Named, Params};
use crate::writes::{Idempotent, Made, Written};

/// The header of a pass.
const HEADER: &str = "event-pass";
/// What the names of cookies with passes begin with; the event follows.
const COOKIE: &str = "eventra_pass_";
/// How long a pass lasts.
const LASTS: Span = Span::from_seconds(30 * 86_400);
/// The shortest password of an event: people pass it on by word of mouth, and guessing is bounded by rates.
const PASSWORD_CHARACTERS_MIN: usize = 6;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(at!("/access"), "Who may see an event", read_access)
        .may(&[Code::NotFound])
        .put(at!("/access"), "Sets who may see an event", put_access)
        .may(&[Code::NotFound, Code::Refused])
        .get(at!("/invitations"), "Invitations, by id", invitations)
        .may(&[Code::NotFound])
        .post(at!("/invitations"), "Makes an invitation", invite)
        .may(&[Code::NotFound, Code::Refused])
        .delete(at!("/invitations/{invitation}"), "Revokes an invitation, and those whom it has let in", revoke)
        .may(&[Code::NotFound])
        .get("/v1/programmes/{organizer}/{event}/entrance", "What an event asks whoever is to be let in", entrance)
        .may(&[Code::NotFound])
        .post("/v1/programmes/{organizer}/{event}/passes", "Shows a password or an invitation, and gets a pass", enter)
        .may(&[Code::NotFound, Code::Refused, Code::RateLimited])
}

/// Whoever looks at an event.
pub(crate) struct Visitor {
    principal: Principal,
    passes: Vec<String>,
}

impl FromRequestParts<Api> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        Ok(Self::read(api, &parts.method, &parts.headers))
    }
}

impl Takes for Visitor {
    fn describe(sketch: &mut Sketch<'_>) {
        let text = "A pass, for events that are not for everybody; browsers send it as a cookie.";
        sketch.header("Event-Pass", text, json!({"type": "string"}), false);
    }
}

impl Visitor {
    /// Reads what a request shows. A login that has ended is nobody's: a public page stays public.
    pub(crate) fn read(api: &Api, method: &Method, headers: &HeaderMap) -> Self {
        let principal = auth::present(api, method, headers, None).map_or(Principal::Nobody, |shown| shown.principal);
        let header = headers.get(HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let cookies = cookies.flat_map(|all| all.split(';')).filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            name.starts_with(COOKIE).then(|| value.to_owned())
        });
        Self { principal, passes: header.into_iter().chain(cookies).take(50).collect() }
    }

    /// Whether they belong to the organization and may know of the event.
    pub(crate) fn is_member(&self, at: At) -> bool {
        let whole = match &self.principal {
            Principal::Person(person) if !person.platform_admin => person
                .membership(at.0)
                .is_some_and(|membership| membership.events.is_empty() || membership.events.contains(&at.1)),
            _ => true,
        };
        whole && rights::decide(&self.principal, Act::ReadOrganization, &On::event(at.0, at.1)).is_ok()
    }

    /// Whether they may organize the event.
    pub(crate) fn organizes(&self, at: At) -> bool {
        rights::decide(&self.principal, Act::ManageEvents, &On::event(at.0, at.1)).is_ok()
    }
}

/// What a pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Password,
    Invitation(InvitationId),
}

impl Api {
    /// Lets somebody see an event and buy there, or says that there is none. Drafts may be sold by whoever knows of them:
    /// whether anything is on sale is the box office's own setting.
    pub(crate) fn admit(&self, visitor: &Visitor, at: At) -> Result<(), Problem> {
        let access = self.programme(at, |known| known.access().clone())?;
        if self.lets_in(visitor, at, &access) { Ok(()) } else { Err(no_event()) }
    }

    /// Lets somebody read what an event says of itself: it is published, or they organize it.
    pub(crate) fn shows(&self, visitor: &Visitor, at: At) -> Result<(), Problem> {
        let draft = self.programme(at, |known| *known.standing() == Standing::Draft)?;
        if draft && !visitor.organizes(at) {
            return Err(no_event());
        }
        self.admit(visitor, at)
    }

    /// What a published event asks whoever may not see it; none where it asks nothing, or has nothing for whoever asks.
    /// An invitation that is not known is not asked for: such an event is not there.
    pub(super) fn asks(&self, at: At, invitation: &str) -> Option<Asks> {
        let now = self.clock.now();
        let invitation = self.invitation(at, invitation);
        let asked = self.programme(at, |known| match known.access().mode {
            _ if *known.standing() == Standing::Draft => None,
            AccessMode::Password => Some(Asks::Password),
            AccessMode::Invitation => invitation.filter(|id| known.invites(*id, now)).map(|_| Asks::Invitation),
            _ => None,
        });
        asked.ok().flatten()
    }

    fn lets_in(&self, visitor: &Visitor, at: At, access: &Access) -> bool {
        if matches!(access.mode, AccessMode::Public | AccessMode::Unlisted) || visitor.is_member(at) {
            return true;
        }
        visitor.passes.iter().any(|pass| self.is_pass(at, access, pass))
    }

    fn is_pass(&self, at: At, access: &Access, text: &str) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) else { return false };
        let Some((head, _)) = bytes.split_first_chunk::<25>() else { return false };
        let id = InvitationId(u128::from_be_bytes(head[1..17].try_into().expect("sixteen bytes are sixteen bytes")));
        let given =
            Timestamp::from_seconds(i64::from_be_bytes(head[17..].try_into().expect("eight bytes are eight bytes")));
        let now = self.clock.now();
        let way = match (head[0], access.mode) {
            (0, AccessMode::Password) => Way::Password,
            (1, AccessMode::Invitation) => Way::Invitation(id),
            _ => return false,
        };
        let stands = match way {
            Way::Password => true,
            Way::Invitation(id) => self.booking.programmes().ask(at, |known| known.invites(id, now)).unwrap_or(false),
        };
        // Hashes are compared, so that how long it takes says nothing of the pass.
        stands && now < given + LASTS && SecretHash::of(&self.pass(at, access, way, given)) == SecretHash::of(text)
    }

    /// A pass: how its bearer was let in, when, and 128 bits that only this installation can compute.
    fn pass(&self, at: At, access: &Access, way: Way, given: Timestamp) -> String {
        let (kind, id) = match way {
            Way::Password => (0, 0),
            Way::Invitation(id) => (1, id.0),
        };
        let seconds = given.seconds();
        let about = format!("{} {kind} {id:032x} {seconds} {}", at.1, access.password);
        let half = |number: u8| self.subjects().token(at.0, &format!("event pass {number}"), &about).0;
        let mut bytes = vec![kind];
        bytes.extend(id.to_be_bytes());
        bytes.extend(seconds.to_be_bytes());
        bytes.extend(half(0).to_be_bytes());
        bytes.extend(half(1).to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What an invitation's link holds.
    fn invitation_text(&self, at: At, id: InvitationId) -> String {
        let half = |number: u8| {
            self.subjects().token(at.0, &format!("event invitation {number}"), &format!("{} {:032x}", at.1, id.0)).0
        };
        let mut bytes = id.0.to_be_bytes().to_vec();
        bytes.extend(half(0).to_be_bytes());
        bytes.extend(half(1).to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The invitation that a text is, when this installation made it.
    pub(super) fn invitation(&self, at: At, text: &str) -> Option<InvitationId> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (id, _) = bytes.split_first_chunk::<16>()?;
        let id = InvitationId(u128::from_be_bytes(*id));
        (SecretHash::of(&self.invitation_text(at, id)) == SecretHash::of(text)).then_some(id)
    }

    /// A password as it is hashed: under the installation's secret, so that the log alone lets nobody guess.
    fn peppered(&self, at: At, password: &str) -> String {
        let half = |number: u8| self.subjects().token(at.0, &format!("event password {number}"), password);
        format!("{}{}", half(0), half(1))
    }

    /// Lets somebody in who shows a password or an invitation; the pass, and the cookie that holds it.
    pub(super) async fn let_in(&self, at: At, key: Key, client: Option<Client>) -> Result<Entered, Problem> {
        let access = self.programme(at, |known| known.access().clone())?;
        let way = match (access.mode, key) {
            (AccessMode::Password, Key::Password(password)) => {
                self.edge.rates.attempt(&format!("event {} {}", at.0, at.1), client.map(|client| client.address))?;
                if password.len() > passwords::BYTES_MAX {
                    return Err(wrong_key());
                }
                let right = passwords::verify(self.peppered(at, &password), Some(access.password.clone())).await?;
                if !right {
                    return Err(wrong_key());
                }
                Way::Password
            }
            (AccessMode::Invitation, Key::Invitation(text)) => {
                let id = self.invitation(at, &text).ok_or_else(wrong_key)?;
                self.arrange(None, None, at, vec![Wish::UseInvitation(id)]).await?;
                Way::Invitation(id)
            }
            _ => return Err(no_event()),
        };
        let pass = self.pass(at, &access, way, self.clock.now());
        let secure = if self.accounts.secure { "; Secure" } else { "" };
        let name = &blake3::hash(format!("{} {}", at.0, at.1).as_bytes()).to_hex()[..16];
        let seconds = LASTS.seconds();
        let cookie = format!("{COOKIE}{name}={pass}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
        Ok(Entered { pass, cookie })
    }
}

/// What an event asks whoever is to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "EventAsks")]
pub(super) enum Asks {
    Password,
    /// The invitation that was shown lets in.
    Invitation,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EventEntrance")]
struct Entrance {
    asks: Asks,
}

#[derive(Deserialize, JsonSchema)]
struct WithInvitation {
    /// What an invitation's link holds.
    #[serde(default)]
    invitation: String,
}

async fn entrance(
    State(api): State<Api>,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    Params(WithInvitation { invitation }): Params<WithInvitation>,
) -> Result<One<Entrance>, Problem> {
    let asks = api.asks((organization, event), &invitation).ok_or_else(no_event)?;
    Ok(One { data: Entrance { asks } })
}

fn wrong_key() -> Problem {
    Problem::new(Code::Refused, "the password or the invitation does not open this event").because("key_wrong")
}

/// What somebody shows to be let in.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(rename = "EventKey")]
pub(super) enum Key {
    /// The event's password.
    Password(String),
    /// What an invitation's link holds.
    Invitation(String),
}

/// Somebody was let in.
pub(super) struct Entered {
    pass: String,
    pub(super) cookie: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EventPass")]
struct Pass {
    /// To be sent as `Event-Pass`; for a month.
    pass: String,
}

impl IntoResponse for Entered {
    fn into_response(self) -> Response {
        let cookie = [(header::SET_COOKIE, self.cookie)];
        (axum::http::StatusCode::CREATED, cookie, Json(One { data: Pass { pass: self.pass } })).into_response()
    }
}

impl Gives for Entered {
    fn describe(sketch: &mut Sketch<'_>) {
        let data = sketch.written::<Pass>();
        let schema = schemars::json_schema!({"type": "object", "properties": {"data": data}, "required": ["data"]});
        sketch.answers_as(201, "Let in. The pass is in a cookie, too.", "application/json", schema);
    }
}

async fn enter(
    State(api): State<Api>,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    client: Option<Extension<Client>>,
    write: Idempotent<Key>,
) -> Result<Entered, Problem> {
    api.let_in((organization, event), write.body, client.map(|Extension(client)| client)).await
}

/// Who may see an event.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "EventAccess")]
struct AccessShown {
    mode: AccessMode,
}

/// Who is to see an event.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EventAccessToPut")]
struct PutAccess {
    mode: AccessMode,
    /// For the mode `password`: at least 6 characters. Who was let in with another one is no longer.
    password: Option<String>,
}

fn access(api: &Api, at: At) -> Result<AccessShown, Problem> {
    api.programme(at, |known| AccessShown { mode: known.access().mode })
}

async fn read_access(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
) -> Result<One<AccessShown>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    Ok(One { data: access(&api, at)? })
}

async fn put_access(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    condition: IfMatch,
    write: Idempotent<PutAccess>,
) -> Result<Written<AccessShown>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    let PutAccess { mode, password } = write.body.clone();
    let password = match password {
        Some(_) if mode != AccessMode::Password => {
            return Err(Problem::new(Code::Refused, "`password` is for the mode `password`"));
        }
        Some(password)
            if password.chars().count() < PASSWORD_CHARACTERS_MIN || password.len() > passwords::BYTES_MAX =>
        {
            let detail =
                format!("a password has {PASSWORD_CHARACTERS_MIN} characters to {} bytes", passwords::BYTES_MAX);
            return Err(Problem::new(Code::Refused, detail));
        }
        // Slow, and so before the command.
        Some(password) => passwords::hash(&api, api.peppered(at, &password)).await?,
        // The one that is set stays.
        None if mode == AccessMode::Password => api.programme(at, |known| known.access().password.clone())?,
        None => String::new(),
    };
    let wish = Wish::SetAccess(Access { mode, password });
    put((&api, &caller, at), &condition, &write, wish, || access(&api, at)).await
}

/// An invitation.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "EventInvitation")]
struct Invited {
    id: InvitationId,
    /// Whom it is for.
    title: String,
    /// How many devices it lets in.
    uses: Option<u32>,
    used: u32,
    until: Option<When>,
    revoked: bool,
    made: When,
    /// Where it lets people in.
    link: String,
}

/// An invitation to make.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "InvitationToPost")]
struct Invite {
    /// Whom it is for.
    #[serde(default)]
    title: String,
    /// How many devices it lets in; any number, when it is not given.
    uses: Option<u32>,
    until: Option<Instant>,
}

fn shown(api: &Api, at: At, id: InvitationId, known: &rules::programme::state::Invited) -> Invited {
    Invited {
        id,
        title: known.spec.title.clone(),
        uses: known.spec.uses,
        used: known.used,
        until: known.spec.until.map(When),
        revoked: known.revoked,
        made: When(known.made),
        link: format!("{}?invitation={}", api.event_address(at), api.invitation_text(at, id)),
    }
}

async fn invitations(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    paging: Paging,
) -> Result<Page<Invited>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    let after: Option<InvitationId> = paging.after()?;
    let rest = api.programme(at, |known: &EventProgramme| paging.entries(after, known.invitations()))?;
    Ok(paging.page(rest.into_iter().map(|(id, known)| shown(&api, at, id, &known)), |row| row.id))
}

async fn invite(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event))): Named<OfEvent>,
    write: Idempotent<Invite>,
) -> Result<Made<Invited>, Problem> {
    let at = (organization, event);
    allowed(&api, &caller, at)?;
    let id = InvitationId(write.id().0);
    let Invite { title, uses, until } = write.body.clone();
    let wish = Wish::Invite(id, Invitation { title, uses, until: until.map(|at| at.0) });
    let done = api.arrange(Some(write.tag(&caller.who())), caller.principal.by(), at, vec![wish]).await?;
    let known = api.programme(at, |known| known.invitations().get(&id).cloned())?.ok_or_else(no_event)?;
    Ok(Made(Written { data: shown(&api, at, id, &known), offset: offset(&done) }))
}

async fn revoke(
    State(api): State<Api>,
    caller: Presented,
    Named((Id(organization), Id(event), Id(invitation))): Named<Within<InvitationId>>,
    write: Idempotent,
) -> Result<Nothing, Problem> {
    remove((&api, &caller, (organization, event)), &write, Wish::Revoke(invitation)).await
}
