//! Walks the frames of one segment file, reading no more than is asked for.

use std::sync::Arc;

use bytes::Bytes;

use super::format::{FRAME_HEAD, FRAME_MAGIC, FrameHead, decode_hashes};
use crate::disk::DiskFile;
use crate::frame::{Frame, RawFrame, Voided};

/// Read at once when most bytes are wanted: large enough that frames cut by its end cost little.
pub(crate) const STREAM: usize = 2 << 20;

/// Read at once when small frames are sought.
pub(crate) const BROWSE: usize = 128 << 10;

/// Read at once when only the heads of large frames are wanted.
const PEEK: usize = 4 << 10;

/// Frames above this length are stepped over, not read through.
const LARGE: u64 = 32 << 10;

/// What is wrong at a place of a file.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) position: u64,
    pub(crate) reason: String,
    /// Whether the file could not be read at all, so that nothing is known about its content.
    pub(crate) io: bool,
}

/// A cursor over the frames of a file.
pub(crate) struct Walker {
    file: Arc<dyn DiskFile>,
    seed: u32,
    /// Where the next frame begins.
    pub(crate) at: u64,
    /// Where the readable part of the file ends.
    end: u64,
    step: usize,
    window: Bytes,
    window_at: u64,
}

impl Walker {
    /// Walks from the frame at `at` to `end`.
    pub(crate) fn new(file: Arc<dyn DiskFile>, seed: u32, at: u64, end: u64, step: usize) -> Self {
        Self { file, seed, at, end, step, window: Bytes::new(), window_at: 0 }
    }

    /// The head of the frame at the cursor, none at the end. Does not move.
    pub(crate) fn head(&mut self) -> Result<Option<FrameHead>, Fault> {
        if self.at >= self.end {
            return Ok(None);
        }
        let fixed = self.bytes(self.at, FRAME_HEAD)?;
        let length = FrameHead::head_len_of(&fixed).map_err(|reason| self.fault(reason))?;
        let all = if length == FRAME_HEAD { fixed } else { self.bytes(self.at, length)? };
        let head = FrameHead::decode(self.seed, &all).map_err(|reason| self.fault(reason))?;
        if head.len() > self.end - self.at {
            return Err(self.fault("the frame is cut off"));
        }
        Ok(Some(head))
    }

    /// Moves behind the frame at the cursor.
    pub(crate) fn pass(&mut self, head: &FrameHead) {
        self.at += head.len();
    }

    /// The hashes of the frame at the cursor.
    pub(crate) fn hashes(&mut self, head: &FrameHead) -> Result<Vec<u64>, Fault> {
        if head.hashes == 0 {
            return Ok(Vec::new());
        }
        let bytes = self.bytes(self.at + head.head_len() as u64, head.hashes_len())?;
        if crc32c::crc32c(&bytes) != head.hashes_crc {
            return Err(self.fault("the checksum of the hashes does not match"));
        }
        Ok(decode_hashes(&bytes))
    }

    /// The stored body of the frame at the cursor, checked.
    pub(crate) fn stored(&mut self, head: &FrameHead) -> Result<Bytes, Fault> {
        let at = self.at + (head.head_len() + head.hashes_len()) as u64;
        let bytes = self.bytes(at, head.stored_len as usize)?;
        if crc32c::crc32c(&bytes) != head.body_crc {
            return Err(self.fault("the body's checksum does not match"));
        }
        Ok(bytes)
    }

    /// The body of the frame at the cursor as it was appended.
    pub(crate) fn body(&mut self, head: &FrameHead) -> Result<Bytes, Fault> {
        let stored = self.stored(head)?;
        head.codec.decompress(stored, head.body_len as usize).map_err(|error| self.fault(&error.to_string()))
    }

    /// The frame at the cursor as readers get it; moves behind it.
    pub(crate) fn frame(&mut self, head: FrameHead) -> Result<Frame, Fault> {
        let body = if head.voided == Voided::All { Bytes::new() } else { self.body(&head)? };
        self.pass(&head);
        Ok(frame(head, body))
    }

    /// The frame at the cursor with all that is stored about it; moves behind it.
    pub(crate) fn raw(&mut self, head: FrameHead) -> Result<RawFrame, Fault> {
        let (dedup, body) = (self.hashes(&head)?, self.body(&head)?);
        self.pass(&head);
        let lost = head.lost;
        Ok(RawFrame { frame: frame(head, body), dedup, lost })
    }

    /// Checks every byte of the frame at the cursor.
    pub(crate) fn verify(&mut self, head: &FrameHead) -> Result<(), Fault> {
        self.hashes(head)?;
        let body = self.body(head)?;
        if crc32c::crc32c(&body) != head.content_crc {
            return Err(self.fault("the content's checksum does not match"));
        }
        Ok(())
    }

    /// The next place at or after `from` where a valid frame begins, with its head.
    pub(crate) fn seek_valid(&mut self, from: u64) -> Result<Option<(u64, FrameHead)>, Fault> {
        let back = self.at;
        let mut from = from;
        let found = loop {
            let Some(at) = self.seek_magic(from)? else { break None };
            self.at = at;
            match self.head() {
                Ok(Some(head)) if self.verify(&head).is_ok() => break Some((at, head)),
                Err(fault) if fault.io => return Err(fault),
                _ => from = at + 1,
            }
        };
        self.at = back;
        Ok(found)
    }

    fn seek_magic(&mut self, mut from: u64) -> Result<Option<u64>, Fault> {
        while from + FRAME_HEAD as u64 <= self.end {
            let some = usize::try_from((self.end - from).min(BROWSE as u64)).expect("at most the window");
            let bytes = self.bytes(from, some)?;
            if let Some(at) = bytes.windows(4).position(|four| four == FRAME_MAGIC) {
                return Ok(Some(from + at as u64));
            }
            // The magic may straddle two windows.
            from += some as u64 - 3;
        }
        Ok(None)
    }

    fn fault(&self, reason: &str) -> Fault {
        Fault { position: self.at, reason: reason.to_owned(), io: false }
    }

    /// Bytes of the file, from the window or through it.
    fn bytes(&mut self, at: u64, length: usize) -> Result<Bytes, Fault> {
        if at + length as u64 > self.end {
            return Err(self.fault("the frame is cut off"));
        }
        let inside = at >= self.window_at && at + length as u64 <= self.window_at + self.window.len() as u64;
        if !inside {
            self.load(at, length)?;
        }
        let start = usize::try_from(at - self.window_at).expect("inside the window");
        Ok(self.window.slice(start..start + length))
    }

    fn load(&mut self, at: u64, length: usize) -> Result<(), Fault> {
        // A jump beyond the window means that large frames are being stepped over: then heads are all that is wanted.
        let jumped = !self.window.is_empty() && at > self.window_at + self.window.len() as u64 + LARGE;
        let step = if jumped && length == FRAME_HEAD && self.step < STREAM { PEEK } else { self.step };
        let left = usize::try_from(self.end - at).unwrap_or(usize::MAX);
        let mut window = Vec::with_capacity(length.max(step).min(left));
        let wanted = window.capacity().min(left);
        let read = self.file.read_at(at, wanted, &mut window);
        let read = read.map_err(|error| Fault { position: at, reason: error.to_string(), io: true })?;
        if read < length {
            return Err(self.fault("the file ends before the frame"));
        }
        self.window = window.into();
        self.window_at = at;
        Ok(())
    }
}

fn frame(head: FrameHead, body: Bytes) -> Frame {
    Frame {
        lane: head.lane,
        partition: head.partition,
        first: head.first,
        rows: head.rows,
        log_time: head.log_time,
        content_crc: head.content_crc,
        claim: head.claim,
        voided: head.voided,
        body,
    }
}
