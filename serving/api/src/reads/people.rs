//! What is known of people and orders: fraud scores, recommendations, segments.

use axum::extract::State;
use records::{EventId, ItemId, OrderId, SegmentId, Token};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use views::fraud::{Overview, Score, ScoreKey, Scores};
use views::recommend::{self, ItemName, Next, Recommend};
use views::segments::{ProfileAnswer, Segments, VisitorKey};

use super::extract::{Caller, Id, Named, Params, absent, person, rows};
use crate::Api;
use crate::answer::Answer;
use crate::problem::Problem;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Which {
    /// The event, by its id.
    #[serde(default)]
    event: EventId,
    /// Rows to answer with, 1 to 1,000; 10 by default.
    limit: Option<usize>,
}

/// How many records were scored, which rules fired, and the newest high scores with their reasons.
pub(crate) async fn scores(caller: Caller, Params(which): Params<Which>) -> Result<Answer<Overview>, Problem> {
    let organization = caller.organization;
    let (data, as_of) =
        caller.views.scores.read(Scores::hash(organization), |fold| fold.overview(organization, rows(which.limit)));
    data.map(|data| Answer { as_of, data }).ok_or_else(|| absent("score"))
}

/// The score of one order, or of a registration or click by its message id.
pub(crate) async fn score(caller: Caller, Named(Id(record)): Named<Id<OrderId>>) -> Result<Answer<Score>, Problem> {
    let organization = caller.organization;
    let key = ScoreKey { organization, record: record.0 };
    let (data, as_of) =
        caller.views.scores.read(Scores::hash(organization), |fold| fold.score(key).map(|score| (**score).clone()));
    data.map(|data| Answer { as_of, data }).ok_or_else(|| absent("scored record"))
}

/// The accounts that share a device, card or address with this one.
pub(crate) async fn ring(
    State(api): State<Api>,
    caller: Caller,
    Named(who): Named<String>,
) -> Result<Answer<Vec<String>>, Problem> {
    let organization = caller.organization;
    let account = person(&api, organization, &who)?;
    let (ring, as_of) = caller.views.scores.read(Scores::hash(organization), |fold| fold.ring(organization, account));
    Ok(Answer { as_of, data: ring.iter().map(Token::to_string).collect() })
}

/// What a visitor may want next, with reasons.
pub(crate) async fn recommendations(
    State(api): State<Api>,
    caller: Caller,
    Named(who): Named<String>,
    Params(which): Params<Which>,
) -> Result<Answer<Next>, Problem> {
    let organization = caller.organization;
    let visitor = person(&api, organization, &who)?;
    let key = recommend::VisitorKey { organization, event: which.event, visitor };
    let now = caller.views.progress().current().log_time;
    let hash = Recommend::hash(organization, which.event);
    let (data, as_of) = caller.views.recommend.read(hash, |fold| fold.next(key, now, rows(which.limit)));
    Ok(Answer { as_of, data })
}

/// An item that the same visits held.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlsoViewed")]
pub(crate) struct Also {
    #[serde(flatten)]
    item: ItemName,
    /// Recent visits that held both.
    visits: u32,
}

/// What recent visits with this item held as well.
pub(crate) async fn also_viewed(
    caller: Caller,
    Named(Id(item)): Named<Id<ItemId>>,
    Params(which): Params<Which>,
) -> Answer<Vec<Also>> {
    let organization = caller.organization;
    let now = caller.views.progress().current().log_time;
    let hash = Recommend::hash(organization, which.event);
    let (found, as_of) = caller
        .views
        .recommend
        .read(hash, |fold| fold.also_viewed(organization, which.event, item, now, rows(which.limit)));
    Answer { as_of, data: found.into_iter().map(|(item, visits)| Also { item, visits }).collect() }
}

/// A segment with its size.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SegmentCount")]
pub(crate) struct Count {
    /// The segment.
    segment: SegmentId,
    /// Visitors who are in it now.
    visitors: u64,
}

/// How many visitors are in each segment now.
pub(crate) async fn segments(caller: Caller) -> Answer<Vec<Count>> {
    let mut counts = std::collections::BTreeMap::<SegmentId, u64>::new();
    let as_of = caller.views.segments.scan(|_, fold| {
        fold.counts(caller.organization)
            .for_each(|(segment, visitors)| *counts.entry(segment).or_default() += visitors);
    });
    Answer { as_of, data: counts.into_iter().map(|(segment, visitors)| Count { segment, visitors }).collect() }
}

/// What is known of one visitor.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "VisitorProfile")]
pub(crate) struct Profile {
    /// The segments that they are in now.
    segments: Vec<SegmentId>,
    /// Their profile; null when nothing is remembered.
    profile: Option<ProfileAnswer>,
}

/// The segments that one visitor is in now, and what is known of them.
pub(crate) async fn profile(
    State(api): State<Api>,
    caller: Caller,
    Named(who): Named<String>,
) -> Result<Answer<Profile>, Problem> {
    let organization = caller.organization;
    let actor = person(&api, organization, &who)?;
    let key = VisitorKey { organization, actor };
    let (data, as_of) = caller.views.segments.read(Segments::hash(organization, actor), |fold| Profile {
        segments: fold.segments_of(key),
        profile: fold.profile(key),
    });
    Ok(Answer { as_of, data })
}
