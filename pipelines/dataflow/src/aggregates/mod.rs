//! Rows of views as Arrow batches for their tables. Pure: same rows, same batches.
//!
//! What a `Sink` puts into the warehouse's outbox. A view that lands has its rows' columns in `rows`, in the order of
//! its table in `warehouse::schema`, and a line in [`parts`]' dispatch; rows of any other type land nowhere.

mod columns;
mod rows;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;
use views::attendance::AttendanceRow;
use views::campaigns::CampaignCountRow;
use views::fraud::FraudScoreRow;
use views::leaderboards::ScoreRow;
use views::segments::SegmentChangeRow;
use views::visits::VisitRow;
use views::windows::WindowCountRow;
use warehouse::outbox::Part;
use warehouse::schema::{self, TableSchema};

use crate::landing::{LandingEpoch, ViewRows};

/// Why rows do not become a batch: the schema and this module disagree, which a test would have shown.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The columns are not those of the table.
    #[error("rows do not fit their table: {0}")]
    Arrow(#[from] ArrowError),
    /// The table names a type that Arrow batches do not carry.
    #[error("the table has a column that no batch can carry: {0}")]
    Type(String),
}

/// Returns one part for each view that has rows and a table, in the order of the views.
pub fn parts(epoch: &LandingEpoch) -> Result<Vec<Part>, BatchError> {
    epoch.views.iter().filter(|rows| !rows.is_empty()).filter_map(|rows| part(rows).transpose()).collect()
}

/// The part of one view; none for rows that no table takes.
fn part(view: &ViewRows) -> Result<Option<Part>, BatchError> {
    if let Some(found) = view.rows::<WindowCountRow>() {
        return table(&schema::window_counts(), rows::windows(found)).map(Some);
    }
    if let Some(found) = view.rows::<ScoreRow>() {
        return table(&schema::leaderboard_scores(), rows::leaderboards(found)).map(Some);
    }
    if let Some(found) = view.rows::<FraudScoreRow>() {
        return table(&schema::fraud_scores(), rows::fraud(found)).map(Some);
    }
    if let Some(found) = view.rows::<CampaignCountRow>() {
        return table(&schema::campaign_counts(), rows::campaigns(found)).map(Some);
    }
    if let Some(found) = view.rows::<AttendanceRow>() {
        return table(&schema::attendance(), rows::attendance(found)).map(Some);
    }
    if let Some(found) = view.rows::<SegmentChangeRow>() {
        return table(&schema::segment_changes(), rows::segments(found)).map(Some);
    }
    if let Some(found) = view.rows::<VisitRow>() {
        return table(&schema::visits(), rows::visits(found)).map(Some);
    }
    Ok(None)
}

fn table(table: &TableSchema, columns: Vec<ArrayRef>) -> Result<Part, BatchError> {
    let schema = table.arrow_schema().map_err(|error| BatchError::Type(error.to_string()))?;
    // One shard: the rows are bin by bin, and the merge of all workers' bins has one order.
    Ok(Part { table: table.stored_name(), shard: 0, batch: RecordBatch::try_new(schema, columns)? })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray as _;
    use arrow_array::types::{Int64Type, UInt64Type};
    use records::{
        CampaignId, EventId, Kind, OrderId, OrganizationId, Pos, RuleId, SegmentId, SessionId, Text, Timestamp, Token,
    };
    use rules::fraud::Reason;
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
    fn windows_fit_their_table() {
        let window = WindowCountRow {
            organization: acme(),
            event: EventId::NONE,
            session: SessionId::NONE,
            kind: Kind::Page,
            window_start: Timestamp(60_000_000),
            window_seconds: 60,
            count_diff: -2,
        };
        let part = table(&schema::window_counts(), rows::windows(&[window])).unwrap();
        assert_eq!((part.table.as_str(), part.batch.num_rows()), ("window_counts", 1));
        assert_eq!(number(&part, "count_diff"), -2);
        assert_eq!(text(&part, "event"), "", "absent ids print as a dash, which no column holds");
    }

    #[test]
    fn scores_of_participants_fit_their_table() {
        let score =
            ScoreRow { organization: acme(), board: Text::new("points/all_time"), participant: Token(7), score: 12 };
        let part = table(&schema::leaderboard_scores(), rows::leaderboards(&[score])).unwrap();
        assert_eq!(number(&part, "score"), 12);
    }

    #[test]
    fn fraud_scores_fit_their_table() {
        let reasons = vec![Reason { rule: RuleId::parse("fast").unwrap(), weight: 5, text: "bought at once".into() }];
        let score = Score {
            pos: Pos { lane: 1, ..Pos::default() },
            kind: Kind::OrderReported,
            record: OrderId::parse("A-1047").unwrap().0,
            actor: Token(7),
            event_time: Timestamp(5),
            score: 5,
            reasons,
            rules_version: 1,
        };
        let row = FraudScoreRow { organization: acme(), score: Arc::new(score) };
        let part = table(&schema::fraud_scores(), rows::fraud(&[row])).unwrap();
        assert_eq!(text(&part, "record"), "A-1047");
        let said = part.batch.column_by_name("reason_texts").unwrap().as_list::<i32>().value(0);
        assert_eq!(said.as_string::<i32>().value(0), "bought at once");
    }

    #[test]
    fn campaigns_fit_their_table() {
        let row = CampaignCountRow {
            organization: acme(),
            campaign: CampaignId::NONE,
            window: Timestamp(0),
            added: Counts { served: 3, viewed: 2, clicked: 1, late_excluded: 7, late_counted: 5 },
        };
        let part = table(&schema::campaign_counts(), rows::campaigns(&[row])).unwrap();
        let columns = ["impressions_diff", "views_diff", "clicks_diff", "late_excluded_diff", "late_counted_diff"];
        assert_eq!(columns.map(|column| number(&part, column)), [3, 2, 1, 7, 5]);
    }

    #[test]
    fn attendance_fits_its_table() {
        let place = Place { organization: acme(), event: EventId::NONE, session: SessionId::NONE };
        let row = AttendanceRow { place, joined: 4, present: 2, peak: 3, left: 1, focused_ms: 9 };
        let part = table(&schema::attendance(), rows::attendance(&[row])).unwrap();
        let columns = ["joined", "present", "peak", "left", "focused_ms"];
        assert_eq!(columns.map(|column| number(&part, column)), [4, 2, 3, 1, 9]);
    }

    #[test]
    fn changes_of_segments_fit_their_table() {
        let row = SegmentChangeRow {
            organization: acme(),
            segment: SegmentId::parse("regulars").unwrap(),
            actor: Token(7),
            number: 9,
            joined: true,
            at: Timestamp(5),
        };
        let part = table(&schema::segment_changes(), rows::segments(&[row])).unwrap();
        assert_eq!(text(&part, "change"), "joined");
        assert_eq!(part.batch.column_by_name("pos").unwrap().as_primitive::<UInt64Type>().value(0), 9);
    }

    #[test]
    fn visits_fit_their_table() {
        let diff = VisitSums { visits: -1, single: -2, records: 3, duration_ms: 4 };
        let row = VisitRow { organization: acme(), event: EventId::NONE, hour: Timestamp(0), diff };
        let part = table(&schema::visits(), rows::visits(&[row])).unwrap();
        let columns = ["visits_diff", "single_diff", "records_diff", "duration_ms_diff"];
        assert_eq!(columns.map(|column| number(&part, column)), [-1, -2, 3, 4]);
    }
}
