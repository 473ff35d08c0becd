//! What the dataflow hands its landing epochs to: the outbox, and beside it the queue of a fill when there is one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use eventlog::disk::Disk;
use parking_lot::{Mutex, RwLock};

use super::carry::{self, Ready};
use super::entry::Part;
use super::fill::Fill;
use super::plan::{Known, Plan, PlanError, Round};
use super::queue::{self, Kept, Outbox, OutboxConfig, OutboxError};
use crate::client::Client;
use crate::landing::{Found, Owner};
use crate::schema::TableSchema;

/// What is landed, and where it is kept until then.
#[derive(Clone)]
pub struct Source {
    /// Where outbox, fill and plan are.
    pub disk: Arc<dyn Disk>,
    /// The outbox's directory; the fill and the plan are beside it.
    pub directory: String,
    /// Tables that are made, or given the columns that they lack, before anything is asked.
    pub migrated: Vec<TableSchema>,
    /// The tables that rows are put in for.
    pub tables: Vec<TableSchema>,
    /// Bounds, of the outbox and of the fill each.
    pub config: OutboxConfig,
    /// The name under which the warehouse remembers how far it is.
    pub table_set: String,
    /// The incarnation of the log.
    pub incarnation: u64,
    /// Whether the log still has its first record: only then can lost rows be made again.
    pub whole_log: bool,
}

/// How far a fill is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filling {
    /// Stored tables that get their history.
    pub tables: Vec<String>,
    /// The landing epoch that it goes up to.
    pub through: u64,
    /// The landing epoch up to which the rows were made again.
    pub made: u64,
}

/// How a warehouse stands, whoever asks it.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// What it holds.
    pub found: Found,
    /// From where landing goes on: the landing epoch up to which nothing comes again.
    pub landed: Option<u64>,
    /// The same for fills, by their number.
    pub fills: BTreeMap<u32, u64>,
}

/// The queue of a fill.
#[derive(Debug, Clone)]
pub struct Queue {
    /// The number of the fill, from 1.
    pub round: u32,
    /// The landing epoch with which it ends.
    pub through: u64,
    /// Stored tables that it fills, and the landing epoch up to which each is whole.
    pub after: BTreeMap<String, u64>,
    /// What has to land.
    pub outbox: Arc<Outbox>,
}

impl Answer {
    fn fill(&self, plan: &Plan) -> Option<u64> {
        let round = plan.round.as_ref().filter(|round| round.cleared)?;
        self.fills.get(&round.number).copied()
    }
}

/// Takes landing epochs of all views. Shared by the dataflow, which puts in, and the task that lands.
pub struct Intake {
    source: Source,
    plan: Mutex<Plan>,
    outbox: Arc<Outbox>,
    fill: RwLock<Option<Arc<Fill>>>,
}

impl Source {
    pub(crate) fn owner(&self) -> Owner {
        Owner { table_set: self.table_set.clone(), incarnation: self.incarnation }
    }

    pub(crate) fn fill_owner(&self, round: &Round) -> Owner {
        Owner { table_set: format!("{}/{}", self.table_set, round.number), incarnation: self.incarnation }
    }

    pub(crate) fn plan_path(&self) -> String {
        format!("{}-plan.json", self.directory)
    }

    fn fill_directory(&self) -> String {
        format!("{}-fill", self.directory)
    }

    pub(crate) fn kept(&self, landed: Option<u64>) -> Result<Kept, OutboxError> {
        queue::kept(&*self.disk, &self.directory, landed)
    }

    pub(crate) fn fill_kept(&self, landed: Option<u64>) -> Result<Kept, OutboxError> {
        queue::kept(&*self.disk, &self.fill_directory(), landed)
    }

    /// Decides what has to be filled, and makes the queue of a fill that begins.
    fn begin(&self, plan: Plan, found: Option<(&Found, Option<u64>)>) -> Result<Plan, IntakeError> {
        let mut decided = self.decide(&plan, found)?;
        // Without the warehouse's word an empty outbox tells nothing: the next start decides again.
        let sure = found.is_some() || self.kept(None)?.newest.is_some();
        if decided != plan && sure {
            decided.store(&*self.disk, &self.plan_path())?;
        }
        if let Some(round) = decided.round.as_mut().filter(|round| !round.emptied) {
            tracing::warn!(tables = ?round.after, through = round.through, "tables are filled with history from the log");
            queue::empty(&*self.disk, &self.fill_directory())?;
            round.emptied = true;
            decided.store(&*self.disk, &self.plan_path())?;
        }
        Ok(decided)
    }

    /// Decides what has to be filled, with the warehouse's answer or without one.
    pub(crate) fn decide(&self, plan: &Plan, found: Option<(&Found, Option<u64>)>) -> Result<Plan, OutboxError> {
        let settled = found.map(|(found, _)| plan.settled(found));
        let fill_gap = match (found, &plan.round) {
            (Some((_, landed)), Some(round)) => {
                let from = landed.unwrap_or(0).max(round.whole());
                let next = self.fill_kept(Some(from))?.next;
                (self.whole_log || landed.is_some()) && next.is_some_and(|next| next > from + 1)
            }
            _ => false,
        };
        let found = found.map(|(found, _)| found);
        let kept = self.kept(settled)?;
        let decided = plan.decide(&Known { tables: &self.tables, found, kept, fill_gap, whole_log: self.whole_log });
        for table in decided.beyond_help {
            tracing::error!(
                table,
                "the warehouse has lost rows, and the log no longer has its first records: only newer rows will land"
            );
        }
        Ok(decided.plan)
    }
}

impl Intake {
    /// Asks the warehouse how it stands, for at most `patience`, decides which tables have to be filled with history, and
    /// opens the outbox. A warehouse that does not answer is no error: [`super::land`] asks again.
    ///
    /// # Errors
    /// The disk's.
    pub async fn open(
        source: Source,
        client: &Client,
        patience: Duration,
    ) -> Result<(Self, Option<Ready>), IntakeError> {
        let mut plan = Plan::load(&*source.disk, &source.plan_path())?;
        let found = match tokio::time::timeout(patience, carry::ask(client, &source, &plan)).await {
            Ok(Ok(found)) => Some(found),
            Ok(Err(error)) => {
                tracing::warn!(%error, "warehouse does not answer; live views go on, rows wait");
                None
            }
            Err(_) => {
                tracing::warn!("warehouse does not answer in time; live views go on, rows wait");
                None
            }
        };
        plan = source.begin(plan, found.as_ref().map(|(found, landed)| (found, *landed)))?;
        let mut ready = None;
        if found.is_some() {
            match carry::get_ready(client, &source, &mut plan).await {
                Ok(found) => ready = Some(found),
                Err(error) => tracing::warn!(%error, "warehouse does not answer any more; live views go on, rows wait"),
            }
        }
        let landed = ready.as_ref().and_then(|ready| ready.views.landed);
        let fill_landed = ready.as_ref().and_then(|ready| ready.fill.as_ref()?.landed);
        let this = Self::opened(source, plan, landed, fill_landed)?;
        Ok((this, ready))
    }

    /// As [`Intake::open`], with the answer of a warehouse that is no ClickHouse, or with none while it does not answer.
    /// Whoever asks it lands what comes out: first [`Intake::to_clear`], then [`Intake::outbox`] and [`Intake::queue`].
    ///
    /// # Errors
    /// The disk's.
    pub fn open_with(source: Source, answer: Option<&Answer>) -> Result<Self, IntakeError> {
        let plan = Plan::load(&*source.disk, &source.plan_path())?;
        let fill_landed = answer.and_then(|answer| answer.fill(&plan));
        let plan = source.begin(plan, answer.map(|answer| (&answer.found, fill_landed)))?;
        let fill_landed = answer.and_then(|answer| answer.fill(&plan));
        Self::opened(source, plan, answer.and_then(|answer| answer.landed), fill_landed)
    }

    fn opened(source: Source, plan: Plan, landed: Option<u64>, fill_landed: Option<u64>) -> Result<Self, IntakeError> {
        let open = |directory: &str, landed| {
            let (disk, tables) = (Arc::clone(&source.disk), source.tables.clone());
            (disk, directory.to_owned(), tables, source.config.clone(), landed)
        };
        let landed = landed.max(plan.base());
        let (disk, directory, tables, config, landed) = open(&source.directory, landed);
        let outbox = Outbox::open_since(disk, &directory, tables, config, landed, plan.since())?;
        let fill = match &plan.round {
            Some(round) => {
                let (disk, directory, tables, config, landed) = open(&source.fill_directory(), fill_landed);
                let queue = Outbox::open(disk, &directory, tables, config, landed)?;
                Some(Arc::new(Fill::new(round.clone(), queue)))
            }
            None => None,
        };
        Ok(Self { plan: Mutex::new(plan), outbox: Arc::new(outbox), fill: RwLock::new(fill), source })
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn plan(&self) -> Plan {
        self.plan.lock().clone()
    }

    /// Puts a plan into force, durably.
    pub(crate) fn follow(&self, plan: Plan) -> Result<(), PlanError> {
        let mut now = self.plan.lock();
        if *now != plan {
            plan.store(&*self.source.disk, &self.source.plan_path())?;
            *now = plan;
        }
        Ok(())
    }

    pub(crate) fn fill(&self) -> Option<Arc<Fill>> {
        self.fill.read().clone()
    }

    /// Whether what was planned without the warehouse's word holds with it. If not, nothing must land: the next start
    /// plans anew.
    ///
    /// # Errors
    /// The disk's.
    pub fn holds(&self, answer: &Answer) -> Result<bool, IntakeError> {
        let plan = self.plan();
        Ok(self.source.decide(&plan, Some((&answer.found, answer.fill(&plan))))? == plan)
    }

    /// Whether the tables of [`Intake::queue`] still have to be emptied of everything after where they are whole.
    pub fn to_clear(&self) -> bool {
        self.plan.lock().round.as_ref().is_some_and(|round| !round.cleared)
    }

    /// The tables of the fill were emptied.
    ///
    /// # Errors
    /// The disk's; then they have to be emptied again.
    pub fn cleared(&self) -> Result<(), IntakeError> {
        let mut plan = self.plan();
        plan.round.iter_mut().for_each(|round| round.cleared = true);
        Ok(self.follow(plan)?)
    }

    /// What a fill has to land, beside the outbox; none when all tables are whole.
    pub fn queue(&self) -> Option<Queue> {
        let fill = self.fill()?;
        let (Round { number: round, through, after, .. }, outbox) = (fill.round.clone(), Arc::clone(&fill.queue));
        Some(Queue { round, through, after, outbox })
    }

    /// All of the fill has landed: its queue is forgotten. May be repeated.
    ///
    /// # Errors
    /// The disk's.
    pub fn finish(&self) -> Result<(), IntakeError> {
        let mut plan = self.plan();
        plan.finish();
        self.follow(plan)?;
        *self.fill.write() = None;
        Ok(queue::empty(&*self.source.disk, &self.source.fill_directory())?)
    }

    /// Returns whether rows of these landing epochs are of use; when not, [`Intake::take`] needs no parts.
    pub fn wants(&self, oldest: u64, newest: u64) -> bool {
        self.fill().is_some_and(|fill| fill.wants(newest)) || !self.outbox.knows(oldest, newest)
    }

    /// Takes a landing epoch, or several that were merged. What goes through the outbox is durable on return. What a fill
    /// gathers is when `keep` says so: state that has told these rows is going to be kept then.
    ///
    /// # Errors
    /// The outbox's. The same landing epoch may be handed in again.
    pub fn take(&self, oldest: u64, newest: u64, keep: bool, mut parts: Vec<Part>) -> Result<(), OutboxError> {
        if let Some(fill) = self.fill() {
            fill.take(oldest, newest, keep, &parts)?;
            parts.retain(|part| newest > fill.round.through || !fill.round.after.contains_key(&part.table));
        }
        self.outbox.put_range(oldest, newest, parts).map(|_| ())
    }

    /// Returns the landing epoch up to which nothing has to be made again: state that has told later ones has told rows
    /// that nobody has.
    pub fn taken(&self) -> u64 {
        let outbox = self.outbox.durable();
        match self.fill() {
            Some(fill) if fill.durable() < fill.round.through => outbox.min(fill.durable()),
            _ => outbox,
        }
    }

    /// Returns the outbox: what waits, and its bounds.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Returns how far the filling of tables with history is; none when all are whole.
    pub fn filling(&self) -> Option<Filling> {
        let fill = self.fill()?;
        let tables = fill.round.after.keys().cloned().collect();
        Some(Filling { tables, through: fill.round.through, made: fill.durable() })
    }
}

/// Why an intake could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The outbox.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
}
