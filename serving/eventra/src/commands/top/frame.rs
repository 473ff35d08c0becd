//! One frame of `eventra top`, as text that fits a size. Pure: same figures and size, same text.

use std::collections::BTreeMap;
use std::time::Duration;

use super::layout::{Size, beside, cut, flow, pad, share};
use crate::figures::{Figures, Leader};

/// From so many cells on sessions and leaders stand beside each other.
const BESIDE: usize = 72;
/// The same for fraud and recommendations, whose lines are sentences.
const SENTENCES_BESIDE: usize = 140;
/// Cells of the leaders: rank, pseudonym, points, movement.
const LEADERS: usize = 36;
/// From so many cells on a session tells more about itself.
const MORE_OF_SESSIONS: usize = 72;
/// A title as wide as this is read easily, and its figures are not far from it.
const TITLE_MAX: usize = 64;

/// Draws figures; with earlier ones and the span since, rates and movement too.
pub(crate) fn draw(now: &Figures, before: Option<(&Figures, Duration)>, size: Size) -> String {
    // The last column stays empty: a full line would wrap in some terminals.
    let width = size.columns.saturating_sub(1);
    let mut lines = flow(&header(now, before), width);
    let rule = "-".repeat(width);
    let rest = size.rows.saturating_sub(lines.len() + 2);
    let earlier = before.map(|(figures, _)| figures);
    let (top, bottom) = body(now, earlier, width, rest);
    for group in [top, bottom].into_iter().filter(|group| !group.is_empty()) {
        lines.push(rule.clone());
        lines.extend(group);
    }
    lines.iter().take(size.rows).map(|line| cut(line.trim_end(), width) + "\n").collect()
}

fn header(now: &Figures, before: Option<(&Figures, Duration)>) -> Vec<String> {
    let warehouse = &now.warehouse;
    let mut fields = vec![
        format!("eventra {}", now.address),
        format!("up {}", span(now.uptime_ms)),
        now.event.clone(),
        format!("records {:>11} {:>9}/s", grouped(now.records), rate(now, before)),
        format!("fresh {:>5} ms", now.freshness_ms.max(0)),
        format!("lag {:>7}", grouped(now.lag_records)),
        format!("epoch {}", now.epoch),
        format!("dead letters {:>6}", grouped(now.dead_letters)),
        format!("duplicates {:>6}", grouped(now.duplicates)),
        format!("log {:>8}", bytes(now.log_bytes)),
        format!("mem {}", bytes(now.resident_bytes)),
    ];
    let late: Vec<String> = now.late.iter().map(|(view, count)| format!("{view} {}", grouped(*count))).collect();
    if !late.is_empty() {
        fields.push(format!("late in {}", late.join(", ")));
    }
    fields.extend([
        format!("warehouse {}", warehouse.state),
        format!("landed {}", warehouse.landed.map_or("-".to_owned(), |epoch| epoch.to_string())),
        format!("rows {}", grouped(warehouse.rows)),
        format!("waiting {}", warehouse.waiting),
        format!("engine mem {}", bytes(warehouse.resident_bytes)),
        warehouse.error.clone().unwrap_or_default(),
    ]);
    fields
}

/// The sections, in at most so many lines: sessions and leaders, then fraud and recommendations.
fn body(now: &Figures, before: Option<&Figures>, width: usize, lines: usize) -> (Vec<String>, Vec<String>) {
    let wants =
        [now.sessions.len(), now.leaders.len(), now.fraud.len(), now.recommendations.len()].map(|rows| rows + 1);
    let (tables, sentences) = (width >= BESIDE, width >= SENTENCES_BESIDE);
    let [one, two, three, four] = wants;
    let groups: Vec<usize> = [
        if tables { vec![one.max(two)] } else { vec![one, two] },
        if sentences { vec![three.max(four)] } else { vec![three, four] },
    ]
    .concat();
    let mut given = share(lines, &groups).into_iter();
    let mut next = || given.next().unwrap_or(0);
    let top = if tables {
        let (rows, left) = (next(), width - LEADERS - 3);
        beside(&sessions(now, left, rows), left, &leaders(now, before, rows))
    } else {
        let (first, second) = (next(), next());
        [sessions(now, width, first), leaders(now, before, second)].concat()
    };
    let bottom = if sentences {
        let (rows, left) = (next(), (width - 3) / 2);
        beside(&fraud(now, rows), left, &recommendations(now, width - 3 - left, rows))
    } else {
        let (first, second) = (next(), next());
        [fraud(now, first), recommendations(now, width, second)].concat()
    };
    (top, bottom)
}

fn sessions(now: &Figures, width: usize, lines: usize) -> Vec<String> {
    let more = width >= MORE_OF_SESSIONS;
    let figures = if more { 5 * 7 } else { 2 * 7 };
    let title = width.saturating_sub(figures).min(TITLE_MAX);
    let head = if more {
        format!(" {:>6} {:>6} {:>6} {:>6} {:>6}", "there", "joined", "left", "peak", "hours")
    } else {
        format!(" {:>6} {:>6}", "there", "joined")
    };
    let rows = now.sessions.iter().map(|session| {
        let name = if session.title.is_empty() { &session.session } else { &session.title };
        let rest = if more {
            format!(" {:>6} {:>6} {:>6}", session.left, session.peak, session.focused_ms / 3_600_000)
        } else {
            String::new()
        };
        format!("{} {:>6} {:>6}{rest}", pad(name, title), session.present, session.joined)
    });
    std::iter::once(pad("session", title) + &head).chain(rows).take(lines).collect()
}

fn leaders(now: &Figures, before: Option<&Figures>, lines: usize) -> Vec<String> {
    let earlier: BTreeMap<&str, u64> = before
        .iter()
        .flat_map(|figures| &figures.leaders)
        .map(|leader| (leader.participant.as_str(), leader.rank))
        .collect();
    let rows = now.leaders.iter().map(|leader| {
        let moved = movement(leader, before.is_some(), &earlier);
        format!("{:>3} {} {:>9} {moved}", leader.rank, pad(&leader.participant, 16), leader.score)
    });
    std::iter::once(format!("{:>3} {:<16} {:>9}", "#", "leaders", "points")).chain(rows).take(lines).collect()
}

fn fraud(now: &Figures, lines: usize) -> Vec<String> {
    let rows = now.fraud.iter().map(|suspicion| {
        // The reasons first: an id is long, and what is cut off at the edge should be the id.
        format!("{:>5} {:<21} {}  ({})", suspicion.score, suspicion.kind, suspicion.reasons.join("; "), suspicion.id)
    });
    std::iter::once("fraud: newest scores".to_owned()).chain(rows).take(lines).collect()
}

fn recommendations(now: &Figures, width: usize, lines: usize) -> Vec<String> {
    // The reason wants room too.
    let items = (width / 3).clamp(12, 48);
    let rows = now
        .recommendations
        .iter()
        .map(|next| format!("{} -> {} {}", next.visitor, pad(&next.items.join(", "), items), next.reason));
    std::iter::once("recommended next".to_owned()).chain(rows).take(lines).collect()
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

#[cfg(test)]
mod tests {
    use super::super::layout::cells;
    use super::*;
    use crate::figures::{Recommendation, Session, Suspicion};

    const USUAL: Size = Size::USUAL;

    fn figures(rows: u64) -> Figures {
        Figures {
            address: "127.0.0.1:7171".into(),
            records: 1_234_567,
            event: "会議の全体 2026".into(),
            late: vec![("windows".into(), 12), ("campaigns".into(), 3), ("fraud".into(), 0)],
            sessions: (0..rows)
                .map(|n| Session {
                    title: format!("A title that is much too long for its place 会議 {n}"),
                    present: n,
                    ..Session::default()
                })
                .collect(),
            leaders: (1..=rows).map(|rank| Leader { rank, participant: format!("{rank:016x}"), score: 10 }).collect(),
            fraud: vec![Suspicion { reasons: vec!["x".repeat(200)], ..Suspicion::default() }; rows as usize],
            recommendations: vec![
                Recommendation { reason: "evil\x1b[2J".into(), ..Recommendation::default() };
                rows as usize
            ],
            ..Figures::default()
        }
    }

    #[test]
    fn a_frame_fits_any_size_and_holds_no_escape() {
        let before = Figures { records: 1_234_067, ..figures(9) };
        for rows in [0, 1, 9, 60] {
            let now = figures(rows);
            for columns in (1..=220).step_by(3) {
                for height in [1, 5, 12, 24, 50, 90] {
                    let size = Size { columns, rows: height };
                    let text = draw(&now, Some((&before, Duration::from_millis(500))), size);
                    assert!(text.lines().count() <= height, "{size:?}: {text}");
                    let widest = text.lines().map(cells).max().unwrap_or(0);
                    assert!(widest < columns, "{size:?}, {widest} cells: {text}");
                    assert!(!text.contains('\x1b'));
                }
            }
        }
    }

    #[test]
    fn a_larger_terminal_shows_more() {
        let lines = |columns, rows| draw(&figures(40), None, Size { columns, rows });
        let shown = |text: &str| text.matches("A title").count();
        let (narrow, usual, wide) = (lines(60, 24), lines(80, 24), lines(160, 50));
        assert!(shown(&narrow) >= 3 && narrow.contains("leaders") && narrow.contains("recommended next"), "{narrow}");
        assert!(
            shown(&usual) >= 5 && usual.lines().any(|line| line.starts_with("session") && line.contains("leaders"))
        );
        assert!(shown(&wide) >= 20 && wide.contains("peak"), "{wide}");
        assert!(wide.lines().any(|line| line.contains("fraud") && line.contains("recommended")), "{wide}");
        assert!(!usual.contains("peak"));
    }

    #[test]
    fn rates_are_shown() {
        let before = Figures { records: 1_234_067, ..figures(9) };
        let text = draw(&figures(9), Some((&before, Duration::from_millis(500))), USUAL);
        assert!(text.contains("1,234,567") && text.contains("1,000/s"), "{text}");
    }

    #[test]
    fn movement_is_shown() {
        let mut before = figures(8);
        before.leaders.swap(0, 2);
        before.leaders[0].rank = 1;
        before.leaders[2].rank = 3;
        before.leaders.remove(1);
        let text = draw(&figures(8), Some((&before, Duration::from_secs(1))), USUAL);
        assert!(text.contains("10 +2") && text.contains("10 -2") && text.contains("10 new"), "{text}");
    }
}
