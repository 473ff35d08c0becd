//! Rows of views as Arrow batches for their tables. Pure: same rows, same batches.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_schema::{ArrowError, DataType};
use dataflow::{LandingEpoch, ViewRows};
use eventlog::Lane;
use records::{OrderId, Span, Timestamp};
use rules::fraud::Reason;
use views::attendance::AttendanceRow;
use views::campaigns::{CampaignCountRow, WINDOW};
use views::fraud::FraudScoreRow;
use views::leaderboards::ScoreRow;
use views::segments::SegmentChangeRow;
use views::visits::VisitRow;
use views::windows::WindowCountRow;
use warehouse::outbox::Part;
use warehouse::schema::{self, TableSchema};

/// Why rows do not become a batch: the schema and this file disagree, which a test would have shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum BatchError {
    #[error("rows do not fit their table: {0}")]
    Arrow(#[from] ArrowError),
    #[error("the table has a column that no batch can carry: {0}")]
    Type(String),
}

/// One part for each view that has rows and a table.
pub(super) fn parts(epoch: &LandingEpoch) -> Result<Vec<Part>, BatchError> {
    epoch.views.iter().filter(|rows| !rows.is_empty()).filter_map(|rows| part(rows).transpose()).collect()
}

fn part(rows: &ViewRows) -> Result<Option<Part>, BatchError> {
    if let Some(rows) = rows.rows::<WindowCountRow>() {
        return table(&schema::window_counts(), windows(rows)).map(Some);
    }
    if let Some(rows) = rows.rows::<ScoreRow>() {
        return table(&schema::leaderboard_scores(), leaderboards(rows)).map(Some);
    }
    if let Some(rows) = rows.rows::<FraudScoreRow>() {
        return table(&schema::fraud_scores(), fraud(rows)).map(Some);
    }
    if let Some(rows) = rows.rows::<CampaignCountRow>() {
        return table(&schema::campaign_counts(), campaigns(rows)).map(Some);
    }
    if let Some(rows) = rows.rows::<AttendanceRow>() {
        return table(&schema::attendance(), attendance(rows)).map(Some);
    }
    if let Some(rows) = rows.rows::<SegmentChangeRow>() {
        return table(&schema::segment_changes(), segments(rows)).map(Some);
    }
    if let Some(rows) = rows.rows::<VisitRow>() {
        return table(&schema::visits(), visits(rows)).map(Some);
    }
    Ok(None)
}

fn table(table: &TableSchema, columns: Vec<ArrayRef>) -> Result<Part, BatchError> {
    let schema = table.arrow_schema().map_err(|error| BatchError::Type(error.to_string()))?;
    // One shard: the rows are bin by bin, and the merge of all workers' bins has one order.
    Ok(Part { table: table.stored_name(), shard: 0, batch: RecordBatch::try_new(schema, columns)? })
}

/// An id as the warehouse writes it: empty when none.
fn id(named: bool, text: &dyn std::fmt::Display) -> String {
    if named { text.to_string() } else { String::new() }
}

fn texts(values: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn times(values: impl Iterator<Item = Timestamp>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values.map(|time| time.0)).with_timezone("UTC"))
}

fn numbers(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn counts(values: impl Iterator<Item = u64>) -> ArrayRef {
    numbers(values.map(|value| i64::try_from(value).unwrap_or(i64::MAX)))
}

fn seconds(span: Span) -> u32 {
    u32::try_from(span.seconds()).expect("windows are shorter than a century")
}

macro_rules! each {
    ($make:ident, $rows:expr, |$row:ident| $value:expr) => {
        $make($rows.iter().map(|$row| $value))
    };
}

fn windows(rows: &[WindowCountRow]) -> Vec<ArrayRef> {
    vec![
        each!(texts, rows, |row| row.organization.to_string()),
        each!(texts, rows, |row| id(row.event.is_some(), &row.event)),
        each!(texts, rows, |row| id(row.session.is_some(), &row.session)),
        each!(texts, rows, |row| row.kind.to_string()),
        each!(times, rows, |row| row.window_start),
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.window_seconds))),
        each!(numbers, rows, |row| row.count_diff),
    ]
}

fn leaderboards(rows: &[ScoreRow]) -> Vec<ArrayRef> {
    vec![
        each!(texts, rows, |row| row.organization.to_string()),
        each!(texts, rows, |row| row.board.to_string()),
        each!(texts, rows, |row| row.participant.to_string()),
        each!(numbers, rows, |row| row.score),
    ]
}

/// A column of lists of texts, of the type that `column` of the table of fraud scores says.
fn lists(rows: &[FraudScoreRow], column: &str, text: impl Fn(&Reason) -> String) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new());
    if let Ok(schema) = schema::fraud_scores().arrow_schema()
        && let Ok(field) = schema.field_with_name(column)
        && let DataType::List(item) = field.data_type()
    {
        lists = lists.with_field(Arc::clone(item));
    }
    for row in rows {
        row.score.reasons.iter().for_each(|reason| lists.values().append_value(text(reason)));
        lists.append(true);
    }
    Arc::new(lists.finish())
}

fn fraud(rows: &[FraudScoreRow]) -> Vec<ArrayRef> {
    let lane = |lane: u8| Lane::from_code(lane).map_or("", Lane::name).to_owned();
    vec![
        each!(texts, rows, |row| row.organization.to_string()),
        each!(times, rows, |row| row.score.pos.log_time),
        each!(texts, rows, |row| lane(row.score.pos.lane)),
        Arc::new(UInt16Array::from_iter_values(rows.iter().map(|row| row.score.pos.partition))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.score.pos.offset))),
        // An offset counts records, so every record is the first of its own.
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|_| 0))),
        each!(texts, rows, |row| row.score.kind.to_string()),
        each!(texts, rows, |row| OrderId(row.score.record).to_string()),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.score.actor.0))),
        each!(numbers, rows, |row| i64::from(row.score.score)),
        lists(rows, "reasons", |reason| reason.rule.to_string()),
        lists(rows, "reason_texts", |reason| reason.text.clone()),
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.score.rules_version))),
    ]
}

fn campaigns(rows: &[CampaignCountRow]) -> Vec<ArrayRef> {
    vec![
        each!(texts, rows, |row| row.organization.to_string()),
        each!(texts, rows, |row| id(row.campaign.is_some(), &row.campaign)),
        each!(times, rows, |row| row.window),
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|_| seconds(WINDOW)))),
        each!(counts, rows, |row| row.added.served),
        each!(counts, rows, |row| row.added.clicked),
        each!(counts, rows, |row| row.added.viewed),
        each!(counts, rows, |row| row.added.late_excluded),
        each!(counts, rows, |row| row.added.late_counted),
    ]
}

fn attendance(rows: &[AttendanceRow]) -> Vec<ArrayRef> {
    vec![
        each!(texts, rows, |row| row.place.organization.to_string()),
        each!(texts, rows, |row| id(row.place.event.is_some(), &row.place.event)),
        each!(texts, rows, |row| id(row.place.session.is_some(), &row.place.session)),
        each!(counts, rows, |row| row.joined),
        each!(counts, rows, |row| row.present),
        each!(counts, rows, |row| row.peak),
        each!(counts, rows, |row| row.left),
        each!(counts, rows, |row| row.focused_ms),
    ]
}

fn segments(rows: &[SegmentChangeRow]) -> Vec<ArrayRef> {
    vec![
        each!(texts, rows, |row| row.organization.to_string()),
        each!(texts, rows, |row| row.segment.to_string()),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.actor.0))),
        each!(texts, rows, |row| if row.joined { "joined".into() } else { "left".into() }),
        each!(times, rows, |row| row.at),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.number))),
    ]
}

fn visits(rows: &[VisitRow]) -> Vec<ArrayRef> {
    vec![
        each!(texts, rows, |row| row.organization.to_string()),
        each!(texts, rows, |row| id(row.event.is_some(), &row.event)),
        each!(times, rows, |row| row.hour),
        each!(numbers, rows, |row| row.diff.visits),
        each!(numbers, rows, |row| row.diff.single),
        each!(numbers, rows, |row| row.diff.records),
        each!(numbers, rows, |row| row.diff.duration_ms),
    ]
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray as _;
    use arrow_array::types::{Int64Type, UInt64Type};
    use records::{EventId, Kind, LeaderboardId, OrganizationId, Pos, RuleId, SessionId, Text, Token};
    use views::attendance::Place;
    use views::campaigns::Counts;
    use views::fraud::Score;
    use views::visits::VisitSums;

    use super::*;

    fn number(part: &Part, column: &str) -> i64 {
        part.batch.column_by_name(column).unwrap().as_primitive::<Int64Type>().value(0)
    }

    fn text(part: &Part, column: &str) -> String {
        part.batch.column_by_name(column).unwrap().as_string::<i32>().value(0).to_owned()
    }

    fn acme() -> OrganizationId {
        OrganizationId::parse("acme").unwrap()
    }

    #[test]
    fn every_views_rows_fit_their_table() {
        let window = WindowCountRow {
            organization: acme(),
            event: EventId::NONE,
            session: SessionId::NONE,
            kind: Kind::Page,
            window_start: Timestamp(60_000_000),
            window_seconds: 60,
            count_diff: -2,
        };
        let part = table(&schema::window_counts(), windows(&[window])).unwrap();
        assert_eq!((part.table.as_str(), part.batch.num_rows()), ("window_counts", 1));
        let score =
            ScoreRow { organization: acme(), board: Text::new("points/all_time"), participant: Token(7), score: 12 };
        table(&schema::leaderboard_scores(), leaderboards(&[score])).unwrap();
        let reasons = vec![Reason { rule: RuleId::parse("fast").unwrap(), weight: 5, text: "bought at once".into() }];
        let scored = Score {
            pos: Pos { lane: 1, ..Pos::default() },
            kind: Kind::OrderReported,
            record: OrderId::parse("A-1047").unwrap().0,
            actor: Token(7),
            event_time: Timestamp(5),
            score: 5,
            reasons,
            rules_version: 1,
        };
        let row = FraudScoreRow { organization: acme(), score: Arc::new(scored) };
        let part = table(&schema::fraud_scores(), fraud(&[row])).unwrap();
        assert_eq!(text(&part, "record"), "A-1047");
        let said = part.batch.column_by_name("reason_texts").unwrap().as_list::<i32>().value(0);
        assert_eq!(said.as_string::<i32>().value(0), "bought at once");
        let row = CampaignCountRow {
            organization: acme(),
            campaign: records::CampaignId::NONE,
            window: Timestamp(0),
            added: Counts { served: 3, viewed: 2, clicked: 1, late_excluded: 7, late_counted: 5 },
        };
        let part = table(&schema::campaign_counts(), campaigns(&[row])).unwrap();
        let columns = ["impressions_diff", "views_diff", "clicks_diff", "late_excluded_diff", "late_counted_diff"];
        assert_eq!(columns.map(|column| number(&part, column)), [3, 2, 1, 7, 5]);
        let place = Place { organization: acme(), event: EventId::NONE, session: SessionId::NONE };
        let row = AttendanceRow { place, joined: 1, present: 1, peak: 1, left: 0, focused_ms: 9 };
        table(&schema::attendance(), attendance(&[row])).unwrap();
        let row = SegmentChangeRow {
            organization: acme(),
            segment: records::SegmentId::parse("regulars").unwrap(),
            actor: Token(7),
            number: 9,
            joined: true,
            at: Timestamp(5),
        };
        let part = table(&schema::segment_changes(), segments(&[row])).unwrap();
        assert_eq!(text(&part, "change"), "joined");
        assert_eq!(part.batch.column_by_name("pos").unwrap().as_primitive::<UInt64Type>().value(0), 9);
        let diff = VisitSums { visits: -1, single: -2, records: 3, duration_ms: 4 };
        let row = VisitRow { organization: acme(), event: EventId::NONE, hour: Timestamp(0), diff };
        let part = table(&schema::visits(), visits(&[row])).unwrap();
        let columns = ["visits_diff", "single_diff", "records_diff", "duration_ms_diff"];
        assert_eq!(columns.map(|column| number(&part, column)), [-1, -2, 3, 4]);
        assert_eq!(LeaderboardId::NONE.to_string(), "-", "absent ids print as a dash, so `id` leaves them out");
    }
}
