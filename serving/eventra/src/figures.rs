//! Figures that travel from the running process to a terminal: what `top` shows and what `verify` found.

use serde::{Deserialize, Serialize};

/// One moment of the running process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// The address that HTTP is served on.
    pub(crate) address: String,
    /// Milliseconds since the process was ready.
    pub(crate) uptime_ms: u64,
    /// The epoch that all views reflect.
    pub(crate) epoch: u64,
    /// Milliseconds from a record's log time to its being in the views: now minus the frontier, 0 when nothing waits.
    pub(crate) freshness_ms: i64,
    /// Records that the log has taken since the start of time.
    pub(crate) records: u64,
    /// Facts that the log holds.
    pub(crate) facts: u64,
    /// Bytes that the log holds.
    pub(crate) log_bytes: u64,
    /// Records that the views have not reflected yet.
    pub(crate) lag_records: u64,
    /// Records that came later than the bound of a view, by view.
    pub(crate) late: Vec<(String, u64)>,
    /// Messages that could not be read since the log began.
    pub(crate) dead_letters: u64,
    /// Records that were in the log already.
    pub(crate) duplicates: u64,
    /// Resident bytes of the process.
    pub(crate) resident_bytes: u64,
    /// How the warehouse is.
    pub(crate) warehouse: Warehouse,
    /// The event that the lists below are about.
    pub(crate) event: String,
    /// Sessions with the most people present.
    pub(crate) sessions: Vec<Session>,
    /// Participants with the most points.
    pub(crate) leaders: Vec<Leader>,
    /// The newest conspicuous scores.
    pub(crate) fraud: Vec<Suspicion>,
    /// What somebody would be recommended now.
    pub(crate) recommendations: Vec<Recommendation>,
}

/// How the warehouse is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Warehouse {
    /// `running`, `restarting`, `none`, ...
    pub(crate) state: String,
    /// Rows landed since the start.
    pub(crate) rows: u64,
    /// The newest landed epoch.
    pub(crate) landed: Option<u64>,
    /// Landing epochs that wait.
    pub(crate) waiting: u64,
    /// The newest failure.
    pub(crate) error: Option<String>,
    /// Which tables are being filled with history from the log, and how far.
    #[serde(default)]
    pub(crate) filling: Option<String>,
    /// Resident bytes of the engine.
    pub(crate) resident_bytes: u64,
    /// Its process id, when we run it.
    pub(crate) pid: Option<u32>,
}

/// A session and who is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Its id.
    pub(crate) session: String,
    /// What people call it.
    pub(crate) title: String,
    /// People there now.
    pub(crate) present: u64,
    /// People who ever joined.
    pub(crate) joined: u64,
    /// People who said that they leave.
    #[serde(default)]
    pub(crate) left: u64,
    /// Most people at once.
    #[serde(default)]
    pub(crate) peak: u64,
    /// Focused time of all together, milliseconds.
    #[serde(default)]
    pub(crate) focused_ms: u64,
}

/// A line of a leaderboard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Leader {
    /// From 1.
    pub(crate) rank: u64,
    /// The pseudonym.
    pub(crate) participant: String,
    /// Points.
    pub(crate) score: i64,
}

/// A fraud score with its reasons.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Suspicion {
    /// What was scored: an order, a registration, a click.
    pub(crate) kind: String,
    /// Its id.
    pub(crate) id: String,
    /// The score.
    pub(crate) score: i64,
    /// The rules that fired, readable.
    pub(crate) reasons: Vec<String>,
}

/// What a visitor would be shown next.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recommendation {
    /// The visitor's pseudonym.
    pub(crate) visitor: String,
    /// The items, best first.
    pub(crate) items: Vec<String>,
    /// Why the first one.
    pub(crate) reason: String,
}

/// What `eventra verify` found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Comparison {
    /// The place of the log at which the three were compared.
    pub(crate) at: String,
    /// One line per figure.
    pub(crate) lines: Vec<Line>,
    /// Milliseconds for which tracking was held: requests waited.
    #[serde(default)]
    pub(crate) held_ms: u64,
    /// What could not be compared, and why; for example a warehouse that is not configured.
    pub(crate) notes: Vec<String>,
}

/// One figure from three places.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The view, or `raw` for what no view makes.
    pub(crate) view: String,
    /// What is compared.
    pub(crate) figure: String,
    /// What the live views say.
    pub(crate) live: Option<String>,
    /// What a recount of the log says.
    pub(crate) log: Option<String>,
    /// What the warehouse says.
    pub(crate) warehouse: Option<String>,
}

impl Line {
    /// Whether all places that say something say the same, and at least two say something.
    pub(crate) fn holds(&self) -> bool {
        let said: Vec<&String> = [&self.live, &self.log, &self.warehouse].into_iter().flatten().collect();
        said.len() >= 2 && said.windows(2).all(|pair| pair[0] == pair[1])
    }
}

impl Comparison {
    /// Whether every figure is the same everywhere, and there was something to compare.
    pub(crate) fn holds(&self) -> bool {
        !self.lines.is_empty() && self.lines.iter().all(Line::holds)
    }

    /// The table for people.
    pub(crate) fn table(&self) -> String {
        use std::fmt::Write as _;
        let mut out = String::new();
        let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
        let _ = writeln!(out, "{:<38} {:>20} {:>20} {:>20}", format!("at {}", self.at), "live", "log", "warehouse");
        let mut view = "";
        for line in &self.lines {
            if line.view != view {
                view = &line.view;
                let _ = writeln!(out, "{view}");
            }
            let mark = if line.holds() { "=" } else { "DIFFERS" };
            let _ = writeln!(
                out,
                "  {:<36} {:>20} {:>20} {:>20} {mark}",
                line.figure,
                said(&line.live),
                said(&line.log),
                said(&line.warehouse)
            );
        }
        for note in &self.notes {
            let _ = writeln!(out, "note: {note}");
        }
        let _ = writeln!(out, "tracking was held for {} ms", self.held_ms);
        let differ = self.lines.iter().filter(|line| !line.holds()).count();
        let _ = match differ {
            0 if self.lines.is_empty() => writeln!(out, "nothing was compared"),
            0 => writeln!(out, "all {} figures agree", self.lines.len()),
            _ => writeln!(out, "{differ} of {} figures DIFFER", self.lines.len()),
        };
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(live: &str, log: &str, warehouse: Option<&str>) -> Line {
        Line {
            view: "raw".into(),
            figure: "records".into(),
            live: Some(live.into()),
            log: Some(log.into()),
            warehouse: warehouse.map(Into::into),
        }
    }

    #[test]
    fn one_difference_is_a_difference() {
        let comparison = |lines: Vec<Line>| Comparison { lines, ..Comparison::default() };
        assert!(comparison(vec![line("1", "1", Some("1")), line("2", "2", None)]).holds());
        assert!(!comparison(vec![line("1", "1", Some("1")), line("2", "2", Some("3"))]).holds());
        assert!(!comparison(vec![]).holds(), "comparing nothing proves nothing");
        assert!(!Line { log: None, ..line("1", "1", None) }.holds(), "one place alone proves nothing");
        assert!(comparison(vec![line("1", "2", None)]).table().contains("DIFFERS"));
    }

    #[test]
    fn figures_are_grouped_by_view() {
        let of = |view: &str| Line { view: view.into(), ..line("1", "1", None) };
        let table = Comparison { lines: vec![of("raw"), of("raw"), of("visits")], ..Comparison::default() }.table();
        let heads: Vec<&str> = table.lines().skip(1).filter(|line| !line.starts_with(' ')).collect();
        assert_eq!(heads, ["raw", "visits", "tracking was held for 0 ms", "all 3 figures agree"], "{table}");
    }
}
