//! Which tables are whole and which are to be filled with history from the log: a small file beside the outbox.
//!
//! A table is filled when it is new (a view's version has risen), or when the warehouse has lost its rows. The views are
//! made again from the log's start then; landing epochs up to a fixed one go to the table through a queue of its own
//! (the fill), later ones through the outbox like everybody's. So one landing number never reaches a table twice.

use std::collections::BTreeMap;
use std::io;

use eventlog::disk::{self, Disk};
use serde::{Deserialize, Serialize};

use super::queue::Kept;
use crate::landing::Found;
use crate::schema::TableSchema;

/// A plan names a handful of tables.
const BYTES_MAX: usize = 1 << 20;

/// Why the plan cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The disk failed.
    #[error("plan of fills `{path}`: {error}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        error: io::Error,
    },
    /// It is no plan. It may be removed: the warehouse knows what was filled.
    #[error("plan of fills `{path}` is damaged ({reason}): remove it, the warehouse knows what was filled")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// What is known of all tables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// By stored table.
    tables: BTreeMap<String, Origin>,
    /// Fills so far.
    rounds: u32,
    pub(crate) round: Option<Round>,
}

/// How a table came to its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    /// Landing epochs after this one come through the outbox.
    since: u64,
    /// The fill that brought the others; 0 when there was none.
    round: u32,
}

/// A fill that is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Round {
    pub(crate) number: u32,
    /// The newest landing epoch that it brings.
    pub(crate) through: u64,
    /// Stored tables, and the landing epoch up to which each is whole already.
    pub(crate) after: BTreeMap<String, u64>,
    /// Its queue holds nothing of an earlier round.
    pub(crate) emptied: bool,
    /// The tables hold nothing after where they are whole.
    pub(crate) cleared: bool,
}

impl Round {
    /// The least landing epoch up to which its tables are whole.
    pub(crate) fn whole(&self) -> u64 {
        self.after.values().copied().min().unwrap_or(0)
    }
}

/// What is known when a plan is decided.
pub(crate) struct Known<'a> {
    pub(crate) tables: &'a [TableSchema],
    /// The warehouse's answer; none when it gives none.
    pub(crate) found: Option<&'a Found>,
    /// What the outbox holds; its next one is that after [`Plan::settled`].
    pub(crate) kept: Kept,
    /// Whether landing epochs are missing between the warehouse and the fill's queue.
    pub(crate) fill_gap: bool,
    /// Whether the log reaches back to its first record, so that lost rows can be made again.
    pub(crate) whole_log: bool,
}

impl Known<'_> {
    /// Whether anything was ever landed or put in.
    fn begun(&self) -> bool {
        self.kept.newest.is_some() || self.landed() > 0
    }

    fn may_be_whole(&self, stored: &str) -> bool {
        self.found.is_none_or(|found| found.landed.is_none() || found.recorded.contains(stored))
    }

    fn landed(&self) -> u64 {
        self.found.and_then(|found| found.landed).unwrap_or(0)
    }
}

/// What became of a plan.
pub(crate) struct Decided {
    pub(crate) plan: Plan,
    /// Stored tables that lack rows which the log no longer has.
    pub(crate) beyond_help: Vec<String>,
}

impl Plan {
    pub(crate) fn load(disk: &dyn Disk, path: &str) -> Result<Self, PlanError> {
        match disk::read_whole(disk, path, BYTES_MAX) {
            Ok(content) => serde_json::from_slice(&content)
                .map_err(|error| PlanError::Damaged { path: path.to_owned(), reason: error.to_string() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(PlanError::Io { path: path.to_owned(), error }),
        }
    }

    pub(crate) fn store(&self, disk: &dyn Disk, path: &str) -> Result<(), PlanError> {
        let content = serde_json::to_vec_pretty(self).expect("a plan has text keys only");
        disk::replace(disk, path, &content).map_err(|error| PlanError::Io { path: path.to_owned(), error })
    }

    /// Landing epochs after which each table's rows come through the outbox.
    pub(crate) fn since(&self) -> BTreeMap<String, u64> {
        self.tables.iter().map(|(stored, origin)| (stored.clone(), origin.since)).collect()
    }

    /// The landing epoch up to which no table takes anything through the outbox.
    pub(crate) fn base(&self) -> Option<u64> {
        self.tables.values().map(|origin| origin.since).min().filter(|since| *since > 0)
    }

    /// The landing epoch up to which nothing has to come through the outbox any more.
    pub(crate) fn settled(&self, found: &Found) -> u64 {
        found.landed.max(self.base()).unwrap_or(0)
    }

    /// Whether a table is being filled.
    pub(crate) fn fills(&self, stored: &str) -> bool {
        self.round.as_ref().is_some_and(|round| round.after.contains_key(stored))
    }

    /// Finds out which tables have to be filled. Pure; deciding again changes nothing.
    pub(crate) fn decide(&self, known: &Known<'_>) -> Decided {
        let (mut plan, mut needs, mut beyond_help) = (Self::default(), BTreeMap::new(), Vec::new());
        plan.rounds = self.rounds.max(known.found.map_or(0, newest_round));
        for table in known.tables {
            let stored = table.stored_name();
            let (origin, need) = self.judge(table, &stored, known);
            plan.tables.insert(stored.clone(), origin);
            match need {
                Some(Need::New) => _ = needs.insert(stored, 0),
                Some(Need::Lost(after)) if known.whole_log => _ = needs.insert(stored, after),
                Some(Need::Lost(_)) => beyond_help.push(stored),
                None => {}
            }
        }
        plan.round = self.round.clone();
        if let Some(round) = &mut plan.round {
            round.after.retain(|stored, _| plan.tables.contains_key(stored));
        }
        plan.round = plan.round.filter(|round| !round.after.is_empty());
        if !needs.is_empty() {
            plan.begin(needs, known);
        }
        Decided { plan, beyond_help }
    }

    /// What a table has, and what it lacks.
    fn judge(&self, table: &TableSchema, stored: &str, known: &Known<'_>) -> (Origin, Option<Need>) {
        let filled = known.found.and_then(|found| found.fills.get(stored));
        let first_plan = self.tables.is_empty();
        let origin = match (self.tables.get(stored).copied(), filled) {
            (Some(origin), _) => origin,
            // The plan was lost, the warehouse remembers.
            (None, Some(filled)) if first_plan && filled.done => Origin { since: filled.through, round: filled.round },
            (None, None) if !known.begun() => Origin::default(),
            // Before there were plans there were no later versions. A table without a row may be a new one.
            (None, None) if first_plan && table.view_version == 1 && known.may_be_whole(stored) => Origin::default(),
            _ => return (Origin::default(), Some(Need::New)),
        };
        let Some(found) = known.found else { return (origin, None) };
        let under_way = self.round.as_ref().filter(|round| round.after.contains_key(stored));
        if under_way.is_some_and(|round| !round.cleared) {
            return (origin, None);
        }
        let same = filled.filter(|filled| filled.round == origin.round);
        let remembered = origin.round == 0 || same.is_some_and(|filled| filled.done || under_way.is_some());
        let gap = known.kept.next.is_some_and(|next| next > self.settled(found) + 1);
        let need = match under_way {
            _ if !remembered || found.lost.contains(stored) => Some(Need::Lost(0)),
            Some(_) => (gap || known.fill_gap).then_some(Need::Lost(0)),
            None => gap.then_some(Need::Lost(known.landed().max(origin.since))),
        };
        (origin, need)
    }

    /// Begins a fill of these tables and of those whose fill is not done.
    fn begin(&mut self, mut needs: BTreeMap<String, u64>, known: &Known<'_>) {
        let mut through = known.landed().max(known.kept.newest.unwrap_or(0));
        if let Some(round) = self.round.take() {
            through = through.max(round.through);
            for (stored, after) in round.after {
                needs.entry(stored).or_insert(after);
            }
        }
        if through == 0 {
            // Nothing was ever landed: everything comes through the outbox.
            return;
        }
        self.rounds += 1;
        for stored in needs.keys() {
            self.tables.insert(stored.clone(), Origin { since: through, round: self.rounds });
        }
        self.round = Some(Round { number: self.rounds, through, after: needs, emptied: false, cleared: false });
    }

    /// The fill is done.
    pub(crate) fn finish(&mut self) {
        self.round = None;
    }
}

/// Why a table has to be filled, and up to where it is whole.
enum Need {
    New,
    Lost(u64),
}

fn newest_round(found: &Found) -> u32 {
    found.fills.values().map(|filled| filled.round).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landing::Filled;
    use crate::schema::Rows;

    fn table(name: &'static str, view_version: u32) -> TableSchema {
        TableSchema {
            name: name.into(),
            view_version,
            doc: "test".into(),
            columns: Vec::new(),
            order_by: Vec::new(),
            partition_month_of: None,
            rows: Rows::Append,
        }
    }

    fn decide(plan: &Plan, tables: &[TableSchema], found: Option<&Found>, kept: (u64, u64)) -> Plan {
        let some = |number: u64| Some(number).filter(|number| *number > 0);
        let kept = Kept { newest: some(kept.0), next: some(kept.1) };
        let decided = plan.decide(&Known { tables, found, kept, fill_gap: false, whole_log: true });
        let again = decided.plan.decide(&Known { tables, found: None, kept, fill_gap: false, whole_log: true });
        assert_eq!(decided.plan, again.plan, "a plan is decided once");
        decided.plan
    }

    fn landed(landed: u64) -> Found {
        let recorded = ["a", "b"].map(str::to_owned).into();
        Found { landed: Some(landed), recorded, ..Found::default() }
    }

    fn whole() -> Plan {
        decide(&Plan::default(), &[table("a", 1), table("b", 1)], Some(&landed(9)), (9, 0))
    }

    fn filling(plan: &Plan) -> Option<(u64, Vec<(&str, u64)>)> {
        plan.round
            .as_ref()
            .map(|round| (round.through, round.after.iter().map(|(stored, after)| (stored.as_str(), *after)).collect()))
    }

    #[test]
    fn tables_of_a_new_log_and_of_the_time_before_plans_are_whole() {
        assert_eq!(whole().round, None);
        let first = decide(&Plan::default(), &[table("a", 1), table("c", 1)], Some(&landed(9)), (9, 0));
        assert_eq!(filling(&first), Some((9, vec![("c", 0)])), "nothing of it is on record: it may be new");
        let new = decide(&Plan::default(), &[table("a", 7)], Some(&Found::default()), (0, 0));
        assert_eq!((new.round, new.tables["a_v7"].since), (None, 0));
    }

    #[test]
    fn a_raised_version_and_a_new_table_are_filled_up_to_the_newest_landing_epoch() {
        let plan = decide(&whole(), &[table("a", 2), table("b", 1), table("c", 1)], None, (12, 10));
        assert_eq!(filling(&plan), Some((12, vec![("a_v2", 0), ("c", 0)])));
        assert_eq!((plan.since()["a_v2"], plan.since()["b"], plan.base()), (12, 0, None));
        assert!(!plan.tables.contains_key("a"), "whoever goes back to it has to fill it");
        let first = decide(&Plan::default(), &[table("a", 2)], None, (12, 0));
        assert_eq!(filling(&first), Some((12, vec![("a_v2", 0)])), "there were no plans before");
    }

    #[test]
    fn a_lost_table_is_filled_anew() {
        let found = Found { lost: ["b".to_owned()].into(), ..landed(9) };
        assert_eq!(
            filling(&decide(&whole(), &[table("a", 1), table("b", 1)], Some(&found), (9, 0))),
            Some((9, vec![("b", 0)]))
        );
    }

    #[test]
    fn a_warehouse_that_is_behind_the_outbox_is_filled_from_where_it_is() {
        let tables = [table("a", 1), table("b", 1)];
        let wiped = decide(&whole(), &tables, Some(&Found::default()), (90, 26));
        assert_eq!((filling(&wiped), wiped.base()), (Some((90, vec![("a", 0), ("b", 0)])), Some(90)));
        let old = decide(&whole(), &tables, Some(&landed(5)), (90, 26));
        assert_eq!(filling(&old), Some((90, vec![("a", 5), ("b", 5)])));
        let near = decide(&whole(), &tables, Some(&landed(25)), (90, 26));
        assert_eq!(near.round, None, "the outbox has what is missing");
    }

    #[test]
    fn what_the_log_no_longer_has_is_left_as_it_is() {
        let found = Found { lost: ["b".to_owned()].into(), ..landed(9) };
        let kept = Kept { newest: Some(9), next: None };
        let tables = [table("a", 1), table("b", 1)];
        let decided =
            whole().decide(&Known { tables: &tables, found: Some(&found), kept, fill_gap: false, whole_log: false });
        assert_eq!((decided.plan, decided.beyond_help), (whole(), vec!["b".to_owned()]));
    }

    #[test]
    fn a_fill_goes_on_unless_the_warehouse_forgot_it() {
        let tables = [table("a", 2), table("b", 1)];
        let mut plan = decide(&whole(), &tables, None, (12, 10));
        let round = plan.round.as_mut().unwrap();
        (round.emptied, round.cleared) = (true, true);
        let filled = Filled { round: 1, through: 12, done: false };
        let knows = Found { fills: [("a_v2".to_owned(), filled)].into(), ..landed(12) };
        assert_eq!(decide(&plan, &tables, Some(&knows), (20, 13)), plan);
        let forgot = decide(&plan, &tables, Some(&landed(12)), (20, 13));
        assert_eq!((filling(&forgot), forgot.round.as_ref().unwrap().number), (Some((20, vec![("a_v2", 0)])), 2));
        // Another version rises meanwhile: one fill for both.
        let more = decide(&plan, &[table("a", 2), table("b", 2)], Some(&knows), (20, 13));
        assert_eq!(filling(&more), Some((20, vec![("a_v2", 0), ("b_v2", 0)])));
    }

    #[test]
    fn a_lost_plan_is_read_from_the_warehouse() {
        let tables = [table("a", 2), table("b", 1)];
        let done =
            |done| Found { fills: [("a_v2".to_owned(), Filled { round: 3, through: 12, done })].into(), ..landed(20) };
        let plan = decide(&Plan::default(), &tables, Some(&done(true)), (20, 0));
        assert_eq!((plan.since()["a_v2"], plan.round, plan.rounds), (12, None, 3));
        let plan = decide(&Plan::default(), &tables, Some(&done(false)), (20, 0));
        assert_eq!((filling(&plan), plan.rounds), (Some((20, vec![("a_v2", 0)])), 4));
    }
}
