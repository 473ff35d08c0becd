//! What `/metrics` shows of the parts: read when somebody scrapes.

use std::sync::{Arc, Weak};

use api::metrics::{Exposition, Type};

use super::Core;

/// Registers the collector. It holds no part alive: a scrape after the end shows nothing.
pub(super) fn register(core: &Arc<Core>) {
    let weak: Weak<Core> = Arc::downgrade(core);
    core.metrics.collector(move |out| {
        if let Some(core) = weak.upgrade() {
            collect(&core, out);
        }
    });
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus keeps doubles; counts stay far below 2^53")]
fn collect(core: &Core, out: &mut Exposition) {
    for lane in &core.log.status().lanes {
        let labels = [("lane", lane.lane.as_str())];
        out.gauge("eventra_log_bytes", "Bytes that the log holds.", &labels, lane.bytes as f64);
        out.counter("eventra_log_rows_total", "Rows that became durable since the start.", &labels, lane.rows);
        out.counter(
            "eventra_log_voided_rows_total",
            "Rows that do not count: repeated or fenced off.",
            &labels,
            lane.voided_rows,
        );
        out.counter("eventra_log_commits_total", "Group commits: one write and one sync each.", &labels, lane.groups);
        out.value(
            Type::Counter,
            "eventra_log_sync_seconds_total",
            "Time spent in syncs.",
            &labels,
            lane.sync_time.as_secs_f64(),
        );
        out.counter(
            "eventra_log_refused_total",
            "Submissions refused: no space, or a full queue.",
            &labels,
            lane.refused,
        );
    }
    if let Some(door) = core.door.read().as_ref().map(|door| door.status()) {
        out.counter(
            "eventra_door_messages_total",
            "Messages by what became of them.",
            &[("outcome", "taken")],
            door.taken,
        );
        out.counter(
            "eventra_door_messages_total",
            "Messages by what became of them.",
            &[("outcome", "duplicate")],
            door.duplicates,
        );
        out.counter(
            "eventra_door_messages_total",
            "Messages by what became of them.",
            &[("outcome", "dead")],
            door.dead,
        );
        out.gauge(
            "eventra_door_queued_bytes",
            "Bytes of records that wait for the log.",
            &[],
            door.queued_bytes as f64,
        );
    }
    let subjects = core.appender.subjects();
    for (organization, people) in subjects.people() {
        out.gauge(
            "eventra_people",
            "People, anonymous visitors and links between them in the key store.",
            &[("organization", &organization.to_string())],
            people as f64,
        );
    }
    out.gauge(
        "eventra_people_max",
        "The most of them that an organization may have.",
        &[],
        subjects.people_max() as f64,
    );
    out.counter(
        "eventra_people_refused_total",
        "Messages of newcomers past that bound: dead letters with the reason `quota`.",
        &[],
        subjects.refused(),
    );
    if let Some(flow) = core.flow_status() {
        out.gauge("eventra_views_epoch", "The epoch that all views reflect.", &[], flow.as_of.epoch as f64);
        out.gauge(
            "eventra_views_behind_records",
            "Records in the log that no view reflects yet.",
            &[],
            flow.behind_records as f64,
        );
        out.gauge(
            "eventra_views_behind_seconds",
            "Log time that the views are behind.",
            &[],
            flow.behind.0 as f64 / 1e6,
        );
        out.counter(
            "eventra_views_skipped_total",
            "Records that a view ignores because it panics on them.",
            &[],
            flow.skipped,
        );
        out.counter("eventra_views_rebuilds_total", "How often the workers were started again.", &[], flow.rebuilds);
        out.gauge(
            "eventra_views_set_aside",
            "Views that stand still because they panic and no record is to blame.",
            &[],
            flow.set_aside.len() as f64,
        );
        out.gauge(
            "eventra_landing_interrupted",
            "Whether rows for the warehouse were dropped and have still to be made again.",
            &[],
            f64::from(u8::from(flow.landing.interrupted)),
        );
        out.gauge("eventra_snapshot_epoch", "The epoch of the newest snapshot.", &[], flow.snapshot.epoch as f64);
    }
    let warehouse = core.warehouse.figures();
    out.gauge(
        "eventra_warehouse_up",
        "Whether the warehouse can be asked.",
        &[],
        f64::from(u8::from(warehouse.state == "running")),
    );
    out.counter("eventra_warehouse_rows_total", "Rows landed since the start.", &[], warehouse.rows);
    out.gauge("eventra_warehouse_waiting", "Landing epochs that wait.", &[], warehouse.waiting as f64);
}
