//! Where a record lives: lane, partition, offset.

use std::fmt;

/// What kind of record a frame holds, and how long it is kept. Lanes share partitions' keys, never their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Lane {
    /// Decided by a fenced writer; kept for ever.
    Facts = 0,
    /// Tracked or reported; retention in days.
    Activity = 1,
    /// Epoch bindings and skips.
    System = 2,
}

impl Lane {
    /// Every lane, in the order that decides between equal log times.
    pub const ALL: [Self; 3] = [Self::Facts, Self::Activity, Self::System];

    /// The lane's place in [`Lane::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The lane's name in file names and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Facts => "facts",
            Self::Activity => "activity",
            Self::System => "system",
        }
    }

    /// The lane stored as `code`, if there is one.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Facts),
            1 => Some(Self::Activity),
            2 => Some(Self::System),
            _ => None,
        }
    }

    /// The lane with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.name() == name)
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A partition of a lane, `0..` the lane's partition count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PartitionId(pub u16);

impl PartitionId {
    /// The partition as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A record's place in its (lane, partition): increasing; readers must not count on it being dense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(pub u64);

impl Offset {
    /// The offset `rows` further on.
    pub const fn plus(self, rows: u32) -> Self {
        Self(self.0 + rows as u64)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many partitions each lane has. Fixed for the life of a log's incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partitions {
    /// Partitions of [`Lane::Facts`].
    pub facts: u16,
    /// Partitions of [`Lane::Activity`].
    pub activity: u16,
    /// Partitions of [`Lane::System`].
    pub system: u16,
}

impl Default for Partitions {
    fn default() -> Self {
        Self { facts: 8, activity: 8, system: 1 }
    }
}

impl Partitions {
    /// How many partitions `lane` has.
    pub const fn of(self, lane: Lane) -> u16 {
        match lane {
            Lane::Facts => self.facts,
            Lane::Activity => self.activity,
            Lane::System => self.system,
        }
    }

    /// Every partition of `lane`, ascending.
    pub fn each(self, lane: Lane) -> impl Iterator<Item = PartitionId> {
        (0..self.of(lane)).map(PartitionId)
    }
}
