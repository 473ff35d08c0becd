//! Views out: each route asks one view, within the key's organization, and says what the answer reflects.
//!
//! Every read takes `wait_for` and `wait_ms` ([`crate::answer::Waiting`]). People are named by the id that the
//! organization's own system uses, or by their 16-digit pseudonym.

pub(crate) mod about;
mod campaigns;
mod changes;
pub(crate) mod extract;
pub(crate) mod leaderboards;
mod people;
mod sessions;
mod windows;

use axum::Router;
use axum::routing::get;
use views::as_of::Progress;
use views::shards::Reader;

use crate::Api;

/// The readers of all views. After a rebuild of the dataflow they are others, so routes ask for them each time.
#[derive(Clone)]
pub struct Views {
    /// Windowed counts and uniques.
    pub windows: Reader<views::windows::Windows>,
    /// Leaderboards.
    pub leaderboards: Reader<views::leaderboards::Leaderboards>,
    /// Campaign counts.
    pub campaigns: Reader<views::campaigns::Campaigns>,
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
}

impl Views {
    /// What the views reflect, and waiting for more.
    pub fn progress(&self) -> &Progress {
        self.windows.progress()
    }
}

/// The routes of views.
pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/views/freshness", get(windows::freshness))
        .route("/v1/views/windows", get(windows::series))
        .route("/v1/views/windows/sliding", get(windows::sliding))
        .route("/v1/views/windows/uniques", get(windows::uniques))
        .route("/v1/views/windows/late", get(windows::late))
        .route("/v1/views/windows/changes", get(changes::windows))
        .route("/v1/views/leaderboards", get(leaderboards::list))
        .route("/v1/views/leaderboards/changes", get(changes::leaderboards))
        .route("/v1/views/leaderboards/{leaderboard}", get(leaderboards::top))
        .route("/v1/views/leaderboards/{leaderboard}/archive", get(leaderboards::archive))
        .route("/v1/views/leaderboards/{leaderboard}/participants/{person}", get(leaderboards::place))
        .route("/v1/views/campaigns", get(campaigns::list))
        .route("/v1/views/campaigns/changes", get(changes::campaigns))
        .route("/v1/views/campaigns/{campaign}", get(campaigns::windows))
        .route("/v1/views/attendance", get(sessions::attendance))
        .route("/v1/views/attendance/changes", get(changes::attendance))
        .route("/v1/views/attendance/{session}", get(sessions::session))
        .route("/v1/views/trending", get(sessions::trending))
        .route("/v1/views/trending/changes", get(changes::trending))
        .route("/v1/views/visits", get(sessions::visits))
        .route("/v1/views/visits/changes", get(changes::visits))
        .route("/v1/views/visits/{person}", get(sessions::visits_of))
        .route("/v1/views/funnels/changes", get(changes::funnels))
        .route("/v1/views/funnels/{funnel}", get(sessions::funnel))
        .route("/v1/views/fraud/scores", get(people::scores))
        .route("/v1/views/fraud/scores/changes", get(changes::scores))
        .route("/v1/views/fraud/scores/{record}", get(people::score))
        .route("/v1/views/fraud/rings/{person}", get(people::ring))
        .route("/v1/views/recommendations/visitors/{person}", get(people::recommendations))
        .route("/v1/views/recommendations/items/{item}", get(people::also_viewed))
        .route("/v1/views/segments", get(people::segments))
        .route("/v1/views/segments/changes", get(changes::segments))
        .route("/v1/views/segments/visitors/{person}", get(people::profile))
}
