//! Convenience views: what a dashboard shows, without knowing how rows combine.

/// A view over one table.
#[derive(Debug, Clone)]
pub struct View {
    /// Its name.
    pub name: &'static str,
    /// The table that it reads; it is made where that is.
    pub table: &'static str,
    /// What it shows.
    pub doc: &'static str,
    /// Its columns in order, with what they mean.
    pub columns: &'static [(&'static str, &'static str)],
    select: String,
}

pub(super) const ORGANIZATION: (&str, &str) = ("organization", "tenant");
pub(super) const EVENT: (&str, &str) = ("event", "event; empty outside any");
const LANDING_EPOCH: (&str, &str) = ("landing_epoch", "newest landing epoch that is in the row");

impl View {
    pub(super) fn new(
        table: &'static str,
        name: &'static str,
        doc: &'static str,
        columns: &'static [(&'static str, &'static str)],
        select: impl Into<String>,
    ) -> Self {
        Self { name, table, doc, columns, select: select.into() }
    }

    /// Returns the statement that makes it, or makes it anew.
    pub(crate) fn create_sql(&self) -> String {
        format!("CREATE OR REPLACE VIEW `{}` AS {}", self.name, self.select)
    }
}

/// Returns all convenience views; one that reads another stands behind it.
pub fn current_views() -> Vec<View> {
    let mut views = vec![attendance(), audience()];
    views.extend(super::bookings::booking_views());
    views.extend([
        campaign_counts(),
        funnel_steps(),
        item_neighbours(),
        leaderboard_scores(),
        revenue(),
        segment_members(),
        trending(),
        visits(),
        window_counts(),
    ]);
    views
}

fn attendance() -> View {
    View::new(
        "attendance",
        "attendance_current",
        "Attendance of each session as of its newest landing epoch.",
        &[
            ORGANIZATION,
            EVENT,
            ("session", "programme item; empty for sessions outside any"),
            ("joined", "distinct actors who joined"),
            ("present", "actors present now"),
            ("peak", "most actors present at once"),
            ("left", "distinct actors who left before the end"),
            ("focused_ms", "time spent focused, all actors together, milliseconds"),
            LANDING_EPOCH,
        ],
        "SELECT organization, event, session, joined, present, peak, left, focused_ms, landing_epoch FROM attendance FINAL",
    )
}

fn audience() -> View {
    View::new(
        "audience",
        "audience_current",
        "Distinct people of each event by device, platform, country and language.",
        &[
            ORGANIZATION,
            EVENT,
            ("split_by", "`device`, `platform`, `country` or `language`"),
            ("part", "`value`, `all` or `other`"),
            ("value", "the value; empty in rows of `all` and `other`"),
            ("visitors", "distinct people since the beginning"),
            ("exact", "1 when the number is exact; else its standard error is 1.6 %"),
            LANDING_EPOCH,
        ],
        "SELECT organization, event, split_by, part, value, visitors, exact, landing_epoch FROM audience FINAL",
    )
}

fn campaign_counts() -> View {
    View::new(
        "campaign_counts",
        "campaign_counts_current",
        "Ad impressions, clicks and views per campaign and window.",
        &[
            ORGANIZATION,
            ("campaign", "campaign"),
            ("window_start", "start of the window, event time, inclusive"),
            ("window_seconds", "length of the window, seconds"),
            ("impressions", "impressions"),
            ("clicks", "clicks"),
            ("views", "views"),
            ("late_excluded", "late rows, which none of the counts holds"),
            ("late_counted", "late rows, which the counts hold all the same"),
        ],
        "SELECT organization, campaign, window_start, window_seconds, sum(impressions_diff) AS impressions, \
         sum(clicks_diff) AS clicks, sum(views_diff) AS views, sum(late_excluded_diff) AS late_excluded, \
         sum(late_counted_diff) AS late_counted FROM campaign_counts GROUP BY ALL",
    )
}

fn funnel_steps() -> View {
    View::new(
        "funnel_steps",
        "funnel_steps_current",
        "Actors who reached each step of each funnel.",
        &[
            ORGANIZATION,
            EVENT,
            ("funnel", "funnel"),
            ("definition", "hash of the funnel's definition"),
            ("step", "number of the step, 1 for the first"),
            ("reached", "distinct actors who reached the step"),
            ("mean_duration_ms", "mean time from their first step to this one, milliseconds"),
        ],
        "SELECT organization, event, funnel, definition, step, sum(reached_diff) AS reached, \
         sum(duration_ms_diff) / reached AS mean_duration_ms FROM funnel_steps GROUP BY ALL",
    )
}

fn item_neighbours() -> View {
    View::new(
        "item_neighbours",
        "item_neighbours_current",
        "Items that visits with an item held most often, one row for each neighbour, of the newest list of each item.",
        &[
            ORGANIZATION,
            EVENT,
            ("item", "item"),
            ("visits", "visits that hold the item"),
            ("neighbour", "an item that goes with it"),
            ("together", "in how many of these visits the neighbour was"),
            ("as_of", "log time as of which the row holds, exclusive"),
        ],
        "SELECT organization, event, item, newest.3 AS visits, neighbour, together, newest.4 AS as_of FROM (SELECT organization, \
         event, item, argMax((neighbours, together, visits, as_of), as_of) AS newest FROM item_neighbours \
         GROUP BY organization, event, item) ARRAY JOIN newest.1 AS neighbour, newest.2 AS together",
    )
}

/// One branch for each scope, so that a query for one of them reads nothing else.
fn leaderboard_scores() -> View {
    let branch = |bit: u8, scope: &str, event: &str, track: &str, day: &str| {
        format!(
            "SELECT organization, leaderboard, generation, '{scope}' AS scope, {event} AS event, {track} AS track, {day} AS day, \
             lower(leftPad(hex(actor), 16, '0')) AS participant, actor, sum(points_diff) AS score, \
             sum(awards_diff) AS awards, max(landing_epoch) AS landing_epoch \
             FROM awards WHERE bitAnd(scopes, {bit}) != 0 GROUP BY ALL"
        )
    };
    let none = "toLowCardinality('')";
    let branches = [
        branch(1, "event", "awards.event", none, none),
        branch(2, "track", "awards.event", "awards.track", none),
        branch(4, "day", "awards.event", none, "awards.day"),
        branch(8, "all_time", none, none, none),
    ];
    View::new(
        "awards",
        "leaderboard_scores",
        "Score of each participant on each board of each leaderboard, boards of before a reset included.",
        &[
            ORGANIZATION,
            ("leaderboard", "leaderboard"),
            ("generation", "how often it had been reset; the highest is the one that runs"),
            ("scope", "`event`, `track`, `day` or `all_time`"),
            ("event", "event; empty for all time, and for days of records outside any"),
            ("track", "track, on boards of tracks"),
            ("day", "day in the zone of the event, YYYY-MM-DD, on boards of days"),
            ("participant", "pseudonym of the participant, as the API shows it: 16 hexadecimal digits"),
            ("actor", "the same as a number, as other tables have it"),
            ("score", "points"),
            ("awards", "how many awards they are from"),
            LANDING_EPOCH,
        ],
        branches.join(" UNION ALL "),
    )
}

fn revenue() -> View {
    View::new(
        "revenue",
        "revenue_current",
        "What orders brought in, by event, currency and minute. Never add up rows of two currencies.",
        &[
            ORGANIZATION,
            EVENT,
            ("currency", "ISO 4217 code"),
            ("source", "who says so: `reported` is another system, `box_office` is ours"),
            ("minute", "start of the minute, event time, inclusive"),
            ("gross_minor", "what orders came to, minor units"),
            ("refunded_minor", "what was given back, minor units"),
            ("net_minor", "what is left of it, minor units"),
            ("orders", "orders"),
            ("refunds", "refunds"),
            ("late_counted", "late orders and refunds, which the figures hold all the same"),
            ("late_excluded", "late orders and refunds, which none of the figures holds"),
        ],
        "SELECT organization, event, currency, source, minute, sum(gross_minor_diff) AS gross_minor, \
         sum(refunded_minor_diff) AS refunded_minor, gross_minor - refunded_minor AS net_minor, sum(orders_diff) AS orders, \
         sum(refunds_diff) AS refunds, sum(late_counted_diff) AS late_counted, sum(late_excluded_diff) AS late_excluded \
         FROM revenue GROUP BY ALL",
    )
}

fn segment_members() -> View {
    View::new(
        "segment_changes",
        "segment_members_current",
        "Who is in which segment.",
        &[
            ORGANIZATION,
            ("segment", "segment"),
            ("actor", "token of the actor"),
            ("last_change", "always `joined`"),
            ("since", "log time of the record that caused it"),
        ],
        "SELECT organization, segment, actor, argMax(change, pos) AS last_change, max(at) AS since FROM segment_changes \
         GROUP BY organization, segment, actor HAVING last_change = 'joined'",
    )
}

fn trending() -> View {
    View::new(
        "trending_scores",
        "trending_by_minute",
        "Trending score of each session and item at the end of each minute in which it got attention.",
        &[
            ORGANIZATION,
            EVENT,
            ("session", "programme item; empty for items outside sessions"),
            ("item", "item; empty for sessions"),
            ("minute", "start of the minute, log time, inclusive; the score is of its end"),
            ("score", "score as the live view showed it"),
        ],
        "SELECT organization, event, session, item, minute, score / 1048576 AS score FROM trending_scores",
    )
}

fn visits() -> View {
    View::new(
        "visits",
        "visits_current",
        "Visits per event and the hour in which they begin.",
        &[
            ORGANIZATION,
            EVENT,
            ("hour", "start of the hour, event time, inclusive"),
            ("visits", "visits"),
            ("single", "visits of a single record"),
            ("records", "records of these visits"),
            ("duration_ms", "time from first to last record, all visits together, milliseconds"),
        ],
        "SELECT organization, event, hour, sum(visits_diff) AS visits, sum(single_diff) AS single, \
         sum(records_diff) AS records, sum(duration_ms_diff) AS duration_ms FROM visits GROUP BY ALL HAVING visits != 0",
    )
}

fn window_counts() -> View {
    View::new(
        "window_counts",
        "window_counts_current",
        "Records per window, organization, event, session and kind.",
        &[
            ORGANIZATION,
            EVENT,
            ("session", "programme item; empty for the whole event"),
            ("kind", "kind of record"),
            ("window_start", "start of the window, event time, inclusive"),
            ("window_seconds", "length of the window, seconds"),
            ("count", "records"),
        ],
        "SELECT organization, event, session, kind, window_start, window_seconds, sum(count_diff) AS count \
         FROM window_counts GROUP BY ALL HAVING count != 0",
    )
}
