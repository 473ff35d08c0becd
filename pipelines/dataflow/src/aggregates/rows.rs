//! One function per view: its rows as the columns of its table, in the table's order.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, UInt8Array, UInt16Array, UInt32Array, UInt64Array};
use eventlog::Lane;
use records::{OrderId, Timestamp};
use rules::fraud::Reason;
use rules::points::Scope;
use views::attendance::Standing;
use views::audience::{AudienceRow, Part};
use views::campaigns::{CampaignCountRow, WINDOW};
use views::fraud::FraudScoreRow;
use views::funnels::{FunnelKey, FunnelStepRow, StepSums};
use views::points::{AwardRow, Reward};
use views::recommend::NeighbourRow;
use views::revenue::RevenueRow;
use views::segments::SegmentChangeRow;
use views::trending::{Thing, TrendRow};
use views::visits::VisitRow;
use views::windows::WindowCountRow;
use warehouse::schema;

use super::columns::{counts, each, id, lists, number_lists, numbers, runs_of, seconds, texts, times};

pub(super) fn windows(rows: &[WindowCountRow]) -> Vec<ArrayRef> {
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

/// Rows of one reward follow each other: what they have in common is printed once.
pub(super) fn awards(rows: &[AwardRow]) -> Vec<ArrayRef> {
    let common = |text: fn(&Reward) -> String| {
        runs_of(rows, |one, next| one.reward.is_told_as(&next.reward), |row| text(&row.reward))
    };
    vec![
        common(|reward| reward.context.organization.to_string()),
        common(|reward| reward.context.leaderboard.to_string()),
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.reward.generation))),
        common(|reward| id(reward.context.event.is_some(), &reward.context.event)),
        common(|reward| reward.track.to_string()),
        common(|reward| reward.context.day.date()),
        common(|reward| reward.context.rule.to_string()),
        Arc::new(UInt8Array::from_iter_values(rows.iter().map(|row| scopes(&row.reward)))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.participant.0))),
        each!(numbers, rows, |row| row.points),
        each!(numbers, rows, |row| row.awards),
    ]
}

/// One bit for each scope, as the table's documentation says.
fn scopes(reward: &Reward) -> u8 {
    (0..).zip(Scope::ALL).fold(0, |bits, (bit, scope)| bits | u8::from(reward.counts_on(scope)) << bit)
}

pub(super) fn fraud(rows: &[FraudScoreRow]) -> Vec<ArrayRef> {
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
        lists(&schema::fraud_scores(), "reasons", rows, |row| said(row, |reason| reason.rule.to_string())),
        lists(&schema::fraud_scores(), "reason_texts", rows, |row| said(row, |reason| reason.text.clone())),
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.score.rules_version))),
    ]
}

pub(super) fn campaigns(rows: &[CampaignCountRow]) -> Vec<ArrayRef> {
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

pub(super) fn attendance(rows: &[Standing]) -> Vec<ArrayRef> {
    let mut columns = places(rows);
    columns.extend(figures(rows));
    columns
}

pub(super) fn attendance_minutes(starts: &[Timestamp], rows: &[Standing]) -> Vec<ArrayRef> {
    let mut columns = places(rows);
    columns.push(times(starts.iter().copied()));
    columns.extend(figures(rows));
    columns
}

fn places(rows: &[Standing]) -> Vec<ArrayRef> {
    vec![
        each!(texts, rows, |row| row.place.organization.to_string()),
        each!(texts, rows, |row| id(row.place.event.is_some(), &row.place.event)),
        each!(texts, rows, |row| id(row.place.session.is_some(), &row.place.session)),
    ]
}

fn figures(rows: &[Standing]) -> Vec<ArrayRef> {
    vec![
        each!(counts, rows, |row| row.joined),
        each!(counts, rows, |row| row.present),
        each!(counts, rows, |row| row.peak),
        each!(counts, rows, |row| row.left),
        each!(counts, rows, |row| row.focused_ms),
    ]
}

/// Actors are spread over all bins, so rows of one key are added up first: a landing epoch has one row of each.
pub(super) fn funnels(rows: &[FunnelStepRow]) -> Vec<ArrayRef> {
    let mut sums = BTreeMap::<(FunnelKey, u8, Timestamp), StepSums>::new();
    rows.iter().for_each(|row| sums.entry((row.key, row.step, row.hour)).or_default().add(row.diff));
    let rows: Vec<_> = sums.into_iter().collect();
    vec![
        each!(texts, rows, |row| row.0.0.organization.to_string()),
        each!(texts, rows, |row| id(row.0.0.event.is_some(), &row.0.0.event)),
        each!(texts, rows, |row| row.0.0.funnel.to_string()),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.0.0.definition))),
        // People count steps from 1.
        Arc::new(UInt8Array::from_iter_values(rows.iter().map(|row| row.0.1 + 1))),
        each!(times, rows, |row| row.0.2),
        each!(numbers, rows, |row| row.1.reached),
        each!(numbers, rows, |row| row.1.duration_ms),
    ]
}

pub(super) fn trending(rows: &[TrendRow]) -> Vec<ArrayRef> {
    let names = |thing| match thing {
        Thing::Session(session) => (session.to_string(), String::new()),
        Thing::Item(item) => (String::new(), item.to_string()),
    };
    vec![
        each!(texts, rows, |row| row.stage.organization.to_string()),
        each!(texts, rows, |row| id(row.stage.event.is_some(), &row.stage.event)),
        each!(texts, rows, |row| names(row.thing).0),
        each!(texts, rows, |row| names(row.thing).1),
        each!(times, rows, |row| row.start),
        each!(counts, rows, |row| row.score),
    ]
}

pub(super) fn neighbours(rows: &[NeighbourRow]) -> Vec<ArrayRef> {
    let table = schema::item_neighbours();
    let items = |row: &NeighbourRow| row.neighbours.iter().map(|(item, _)| item.to_string()).collect();
    let together = |row: &NeighbourRow| row.neighbours.iter().map(|(_, visits)| i64::from(*visits)).collect();
    vec![
        each!(texts, rows, |row| row.organization.to_string()),
        each!(texts, rows, |row| id(row.event.is_some(), &row.event)),
        each!(texts, rows, |row| row.item.to_string()),
        each!(times, rows, |row| row.as_of),
        each!(numbers, rows, |row| i64::from(row.visits)),
        lists(&table, "neighbours", rows, items),
        number_lists(&table, "together", rows, together),
    ]
}

pub(super) fn segments(rows: &[SegmentChangeRow]) -> Vec<ArrayRef> {
    vec![
        each!(texts, rows, |row| row.organization.to_string()),
        each!(texts, rows, |row| row.segment.to_string()),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.actor.0))),
        each!(texts, rows, |row| if row.joined { "joined".into() } else { "left".into() }),
        each!(times, rows, |row| row.at),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.number))),
    ]
}

pub(super) fn visits(rows: &[VisitRow]) -> Vec<ArrayRef> {
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

pub(super) fn revenue(rows: &[RevenueRow]) -> Vec<ArrayRef> {
    vec![
        each!(texts, rows, |row| row.till.organization.to_string()),
        each!(texts, rows, |row| id(row.till.event.is_some(), &row.till.event)),
        each!(texts, rows, |row| row.till.currency.to_string()),
        each!(texts, rows, |row| row.till.source.word().to_owned()),
        each!(times, rows, |row| row.start),
        each!(numbers, rows, |row| row.added.gross_minor),
        each!(numbers, rows, |row| row.added.refunded_minor),
        each!(counts, rows, |row| row.added.orders),
        each!(counts, rows, |row| row.added.refunds),
        each!(counts, rows, |row| row.added.late_counted),
        each!(counts, rows, |row| row.added.late_excluded),
    ]
}

pub(super) fn audience(rows: &[AudienceRow]) -> Vec<ArrayRef> {
    let part = |part: &Part| match part {
        Part::All => ("all", String::new()),
        Part::Other => ("other", String::new()),
        Part::Value(value) => ("value", value.to_string()),
    };
    vec![
        each!(texts, rows, |row| row.crowd.organization.to_string()),
        each!(texts, rows, |row| id(row.crowd.event.is_some(), &row.crowd.event)),
        each!(texts, rows, |row| row.crowd.by.word().to_owned()),
        each!(texts, rows, |row| part(&row.part).0.to_owned()),
        each!(texts, rows, |row| part(&row.part).1),
        each!(counts, rows, |row| row.visitors.count),
        Arc::new(UInt8Array::from_iter_values(rows.iter().map(|row| u8::from(row.visitors.exact)))),
    ]
}

fn said(row: &FraudScoreRow, text: impl Fn(&Reason) -> String) -> Vec<String> {
    row.score.reasons.iter().map(text).collect()
}
