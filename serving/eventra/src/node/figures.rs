//! The figures of `eventra top`, gathered from the parts.

use std::collections::BTreeSet;

use eventlog::Lane;
use records::{EventId, Kind, OrganizationId, SessionId, Token};
use views::leaderboards::Board;
use views::recommend::{Recommend, VisitorKey};
use views::windows::Series;

use super::Core;
use crate::figures::{Figures, Leader, Recommendation, Session, Suspicion};

/// The most lines of each list: what a tall terminal shows.
const ROWS: usize = 40;
/// High scores that are looked through for the newest of each person.
const RECENT: usize = 500;
/// Visitors whose recommendations are shown: the first of the leaderboard. Each is asked for at every look.
const VISITORS: usize = 12;
/// Items for each of them.
const ITEMS: usize = 3;

/// Everything at one moment.
pub(super) fn figures(core: &Core) -> Figures {
    let views = core.views();
    let status = core.flow_status();
    let log = core.log.status();
    let ends = |lane: Lane| core.log.ends(lane).iter().map(|end| end.0).sum::<u64>();
    let door = core.door.read().as_ref().map(|door| door.status()).unwrap_or_default();
    let mut figures = Figures {
        address: core.address.to_string(),
        uptime_ms: u64::try_from(core.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        records: ends(Lane::Activity),
        facts: ends(Lane::Facts),
        log_bytes: log.lanes.iter().map(|lane| lane.bytes).sum(),
        dead_letters: dead_letters(&views),
        duplicates: door.duplicates
            + log.lanes.iter().filter(|lane| lane.lane == "activity").map(|lane| lane.voided_rows).sum::<u64>(),
        resident_bytes: resident_bytes(),
        warehouse: core.warehouse.figures(),
        ..Figures::default()
    };
    if let Some(status) = status {
        figures.epoch = status.as_of.epoch;
        figures.lag_records = status.behind_records;
        figures.freshness_ms = status.behind.millis();
    }
    let Some((organization, event, title)) = busiest(core, &views) else { return figures };
    figures.event = title;
    figures.late = late(core, &views, organization);
    figures.sessions = sessions(core, &views, organization, event);
    figures.leaders = leaders(&views, organization, event);
    figures.fraud = suspicions(&views, organization);
    figures.recommendations = recommendations(&views, organization, event, &figures.leaders);
    figures
}

/// Every message of the log that could not be read, whichever way it came in, and every record that a view skipped.
fn dead_letters(views: &dataflow::computations::Views) -> u64 {
    let mut letters = 0;
    views.windows.scan(|_, fold| letters += fold.total_of(Kind::DeadLettered));
    letters
}

/// The event with the most joins, or the newest one that was announced.
fn busiest(core: &Core, views: &dataflow::computations::Views) -> Option<(OrganizationId, EventId, String)> {
    let views = views.clone();
    core.rules().all_events().into_iter().max_by_key(|(organization, event, _)| {
        let kinds = Series::kinds(*organization, *event, SessionId::NONE);
        kinds.map(|series| views.windows.read(series.hash(), |fold| fold.total(&series)).0).sum::<u64>()
    })
}

/// Records of an organization that were later than a view's bound, by view: each view has a bound of its own.
fn late(core: &Core, views: &dataflow::computations::Views, organization: OrganizationId) -> Vec<(String, u64)> {
    let announced: Vec<EventId> = core
        .rules()
        .tenant(organization)
        .map_or(Vec::new(), |tenant| tenant.events().iter().map(|(id, _)| *id).collect());
    let of_event = |event| {
        views.windows.read(Series::late_hash(organization, event), |fold| fold.late(organization, event)).0.late
    };
    // What came outside any event can be late too.
    let windows = announced.into_iter().chain([EventId::NONE]).map(of_event);
    let mut campaigns = 0;
    views.campaigns.scan(|_, fold| {
        let totals = fold.of(organization).map(|key| fold.total(key));
        campaigns += totals.map(|total| total.late_excluded + total.late_counted).sum::<u64>();
    });
    let overview = views.scores.read(views::fraud::Scores::hash(organization), |fold| fold.overview(organization, 0)).0;
    let scored = overview.map_or(0, |overview| overview.late);
    [("windows", windows.sum()), ("campaigns", campaigns), ("fraud", scored)]
        .map(|(view, count)| (view.to_owned(), count))
        .into()
}

fn sessions(
    core: &Core,
    views: &dataflow::computations::Views,
    organization: OrganizationId,
    event: EventId,
) -> Vec<Session> {
    let mut found = Vec::new();
    views.attendance.scan(|_, fold| found.extend(fold.sessions(organization, event)));
    found.sort_by_key(|session| (std::cmp::Reverse((session.present, session.joined)), session.session));
    let rules = core.rules();
    let tenant = rules.tenant(organization);
    let title = |session| {
        let item = tenant?.item(event, tenant?.item_of_session(event, session)?)?;
        Some(item.title.clone())
    };
    found
        .into_iter()
        .take(ROWS)
        .map(|session| Session {
            title: title(session.session).unwrap_or_default(),
            session: session.session.to_string(),
            present: session.present,
            joined: session.joined,
            left: session.left,
            peak: session.peak,
            focused_ms: session.focused_ms,
        })
        .collect()
}

/// The first board of the event; the one with the most participants when there are several.
fn leaders(views: &dataflow::computations::Views, organization: OrganizationId, event: EventId) -> Vec<Leader> {
    let mut boards = Vec::new();
    views.leaderboards.scan(|_, fold| boards.extend(fold.boards(organization)));
    let best = boards
        .into_iter()
        .filter(|(board, _)| board.event == event || !board.event.is_some())
        .max_by_key(|(board, info)| (info.participants, std::cmp::Reverse(*board)));
    let Some((board, _)) = best else { return Vec::new() };
    let top = views.leaderboards.read(Board::hash(&board), |fold| fold.top(&board, 0, ROWS)).0;
    top.into_iter()
        .flat_map(|top| top.places)
        .map(|place| Leader { rank: place.rank, participant: place.participant.to_string(), score: place.score })
        .collect()
}

fn suspicions(views: &dataflow::computations::Views, organization: OrganizationId) -> Vec<Suspicion> {
    let overview =
        views.scores.read(views::fraud::Scores::hash(organization), |fold| fold.overview(organization, RECENT)).0;
    let scores = overview.into_iter().flat_map(|overview| overview.recent);
    // One busy clicker would fill the list with a line for each click.
    let mut shown = BTreeSet::new();
    scores
        .filter(|score| shown.insert((score.actor, score.kind)))
        .take(ROWS)
        .map(|score| Suspicion {
            kind: score.kind.to_string(),
            id: records::OrderId(score.record).to_string(),
            score: i64::from(score.score),
            reasons: score.reasons.iter().map(|reason| reason.text.clone()).collect(),
        })
        .collect()
}

fn recommendations(
    views: &dataflow::computations::Views,
    organization: OrganizationId,
    event: EventId,
    leaders: &[Leader],
) -> Vec<Recommendation> {
    let now = views.recommend.progress().current().log_time;
    let visitors = leaders.iter().filter_map(|leader| leader.participant.parse::<Token>().ok()).take(VISITORS);
    visitors
        .filter_map(|visitor| {
            let key = VisitorKey { organization, event, visitor };
            let (next, _) =
                views.recommend.read(Recommend::hash(organization, event), |fold| fold.next(key, now, ITEMS));
            let reason = next.next.first()?.reason.clone();
            let name = |item: &views::recommend::ItemName| {
                if item.title.is_some() { item.title.to_string() } else { item.item.to_string() }
            };
            let items = next.next.iter().map(|suggestion| name(&suggestion.item)).collect();
            Some(Recommendation { visitor: visitor.to_string(), items, reason })
        })
        .collect()
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}
