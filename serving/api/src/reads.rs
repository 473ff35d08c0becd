//! Views out: each route asks one view, within the key's organization, and says what the answer reflects.
//!
//! Every read takes `wait_for` and `wait_ms` ([`crate::answer::Waiting`]). People are named by the id that the
//! organization's own system uses, or by their 16-digit pseudonym.

pub(crate) mod about;
mod campaigns;
mod changes;
pub(crate) mod extract;
mod figures;
pub(crate) mod leaderboards;
mod people;
mod sessions;
mod windows;

use views::as_of::Progress;
use views::shards::Reader;

use crate::openapi::Routes;
use crate::problem::Code;

/// The readers of all views. After a rebuild of the dataflow they are others, so routes ask for them each time.
#[derive(Clone)]
pub struct Views {
    /// Windowed counts and uniques.
    pub windows: Reader<views::windows::Windows>,
    /// Leaderboards.
    pub leaderboards: Reader<views::leaderboards::Leaderboards>,
    /// Campaign counts.
    pub campaigns: Reader<views::campaigns::Campaigns>,
    /// What fraud rules look at.
    pub signals: Reader<views::fraud::Signals>,
    /// Fraud scores.
    pub scores: Reader<views::fraud::Scores>,
    /// Who is in which session.
    pub attendance: Reader<views::attendance::Rooms>,
    /// Visits.
    pub visits: Reader<views::visits::Visits>,
    /// Funnels.
    pub funnels: Reader<views::funnels::Funnels>,
    /// What gets attention.
    pub trending: Reader<views::trending::Trends>,
    /// Recommendations.
    pub recommend: Reader<views::recommend::Recommend>,
    /// Segments.
    pub segments: Reader<views::segments::Segments>,
    /// Revenue by currency.
    pub revenue: Reader<views::revenue::Revenue>,
    /// People by device, platform, country and language.
    pub audience: Reader<views::audience::Audience>,
}

impl Views {
    /// What the views reflect, and waiting for more.
    pub fn progress(&self) -> &Progress {
        self.windows.progress()
    }
}

/// The routes of views.
pub(crate) fn routes() -> Routes {
    counts().merge(figures()).merge(rankings()).merge(rooms()).merge(people_of())
}

const ABSENT: &[Code] = &[Code::NotFound];
/// What feeds of changes refuse.
const SINCE: &[Code] = &[Code::PositionWrong];

fn counts() -> Routes {
    Routes::new()
        .get("/v1/views/freshness", "Whether the views have caught up", windows::freshness)
        .get("/v1/views/windows", "Counts by tumbling window, with total and uniques", windows::series)
        .with(|operation| operation.without(&["minutes", "at"]))
        .may(ABSENT)
        .get("/v1/views/windows/sliding", "One sliding window", windows::sliding)
        .with(|operation| operation.without(&["size", "from", "to"]))
        .get("/v1/views/windows/uniques", "Distinct people", windows::uniques)
        .with(|operation| operation.without(&["size", "minutes", "at"]))
        .get("/v1/views/windows/late", "Records later than the view's bound", windows::late)
        .with(|operation| operation.without(&["session", "kind", "size", "from", "to", "minutes", "at"]))
        .get("/v1/views/windows/changes", "Changes of totals by kind of an event or session", changes::windows)
        .may(SINCE)
        .get("/v1/views/campaigns", "Campaigns with their totals", campaigns::list)
        .get("/v1/views/campaigns/changes", "Changes of campaigns' totals", changes::campaigns)
        .with(|operation| operation.without(&["event", "session"]))
        .may(SINCE)
        .get("/v1/views/campaigns/{campaign}", "Counts of a campaign by window of ten seconds", campaigns::windows)
}

fn figures() -> Routes {
    Routes::new()
        .get("/v1/views/revenue", "What orders came to, by currency and window", figures::revenue)
        .get("/v1/views/revenue/changes", "Changes of what was taken, by event and currency", changes::revenue)
        .with(|operation| operation.without(&["session"]))
        .may(SINCE)
        .get("/v1/views/audience", "Distinct people by device, platform, country or language", figures::audience)
        .may(ABSENT)
        .get("/v1/views/audience/changes", "Changes of the people of an event", changes::audience)
        .with(|operation| operation.without(&["session"]))
        .may(SINCE)
}

fn rankings() -> Routes {
    Routes::new()
        .get("/v1/views/leaderboards", "Every board", leaderboards::list)
        .get("/v1/views/leaderboards/changes", "Changes of first places", changes::leaderboards)
        .with(|operation| operation.without(&["session"]))
        .may(SINCE)
        .get("/v1/views/leaderboards/{leaderboard}", "The best places", leaderboards::top)
        .with(|operation| operation.without(&["around"]))
        .may(ABSENT)
        .get("/v1/views/leaderboards/{leaderboard}/archive", "What was held before each reset", leaderboards::archive)
        .with(|operation| operation.without(&["around", "skip", "limit"]))
        .get(
            "/v1/views/leaderboards/{leaderboard}/participants/{person}",
            "A participant's exact rank, with neighbours",
            leaderboards::place,
        )
        .with(|operation| operation.without(&["skip", "limit"]))
        .may(ABSENT)
        .get("/v1/views/trending", "What gets the most attention now", sessions::trending)
        .with(|operation| operation.without(&["from", "to"]))
        .may(ABSENT)
        .get("/v1/views/trending/changes", "Changes of what is trending, by event", changes::trending)
        .with(|operation| operation.without(&["session"]))
        .may(SINCE)
}

fn rooms() -> Routes {
    Routes::new()
        .get("/v1/views/attendance", "Sessions: joined, present, peak, drop-off, focused time", sessions::attendance)
        .with(|operation| operation.without(&["from", "to"]))
        .get("/v1/views/attendance/changes", "Changes of sessions", changes::attendance)
        .with(|operation| operation.without(&["session"]))
        .may(SINCE)
        .get("/v1/views/attendance/{session}", "One session", sessions::session)
        .with(|operation| operation.without(&["limit", "from", "to"]))
        .may(ABSENT)
        .get("/v1/views/visits", "Visits by hour", sessions::visits)
        .with(|operation| operation.without(&["limit"]))
        .get("/v1/views/visits/changes", "Changes of visitors, with their newest visits", changes::visits)
        .with(|operation| operation.without(&["session"]))
        .may(SINCE)
        .get("/v1/views/visits/{person}", "A person's newest visits", sessions::visits_of)
        .with(|operation| operation.without(&["limit", "from", "to"]))
        .may(ABSENT)
        .get("/v1/views/funnels/changes", "Changes of all funnels of an event", changes::funnels)
        .with(|operation| operation.without(&["session"]))
        .may(SINCE)
        .get("/v1/views/funnels/{funnel}", "People by step of a funnel", sessions::funnel)
        .with(|operation| operation.without(&["limit", "from", "to"]))
        .may(ABSENT)
}

fn people_of() -> Routes {
    Routes::new()
        .get("/v1/views/fraud/scores", "Scored records, fired rules, newest high scores with reasons", people::scores)
        .with(|operation| operation.without(&["event"]))
        .may(ABSENT)
        .get("/v1/views/fraud/scores/changes", "Changes of scores", changes::scores)
        .with(|operation| operation.without(&["event", "session"]))
        .may(SINCE)
        .get("/v1/views/fraud/scores/{record}", "The score of an order, registration or click", people::score)
        .may(ABSENT)
        .get("/v1/views/fraud/rings/{person}", "Accounts connected with this one", people::ring)
        .may(ABSENT)
        .get("/v1/views/recommendations/visitors/{person}", "Next for a visitor, with reasons", people::recommendations)
        .may(ABSENT)
        .get("/v1/views/recommendations/items/{item}", "Items that the same visits held", people::also_viewed)
        .get("/v1/views/segments", "Visitors by segment", people::segments)
        .get("/v1/views/segments/changes", "Changes of visitors' segments", changes::segments)
        .with(|operation| operation.without(&["event", "session"]))
        .may(SINCE)
        .get("/v1/views/segments/visitors/{person}", "A visitor's segments and profile", people::profile)
        .may(ABSENT)
}
