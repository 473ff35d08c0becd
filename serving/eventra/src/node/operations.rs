//! How the process answers for itself over HTTP.

use std::sync::{Arc, Weak};

use api::system::{Door, Figures, Lane, Letter, Operations, Replayed, SetAside, Sink, Snapshot};

use super::{Core, figures, lettered};
use crate::mail::Outgoing;

/// What the API asks. It holds nothing alive that a stop waits for.
pub(super) fn operations(core: &Arc<Core>) -> Operations {
    let of = || Arc::downgrade(core);
    let (figures, letters, mailbox, replay) = (of(), of(), of(), of());
    let gone = || "the process is stopping".to_owned();
    let live = move |weak: &Weak<Core>| weak.upgrade().ok_or_else(gone);
    Operations {
        figures: Box::new(move || figures.upgrade().map(|core| system(&core)).unwrap_or_default()),
        letters: Box::new(move |organization, limit| {
            let listed =
                lettered::list(&*live(&letters)?, organization, limit).map_err(|error| format!("{error:#}"))?;
            let shown = listed.into_iter().map(|letter| Letter {
                at: letter.at,
                reason: letter.reason,
                field: letter.field,
                position: letter.position,
            });
            Ok(shown.collect())
        }),
        mailbox: Box::new(move || match &*mailbox.upgrade()?.outgoing {
            Outgoing::Mailbox(mailbox) => Some(mailbox.shown()),
            _ => None,
        }),
        replay: Box::new(move || {
            let core = replay.upgrade().ok_or_else(gone)?;
            let done = lettered::replay(&core).map_err(|error| format!("{error:#}"))?;
            let collect::dead::Replayed { seen, replayed, already, still_bad, unreadable, .. } = done;
            Ok(Replayed { seen, replayed, already, still_bad, unreadable })
        }),
    }
}

fn system(core: &Core) -> Figures {
    let shown = figures::figures(core);
    let log = core.log.status();
    let to_users = core.callers.read(|directory| directory.accounts.mails().count() as u64);
    let mails_waiting = to_users + core.booking.letters_waiting();
    let mut system = Figures {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: core.started.elapsed().as_secs(),
        resident_bytes: shown.resident_bytes,
        phase: "Stopping".to_owned(),
        log: log.lanes.iter().map(lane).collect(),
        free_bytes: log.free_bytes,
        durability: core.log.identity().durability.statement.to_string(),
        warehouse: sink(&shown),
        door: Door { duplicates: shown.duplicates, dead_letters: shown.dead_letters },
        mails_waiting,
        ..Figures::default()
    };
    if let Some(status) = core.flow_status() {
        system.as_of = status.as_of;
        system.phase = format!("{:?}", status.phase);
        system.behind_records = status.behind_records;
        system.behind_ms = status.behind.millis();
        system.replaying = status.replaying;
        system.epochs = status.epochs;
        system.skipped = status.skipped;
        system.rebuilds = status.rebuilds;
        let aside = status.set_aside.iter();
        system.set_aside = aside.map(|aside| SetAside { view: aside.view.to_owned(), since: aside.since }).collect();
        system.last_error = status.last_error;
        let snapshot = status.snapshot;
        system.snapshot = Snapshot {
            epoch: snapshot.epoch,
            bytes: snapshot.bytes,
            written: snapshot.written,
            given_up: snapshot.given_up,
            last_error: snapshot.last_error,
        };
    }
    system
}

fn lane(lane: &eventlog::LaneStatus) -> Lane {
    Lane { lane: lane.lane.clone(), bytes: lane.bytes, rows: lane.rows, voided_rows: lane.voided_rows }
}

fn sink(shown: &crate::figures::Figures) -> Sink {
    let warehouse = shown.warehouse.clone();
    Sink {
        state: warehouse.state,
        rows: warehouse.rows,
        landed: warehouse.landed,
        waiting: warehouse.waiting,
        error: warehouse.error,
        filling: warehouse.filling,
        resident_bytes: warehouse.resident_bytes,
    }
}
