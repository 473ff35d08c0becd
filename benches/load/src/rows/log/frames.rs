//! The frames that both sides of the log's rows write and read.

use bytes::Bytes;
use records::{Batch, Record};
use workload::{Conference, Scale};

/// Rows of one frame: what the door gathers within some milliseconds at 50,000 records a second.
const FRAME_ROWS: usize = 512;
const MIB: f64 = 1_048_576.0;

/// One frame: its body, its deduplication hashes, and how many records it holds.
pub(super) struct OneFrame {
    pub(super) body: Bytes,
    pub(super) dedup: Vec<u64>,
    /// The hashes as bytes, made before any clock starts.
    pub(super) hashes: Vec<u8>,
    pub(super) rows: u32,
}

/// The same frames for every side.
pub(super) struct Frames {
    pub(super) all: Vec<OneFrame>,
    pub(super) rows: u64,
}

impl Frames {
    pub(super) fn new(records: u64) -> anyhow::Result<Self> {
        let mut conference = Conference::new(1, Scale::of_records(records));
        let (mut chunk, mut made) = (Vec::<Record>::new(), Self { all: Vec::new(), rows: 0 });
        while made.rows < records {
            chunk.clear();
            if conference.fill(&mut chunk, FRAME_ROWS) == 0 {
                break;
            }
            let batch = Batch::from_records(&chunk);
            let rows = u32::try_from(chunk.len())?;
            made.rows += u64::from(rows);
            made.all.push(OneFrame::new(Bytes::from(batch.encode()), batch.dedup(), rows));
        }
        Ok(made)
    }

    /// The same frames of a sender that does not ask for deduplication.
    pub(super) fn without_hashes(&self) -> Self {
        let all = self.all.iter().map(|frame| OneFrame::new(frame.body.clone(), Vec::new(), frame.rows)).collect();
        Self { all, rows: self.rows }
    }

    pub(super) fn bytes(&self) -> usize {
        self.all.iter().map(|frame| frame.body.len() + frame.hashes.len()).sum()
    }

    pub(super) fn mib(&self) -> f64 {
        self.bytes() as f64 / MIB
    }
}

impl OneFrame {
    fn new(body: Bytes, dedup: Vec<u64>, rows: u32) -> Self {
        let hashes = dedup.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        Self { body, dedup, hashes, rows }
    }
}
