//! Dead letters of the dataflow: a record that a view skips after a panic is told of in the log, like any other letter.

use std::collections::VecDeque;

use collect::Appender;
use collect::dead::Replayed;
use dataflow::Skipped;
use eventlog::{Lane, ReadLimits};
use records::{Batch, Kind, OrganizationId, Pos, Record, Source, Text};

use super::Core;
use crate::commands::dead_letters::Letter;

/// Appends a dead letter for each skipped record. The log line has the cause; the letter has the place.
pub(super) fn skipped(appender: Appender) -> dataflow::engine::DeadLetters {
    Box::new(move |skipped: &Skipped| {
        let record = Record {
            name: Text::new("view_panicked"),
            path: Text::new(&skipped.skip.pos.to_string()),
            category: Text::new(&skipped.skip.view),
            source: Source::None,
            event_time: skipped.skip.pos.log_time,
            ..Record::new(Kind::DeadLettered)
        };
        // The skip itself is durable already; this is for whoever lists dead letters.
        if let Err(error) = appender.submit(vec![record]) {
            tracing::error!(%error, view = skipped.skip.view, pos = %skipped.skip.pos, "dead letter of a skipped record");
        }
    })
}

/// The newest dead letters of an organization, newest first.
pub(super) fn list(core: &Core, organization: OrganizationId, limit: usize) -> anyhow::Result<Vec<Letter>> {
    let mut newest: VecDeque<Letter> = VecDeque::new();
    let mut from = core.log.starts(Lane::Activity);
    let limits = ReadLimits::up_to(core.log.bound());
    loop {
        let frames = core.log.read_lane(Lane::Activity, &from, limits)?;
        if frames.is_empty() {
            return Ok(newest.into_iter().rev().collect());
        }
        for frame in frames {
            from[frame.partition.index()] = frame.end();
            if frame.counted() == 0 {
                continue;
            }
            let batch = Batch::decode(&frame.body)?;
            for row in frame.counted_rows().filter(|row| batch.kind(*row as usize) == Kind::DeadLettered) {
                let record = batch.record(row as usize);
                if record.organization != organization {
                    continue;
                }
                if newest.len() == limit.max(1) {
                    newest.pop_front();
                }
                let place = Pos {
                    log_time: frame.log_time,
                    lane: Lane::Activity as u8,
                    partition: frame.partition.0,
                    offset: frame.first.plus(row).0,
                };
                newest.push_back(Letter {
                    at: frame.log_time.to_string(),
                    reason: record.name.to_string(),
                    field: record.path.to_string(),
                    position: place.to_string(),
                });
            }
        }
    }
}

/// Sends every dead letter of the log through the door again.
pub(super) fn replay(core: &Core) -> anyhow::Result<Replayed> {
    let from = core.log.starts(Lane::Activity);
    Ok(collect::dead::replay_dead_letters(&core.appender, &from, core.clock.now())?)
}
