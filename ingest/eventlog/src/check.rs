//! What every backend asks of a frame before it looks at the disk.

use crate::error::AppendError;
use crate::frame::{MAX_BODY, MAX_ROWS, NewFrame};
use crate::lane::Partitions;

/// Refuses frames that no log takes.
pub(crate) fn check(frames: &[NewFrame], partitions: Partitions) -> Result<(), AppendError> {
    let bad = frames.iter().enumerate().find_map(|(index, frame)| Some((index, fault(frame, partitions)?)));
    match bad {
        Some((index, reason)) => Err(AppendError::Invalid { index, reason }),
        None => Ok(()),
    }
}

fn fault(frame: &NewFrame, partitions: Partitions) -> Option<String> {
    if frame.partition.0 >= partitions.of(frame.lane) {
        return Some(format!("{} has no partition {}", frame.lane, frame.partition));
    }
    if frame.rows == 0 || frame.rows > MAX_ROWS {
        return Some(format!("{} rows, a frame holds 1 to {MAX_ROWS}", frame.rows));
    }
    if frame.body.len() > MAX_BODY {
        return Some(format!("{} body bytes, a frame holds at most {MAX_BODY}", frame.body.len()));
    }
    if !frame.dedup.is_empty() && frame.dedup.len() != frame.rows as usize {
        return Some(format!("{} hashes for {} rows", frame.dedup.len(), frame.rows));
    }
    None
}
