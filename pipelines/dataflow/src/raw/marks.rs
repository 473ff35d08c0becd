//! Where raw landing may go on: a few remembered places in the log, so that a restart need not read every binding.

use eventlog::Offset;
use eventlog::disk::{Disk, read_whole, replace};
use serde::{Deserialize, Serialize};

/// The file that holds the marks.
const FILE: &str = "raw-landing.json";
/// A file longer than this is not ours: 16 marks of some hundred partitions take a tenth of it.
const FILE_BYTES_MAX: usize = 1 << 20;
/// Landing epochs between two marks. A restart makes at most this many again only to skip them.
const EVERY: u64 = 32;
/// Marks that are kept: 16 * 32 landing epochs reach well behind the 64 that an unclean stop may ask for again.
const KEPT: usize = 16;

/// The log's state after a landing epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The landing epoch; 0 before the first one.
    pub number: u64,
    /// The epoch that ended it.
    pub epoch: u64,
    /// The offset in the system lane after its binding.
    pub system: u64,
    /// Where the fact partitions ended.
    pub facts: Vec<u64>,
    /// Where the activity partitions ended.
    pub activity: Vec<u64>,
}

/// The remembered places, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Marks {
    incarnation: u64,
    marks: Vec<Mark>,
}

impl Marks {
    /// Reads the marks of this log; none when the file is missing, unreadable or another log's: then raw landing reads
    /// the bindings from their beginning, which is slower and as right.
    pub fn load(disk: &dyn Disk, incarnation: u64) -> Self {
        let read = read_whole(disk, FILE, FILE_BYTES_MAX).ok();
        let marks: Option<Self> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        marks.filter(|marks| marks.incarnation == incarnation).unwrap_or(Self { incarnation, marks: Vec::new() })
    }

    /// The newest mark at or before a landing epoch.
    pub fn at_most(&self, number: u64) -> Option<&Mark> {
        self.marks.iter().rev().find(|mark| mark.number <= number)
    }

    /// The oldest place that may be asked for again, while everything up to `landed` has landed.
    pub fn needed(&self, landed: u64, rechecked: u64) -> Option<&Mark> {
        self.at_most(landed.saturating_sub(rechecked))
    }

    /// Whether a landing epoch is one to remember.
    pub fn wants(&self, number: u64) -> bool {
        let newest = self.marks.last().map_or(0, |mark| mark.number);
        number >= newest + EVERY
    }

    /// Remembers a place.
    ///
    /// # Errors
    /// When the disk fails; the older marks still hold.
    pub fn remember(&mut self, disk: &dyn Disk, mark: Mark) -> std::io::Result<()> {
        self.marks.push(mark);
        let surplus = self.marks.len().saturating_sub(KEPT);
        self.marks.drain(..surplus);
        let bytes = serde_json::to_vec(self).expect("numbers are JSON");
        replace(disk, FILE, &bytes)
    }
}

impl Mark {
    /// Before every record that a log still has; `system` is its first binding.
    pub(super) fn at(system: Offset, facts: &[Offset], activity: &[Offset]) -> Self {
        let plain = |offsets: &[Offset]| offsets.iter().map(|offset| offset.0).collect();
        Self { number: 0, epoch: 0, system: system.0, facts: plain(facts), activity: plain(activity) }
    }
}

#[cfg(test)]
mod tests {
    use eventlog::disk::SimDisk;

    use super::*;

    fn mark(number: u64) -> Mark {
        Mark { number, epoch: number * 40, system: number * 41, facts: vec![1], activity: vec![2, 3] }
    }

    #[test]
    fn marks_survive_and_the_newest_fitting_one_is_found() {
        let disk = SimDisk::new(1);
        let mut marks = Marks::load(&disk, 7);
        for number in [32, 64, 96] {
            assert!(marks.wants(number) && !marks.wants(number - 1));
            marks.remember(&disk, mark(number)).unwrap();
        }
        let read = Marks::load(&disk, 7);
        assert_eq!(read, marks);
        assert_eq!(read.at_most(95), Some(&mark(64)));
        assert_eq!(read.needed(100, 64), Some(&mark(32)));
        assert_eq!(Marks::load(&disk, 8), Marks { incarnation: 8, marks: vec![] });
    }

    #[test]
    fn few_marks_are_kept() {
        let disk = SimDisk::new(1);
        let mut marks = Marks::load(&disk, 7);
        (1..=40).for_each(|number| marks.remember(&disk, mark(number * 32)).unwrap());
        assert_eq!((marks.marks.len(), marks.marks[0].number), (KEPT, 25 * 32));
    }
}
