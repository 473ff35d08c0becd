//! Changefeeds: what is different since a position, without gap; or everything, when that is too long ago.
//!
//! Start without `from`: the answer is a reset. Then ask again with the `position` of the answer before, as often as
//! you like; apply `data` over what you have. `null` says that the key is gone.

use std::collections::BTreeMap;

use axum::extract::State;
use records::{EventId, OrganizationId, SessionId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use views::as_of::AsOf;
use views::attendance::{Place, Rooms};
use views::audience::{Audience, By, Crowd};
use views::campaigns::{CampaignKey, Campaigns, Counted};
use views::feed::{Position, Step};
use views::fraud::{ScoreKey, Scores};
use views::funnels::{self, FunnelKey, Funnels};
use views::leaderboards::{Board, Leaderboards};
use views::revenue::{Revenue, Till};
use views::segments::{Segments, VisitorKey};
use views::shards::Reader;
use views::state::Fold;
use views::trending::{Stage, Trends};
use views::visits::{Visitor, Visits};
use views::windows::{Series, Size, Windows};

use super::extract::{Caller, Params, rows};
use crate::Api;
use crate::answer::Answer;
use crate::limits;
use crate::problem::{Code, Problem};

/// The most keys of a reset: some ten megabytes of JSON. A feed of more is narrowed by its parameters.
const RESET_KEYS_MAX: usize = 50_000;
/// Places of a board in a feed: what a page shows.
const PLACES: usize = 10;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Since {
    /// The `position` of the answer before; without it the answer is a reset.
    from: Option<String>,
    /// Keys of one answer, 1 to 1,000.
    limit: Option<usize>,
    /// The event, by its id.
    #[serde(default)]
    event: EventId,
    /// The session, by its id; without it the whole event.
    #[serde(default)]
    session: SessionId,
}

/// One step of a feed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Changes {
    /// Whether to forget what was there before.
    reset: bool,
    /// Give this as `from` next time.
    position: Position,
    /// The keys that changed, with their values as they are now.
    changes: Vec<Change>,
}

/// A key of the view with its value as it is now.
#[derive(Serialize, JsonSchema)]
struct Change {
    /// The key: its fields depend on the view.
    key: Value,
    /// What the read of that key answers; null when the key is gone.
    value: Value,
}

/// What a feed needs to know about a view.
struct Feeding<'a, F: Fold> {
    reader: &'a Reader<F>,
    wanted: &'a dyn Fn(&F::Key) -> bool,
    value: Valued<'a, F>,
    all: &'a dyn Fn() -> Vec<F::Key>,
}

/// How a key's value is found.
enum Valued<'a, F: Fold> {
    /// In one bin, that of the key's hash.
    Bin(fn(&F::Key) -> u64, &'a dyn Fn(&F, &F::Key) -> Value),
    /// By asking all bins.
    All(&'a dyn Fn(&F::Key) -> Value),
}

impl<F: Fold> Feeding<'_, F>
where
    F::Key: Serialize,
{
    fn answer(&self, since: &Since) -> Result<Answer<Changes>, Problem> {
        // Taken before anything is read: what changes meanwhile is told again, nothing is missed.
        let as_of = self.reader.progress().current();
        let step = match &since.from {
            None => Step::Reset { position: self.reader.feed().now() },
            Some(text) => {
                let position =
                    Position::parse::<F>(text).map_err(|error| Problem::new(Code::PositionWrong, error.to_string()))?;
                let limit = since.limit.map_or(limits::ROWS_MAX, |limit| rows(Some(limit)));
                self.reader.feed().since(position, limit, self.wanted)
            }
        };
        match step {
            Step::Deltas { keys, position } => Ok(self.changes(as_of, false, position, &keys)),
            Step::Reset { position } => {
                let keys = (self.all)();
                if keys.len() > RESET_KEYS_MAX {
                    return Err(Problem::new(
                        Code::ParameterWrong,
                        format!("the view holds {} keys; narrow the feed with its parameters", keys.len()),
                    ));
                }
                Ok(self.changes(as_of, true, position, &keys))
            }
        }
    }

    fn changes(&self, as_of: AsOf, reset: bool, position: Position, keys: &[F::Key]) -> Answer<Changes> {
        let value = |key: &F::Key| match &self.value {
            Valued::Bin(hash, value) => self.reader.read(hash(key), |fold| value(fold, key)).0,
            Valued::All(value) => value(key),
        };
        let change = |key: &F::Key| Change { key: json!(key), value: value(key) };
        // After a reset nothing is known, so that there is nothing to take back.
        let changes = keys.iter().map(change).filter(|change| !(reset && change.value.is_null())).collect();
        Answer { as_of, data: Changes { reset, position, changes } }
    }
}

/// Totals by kind of one event, or of one session of it.
pub(crate) async fn windows(caller: Caller, Params(since): Params<Since>) -> Result<Answer<Changes>, Problem> {
    let (organization, event, session) = (caller.organization, since.event, since.session);
    let feeding = Feeding::<Windows> {
        reader: &caller.views.windows,
        wanted: &|series| (series.organization, series.event, series.session) == (organization, event, session),
        value: Valued::Bin(Series::hash, &|fold, series| {
            let now = caller.views.progress().current().log_time;
            json!(
                fold.series(series, Size::Minute, now, now)
                    .map(|answer| { json!({"total": answer.total, "uniques": answer.uniques}) })
            )
        }),
        all: &|| Series::kinds(organization, event, session).collect(),
    };
    feeding.answer(&since)
}

/// The first places of every board of the organization, or of one event's.
pub(crate) async fn leaderboards(caller: Caller, Params(since): Params<Since>) -> Result<Answer<Changes>, Problem> {
    let (organization, event) = (caller.organization, since.event);
    let wanted = move |board: &Board| of(organization, board) && (!event.is_some() || board.event == event);
    let feeding = Feeding::<Leaderboards> {
        reader: &caller.views.leaderboards,
        wanted: &wanted,
        value: Valued::Bin(Board::hash, &|fold, board| json!(fold.top(board, 0, PLACES))),
        all: &|| {
            let mut boards = Vec::new();
            caller.views.leaderboards.scan(|_, fold| {
                boards.extend(fold.boards(organization).into_iter().map(|(board, _)| board).filter(wanted));
            });
            boards
        },
    };
    feeding.answer(&since)
}

fn of(organization: OrganizationId, board: &Board) -> bool {
    board.organization == organization
}

/// Totals of every campaign of the organization.
pub(crate) async fn campaigns(caller: Caller, Params(since): Params<Since>) -> Result<Answer<Changes>, Problem> {
    let organization = caller.organization;
    let feeding = Feeding::<Campaigns> {
        reader: &caller.views.campaigns,
        wanted: &|key: &CampaignKey| key.organization == organization,
        value: Valued::Bin(|key| Counted::hash(key.organization, key.campaign), &|fold, key| json!(fold.total(*key))),
        all: &|| {
            let mut keys = Vec::new();
            caller.views.campaigns.scan(|_, fold| keys.extend(fold.of(organization)));
            keys
        },
    };
    feeding.answer(&since)
}

/// Every session of one event.
pub(crate) async fn attendance(caller: Caller, Params(since): Params<Since>) -> Result<Answer<Changes>, Problem> {
    let (organization, event) = (caller.organization, since.event);
    let feeding = Feeding::<Rooms> {
        reader: &caller.views.attendance,
        wanted: &|place: &Place| (place.organization, place.event) == (organization, event),
        value: Valued::Bin(Place::hash, &|fold, place| json!(fold.session(place))),
        all: &|| {
            let mut places = Vec::new();
            caller.views.attendance.scan(|_, fold| {
                let sessions = fold.sessions(organization, event);
                places.extend(sessions.into_iter().map(|found| Place { organization, event, session: found.session }));
            });
            places
        },
    };
    feeding.answer(&since)
}

/// Scores of the organization as records are scored; a reset holds the newest high ones.
pub(crate) async fn scores(caller: Caller, Params(since): Params<Since>) -> Result<Answer<Changes>, Problem> {
    let organization = caller.organization;
    let hash = |key: &ScoreKey| Scores::hash(key.organization);
    let feeding = Feeding::<Scores> {
        reader: &caller.views.scores,
        wanted: &|key: &ScoreKey| key.organization == organization,
        value: Valued::Bin(hash, &|fold, key| json!(fold.score(*key))),
        all: &|| {
            let (overview, _) = caller
                .views
                .scores
                .read(Scores::hash(organization), |fold| fold.overview(organization, limits::ROWS_MAX));
            let recent = overview.into_iter().flat_map(|overview| overview.recent);
            recent.map(|score| ScoreKey { organization, record: score.record }).collect()
        },
    };
    feeding.answer(&since)
}

/// What is trending in every event of the organization, or in one.
pub(crate) async fn trending(caller: Caller, Params(since): Params<Since>) -> Result<Answer<Changes>, Problem> {
    let (organization, event) = (caller.organization, since.event);
    let wanted = move |stage: &Stage| stage.organization == organization && (!event.is_some() || stage.event == event);
    let now = caller.views.progress().current().log_time;
    let feeding = Feeding::<Trends> {
        reader: &caller.views.trending,
        wanted: &wanted,
        value: Valued::Bin(Stage::hash, &|fold, stage| json!(fold.top(stage, now, PLACES))),
        all: &|| {
            let mut stages = Vec::new();
            caller.views.trending.scan(|_, fold| stages.extend(fold.of(organization).filter(wanted)));
            stages
        },
    };
    feeding.answer(&since)
}

/// The steps of every funnel that the rules define now, in one event.
pub(crate) async fn funnels(
    State(api): State<Api>,
    caller: Caller,
    Params(since): Params<Since>,
) -> Result<Answer<Changes>, Problem> {
    let (organization, event) = (caller.organization, since.event);
    let rules = api.rules.read().expect("nothing panics under the lock").rules(organization).cloned();
    let defined: BTreeMap<FunnelKey, usize> = rules
        .iter()
        .flat_map(|rules| rules.funnels.defined())
        .map(|(known, definition)| {
            (FunnelKey { organization, event, funnel: known.funnel, definition }, known.steps.len())
        })
        .collect();
    let feeding = Feeding::<Funnels> {
        reader: &caller.views.funnels,
        wanted: &|key: &FunnelKey| defined.contains_key(key),
        value: Valued::All(&|key| {
            json!(defined.get(key).map(|steps| funnels::summarize(&caller.views.funnels, key, *steps).0))
        }),
        all: &|| defined.keys().copied().collect(),
    };
    feeding.answer(&since)
}

/// The segments of each visitor who is in any; null once they are in none.
pub(crate) async fn segments(caller: Caller, Params(since): Params<Since>) -> Result<Answer<Changes>, Problem> {
    let organization = caller.organization;
    let feeding = Feeding::<Segments> {
        reader: &caller.views.segments,
        wanted: &|key: &VisitorKey| key.organization == organization,
        value: Valued::Bin(|key| Segments::hash(key.organization, key.actor), &|fold, key| {
            json!(Some(fold.segments_of(*key)).filter(|segments| !segments.is_empty()))
        }),
        all: &|| {
            let mut visitors = Vec::new();
            caller.views.segments.scan(|_, fold| visitors.extend(fold.in_any(organization)));
            visitors
        },
    };
    feeding.answer(&since)
}

/// What every till of the organization took since the beginning, or those of one event.
pub(crate) async fn revenue(caller: Caller, Params(since): Params<Since>) -> Result<Answer<Changes>, Problem> {
    let (organization, event) = (caller.organization, since.event);
    let wanted = move |till: &Till| till.organization == organization && (!event.is_some() || till.event == event);
    let feeding = Feeding::<Revenue> {
        reader: &caller.views.revenue,
        wanted: &wanted,
        value: Valued::Bin(|till| Till::hash(till.organization, till.event), &|fold, till| json!(fold.total(till))),
        all: &|| {
            let mut tills = Vec::new();
            let one = event.is_some().then_some(event);
            caller.views.revenue.scan(|_, fold| tills.extend(fold.tills(organization, one).copied()));
            tills
        },
    };
    feeding.answer(&since)
}

/// Every split of the people of one event.
pub(crate) async fn audience(caller: Caller, Params(since): Params<Since>) -> Result<Answer<Changes>, Problem> {
    let (organization, event) = (caller.organization, since.event);
    let feeding = Feeding::<Audience> {
        reader: &caller.views.audience,
        wanted: &|crowd: &Crowd| (crowd.organization, crowd.event) == (organization, event),
        value: Valued::Bin(Crowd::hash, &|fold, crowd| json!(fold.split(crowd, PLACES))),
        all: &|| By::ALL.map(|by| Crowd { organization, event, by }).to_vec(),
    };
    feeding.answer(&since)
}

/// The newest visits of each visitor of one event.
pub(crate) async fn visits(caller: Caller, Params(since): Params<Since>) -> Result<Answer<Changes>, Problem> {
    let (organization, event) = (caller.organization, since.event);
    let feeding = Feeding::<Visits> {
        reader: &caller.views.visits,
        wanted: &|visitor: &Visitor| (visitor.organization, visitor.event) == (organization, event),
        value: Valued::Bin(Visitor::hash, &|fold, visitor| {
            json!(Some(fold.of(visitor)).filter(|visits| !visits.is_empty()))
        }),
        all: &|| {
            let mut visitors = Vec::new();
            caller.views.visits.scan(|_, fold| visitors.extend(fold.visitors(organization, event)));
            visitors
        },
    };
    feeding.answer(&since)
}
