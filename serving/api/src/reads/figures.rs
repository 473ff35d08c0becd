//! What orders brought in, and who the people of an event are.

use records::{Currency, EventId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use views::audience::{By, Crowd, Split};
use views::revenue::{RevenueSeries, Till};
use views::windows::Size;

use super::extract::{Caller, Instant, Params, absent, rows};
use crate::answer::Answer;
use crate::problem::Problem;

/// Which money.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Money {
    /// The event, by its id; without it orders that belong to none.
    #[serde(default)]
    event: EventId,
    /// One currency, ISO 4217; without it all of them, each by itself.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    currency: Option<Currency>,
    /// The length of the windows; a minute by default.
    size: Option<Size>,
    /// Windows that begin at or after this: RFC 3339, or microseconds since 1970.
    from: Option<Instant>,
    /// Windows that begin before this.
    to: Option<Instant>,
}

/// The revenue of an event.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Revenue {
    /// The event; null outside any.
    event: EventId,
    /// The length of the windows, seconds.
    window_seconds: i64,
    /// By currency and source. Amounts of two currencies are never added up.
    currencies: Vec<RevenueSeries>,
}

/// What orders of an event came to, by currency: totals, and the newest windows.
pub(crate) async fn revenue(caller: Caller, Params(which): Params<Money>) -> Answer<Revenue> {
    let (organization, event) = (caller.organization, which.event);
    let size = which.size.unwrap_or(Size::Minute);
    let span = (which.from.map_or(Timestamp::MIN, |from| from.0), which.to.map_or(Timestamp::MAX, |to| to.0));
    let of = |fold: &views::revenue::Revenue| fold.of(organization, event, which.currency, size, span);
    let (currencies, as_of) = caller.views.revenue.read(Till::hash(organization, event), of);
    Answer { as_of, data: Revenue { event, window_seconds: size.span().seconds(), currencies } }
}

/// Which people.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct People {
    /// The event, by its id; without it records that belong to none.
    #[serde(default)]
    event: EventId,
    /// What people are told apart by; the class of their device by default.
    #[serde(default)]
    by: By,
    /// Values to answer with, those with the most people first; 1 to 1,000.
    limit: Option<usize>,
}

/// Distinct people of an event, by device, platform, country or language.
pub(crate) async fn audience(caller: Caller, Params(which): Params<People>) -> Result<Answer<Split>, Problem> {
    let crowd = Crowd { organization: caller.organization, event: which.event, by: which.by };
    let most = rows(which.limit);
    let (data, as_of) = caller.views.audience.read(crowd.hash(), |fold| fold.split(&crowd, most));
    data.map(|data| Answer { as_of, data }).ok_or_else(|| absent("audience"))
}
