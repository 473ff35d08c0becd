//! Which changes concern a feed: for each read route the view behind it, and the keys that its answer depends on.

use axum::extract::Query;
use axum::http::Uri;
use records::{CampaignId, Currency, EventId, Kind, LeaderboardId, OrganizationId, SessionId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use views::attendance::Place;
use views::audience::{By, Crowd};
use views::campaigns::CampaignKey;
use views::feed::{Moved, Position};
use views::fraud::ScoreKey;
use views::funnels::FunnelKey;
use views::leaderboards::Board;
use views::revenue::Till;
use views::shards::Reader;
use views::state::Fold;
use views::trending::Stage;
use views::visits::Visitor;
use views::windows::Series;
use views::{recommend, segments};

use super::address;
use crate::Api;
use crate::problem::{Code, Problem};
use crate::reads::extract::person;
use crate::reads::{Views, leaderboards};

/// A view's ring of changed keys, looked through for those of one feed.
pub(super) trait Ring: Send + Sync {
    /// The position after everything that is complete now.
    fn now(&self, views: &Views) -> Position;
    /// Reads a position of the view.
    fn parse(&self, text: &str) -> Result<Position, Problem>;
    /// Whether what the feed tells may have changed since a position.
    fn moved(&self, api: &Api, views: &Views, since: Position) -> Moved;
}

/// How a read route is made a feed of.
pub(super) struct Plan {
    /// What concerns it.
    pub(super) ring: Box<dyn Ring>,
    /// Whether the route tells changes by itself; else its whole answer is the value of one key.
    pub(super) keyed: bool,
    /// Whether the answer changes with time, or with things that no ring notes.
    pub(super) timely: bool,
}

struct Watched<F: Fold, W> {
    reader: fn(&Views) -> &Reader<F>,
    wanted: W,
}

impl<F: Fold, W, K> Ring for Watched<F, W>
where
    W: Fn(&Api) -> K + Send + Sync,
    K: Fn(&F::Key) -> bool,
{
    fn now(&self, views: &Views) -> Position {
        (self.reader)(views).feed().now()
    }

    fn parse(&self, text: &str) -> Result<Position, Problem> {
        Position::parse::<F>(text).map_err(|error| Problem::new(Code::PositionWrong, error.to_string()))
    }

    fn moved(&self, api: &Api, views: &Views, since: Position) -> Moved {
        (self.reader)(views).feed().moved(since, (self.wanted)(api))
    }
}

/// The answer depends on the keys that `wanted` takes, and on nothing else.
fn ring<F: Fold, K>(reader: fn(&Views) -> &Reader<F>, wanted: impl Fn(&Api) -> K + Send + Sync + 'static) -> Plan
where
    K: Fn(&F::Key) -> bool + 'static,
{
    Plan { ring: Box::new(Watched { reader, wanted }), keyed: false, timely: false }
}

impl Plan {
    fn timely(self) -> Self {
        Self { timely: true, ..self }
    }
}

/// The parameters that say which keys an answer depends on; the read route itself looks at all of them.
#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    event: EventId,
    #[serde(default)]
    session: SessionId,
    kind: Option<Kind>,
}

/// The currency of a feed of revenue.
#[derive(Deserialize)]
struct Money {
    currency: Option<Currency>,
}

/// What a feed of people tells them apart by.
#[derive(Deserialize)]
struct People {
    #[serde(default)]
    by: By,
}

fn given<T: DeserializeOwned>(address: &Uri) -> Result<T, Problem> {
    let query = Query::<T>::try_from_uri(address);
    query.map(|Query(given)| given).map_err(|error| Problem::new(Code::ParameterWrong, error.body_text()))
}

fn id<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| Problem::new(Code::ParameterWrong, error.to_string()))
}

/// Makes the plan of a read route's feed, for one organization.
///
/// # Errors
/// `route_unknown`, or `parameter_wrong`.
pub(super) fn plan(organization: OrganizationId, address: &Uri) -> Result<Plan, Problem> {
    let segments = address::segments(address)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (view, keyed) = match segments.as_slice() {
        [view @ .., "changes"] => (view, true),
        view => (view, false),
    };
    let Given { event, session, kind } = given(address)?;
    let plan = match view {
        ["freshness"] if !keyed => ring(|views| &views.windows, |_| |_: &Series| false).timely(),
        ["windows", ..] => windows(organization, event, session, kind, view, keyed)?,
        ["leaderboards", ..] => boards(organization, event, address, view, keyed)?,
        ["campaigns"] => {
            ring(|views| &views.campaigns, move |_| move |key: &CampaignKey| key.organization == organization)
        }
        ["campaigns", campaign] => {
            let key = CampaignKey { organization, campaign: id::<CampaignId>(campaign)? };
            ring(|views| &views.campaigns, move |_| move |changed: &CampaignKey| *changed == key)
        }
        ["attendance"] => ring(
            |views| &views.attendance,
            move |_| move |place: &Place| (place.organization, place.event) == (organization, event),
        ),
        ["attendance", session] => {
            let place = Place { organization, event, session: id(session)? };
            ring(|views| &views.attendance, move |_| move |changed: &Place| *changed == place)
        }
        ["trending"] => {
            // The feed of changes is about every event when none is named; the answer is about the one without a name.
            let wanted = move |stage: &Stage| {
                stage.organization == organization && (stage.event == event || keyed && !event.is_some())
            };
            let plan = ring(|views| &views.trending, move |_| wanted);
            if keyed { plan } else { plan.timely() }
        }
        ["revenue"] => {
            // As with `trending`, the feed of changes is about every event when none is named.
            let Money { currency } = given(address)?;
            let wanted = move |till: &Till| {
                till.organization == organization
                    && (till.event == event || keyed && !event.is_some())
                    && currency.is_none_or(|currency| till.currency == currency)
            };
            ring(|views| &views.revenue, move |_| wanted)
        }
        ["audience"] => {
            let People { by } = given(address)?;
            let wanted = move |crowd: &Crowd| {
                (crowd.organization, crowd.event) == (organization, event) && (keyed || crowd.by == by)
            };
            ring(|views| &views.audience, move |_| wanted)
        }
        ["visits", who @ ..] => visits(organization, event, who, keyed)?,
        ["funnels"] if keyed => funnels(organization, event),
        ["funnels", _] => funnels(organization, event).timely(),
        ["fraud", "scores"] if keyed => scores(organization),
        ["fraud", "scores"] | ["fraud", "scores" | "rings", _] => scores(organization).timely(),
        ["recommendations", "visitors" | "items", _] => {
            ring(|views| &views.recommend, move |_| move |_: &recommend::VisitorKey| false).timely()
        }
        ["segments"] if keyed => members(organization, None),
        ["segments"] => members(organization, None).timely(),
        ["segments", "visitors", who] => members(organization, Some((*who).to_owned())).timely(),
        _ => return Err(Problem::new(Code::RouteUnknown, format!("no read route is at `{}`", address.path()))),
    };
    Ok(Plan { keyed, ..plan })
}

fn windows(
    organization: OrganizationId,
    event: EventId,
    session: SessionId,
    kind: Option<Kind>,
    view: &[&str],
    keyed: bool,
) -> Result<Plan, Problem> {
    let of = move |kind: Option<Kind>| {
        ring(
            |views| &views.windows,
            move |_| {
                move |series: &Series| {
                    (series.organization, series.event, series.session) == (organization, event, session)
                        && kind.is_none_or(|kind| kind == series.kind)
                }
            },
        )
    };
    let page = Some(kind.unwrap_or(Kind::Page));
    match (view, keyed) {
        (["windows"], true) => Ok(of(None)),
        (["windows"], false) => Ok(of(page)),
        (["windows", "uniques"], false) => Ok(of(kind)),
        (["windows", "sliding"], false) => Ok(of(page).timely()),
        // Late records change no series.
        (["windows", "late"], false) => Ok(of(None).timely()),
        _ => Err(Problem::new(Code::RouteUnknown, "no read route of windows is at this address")),
    }
}

fn boards(
    organization: OrganizationId,
    event: EventId,
    address: &Uri,
    view: &[&str],
    keyed: bool,
) -> Result<Plan, Problem> {
    let [_, leaderboard, ..] = view else {
        // The list is of all boards, whatever event is named.
        let wanted = move |board: &Board| {
            board.organization == organization && (!keyed || !event.is_some() || board.event == event)
        };
        return Ok(ring(|views| &views.leaderboards, move |_| wanted));
    };
    let which: leaderboards::Which = given(address)?;
    let board = which.board(organization, id::<LeaderboardId>(leaderboard)?)?;
    Ok(ring(|views| &views.leaderboards, move |_| move |changed: &Board| *changed == board))
}

fn visits(organization: OrganizationId, event: EventId, who: &[&str], keyed: bool) -> Result<Plan, Problem> {
    let who = match who {
        [] => None,
        [who] if !keyed => Some((*who).to_owned()),
        _ => return Err(Problem::new(Code::RouteUnknown, "no read route of visits is at this address")),
    };
    Ok(ring(
        |views| &views.visits,
        move |api| {
            let one = who.as_deref().map(|who| person(api, organization, who).ok());
            move |visitor: &Visitor| {
                (visitor.organization, visitor.event) == (organization, event)
                    && one.is_none_or(|one| one == Some(visitor.actor))
            }
        },
    ))
}

fn funnels(organization: OrganizationId, event: EventId) -> Plan {
    ring(|views| &views.funnels, move |_| move |key: &FunnelKey| (key.organization, key.event) == (organization, event))
}

fn scores(organization: OrganizationId) -> Plan {
    ring(|views| &views.scores, move |_| move |key: &ScoreKey| key.organization == organization)
}

fn members(organization: OrganizationId, who: Option<String>) -> Plan {
    ring(
        |views| &views.segments,
        move |api| {
            let one = who.as_deref().map(|who| person(api, organization, who).ok());
            move |key: &segments::VisitorKey| {
                key.organization == organization && one.is_none_or(|one| one == Some(key.actor))
            }
        },
    )
}
