//! From intake to warehouse for as long as the process runs: the outbox's rows, and beside them those of a fill.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::deliver::deliver;
use super::fill::Fill;
use super::intake::{Intake, IntakeError, Source};
use super::plan::{Plan, PlanError, Round};
use super::queue::OutboxError;
use crate::backoff::Backoff;
use crate::client::{Client, Error, literal};
use crate::landing::{
    Covered, Found, Lander, LanderConfig, Owner, Progress, Recovery, landed_through, look, recover_covered,
};
use crate::migrate::{MigrateError, migrate};
use crate::publish::publish;
use crate::schema::{EPOCHS_TABLE, FILLS_TABLE, LANDING_EPOCH, Rows, TableSchema};

/// Between two tries to reach a warehouse that is not there, or to finish a fill: soon at first, then this often.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long landing may go on with what it has begun when it is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// From where landing goes on.
#[derive(Debug)]
pub struct Ready {
    pub(crate) views: Recovery,
    pub(crate) fill: Option<Recovery>,
}

/// Why landing cannot begin, or a fill cannot end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CarryError {
    #[error("migrating the warehouse: {0}")]
    Migrate(#[from] MigrateError),
    #[error("{0}")]
    Warehouse(#[from] Error),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error(transparent)]
    Intake(#[from] IntakeError),
    #[error("tables lack rows that only the log has: restart eventra, and it fills them")]
    Lost,
    #[error(
        "`{table}` has {found} rows of its fill where {recorded} are on record: restart eventra, and it is filled anew"
    )]
    Differs { table: String, found: u64, recorded: u64 },
}

/// Lands what the intake takes until `stop` turns true: the views' rows, whose progress is reported, and a fill's beside
/// them. `reached` is called when the warehouse has answered for the first time.
pub async fn land(
    intake: Arc<Intake>,
    client: Client,
    ready: Option<Ready>,
    report: watch::Sender<Progress>,
    reached: impl FnOnce() + Send,
    stop: watch::Receiver<bool>,
) {
    let Some(ready) = reach(&intake, &client, ready, &report, stop.clone()).await else { return };
    reached();
    let Ready { views, fill } = ready;
    let lander = Lander::start(client.clone(), views, &LanderConfig::default());
    tokio::join!(
        async {
            tokio::select! {
                () = copy(&lander, &report) => {}
                () = deliver(Arc::clone(intake.outbox()), &lander, stop.clone()) => {}
            }
        },
        fill_tables(&intake, &client, fill, &report, stop.clone()),
    );
    lander.stop(STOP_WITHIN).await;
}

async fn copy(lander: &Lander, report: &watch::Sender<Progress>) {
    let mut progress = lander.progress();
    loop {
        report.send_replace(progress.borrow_and_update().clone());
        if progress.changed().await.is_err() {
            return;
        }
    }
}

/// Waits for a warehouse that did not answer when the intake was opened.
async fn reach(
    intake: &Intake,
    client: &Client,
    mut ready: Option<Ready>,
    report: &watch::Sender<Progress>,
    mut stop: watch::Receiver<bool>,
) -> Option<Ready> {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        if ready.is_some() || *stop.borrow_and_update() {
            return ready;
        }
        match arrive(intake, client).await {
            Ok(found) => ready = Some(found),
            Err(error) => {
                if matches!(error, CarryError::Lost) {
                    tracing::error!(%error, "rows of views do not land");
                }
                report.send_modify(|progress| progress.last_error = Some(error.to_string()));
                tokio::select! {
                    () = backoff.pause() => {}
                    _ = stop.changed() => {}
                }
            }
        }
    }
}

/// The dataflow has begun already: what was planned without the warehouse's word must hold with it.
async fn arrive(intake: &Intake, client: &Client) -> Result<Ready, CarryError> {
    let (source, mut plan) = (intake.source(), intake.plan());
    let (found, fill) = ask(client, source, &plan).await?;
    if source.decide(&plan, Some((&found, fill)))? != plan {
        return Err(CarryError::Lost);
    }
    let ready = get_ready(client, source, &mut plan).await?;
    intake.follow(plan)?;
    Ok(ready)
}

/// Asks how the warehouse stands, and how far the fill has landed.
pub(crate) async fn ask(client: &Client, source: &Source, plan: &Plan) -> Result<(Found, Option<u64>), CarryError> {
    migrate(client, &source.migrated).await?;
    let found = look(client, &source.owner(), &source.tables).await?;
    let fill = match plan.round.as_ref().filter(|round| round.cleared) {
        Some(round) => landed_through(client, &source.fill_owner(round)).await?,
        None => None,
    };
    Ok((found, fill))
}

/// Brings the warehouse to where a plan begins, and finds out what has landed.
pub(crate) async fn get_ready(client: &Client, source: &Source, plan: &mut Plan) -> Result<Ready, CarryError> {
    if let Some(round) = plan.round.as_mut().filter(|round| !round.cleared) {
        clear(client, source, round).await?;
        round.cleared = true;
    }
    plan.store(&*source.disk, &source.plan_path())?;
    let whole: Vec<TableSchema> =
        source.tables.iter().filter(|table| !plan.fills(&table.stored_name())).cloned().collect();
    publish(client, &whole).await?;
    let owner = source.owner();
    let forgotten = source.kept(None)?.newest < landed_through(client, &owner).await?.or(Some(0));
    let since = plan.since();
    let covered = |table: &TableSchema| {
        let after = since.get(&table.stored_name()).copied().unwrap_or(0);
        Covered { table: table.clone(), after, through: u64::MAX }
    };
    let views: Vec<Covered> = source.tables.iter().map(covered).collect();
    let views = recover_covered(client, &owner.table_set, owner.incarnation, &views, forgotten).await?;
    let fill = match &plan.round {
        Some(round) => Some(recover_fill(client, source, round).await?),
        None => None,
    };
    Ok(Ready { views, fill })
}

async fn recover_fill(client: &Client, source: &Source, round: &Round) -> Result<Recovery, CarryError> {
    let owner = source.fill_owner(round);
    let landed = landed_through(client, &owner).await?;
    let forgotten = source.fill_kept(None)?.newest < landed.or(Some(0));
    let covered = source.tables.iter().filter_map(|table| {
        let after = *round.after.get(&table.stored_name())?;
        Some(Covered { table: table.clone(), after, through: round.through })
    });
    let covered: Vec<Covered> = covered.collect();
    Ok(recover_covered(client, &owner.table_set, owner.incarnation, &covered, forgotten).await?)
}

/// Takes everything out of a fill's tables that it is going to bring. May be repeated.
async fn clear(client: &Client, source: &Source, round: &Round) -> Result<(), Error> {
    for table in &source.tables {
        let stored = table.stored_name();
        let Some(after) = round.after.get(&stored) else { continue };
        if *after == 0 {
            client.execute(&format!("DROP TABLE IF EXISTS `{stored}` SYNC")).await?;
            client.execute(&table.create_sql()).await?;
        } else {
            delete(client, &stored, &format!("{LANDING_EPOCH} > {after}")).await?;
        }
        let recorded = format!("table_name = {} AND landing_epoch > {after}", literal(&stored));
        delete(client, EPOCHS_TABLE, &recorded).await?;
        note(client, source, round, &stored, false).await?;
    }
    Ok(())
}

async fn delete(client: &Client, table: &str, rows: &str) -> Result<(), Error> {
    client.execute(&format!("ALTER TABLE `{table}` DELETE WHERE {rows} SETTINGS mutations_sync = 2")).await
}

async fn note(client: &Client, source: &Source, round: &Round, stored: &str, done: bool) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO `{FILLS_TABLE}` (table_set, table_name, round, through, done) SETTINGS async_insert = 0 \
         VALUES ({}, {}, {}, {}, {})",
        literal(&source.table_set),
        literal(stored),
        round.number,
        round.through,
        u8::from(done)
    );
    client.execute(&sql).await
}

/// Lands a fill; when all of it is there, the public names are led to its tables.
async fn fill_tables(
    intake: &Intake,
    client: &Client,
    recovery: Option<Recovery>,
    report: &watch::Sender<Progress>,
    mut stop: watch::Receiver<bool>,
) {
    let (Some(fill), Some(recovery)) = (intake.fill(), recovery) else { return };
    let lander = Lander::start(client.clone(), recovery, &LanderConfig::default());
    let mut progress = lander.progress();
    let stopped = tokio::select! {
        () = deliver(Arc::clone(&fill.queue), &lander, stop.clone()) => true,
        whole = progress.wait_for(|now| now.landed >= Some(fill.round.through)) => whole.is_err(),
    };
    lander.stop(STOP_WITHIN).await;
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    while !stopped && !*stop.borrow_and_update() {
        let Err(error) = finish(intake, client, &fill).await else { return };
        tracing::error!(%error, "a fill has landed, and its tables do not take their names yet");
        report.send_modify(|progress| progress.last_error = Some(error.to_string()));
        if matches!(error, CarryError::Differs { .. }) {
            return;
        }
        tokio::select! {
            () = backoff.pause() => {}
            _ = stop.changed() => {}
        }
    }
}

/// Compares, leads the public names to the tables, and forgets the fill. May be repeated.
async fn finish(intake: &Intake, client: &Client, fill: &Fill) -> Result<(), CarryError> {
    let (source, round) = (intake.source(), &fill.round);
    let mut plan = intake.plan();
    let tables: Vec<&TableSchema> =
        source.tables.iter().filter(|table| round.after.contains_key(&table.stored_name())).collect();
    for table in &tables {
        if let Err(error) = compare(client, &source.fill_owner(round), round, table).await {
            if let Some(round) = plan.round.as_mut().filter(|_| matches!(error, CarryError::Differs { .. })) {
                (round.emptied, round.cleared) = (false, false);
                intake.follow(plan)?;
            }
            return Err(error);
        }
    }
    publish(client, &source.tables).await?;
    for table in &tables {
        note(client, source, round, &table.stored_name(), true).await?;
    }
    intake.finish()?;
    tracing::info!(tables = ?round.after.keys(), through = round.through, "tables are filled with history");
    Ok(())
}

/// Counts what has landed. Rows that replace each other cannot be counted; their chunks were, one by one.
async fn compare(client: &Client, owner: &Owner, round: &Round, table: &TableSchema) -> Result<(), CarryError> {
    let stored = table.stored_name();
    let Some(after) = round.after.get(&stored).filter(|_| !matches!(table.rows, Rows::Upsert(_))) else {
        return Ok(());
    };
    let found = format!(
        "SELECT count() FROM `{stored}` WHERE {LANDING_EPOCH} > {after} AND {LANDING_EPOCH} <= {}",
        round.through
    );
    let recorded = format!(
        "SELECT sum(newest) FROM (SELECT argMax(rows, (attempt, state = 'landed')) AS newest FROM `{EPOCHS_TABLE}` \
         WHERE table_set = {} AND table_name = {} GROUP BY landing_epoch, shard, chunk)",
        literal(&owner.table_set),
        literal(&stored)
    );
    let (found, recorded): (u64, u64) = (client.fetch_one(&found).await?, client.fetch_one(&recorded).await?);
    if found == recorded { Ok(()) } else { Err(CarryError::Differs { table: stored, found, recorded }) }
}
