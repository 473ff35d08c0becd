//! Every frame of a lane in order, for whoever turns bodies into text.

use std::sync::Arc;

use super::scan::{Found, LaneScan, Problem};
use super::{ToolError, describe};
use crate::disk::Disk;
use crate::error::Place;
use crate::file::format::segment_name;
use crate::frame::RawFrame;
use crate::lane::Lane;

/// The frames of a lane, with the problems between them.
pub struct Export {
    lane: Lane,
    scan: LaneScan,
}

/// Goes through all frames of a lane in log time order, voided ones included (see [`crate::Frame::voided`]).
///
/// Damaged places come as problems between the frames; it is up to the caller to stop at the first.
///
/// # Errors
/// When there is no log, or it cannot be listed.
pub fn export(disk: Arc<dyn Disk>, directory: &str, lane: Lane) -> Result<Export, ToolError> {
    let description = describe(&*disk, directory)?;
    Ok(Export { lane, scan: LaneScan::new(disk, directory, description, lane)? })
}

impl Iterator for Export {
    type Item = Result<RawFrame, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.scan.next()? {
                Found::Frame { raw, .. } => return Some(Ok(raw)),
                Found::Bad { sequence, position, until, reason } => {
                    let expected = format!("{} bytes", until - position);
                    let place = Place { segment: segment_name(self.lane, sequence), position, expected };
                    return Some(Err(Problem { place, reason }));
                }
                Found::Segment { .. } | Found::Unfinished { .. } => {}
            }
        }
    }
}
