//! One frame of `eventra top`, as text of at most 80 by 24. Pure: same figures, same text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::figures::{Figures, Leader};

const WIDTH: usize = 79;
const ROWS: usize = 5;
/// Characters of a recommended item: the reason wants room too.
const ITEM: usize = 24;

/// Draws figures; with earlier ones and the span since, rates and movement too.
pub(crate) fn draw(now: &Figures, before: Option<(&Figures, Duration)>) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        let _ = writeln!(out, "{}", cut(text.trim_end(), WIDTH));
    };
    line(format!("eventra {}  up {}  {}", now.address, span(now.uptime_ms), now.event));
    line(format!(
        "records {:>12}  {:>9}/s   fresh {:>6} ms   lag {:>8}   epoch {}",
        grouped(now.records),
        rate(now, before),
        now.freshness_ms.max(0),
        grouped(now.lag_records),
        now.epoch
    ));
    line(format!(
        "dead letters {:>8}   duplicates {:>8}   log {:>9}   mem {}",
        grouped(now.dead_letters),
        grouped(now.duplicates),
        bytes(now.log_bytes),
        bytes(now.resident_bytes)
    ));
    let late = now.late.iter().map(|(view, count)| format!("   {view} {}", grouped(*count)));
    line(format!("late, by view{}", late.collect::<String>()));
    let warehouse = &now.warehouse;
    line(format!(
        "warehouse {}  landed {}  rows {}  waiting {}  mem {}{}",
        warehouse.state,
        warehouse.landed.map_or("-".to_owned(), |epoch| epoch.to_string()),
        grouped(warehouse.rows),
        warehouse.waiting,
        bytes(warehouse.resident_bytes),
        warehouse.error.as_ref().map_or(String::new(), |error| format!("  {error}"))
    ));
    line("-".repeat(WIDTH));
    sessions_and_leaders(now, before.map(|(figures, _)| figures), &mut line);
    line("-".repeat(WIDTH));
    line("fraud: newest scores".to_owned());
    for suspicion in now.fraud.iter().take(ROWS - 1) {
        // The reasons first: an id is long, and what is cut off at the edge should be the id.
        line(format!(
            "{:>5} {:<21} {}  ({})",
            suspicion.score,
            suspicion.kind,
            suspicion.reasons.join("; "),
            suspicion.id
        ));
    }
    line("recommended next".to_owned());
    for next in now.recommendations.iter().take(ROWS - 1) {
        let items: Vec<String> = next.items.iter().take(1).map(|item| cut(item, ITEM)).collect();
        line(format!("{} -> {:<ITEM$} {}", next.visitor, items.join(""), next.reason));
    }
    out
}

fn sessions_and_leaders(now: &Figures, before: Option<&Figures>, line: &mut impl FnMut(String)) {
    let earlier: BTreeMap<&str, u64> = before
        .iter()
        .flat_map(|figures| &figures.leaders)
        .map(|leader| (leader.participant.as_str(), leader.rank))
        .collect();
    line(format!("{:<26} {:>6} {:>6} | {:>3} {:<18} {:>8}", "session", "there", "joined", "#", "leaders", "points"));
    for row in 0..ROWS {
        let left = now.sessions.get(row).map_or(String::new(), |session| {
            let title = if session.title.is_empty() { &session.session } else { &session.title };
            format!("{:<26} {:>6} {:>6}", cut(title, 26), session.present, session.joined)
        });
        let right = now.leaders.get(row).map_or(String::new(), |leader| {
            let moved = movement(leader, before.is_some(), &earlier);
            format!("{:>3} {:<18} {:>8} {moved}", leader.rank, leader.participant, leader.score)
        });
        line(format!("{left:<40} | {right}"));
    }
}

fn movement(leader: &Leader, known: bool, earlier: &BTreeMap<&str, u64>) -> String {
    match earlier.get(leader.participant.as_str()) {
        Some(rank) if *rank > leader.rank => format!("+{}", rank - leader.rank),
        Some(rank) if *rank < leader.rank => format!("-{}", leader.rank - rank),
        Some(_) => String::new(),
        None if known => "new".into(),
        None => String::new(),
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people"
)]
fn rate(now: &Figures, before: Option<(&Figures, Duration)>) -> String {
    let Some((before, span)) = before else { return "-".into() };
    let records = now.records.saturating_sub(before.records);
    grouped((records as f64 / span.as_secs_f64().max(0.001)).round() as u64)
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn bytes(number: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = number as f64;
    let mut unit = 0;
    while value >= 1_000.0 && unit + 1 < units.len() {
        value /= 1_000.0;
        unit += 1;
    }
    if unit == 0 { format!("{number} B") } else { format!("{value:.1} {}", units[unit]) }
}

fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

fn cut(text: &str, width: usize) -> String {
    // Control characters would move the cursor: titles come from outside.
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    match clean.char_indices().nth(width) {
        None => clean,
        // Two titles that differ in their ends only must not look like one.
        Some(_) => clean.chars().take(width - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Recommendation, Session, Suspicion};

    fn figures() -> Figures {
        Figures {
            records: 1_234_567,
            sessions: (0..9)
                .map(|n| Session {
                    title: format!("A title that is much too long for its place {n}"),
                    present: n,
                    ..Session::default()
                })
                .collect(),
            leaders: (1..9).map(|rank| Leader { rank, participant: format!("{rank:016x}"), score: 10 }).collect(),
            fraud: vec![Suspicion { reasons: vec!["x".repeat(200)], ..Suspicion::default() }; 9],
            recommendations: vec![Recommendation { reason: "evil\x1b[2J".into(), ..Recommendation::default() }; 9],
            ..Figures::default()
        }
    }

    #[test]
    fn a_frame_fits_80_by_24_and_holds_no_escape() {
        let before = Figures { records: 1_234_067, ..figures() };
        let text = draw(&figures(), Some((&before, Duration::from_millis(500))));
        assert!(text.lines().count() <= 24, "{}", text.lines().count());
        assert!(text.lines().all(|line| line.chars().count() < 80));
        assert!(!text.contains('\x1b'));
        assert!(text.contains("1,234,567") && text.contains("1,000/s"), "{text}");
    }

    #[test]
    fn movement_is_shown() {
        let mut before = figures();
        before.leaders.swap(0, 2);
        before.leaders[0].rank = 1;
        before.leaders[2].rank = 3;
        before.leaders.remove(1);
        let text = draw(&figures(), Some((&before, Duration::from_secs(1))));
        assert!(text.contains("10 +2") && text.contains("10 -2") && text.contains("10 new"), "{text}");
    }
}
