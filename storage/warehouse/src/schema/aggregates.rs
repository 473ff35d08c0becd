//! The tables that the dataflow's views fill.

use super::table::{Column, Rows, TableSchema};

const ORGANIZATION: (&str, &str, &str) = ("organization", "LowCardinality(String)", "tenant");
const TIME: &str = "DateTime64(6, 'UTC')";

fn columns(list: &[(&'static str, &'static str, &'static str)]) -> Vec<Column> {
    list.iter().map(|(name, clickhouse_type, doc)| Column::new(*name, *clickhouse_type, *doc)).collect()
}

/// Returns all tables that views fill, in the order of their names.
pub fn aggregate_tables() -> Vec<TableSchema> {
    vec![
        attendance(),
        attendance_minutes(),
        audience(),
        awards(),
        campaign_counts(),
        fraud_scores(),
        funnel_steps(),
        item_neighbours(),
        revenue(),
        segment_changes(),
        trending_scores(),
        visits(),
        window_counts(),
    ]
}

/// Windowed counts as differences: a late record is one more row, never an update.
pub fn window_counts() -> TableSchema {
    TableSchema {
        name: "window_counts".into(),
        view_version: 1,
        doc: "Records per window, organization, event, session and kind, as differences.".into(),
        columns: columns(&[
            ORGANIZATION,
            ("event", "LowCardinality(String)", "event; empty for records outside any"),
            ("session", "LowCardinality(String)", "programme item; empty for the whole event"),
            ("kind", "LowCardinality(String)", "kind of record"),
            ("window_start", TIME, "start of the window, event time, inclusive"),
            ("window_seconds", "UInt32", "length of the window, seconds"),
            ("count_diff", "Int64", "records added to the window's count (negative: retracted)"),
        ]),
        order_by: vec![
            "organization".into(),
            "event".into(),
            "kind".into(),
            "window_seconds".into(),
            "window_start".into(),
            "session".into(),
        ],
        partition_month_of: None,
        rows: Rows::Additive(vec!["count_diff".into()]),
    }
}

/// Points that rules gave, as differences: what boards hold is their sum.
pub fn awards() -> TableSchema {
    let sums = ["points_diff", "awards_diff"];
    TableSchema {
        name: "awards".into(),
        view_version: 1,
        doc: "Points that each rule of a leaderboard gave to each participant, as differences. The view leaderboard_scores \
              adds them up to boards."
            .into(),
        columns: columns(&[
            ORGANIZATION,
            ("leaderboard", "LowCardinality(String)", "leaderboard"),
            ("generation", "UInt32", "how often the leaderboard had been reset"),
            ("event", "LowCardinality(String)", "event; empty for records outside any"),
            ("track", "LowCardinality(String)", "track; empty outside any"),
            ("day", "LowCardinality(String)", "calendar day in the zone of the event, YYYY-MM-DD"),
            ("rule", "LowCardinality(String)", "rule that gave the points"),
            ("scopes", "UInt8", "boards that the award is on, added up: 1 event, 2 track, 4 day, 8 all time"),
            ("actor", "UInt64", "token of the participant"),
            (sums[0], "Int64", "points added, after the daily cap"),
            (sums[1], "Int64", "awards added"),
        ]),
        order_by: ["organization", "leaderboard", "event", "generation", "day", "track", "actor"].map(Into::into).to_vec(),
        partition_month_of: None,
        rows: Rows::Additive(sums.into_iter().map(Into::into).collect()),
    }
}

/// Scores with reasons, one row for each scored record.
pub fn fraud_scores() -> TableSchema {
    TableSchema {
        name: "fraud_scores".into(),
        view_version: 2,
        doc: "Fraud score of each scored order, registration and ad click, with the rules that fired.".into(),
        columns: columns(&[
            ORGANIZATION,
            ("log_time", TIME, "when the log took the scored record"),
            ("lane", "LowCardinality(String)", "lane of the scored record"),
            ("partition", "UInt16", "log partition of the scored record"),
            ("offset", "UInt64", "offset of the scored record"),
            ("ordinal", "UInt32", "row of the scored record within its offset"),
            ("kind", "LowCardinality(String)", "kind of the scored record"),
            (
                "record",
                "String",
                "the scored order; of registrations and clicks the message id, or the actor when there is none",
            ),
            ("actor", "UInt64", "token of the actor; 0 when unknown"),
            ("score", "Int64", "sum of the weights of the rules that fired"),
            ("reasons", "Array(String)", "names of the rules that fired, in the order of the rule file"),
            ("reason_texts", "Array(String)", "what each of these rules found, in words with figures"),
            ("rule_version", "UInt32", "version of the rules that were applied"),
        ]),
        order_by: vec![
            "organization".into(),
            "kind".into(),
            "log_time".into(),
            "lane".into(),
            "partition".into(),
            "offset".into(),
            "ordinal".into(),
        ],
        partition_month_of: Some("log_time".into()),
        rows: Rows::Append,
    }
}

/// Campaign counts per window, as differences.
pub fn campaign_counts() -> TableSchema {
    TableSchema {
        name: "campaign_counts".into(),
        view_version: 1,
        doc: "Ad impressions, clicks and views per campaign and window, as differences.".into(),
        columns: columns(&[
            ORGANIZATION,
            ("campaign", "LowCardinality(String)", "campaign"),
            ("window_start", TIME, "start of the window, event time, inclusive"),
            ("window_seconds", "UInt32", "length of the window, seconds"),
            ("impressions_diff", "Int64", "impressions added"),
            ("clicks_diff", "Int64", "clicks added"),
            ("views_diff", "Int64", "views added"),
            ("late_excluded_diff", "Int64", "late rows added, which none of the counts above holds"),
            ("late_counted_diff", "Int64", "late rows added, which the counts above hold all the same"),
        ]),
        order_by: vec!["organization".into(), "campaign".into(), "window_seconds".into(), "window_start".into()],
        partition_month_of: None,
        rows: Rows::Additive(vec![
            "impressions_diff".into(),
            "clicks_diff".into(),
            "views_diff".into(),
            "late_excluded_diff".into(),
            "late_counted_diff".into(),
        ]),
    }
}

/// Membership of segments: who joined and left, when.
pub fn segment_changes() -> TableSchema {
    TableSchema {
        name: "segment_changes".into(),
        view_version: 1,
        doc: "Changes of segment membership, one row for each joining or leaving.".into(),
        columns: columns(&[
            ORGANIZATION,
            ("segment", "LowCardinality(String)", "segment"),
            ("actor", "UInt64", "token of the actor"),
            ("change", "Enum8('left' = 0, 'joined' = 1)", "what happened"),
            ("at", TIME, "log time of the record that caused it"),
            ("pos", "UInt64", "place of the change among the changes of this segment and actor: counts up, with gaps"),
        ]),
        order_by: vec!["organization".into(), "segment".into(), "actor".into(), "pos".into()],
        partition_month_of: Some("at".into()),
        rows: Rows::Append,
    }
}

/// Attendance of sessions, newest per session.
pub fn attendance() -> TableSchema {
    TableSchema {
        name: "attendance".into(),
        view_version: 1,
        doc: "Attendance of each session as of its newest landing epoch.".into(),
        columns: columns(&[
            ORGANIZATION,
            ("event", "LowCardinality(String)", "event"),
            ("session", "String", "programme item"),
            ("joined", "Int64", "distinct actors who joined"),
            ("present", "Int64", "actors present now"),
            ("peak", "Int64", "most actors present at once"),
            ("left", "Int64", "distinct actors who left before the end"),
            ("focused_ms", "Int64", "time spent focused, all actors together, milliseconds"),
        ]),
        order_by: vec!["organization".into(), "event".into(), "session".into()],
        partition_month_of: None,
        rows: Rows::Upsert(vec!["organization".into(), "event".into(), "session".into()]),
    }
}

/// Attendance of sessions as it was, minute by minute.
pub fn attendance_minutes() -> TableSchema {
    TableSchema {
        name: "attendance_minutes".into(),
        view_version: 1,
        doc: "Attendance of each session at the end of each minute of log time in which it changed: a minute without a row \
              ended as the one before."
            .into(),
        columns: columns(&[
            ORGANIZATION,
            ("event", "LowCardinality(String)", "event; empty for sessions outside any"),
            ("session", "String", "programme item"),
            ("minute", TIME, "start of the minute, log time, inclusive; the figures are of its end"),
            ("joined", "Int64", "distinct actors who had joined by then"),
            ("present", "Int64", "actors present at the end of the minute"),
            ("peak", "Int64", "most actors present at once until then"),
            ("left", "Int64", "distinct actors who had said that they leave by then"),
            ("focused_ms", "Int64", "time spent focused until then, all actors together, milliseconds"),
        ]),
        order_by: vec!["organization".into(), "event".into(), "session".into(), "minute".into()],
        partition_month_of: Some("minute".into()),
        rows: Rows::Append,
    }
}

/// Who reached which step of a funnel, as differences.
pub fn funnel_steps() -> TableSchema {
    let sums = ["reached_diff", "duration_ms_diff"];
    TableSchema {
        name: "funnel_steps".into(),
        view_version: 1,
        doc: "Actors who reached each step of each funnel, by the hour in which they began, as differences.".into(),
        columns: columns(&[
            ORGANIZATION,
            ("event", "LowCardinality(String)", "event; empty for records outside any"),
            ("funnel", "LowCardinality(String)", "funnel"),
            (
                "definition",
                "UInt64",
                "hash of the funnel's definition: a funnel with other steps or another limit counts from the start",
            ),
            ("step", "UInt8", "number of the step, 1 for the first"),
            ("hour", TIME, "start of the hour in which the actor took the first step, event time, inclusive"),
            (sums[0], "Int64", "distinct actors who reached the step for the first time"),
            (sums[1], "Int64", "time from their first step to this one, all of them together, milliseconds"),
        ]),
        order_by: ["organization", "event", "funnel", "definition", "step", "hour"].map(Into::into).to_vec(),
        partition_month_of: None,
        rows: Rows::Additive(sums.into_iter().map(Into::into).collect()),
    }
}

/// What got attention, minute by minute.
pub fn trending_scores() -> TableSchema {
    TableSchema {
        name: "trending_scores".into(),
        view_version: 1,
        doc: "Trending score of each session and item at the end of each minute of log time in which it got attention. In a \
              minute without a row it only lost: half in ten minutes."
            .into(),
        columns: columns(&[
            ORGANIZATION,
            ("event", "LowCardinality(String)", "event; empty for what belongs to none"),
            ("session", "String", "programme item; empty for items outside sessions"),
            ("item", "String", "item; empty for sessions"),
            ("minute", TIME, "start of the minute, log time, inclusive; the score is of its end"),
            (
                "score",
                "Int64",
                "score in units of 1/1048576, exactly as the live view showed it at the end of the minute",
            ),
        ]),
        order_by: ["organization", "event", "session", "item", "minute"].map(Into::into).to_vec(),
        partition_month_of: Some("minute".into()),
        rows: Rows::Append,
    }
}

/// What goes with what.
pub fn item_neighbours() -> TableSchema {
    TableSchema {
        name: "item_neighbours".into(),
        view_version: 1,
        doc: "Items that visits with an item held most often, as of some time: at most once an hour per event, for each item \
              whose list may have changed."
            .into(),
        columns: columns(&[
            ORGANIZATION,
            ("event", "LowCardinality(String)", "event; empty for items outside any"),
            ("item", "String", "item"),
            ("as_of", TIME, "log time as of which the row holds, exclusive"),
            ("visits", "Int64", "visits that hold the item, of those that recommendations remember"),
            ("neighbours", "Array(String)", "up to 20 items that its 500 most recent visits held most often, most first"),
            ("together", "Array(Int64)", "in how many of these visits each of them was"),
        ]),
        order_by: vec!["organization".into(), "event".into(), "item".into(), "as_of".into()],
        partition_month_of: Some("as_of".into()),
        rows: Rows::Append,
    }
}

/// What orders brought in, as differences.
pub fn revenue() -> TableSchema {
    let sums = [
        "gross_minor_diff",
        "refunded_minor_diff",
        "orders_diff",
        "refunds_diff",
        "late_counted_diff",
        "late_excluded_diff",
    ];
    TableSchema {
        name: "revenue".into(),
        view_version: 2,
        doc: "What orders brought in, by event, currency and minute, as differences. Never add up rows of two currencies."
            .into(),
        columns: columns(&[
            ORGANIZATION,
            ("event", "LowCardinality(String)", "event; empty for orders outside any"),
            ("currency", "LowCardinality(String)", "ISO 4217 code"),
            ("source", "LowCardinality(String)", "who says so: `reported` is another system, `box_office` is ours"),
            ("minute", TIME, "start of the minute, event time, inclusive"),
            (sums[0], "Int64", "what orders came to, in minor units of the currency; refunds are not taken off"),
            (sums[1], "Int64", "what was given back, in minor units of the currency"),
            (sums[2], "Int64", "orders added"),
            (sums[3], "Int64", "refunds added"),
            (sums[4], "Int64", "late orders and refunds added, which the figures above hold all the same"),
            (sums[5], "Int64", "late orders and refunds added, which none of the figures above holds"),
        ]),
        order_by: ["organization", "event", "currency", "source", "minute"].map(Into::into).to_vec(),
        partition_month_of: None,
        rows: Rows::Additive(sums.into_iter().map(Into::into).collect()),
    }
}

/// People by what tells them apart, newest per value.
pub fn audience() -> TableSchema {
    let key = ["organization", "event", "split_by", "part", "value"];
    TableSchema {
        name: "audience".into(),
        view_version: 1,
        doc: "Distinct people of each event by device, platform, country and language, as of the newest landing epoch. Who came \
              with two values is in both."
            .into(),
        columns: columns(&[
            ORGANIZATION,
            ("event", "LowCardinality(String)", "event; empty for records outside any"),
            ("split_by", "LowCardinality(String)", "`device`, `platform`, `country` or `language`"),
            (
                "part",
                "LowCardinality(String)",
                "`value`: people with this value; `all`: with any; `other`: with values that came when 256 others were there",
            ),
            ("value", "String", "the value; empty in rows of `all` and `other`"),
            ("visitors", "Int64", "distinct people since the beginning"),
            ("exact", "UInt8", "1 when the number is exact; else its standard error is 1.6 %"),
        ]),
        order_by: key.map(Into::into).to_vec(),
        partition_month_of: None,
        rows: Rows::Upsert(key.map(Into::into).to_vec()),
    }
}

/// Visits by the hour in which they begin, as differences.
pub fn visits() -> TableSchema {
    let sums = ["visits_diff", "single_diff", "records_diff", "duration_ms_diff"];
    TableSchema {
        name: "visits".into(),
        view_version: 1,
        doc: "Visits per event and the hour in which they begin, as differences.".into(),
        columns: columns(&[
            ORGANIZATION,
            ("event", "LowCardinality(String)", "event; empty for records outside any"),
            ("hour", TIME, "start of the hour, event time, inclusive"),
            (sums[0], "Int64", "visits added (negative: a late record joined or moved them)"),
            (sums[1], "Int64", "visits of a single record added"),
            (sums[2], "Int64", "records of these visits added"),
            (sums[3], "Int64", "time from first to last record added, all visits together, milliseconds"),
        ]),
        order_by: vec!["organization".into(), "event".into(), "hour".into()],
        partition_month_of: None,
        rows: Rows::Additive(sums.into_iter().map(Into::into).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_batches_and_names_its_own_columns() {
        for table in aggregate_tables() {
            let schema = table.arrow_schema().unwrap();
            assert_eq!(schema.fields().len(), table.columns.len());
            let own = |name: &str| table.columns.iter().any(|column| column.name == name);
            assert!(table.order_by.iter().all(|name| own(name)), "{}", table.name);
            if let Rows::Additive(names) | Rows::Upsert(names) = &table.rows {
                assert!(names.iter().all(|name| own(name)), "{}", table.name);
                assert!(table.partition_month_of.is_none(), "{}: rows of one key must share a partition", table.name);
            }
        }
    }
}
