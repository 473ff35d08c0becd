//! Rows of views as Arrow batches for their tables. Pure: same rows, same batches.
//!
//! What a `Sink` puts into the warehouse's outbox. A view that lands has its rows' columns in `rows`, in the order of
//! its table in `warehouse::schema`, and a line in [`parts`]' dispatch; rows of any other type land nowhere.

mod columns;
mod rows;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;
use views::attendance::AttendanceRow;
use views::audience::AudienceRow;
use views::campaigns::CampaignCountRow;
use views::fraud::FraudScoreRow;
use views::funnels::FunnelStepRow;
use views::points::AwardRow;
use views::recommend::NeighbourRow;
use views::revenue::RevenueRow;
use views::segments::SegmentChangeRow;
use views::trending::TrendRow;
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

/// Returns one part for each table that views have rows for, in the order of the views.
pub fn parts(epoch: &LandingEpoch) -> Result<Vec<Part>, BatchError> {
    let mut parts = Vec::new();
    for rows in epoch.views.iter().filter(|rows| !rows.is_empty()) {
        parts.extend(of_view(rows)?);
    }
    Ok(parts)
}

/// The parts of one view; none for rows that no table takes.
fn of_view(view: &ViewRows) -> Result<Vec<Part>, BatchError> {
    if let Some(found) = view.rows::<WindowCountRow>() {
        return one(&schema::window_counts(), rows::windows(found));
    }
    if let Some(found) = view.rows::<AwardRow>() {
        return one(&schema::awards(), rows::awards(found));
    }
    if let Some(found) = view.rows::<FraudScoreRow>() {
        return one(&schema::fraud_scores(), rows::fraud(found));
    }
    if let Some(found) = view.rows::<CampaignCountRow>() {
        return one(&schema::campaign_counts(), rows::campaigns(found));
    }
    if let Some(found) = view.rows::<AttendanceRow>() {
        return attendance(found);
    }
    if let Some(found) = view.rows::<SegmentChangeRow>() {
        return one(&schema::segment_changes(), rows::segments(found));
    }
    if let Some(found) = view.rows::<VisitRow>() {
        return one(&schema::visits(), rows::visits(found));
    }
    if let Some(found) = view.rows::<FunnelStepRow>() {
        return one(&schema::funnel_steps(), rows::funnels(found));
    }
    if let Some(found) = view.rows::<TrendRow>() {
        return one(&schema::trending_scores(), rows::trending(found));
    }
    if let Some(found) = view.rows::<NeighbourRow>() {
        return one(&schema::item_neighbours(), rows::neighbours(found));
    }
    if let Some(found) = view.rows::<RevenueRow>() {
        return one(&schema::revenue(), rows::revenue(found));
    }
    if let Some(found) = view.rows::<AudienceRow>() {
        return one(&schema::audience(), rows::audience(found));
    }
    Ok(Vec::new())
}

fn one(schema: &TableSchema, columns: Vec<ArrayRef>) -> Result<Vec<Part>, BatchError> {
    table(schema, columns).map(|part| vec![part])
}

/// Attendance fills two tables: sessions as they are, and as they were minute by minute.
fn attendance(found: &[AttendanceRow]) -> Result<Vec<Part>, BatchError> {
    let (mut now, mut starts, mut minutes) = (Vec::new(), Vec::new(), Vec::new());
    for row in found {
        match row {
            AttendanceRow::Now(standing) => now.push(*standing),
            AttendanceRow::Minute { start, standing } => {
                starts.push(*start);
                minutes.push(*standing);
            }
        }
    }
    let mut parts = Vec::new();
    if !now.is_empty() {
        parts.push(table(&schema::attendance(), rows::attendance(&now))?);
    }
    if !minutes.is_empty() {
        parts.push(table(&schema::attendance_minutes(), rows::attendance_minutes(&starts, &minutes))?);
    }
    Ok(parts)
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
    use arrow_array::types::{Int64Type, UInt8Type, UInt64Type};
    use records::zone::Day;
    use records::{
        CampaignId, Currency, EventId, ItemId, Kind, LeaderboardId, OrderId, OrganizationId, Pos, RuleId, SegmentId,
        SessionId, Text, Timestamp, Token,
    };
    use rules::fraud::Reason;
    use rules::points::Scope;
    use views::attendance::{Place, Standing};
    use views::audience::{By, Crowd, Part as Of};
    use views::campaigns::Counts;
    use views::fraud::Score;
    use views::funnels::{FunnelKey, StepSums};
    use views::points::{Context, Reward};
    use views::revenue::{Source, Takings, Till};
    use views::trending::{Stage, Thing};
    use views::visits::VisitSums;
    use views::windows::UniqueCount;

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
    fn awards_fit_their_table() {
        let (leaderboard, rule) = (LeaderboardId::parse("engagement").unwrap(), RuleId::parse("join").unwrap());
        let context = Context { organization: acme(), event: EventId::NONE, leaderboard, rule, day: Day(1) };
        let reward = |track| Arc::new(Reward::new(context, 5, None).on(&Scope::ALL, &Text::new(track), 2));
        let row = AwardRow { reward: reward("rust"), participant: Token(7), points: 12, awards: 3 };
        let other = AwardRow { reward: reward("go"), ..row.clone() };
        let part = table(&schema::awards(), rows::awards(&[row.clone(), row, other])).unwrap();
        assert_eq!((number(&part, "points_diff"), number(&part, "awards_diff")), (12, 3));
        assert_eq!((text(&part, "day"), text(&part, "event")), ("1970-01-02".into(), String::new()));
        let of = |column: &str| Arc::clone(part.batch.column_by_name(column).unwrap());
        let tracks: Vec<_> = of("track").as_string::<i32>().iter().flatten().map(str::to_owned).collect();
        assert_eq!(tracks, ["rust", "rust", "go"]);
        assert_eq!(of("scopes").as_primitive::<UInt8Type>().value(0), 4 + 8, "outside events: days and all time");
        assert_eq!(of("actor").as_primitive::<UInt64Type>().value(0), 7);
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
        let now = Standing { place, joined: 4, present: 2, peak: 3, left: 1, focused_ms: 9 };
        let standing = Standing { present: 3, ..now };
        let rows = [AttendanceRow::Minute { start: Timestamp(60_000_000), standing }, AttendanceRow::Now(now)];
        let parts = attendance(&rows).unwrap();
        let columns = ["joined", "present", "peak", "left", "focused_ms"];
        assert_eq!(columns.map(|column| number(&parts[0], column)), [4, 2, 3, 1, 9]);
        assert_eq!(columns.map(|column| number(&parts[1], column)), [4, 3, 3, 1, 9]);
        assert_eq!(
            parts.iter().map(|part| part.table.as_str()).collect::<Vec<_>>(),
            ["attendance", "attendance_minutes"]
        );
        assert_eq!(attendance(&rows[..1]).unwrap().len(), 1, "a table without rows has no part");
    }

    #[test]
    fn steps_of_funnels_are_added_up_over_all_bins() {
        let funnel = RuleId::parse("buy").unwrap();
        let key = FunnelKey { organization: acme(), event: EventId::NONE, funnel, definition: u64::MAX };
        let row = |step, reached| FunnelStepRow {
            key,
            step,
            hour: Timestamp(0),
            diff: StepSums { reached, duration_ms: 10 * reached },
        };
        let part = table(&schema::funnel_steps(), rows::funnels(&[row(1, 3), row(0, 7), row(1, 2)])).unwrap();
        assert_eq!(part.batch.num_rows(), 2);
        let last = part.batch.slice(1, 1);
        let part = Part { batch: last, ..part };
        assert_eq!((number(&part, "reached_diff"), number(&part, "duration_ms_diff")), (5, 50));
        assert_eq!(part.batch.column_by_name("step").unwrap().as_primitive::<UInt8Type>().value(0), 2);
    }

    #[test]
    fn trending_scores_fit_their_table() {
        let stage = Stage { organization: acme(), event: EventId::NONE };
        let thing = Thing::Item(ItemId::parse("mug").unwrap());
        let part = table(
            &schema::trending_scores(),
            rows::trending(&[TrendRow { stage, thing, start: Timestamp(60_000_000), score: 3 << 20 }]),
        );
        let part = part.unwrap();
        assert_eq!(
            (text(&part, "session"), text(&part, "item"), number(&part, "score")),
            (String::new(), "mug".into(), 3 << 20)
        );
    }

    #[test]
    fn lists_of_neighbours_fit_their_table() {
        let item = |name| ItemId::parse(name).unwrap();
        let (organization, event, as_of) = (acme(), EventId::NONE, Timestamp(9));
        let neighbours = vec![(item("cup"), 4), (item("tea"), 1)];
        let row = NeighbourRow { organization, event, item: item("mug"), as_of, visits: 6, neighbours };
        let alone = NeighbourRow { item: item("pen"), neighbours: Vec::new(), ..row.clone() };
        let part = table(&schema::item_neighbours(), rows::neighbours(&[row, alone])).unwrap();
        let list = |column, row| part.batch.column_by_name(column).unwrap().as_list::<i32>().value(row);
        assert_eq!(list("neighbours", 0).as_string::<i32>().value(1), "tea");
        assert_eq!(list("together", 0).as_primitive::<Int64Type>().values(), &[4, 1]);
        assert_eq!((list("together", 1).len(), number(&part, "visits")), (0, 6));
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
    fn revenue_fits_its_table() {
        let till =
            Till { organization: acme(), event: EventId::NONE, currency: Currency::EUR, source: Source::Reported };
        let counts = Takings { orders: 3, refunds: 4, late_counted: 5, late_excluded: 6, ..Takings::default() };
        let added = Takings { gross_minor: 1, refunded_minor: 2, ..counts };
        let row = RevenueRow { till, start: Timestamp(60_000_000), added };
        let part = table(&schema::revenue(), rows::revenue(&[row])).unwrap();
        let columns = ["gross_minor_diff", "refunded_minor_diff", "orders_diff", "refunds_diff"];
        assert_eq!(columns.map(|column| number(&part, column)), [1, 2, 3, 4]);
        assert_eq!(["late_counted_diff", "late_excluded_diff"].map(|column| number(&part, column)), [5, 6]);
        assert_eq!(["currency", "source"].map(|column| text(&part, column)), ["EUR", "reported"]);
    }

    #[test]
    fn audiences_fit_their_table() {
        let crowd = Crowd { organization: acme(), event: EventId::NONE, by: By::Country };
        let visitors = UniqueCount { count: 7, exact: false };
        let row = |part| AudienceRow { crowd, part, visitors };
        let all = [row(Of::Value("DE".into())), row(Of::Other)];
        let part = table(&schema::audience(), rows::audience(&all)).unwrap();
        assert_eq!(["split_by", "part", "value"].map(|column| text(&part, column)), ["country", "value", "DE"]);
        assert_eq!(number(&part, "visitors"), 7);
        assert_eq!(part.batch.column_by_name("exact").unwrap().as_primitive::<UInt8Type>().value(0), 0);
        let last = Part { batch: part.batch.slice(1, 1), ..part };
        assert_eq!(["part", "value"].map(|column| text(&last, column)), ["other", ""]);
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
