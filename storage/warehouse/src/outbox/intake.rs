//! What the dataflow hands its landing epochs to: the outbox, and beside it the queue of a fill when there is one.

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
        let decided = source.decide(&plan, found.as_ref().map(|(found, landed)| (found, *landed)))?;
        // Without the warehouse's word an empty outbox tells nothing: the next start decides again.
        let sure = found.is_some() || source.kept(None)?.newest.is_some();
        if decided != plan && sure {
            decided.store(&*source.disk, &source.plan_path())?;
        }
        plan = decided;
        if let Some(round) = plan.round.as_mut().filter(|round| !round.emptied) {
            tracing::warn!(tables = ?round.after, through = round.through, "tables are filled with history from the log");
            queue::empty(&*source.disk, &source.fill_directory())?;
            round.emptied = true;
            plan.store(&*source.disk, &source.plan_path())?;
        }
        let mut ready = None;
        if found.is_some() {
            match carry::get_ready(client, &source, &mut plan).await {
                Ok(found) => ready = Some(found),
                Err(error) => tracing::warn!(%error, "warehouse does not answer any more; live views go on, rows wait"),
            }
        }
        let this = Self::opened(source, plan, ready.as_ref())?;
        Ok((this, ready))
    }

    fn opened(source: Source, plan: Plan, ready: Option<&Ready>) -> Result<Self, IntakeError> {
        let open = |directory: &str, landed| {
            let (disk, tables) = (Arc::clone(&source.disk), source.tables.clone());
            (disk, directory.to_owned(), tables, source.config.clone(), landed)
        };
        let landed = ready.and_then(|ready| ready.views.landed).max(plan.base());
        let (disk, directory, tables, config, landed) = open(&source.directory, landed);
        let outbox = Outbox::open_since(disk, &directory, tables, config, landed, plan.since())?;
        let fill = match &plan.round {
            Some(round) => {
                let landed = ready.and_then(|ready| ready.fill.as_ref()?.landed);
                let (disk, directory, tables, config, landed) = open(&source.fill_directory(), landed);
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

    /// The fill is done: its queue is forgotten.
    pub(crate) fn filled(&self) -> Result<(), OutboxError> {
        *self.fill.write() = None;
        queue::empty(&*self.source.disk, &self.source.fill_directory())
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
