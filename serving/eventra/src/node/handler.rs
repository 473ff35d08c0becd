//! Answers of the process to the command line.

use std::sync::{Arc, Weak};

use anyhow::{Context as _, bail};
use records::{EventId, LeaderboardId, OrganizationId};
use serde_json::{Value, json};

use super::{Core, figures, lettered, people, programmes, resets, simulation, verification};
use crate::commands::erase::Told;
use crate::control::Request;
use crate::control::server::{Handler, Teller};

/// The handler of a running process. It holds nothing alive.
pub(super) fn handler(core: &Arc<Core>) -> Handler {
    let weak: Weak<Core> = Arc::downgrade(core);
    Arc::new(move |request, teller| {
        let core = weak.upgrade().context("the process is stopping")?;
        answer(&core, request, &teller)
    })
}

fn organization(text: &str) -> anyhow::Result<OrganizationId> {
    OrganizationId::parse(text).with_context(|| format!("`{text}` is no organization"))
}

fn answer(core: &Arc<Core>, request: Request, teller: &Teller) -> anyhow::Result<Value> {
    match request {
        Request::Status => status(core),
        Request::Top => Ok(serde_json::to_value(figures::figures(core))?),
        Request::Apply { document } => Ok(serde_json::to_value(core.apply(&document)?)?),
        Request::Erase { subject, organization: tenant } => erase(core, organization(&tenant)?, &subject),
        Request::AddUser { email, name, admin, member } => Ok(json!(people::add(core, &email, &name, admin, member)?)),
        Request::SignInLink { email } => Ok(json!(people::sign_in_link(core, &email)?)),
        Request::ResetLeaderboard { leaderboard, organization: tenant } => {
            let named = LeaderboardId::parse(&leaderboard).with_context(|| format!("`{leaderboard}` is no id"))?;
            Ok(serde_json::to_value(resets::reset(core, organization(&tenant)?, named)?)?)
        }
        Request::ImportProgramme { file, organization: tenant, event, dry_run, remove } => {
            let named = EventId::parse(&event).with_context(|| format!("`{event}` is no event"))?;
            let organization = organization(&tenant)?;
            programmes::import(core, &programmes::Import { file: &file, organization, event: named, dry_run, remove })
        }
        Request::Verify => {
            let tell = |text: &str| teller.progress(json!(text));
            Ok(serde_json::to_value(verification::verify(core, &tell)?)?)
        }
        Request::Replay { dataset, files, speed, order, organization: tenant } => {
            let how = simulation::Replaying { dataset, files, speed, order };
            simulation::replay(core, &how, organization(&tenant)?, teller)
        }
        Request::Simulate(wanted) => {
            let mut tell = |progress: Value| teller.progress(progress);
            simulation::simulate(core, &wanted, &mut tell, &|| teller.is_gone())
        }
        Request::DeadLetters { organization: tenant, limit } => {
            Ok(serde_json::to_value(lettered::list(core, organization(&tenant)?, limit)?)?)
        }
        Request::ReplayDeadLetters => {
            let done = lettered::replay(core)?;
            Ok(json!({
                "seen": done.seen,
                "replayed": done.replayed,
                "already": done.already,
                "still_bad": done.still_bad,
                "unreadable": done.unreadable,
            }))
        }
        Request::Warehouse => Ok(serde_json::to_value(core.warehouse.place()?)?),
        Request::Stop => {
            core.stopping.store(true, std::sync::atomic::Ordering::Relaxed);
            Ok(Value::Null)
        }
    }
}

/// Erases somebody of an organization that is known here: registered, or at least heard of in tracking or a replay.
fn erase(core: &Core, organization: OrganizationId, subject: &str) -> anyhow::Result<Value> {
    let subjects = core.appender.subjects();
    let registered: Vec<_> = core.rules().registered().map(|(id, _)| id).collect();
    let heard_of = |id| subjects.people().iter().any(|(organization, _)| *organization == id);
    if !registered.contains(&organization) && !heard_of(organization) {
        let known: Vec<String> = registered.iter().map(|id| format!("`{id}`")).collect();
        let known =
            if known.is_empty() { "there is none yet".into() } else { format!("there are {}", known.join(", ")) };
        bail!("`{organization}` is no organization here: {known}");
    }
    let erased = core.erase(organization, subject)?;
    let pending = subjects.pending_erasures().iter().any(|erasure| erasure.organization == organization);
    Ok(serde_json::to_value(Told { erased, pending })?)
}

fn status(core: &Core) -> anyhow::Result<Value> {
    let flow = core.flow_status().context("the process is stopping")?;
    let log = core.log.status();
    let standing: Vec<Value> = {
        let rules = core.rules();
        rules.registered().map(|(id, tenant)| json!({"id": id, "name": tenant.name})).collect()
    };
    Ok(json!({
        "address": core.address.to_string(),
        "pid": std::process::id(),
        "uptime_s": core.started.elapsed().as_secs(),
        "organizations": standing,
        "keys": core.callers.read(rules::Directory::keys),
        "views": {
            "phase": format!("{:?}", flow.phase),
            "epoch": flow.as_of.epoch,
            "behind_records": flow.behind_records,
            "replaying": flow.replaying,
            "snapshot_epoch": flow.snapshot.epoch,
            "skipped": flow.skipped,
            "rebuilds": flow.rebuilds,
        },
        "log": {
            "free_bytes": log.free_bytes,
            "reserve_held": log.reserve_held,
            "poisoned": log.poisoned,
            "durability": core.log.identity().durability.statement,
            "lanes": log.lanes.iter().map(|lane| json!({"lane": lane.lane, "bytes": lane.bytes, "rows": lane.rows})).collect::<Vec<_>>(),
        },
        "warehouse": core.warehouse.figures(),
    }))
}
