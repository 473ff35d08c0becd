//! Tables and views that are not filled by a dataflow view.

use super::table::table_settings;

/// The table that says which chunks have landed; written last, so that what it names is there.
pub const EPOCHS_TABLE: &str = "epochs";

/// One row per chunk and attempt, plus one row per landing epoch with an empty table name: the epoch is complete.
pub(crate) fn epochs_sql() -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS `{EPOCHS_TABLE}` (
  `table_set` LowCardinality(String) COMMENT 'which source landed it: raw records, or the outbox of views',
  `landing_epoch` UInt64 COMMENT 'landing epoch; never restarts' CODEC(Delta, ZSTD),
  `table_name` LowCardinality(String) COMMENT 'stored table of the chunk; empty: the whole landing epoch has landed',
  `view_version` UInt32 COMMENT 'version of the view that made the rows',
  `incarnation` UInt64 COMMENT 'incarnation of the log',
  `shard` UInt16 COMMENT 'bin range or log partition',
  `chunk` UInt32 COMMENT 'chunk within landing epoch and shard',
  `attempt` UInt32 COMMENT 'counts repairs; part of the token, since a token is remembered after its rows are deleted',
  `state` Enum8('landed' = 1, 'repairing' = 2) COMMENT 'repairing: rows of earlier attempts are being deleted',
  `rows` UInt64 COMMENT 'rows of the chunk, or of the whole landing epoch',
  `hash` UInt64 COMMENT 'content hash of the chunk',
  `landed_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'clock of the warehouse'
) ENGINE = ReplacingMergeTree
ORDER BY (table_set, landing_epoch, table_name, view_version, shard, chunk, attempt, state)
{}
COMMENT 'Chunks that have landed; rows of other tables with a landing epoch above the newest complete one here are not settled yet'",
        table_settings()
    )
}

/// The table that says which tables were filled with history, and when: the newest round of a table counts.
pub const FILLS_TABLE: &str = "fills";

/// One row per table and round, and a second one when it is done.
pub(crate) fn fills_sql() -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS `{FILLS_TABLE}` (
  `table_set` LowCardinality(String) COMMENT 'which source fills it: the outbox of views',
  `table_name` LowCardinality(String) COMMENT 'stored table',
  `round` UInt32 COMMENT 'counts fills of this table set; chunks of the round are in epochs under table_set/round',
  `through` UInt64 COMMENT 'newest landing epoch that the fill brings; later ones land as usual',
  `done` UInt8 COMMENT '1: the table is whole, and the public name leads to it',
  `at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'clock of the warehouse'
) ENGINE = ReplacingMergeTree
ORDER BY (table_set, table_name, round, done)
{}
COMMENT 'Tables that were filled with history from the log: those of a new view version, and lost ones'",
        table_settings()
    )
}

/// Scores of each board. One branch for each scope, so that a query for one of them reads nothing else.
fn boards() -> String {
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
    branches.join(" UNION ALL ")
}

/// Convenience views, each with the table that it reads: what a dashboard shows, without knowing how rows combine.
pub(crate) fn current_views() -> Vec<(&'static str, String)> {
    let view =
        |table: &'static str, name: &str, select: &str| (table, format!("CREATE OR REPLACE VIEW `{name}` AS {select}"));
    vec![
        view(
            "window_counts",
            "window_counts_current",
            "SELECT organization, event, session, kind, window_start, window_seconds, sum(count_diff) AS count \
             FROM window_counts GROUP BY ALL HAVING count != 0",
        ),
        view(
            "campaign_counts",
            "campaign_counts_current",
            "SELECT organization, campaign, window_start, window_seconds, sum(impressions_diff) AS impressions, \
             sum(clicks_diff) AS clicks, sum(views_diff) AS views, sum(late_excluded_diff) AS late_excluded, \
             sum(late_counted_diff) AS late_counted FROM campaign_counts GROUP BY ALL",
        ),
        view(
            "visits",
            "visits_current",
            "SELECT organization, event, hour, sum(visits_diff) AS visits, sum(single_diff) AS single, \
             sum(records_diff) AS records, sum(duration_ms_diff) AS duration_ms FROM visits GROUP BY ALL HAVING visits != 0",
        ),
        view("awards", "leaderboard_scores", &boards()),
        view(
            "attendance",
            "attendance_current",
            "SELECT organization, event, session, joined, present, peak, left, focused_ms, landing_epoch FROM attendance FINAL",
        ),
        view(
            "funnel_steps",
            "funnel_steps_current",
            "SELECT organization, event, funnel, definition, step, sum(reached_diff) AS reached, \
             sum(duration_ms_diff) / reached AS mean_duration_ms FROM funnel_steps GROUP BY ALL",
        ),
        view(
            "trending_scores",
            "trending_by_minute",
            "SELECT organization, event, session, item, minute, score / 1048576 AS score FROM trending_scores",
        ),
        view(
            "item_neighbours",
            "item_neighbours_current",
            "SELECT organization, event, item, newest.3 AS visits, neighbour, together, newest.4 AS as_of FROM (SELECT organization, \
             event, item, argMax((neighbours, together, visits, as_of), as_of) AS newest FROM item_neighbours \
             GROUP BY organization, event, item) ARRAY JOIN newest.1 AS neighbour, newest.2 AS together",
        ),
        view(
            "segment_changes",
            "segment_members_current",
            "SELECT organization, segment, actor, argMax(change, pos) AS last_change, max(at) AS since FROM segment_changes \
             GROUP BY organization, segment, actor HAVING last_change = 'joined'",
        ),
    ]
}
