//! Windowed counts, uniques and late records of an event or session.

use axum::extract::State;
use records::{EventId, Kind, SessionId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use views::windows::{LateCount, Series, Size, Sliding, UniqueCount, Uniques, WindowSeries};

use super::extract::{Caller, Instant, Params, absent};
use crate::answer::Answer;
use crate::problem::Problem;
use crate::{Api, Readiness};

/// The length of a sliding window when it is not given, minutes.
const SLIDING_MINUTES: u16 = 10;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Which {
    /// The event, by its id; without it what belongs to none.
    #[serde(default)]
    event: EventId,
    /// The session, by its id; without it the whole event.
    #[serde(default)]
    session: SessionId,
    /// The kind of record; `page_viewed` by default (of uniques: all kinds).
    kind: Option<Kind>,
    /// The length of the windows; a minute by default.
    size: Option<Size>,
    /// Windows that begin at or after this: RFC 3339, or microseconds since 1970.
    from: Option<Instant>,
    /// Windows that begin before this; now by default.
    to: Option<Instant>,
    /// The length of the sliding window, minutes; 10 by default.
    minutes: Option<u16>,
    /// When the sliding window ends; now by default.
    at: Option<Instant>,
}

impl Which {
    fn series(&self, caller: &Caller) -> Series {
        Series {
            organization: caller.organization,
            event: self.event,
            session: self.session,
            kind: self.kind.unwrap_or(Kind::Page),
        }
    }
}

/// What the views reflect and whether they have caught up.
pub(crate) async fn freshness(State(api): State<Api>, caller: Caller) -> Answer<Readiness> {
    Answer { as_of: caller.views.progress().current(), data: (api.readiness)() }
}

/// The newest tumbling windows of a series.
pub(crate) async fn series(caller: Caller, Params(which): Params<Which>) -> Result<Answer<WindowSeries>, Problem> {
    let series = which.series(&caller);
    let from = which.from.map_or(Timestamp(0), |from| from.0);
    let size = which.size.unwrap_or(Size::Minute);
    let (data, as_of) = caller.views.windows.read(series.hash(), |windows| {
        // Without an end the newest windows are wanted; no event time lies after the log's own time.
        let to = which.to.map_or(caller.views.progress().current().log_time, |to| to.0);
        windows.series(&series, size, from, to.max(from))
    });
    data.map(|data| Answer { as_of, data }).ok_or_else(|| absent("series"))
}

/// A sliding window that ends now, or at a given instant.
pub(crate) async fn sliding(caller: Caller, Params(which): Params<Which>) -> Answer<Sliding> {
    let series = which.series(&caller);
    let at = which.at.map_or(caller.views.progress().current().log_time, |at| at.0);
    let minutes = which.minutes.unwrap_or(SLIDING_MINUTES);
    let (data, as_of) = caller.views.windows.read(series.hash(), |windows| windows.sliding(&series, minutes, at));
    Answer { as_of, data }
}

/// Distinct people of an event or session over all kinds, or of one kind; over some hours, or since the beginning.
pub(crate) async fn uniques(caller: Caller, Params(which): Params<Which>) -> Answer<UniqueCount> {
    let hours = which.from.map(|from| (from.0, which.to.map_or(Timestamp::MAX, |to| to.0)));
    let mut uniques = Uniques::default();
    let as_of = caller.views.progress().current();
    let all = Series::kinds(caller.organization, which.event, which.session);
    for series in all.filter(|series| which.kind.is_none_or(|kind| kind == series.kind)) {
        caller.views.windows.read(series.hash(), |windows| windows.uniques_into(&series, hours, &mut uniques));
    }
    Answer { as_of, data: uniques.count() }
}

/// Late records of an event.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Late {
    /// The event.
    event: EventId,
    #[serde(flatten)]
    counts: LateCount,
}

/// How many records of an event came later than the view's bound.
pub(crate) async fn late(caller: Caller, Params(which): Params<Which>) -> Answer<Late> {
    let hash = Series::late_hash(caller.organization, which.event);
    let (counts, as_of) = caller.views.windows.read(hash, |windows| windows.late(caller.organization, which.event));
    Answer { as_of, data: Late { event: which.event, counts } }
}
