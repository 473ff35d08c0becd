//! What all parts of the process share, and the commands that need only that.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use api::callers::Callers;
use api::metrics::Registry;
use collect::subjects::Erasure;
use collect::{Appender, Door};
use dataflow::computations::{Product, Views};
use dataflow::{Handle, Status, retention};
use eventlog::clock::Clock;
use eventlog::{EventLog, FileLog, Lane};
use parking_lot::{Mutex, RwLock};
use records::{FactRow, OrganizationId, Span};
use rules::office::{Command, Wish};

use super::offline;
use super::warehouse::Warehouse;
use crate::commands::apply::Applied;
use crate::commands::erase::Erased;
use crate::document::Document;
use crate::facts::{self, Facts};
use crate::mail;
use crate::settings::Settings;

/// How often erasures that the warehouse has not followed yet are tried again: few are ever pending.
const FINISH_EVERY: Duration = Duration::from_secs(5);

/// How often it is looked whether a payment provider has to be asked something: buyers wait for their tickets.
const PAYMENTS_EVERY: Duration = Duration::from_millis(500);

/// Sealed segments of activity that stay quick to read, half a gigabyte: recovery and raw landing read the newest.
const HOT_SEGMENTS: usize = 4;

/// The parts, shared by every task and thread of the process.
pub(crate) struct Core {
    pub(crate) settings: Settings,
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started: Instant,
    /// The log's files, for their upkeep; everything else goes through `log`.
    pub(crate) files: Arc<FileLog>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) callers: Arc<Callers>,
    pub(crate) trail: Arc<api::trail::Trail>,
    pub(crate) booking: Arc<api::booking::Offices>,
    pub(crate) webhooks: Arc<api::webhooks::Hooks>,
    pub(crate) accounts: api::accounts::Options,
    pub(crate) payments: api::booking::payments::Options,
    /// Where mails go.
    pub(crate) outgoing: Arc<crate::mail::Outgoing>,
    pub(crate) rules: Arc<std::sync::RwLock<rules::Rulebook>>,
    pub(crate) facts: RwLock<Option<Arc<Facts>>>,
    pub(crate) appender: Appender,
    pub(crate) door: RwLock<Option<Arc<Door>>>,
    pub(crate) flow: RwLock<Option<Handle<Product>>>,
    pub(crate) last_views: Mutex<Views>,
    pub(crate) warehouse: Warehouse,
    pub(crate) metrics: Arc<Registry>,
    /// Held for reading by whoever appends in bulk, for writing while figures are compared at one place of the log.
    pub(crate) intake: Arc<tokio::sync::RwLock<()>>,
    pub(crate) stopping: AtomicBool,
    pub(crate) runtime: tokio::runtime::Handle,
}

impl Core {
    /// Whether the process is ending.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The front door.
    ///
    /// # Errors
    /// When the process is ending.
    pub(crate) fn door(&self) -> anyhow::Result<Arc<Door>> {
        self.door.read().clone().context("the process is stopping")
    }

    /// The desk of facts.
    ///
    /// # Errors
    /// When the process is ending.
    pub(crate) fn facts(&self) -> anyhow::Result<Arc<Facts>> {
        self.facts.read().clone().context("the process is stopping")
    }

    /// What the facts say of organizations, as far as they are durable.
    pub(crate) fn rules(&self) -> std::sync::RwLockReadGuard<'_, rules::Rulebook> {
        self.rules.read().expect("nothing panics under the lock")
    }

    /// The views as they are now.
    pub(crate) fn views(&self) -> Views {
        self.flow.read().as_ref().map_or_else(|| self.last_views.lock().clone(), Handle::views)
    }

    /// How the dataflow is; none when it has been stopped.
    pub(crate) fn flow_status(&self) -> Option<Status> {
        self.flow.read().as_ref().map(Handle::status)
    }

    /// Makes the facts say what a document says.
    ///
    /// # Errors
    /// When the log refuses.
    pub(crate) fn apply(&self, document: &Document) -> anyhow::Result<Applied> {
        offline::apply_to(&*self.facts()?, document)
    }

    /// Appends facts that do not stand yet, such as those of a simulated conference.
    ///
    /// # Errors
    /// When the log refuses.
    pub(crate) fn apply_rows(&self, rows: Vec<FactRow>) -> anyhow::Result<usize> {
        Ok(self.facts()?.decide_all(&facts::commands_of(rows))?.len())
    }

    /// A link that signs in a platform admin with this address, who is made if there is none.
    ///
    /// # Errors
    /// When the log refuses.
    pub(crate) fn sign_in_link_for(self: &Arc<Self>, email: &str) -> anyhow::Result<String> {
        super::people::add(self, email, "", true, None)?;
        super::people::sign_in_link(self, email)
    }

    /// Destroys a person's key, says so in the log, and takes what is unmasked out of the warehouse.
    ///
    /// # Errors
    /// When the key store or the log fails; the next start finishes what was begun.
    pub(crate) fn erase(&self, organization: OrganizationId, subject: &str) -> anyhow::Result<Erased> {
        let subjects = self.appender.subjects();
        let Some(erasure) = subjects.erase(organization, subject)? else {
            return Ok(Erased { keys: 0, warehouse: true });
        };
        self.facts()?.decide(erased(&erasure))?;
        tracing::info!(%organization, keys = erasure.subjects.len(), "subject erased");
        let warehouse = self.runtime.block_on(self.finish_erasure(&erasure))?;
        Ok(Erased { keys: erasure.subjects.len(), warehouse })
    }

    /// Clears the warehouse of an erased person and then forgets the erasure; false when the warehouse has to wait, and
    /// the erasure stays pending. May be repeated.
    async fn finish_erasure(&self, erasure: &Erasure) -> anyhow::Result<bool> {
        let cleared = self.warehouse.erase(erasure).await;
        if cleared {
            self.appender.subjects().announced(erasure)?;
        }
        Ok(cleared)
    }

    /// Drops activity that is older than the retention, and that every reader is past; then its bindings.
    pub(crate) fn retain(&self) {
        let days = i64::from(self.settings.retention_days.0);
        if days == 0 {
            return;
        }
        let oldest = self.clock.now() - Span(Span::DAY.0.saturating_mul(days));
        let Some(limit) = self.flow.read().as_ref().and_then(Handle::safe_to_truncate) else { return };
        let Some(activity) = self.warehouse.landed_activity(&self.log) else { return };
        let landed = retention::Landed { activity, bindings: self.warehouse.landed_bindings(&self.log) };
        if let Err(error) = retention::truncate(&*self.log, &limit, &landed, oldest) {
            tracing::warn!(%error, "retention");
        }
    }

    /// Rewrites one segment that nobody is likely to read soon with dense compression: about a second for 128 MiB.
    pub(crate) fn cool(&self) {
        match self.files.recompress(Lane::Activity, HOT_SEGMENTS) {
            Ok(Some(done)) => tracing::info!(?done, "a cold segment was compressed"),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a cold segment was not compressed"),
        }
    }
}

/// Finishes erasures that a crash or a missing warehouse has left pending, for as long as the process runs.
pub(super) async fn finish_erasures(core: Weak<Core>) {
    loop {
        {
            let Some(core) = core.upgrade() else { return };
            for erasure in core.appender.subjects().pending_erasures() {
                if let Err(error) = core.finish_erasure(&erasure).await {
                    tracing::warn!(error = format!("{error:#}"), "an erasure stays pending");
                }
            }
        }
        tokio::time::sleep(FINISH_EVERY).await;
    }
}

/// Sends what waits to be sent, as long as the process runs.
pub(super) async fn send_mails(core: Weak<Core>) {
    let (mut pauses, mut tries) = (mail::Pauses::default(), mail::Tries::default());
    loop {
        {
            let Some(core) = core.upgrade() else { return };
            // Mostly nothing waits, and then nothing has to be made for it.
            let waits = core.callers.read(|directory| directory.accounts.mails().next().is_some());
            let buyers_wait = core.booking.letters_waiting() > 0;
            if (waits || buyers_wait)
                && let Ok(api) = super::api(&core)
            {
                mail::round(&api, &core.outgoing, &mut pauses).await;
                mail::round_of_buyers(&api, &core.outgoing, &mut tries).await;
            }
        }
        tokio::time::sleep(mail::LOOK).await;
    }
}

/// Does the chores of box offices, as long as the process runs.
pub(super) async fn keep_box_offices(core: Weak<Core>) {
    loop {
        {
            let Some(core) = core.upgrade() else { return };
            if let Ok(api) = super::api(&core) {
                api.book_chores().await;
                api.write_books().await;
            }
        }
        tokio::time::sleep(mail::LOOK).await;
    }
}

/// Asks and tells payment providers what follows from the facts, as long as the process runs.
pub(super) async fn keep_payments(core: Weak<Core>) {
    let mut rounds = api::booking::payments::Rounds::default();
    loop {
        {
            let Some(core) = core.upgrade() else { return };
            if let Ok(api) = super::api(&core) {
                rounds.round(&api).await;
            }
        }
        tokio::time::sleep(PAYMENTS_EVERY).await;
    }
}

/// Sends webhooks, as long as the process runs.
pub(super) async fn send_webhooks(core: Weak<Core>, mut pump: api::webhooks::Pump) {
    loop {
        {
            let Some(core) = core.upgrade() else { return };
            if let Ok(api) = super::api(&core) {
                pump.turn(&api).await;
            }
        }
        pump.wait(mail::LOOK).await;
    }
}

/// The command that tells of an erasure.
pub(super) fn erased(erasure: &Erasure) -> Command {
    facts::own(erasure.organization, Wish::Tell(erasure.fact()))
}

impl Core {
    /// The figures of `eventra top`.
    pub(crate) fn figures(&self) -> crate::figures::Figures {
        super::figures::figures(self)
    }

    /// Compares live views, log and warehouse.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub(crate) fn verify(
        &self,
        tell: &dyn Fn(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<crate::figures::Comparison> {
        super::verification::verify(self, tell)
    }

    /// Applies the facts of a simulated conference; returns its organization.
    ///
    /// # Errors
    /// When the log refuses.
    pub(crate) fn prepare_conference(&self, wanted: &crate::control::Simulation) -> anyhow::Result<OrganizationId> {
        super::simulation::prepare(self, wanted).map(|conference| conference.organization())
    }

    /// Plays a simulated conference; see [`super::simulation::simulate`].
    ///
    /// # Errors
    /// When the log refuses, or `tell` fails.
    pub(crate) fn simulate(
        &self,
        wanted: &crate::control::Simulation,
        tell: &mut dyn FnMut(serde_json::Value) -> anyhow::Result<()>,
        stop: &dyn Fn() -> bool,
    ) -> anyhow::Result<serde_json::Value> {
        super::simulation::simulate(self, wanted, tell, stop)
    }
}
