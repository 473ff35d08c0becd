//! Runs a replay into the log: chunks in order, a bounded number on their way, watermarks behind their records.

use std::collections::VecDeque;

use eventlog::Ticket;
use records::{Record, Timestamp};

use super::input::InputError;
use super::stream::Replay;
use crate::append::{Appender, Refusal};
use crate::limits::APPENDS_IN_FLIGHT_MAX;

/// How far a replay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes of the files on disk that were read.
    pub bytes_read: u64,
    /// Bytes that they have.
    pub bytes_total: u64,
    /// Lines read, headers not counted.
    pub lines: u64,
    /// Records appended and durable, dead letters among them, watermarks not.
    pub records: u64,
    /// Records among them that the log already had: re-deliveries in the data, or a replay that was started again.
    pub repeated: u64,
    /// Dead letters among them.
    pub dead: u64,
    /// The data's watermark.
    pub watermark: Timestamp,
}

/// Why a replay stopped. Starting it again is safe.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A file cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The log refused records.
    #[error(transparent)]
    Append(#[from] Refusal),
}

/// Replays everything. `pace` is called with the event time at which each chunk begins, before the chunk is appended:
/// it waits until [`super::Pacer::due`], or returns at once, or returns `false` to stop early. `report` hears about
/// progress after each chunk. Blocks.
///
/// # Errors
/// When a file cannot be read or the log refuses records; what was appended stays.
pub fn run(
    replay: &mut Replay,
    appender: &Appender,
    pace: &mut dyn FnMut(Timestamp) -> bool,
    report: &mut dyn FnMut(&Progress),
) -> Result<Progress, ReplayError> {
    let mut progress = Progress::default();
    let mut flight = Flight { appender, tickets: VecDeque::new() };
    while let Some(chunk) = replay.next_chunk()? {
        if !pace(chunk.starts) {
            break;
        }
        (progress.bytes_read, progress.bytes_total) = replay.bytes();
        progress.lines = chunk.lines;
        progress.dead += chunk.dead;
        progress.watermark = chunk.watermark;
        flight.append(chunk.records, true, &mut progress)?;
        flight.append(chunk.watermarks, false, &mut progress)?;
        report(&progress);
    }
    flight.land(0, &mut progress)?;
    report(&progress);
    Ok(progress)
}

/// Appends on their way to the disk, and whether their rows count as records.
struct Flight<'a> {
    appender: &'a Appender,
    tickets: VecDeque<(Ticket, bool)>,
}

impl Flight<'_> {
    fn append(&mut self, records: Vec<Record>, counts: bool, progress: &mut Progress) -> Result<(), ReplayError> {
        if records.is_empty() {
            return Ok(());
        }
        self.land(APPENDS_IN_FLIGHT_MAX - 1, progress)?;
        self.tickets.push_back((self.appender.submit_patiently(records)?, counts));
        Ok(())
    }

    /// Waits until at most `most` are left.
    fn land(&mut self, most: usize, progress: &mut Progress) -> Result<(), ReplayError> {
        while self.tickets.len() > most {
            let Some((ticket, counts)) = self.tickets.pop_front() else { break };
            let frames = ticket.wait().map_err(Refusal::from)?;
            if counts {
                progress.records += frames.iter().map(|frame| u64::from(frame.rows)).sum::<u64>();
                progress.repeated += frames.iter().map(|frame| u64::from(frame.voided_rows)).sum::<u64>();
            }
        }
        Ok(())
    }
}
