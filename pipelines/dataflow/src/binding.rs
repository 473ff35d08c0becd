//! What the sequencer writes into the log's system lane: which frames make an epoch, and which records are skipped.

use eventlog::{Incarnation, Lane, Offset};
use records::{Pos, Timestamp};
use views::codec::{In, Out};
use views::state::StateError;

/// The version of the bytes that this build writes and reads.
const VERSION: u8 = 1;
/// What damaged bytes are called in errors.
const NAME: &str = "system entry";

const OPENED: u8 = 0;
const BOUND: u8 = 1;
const SKIPPED: u8 = 2;
const SET_ASIDE: u8 = 3;

/// One entry of the system lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A sequencer took over.
    Opened,
    /// An epoch was bound.
    Bound(Binding),
    /// A record is ignored by one view, because its fold or its routing panics on it.
    Skipped(Skip),
    /// A view stands still, because it panics and no record is to blame.
    SetAside(Aside),
}

/// Which frames make an epoch, and what happens at its end. Durable before any row of the epoch is fed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its number; grows for ever, also across incarnations.
    pub epoch: u64,
    /// The epoch that it follows. Entries between the two were cut, because they reached beyond a lane's tail.
    pub previous: u64,
    /// Which life of which log it binds.
    pub incarnation: Incarnation,
    /// Every frame with a log time up to this one is in this epoch or an earlier one.
    pub bound: Timestamp,
    /// Where the partitions that moved end now.
    pub ends: Vec<End>,
    /// The number of the landing epoch that ends here, if one does.
    pub landing: Option<u64>,
    /// Whether state may be written to disk after it.
    pub snapshot: bool,
}

/// The end of a partition in a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The lane.
    pub lane: Lane,
    /// The partition.
    pub partition: u16,
    /// The offset after its last record.
    pub end: Offset,
    /// The running checksum over its frames' contents; none when nobody knows how the partition began.
    pub chain: Option<u32>,
}

/// Records that one view ignores.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skip {
    /// The epoch they are in.
    pub epoch: u64,
    /// The view, or [`Skip::EVERY_VIEW`].
    pub view: String,
    /// The first record.
    pub pos: Pos,
    /// How many records from there on, all in one frame.
    pub rows: u32,
}

impl Skip {
    /// The name that stands for every view: the frame cannot even be decoded.
    pub const EVERY_VIEW: &'static str = "*";
}

/// A view that takes part in no epoch any more. Another version of it is not concerned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aside {
    /// The first epoch that it takes no part in.
    pub epoch: u64,
    /// The view.
    pub view: String,
    /// The version that panicked.
    pub version: u32,
    /// What the panic said, and where it was, for people.
    pub why: String,
}

impl Entry {
    /// Writes the entry. The same entry always gives the same bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        let mut out = Out::part(&mut bytes);
        out.u8(VERSION);
        match self {
            Self::Opened => out.u8(OPENED),
            Self::Bound(binding) => {
                out.u8(BOUND);
                binding.write(&mut out);
            }
            Self::Skipped(skip) => {
                out.u8(SKIPPED);
                skip.write(&mut out);
            }
            Self::SetAside(aside) => {
                out.u8(SET_ASIDE);
                out.u64(aside.epoch);
                out.text(&aside.view);
                out.u32(aside.version);
                out.text(&aside.why);
            }
        }
        bytes
    }

    /// Reads an entry back.
    ///
    /// # Errors
    /// When the bytes are damaged or of a version that this build does not know: then it must not run on this log.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = In::part(NAME, bytes);
        let found = from.u8()?;
        if found != VERSION {
            return Err(StateError::Version { name: NAME, found: found.into(), wanted: VERSION.into() });
        }
        match from.u8()? {
            OPENED => Ok(Self::Opened),
            BOUND => Ok(Self::Bound(Binding::read(&mut from)?)),
            SKIPPED => Ok(Self::Skipped(Skip::read(&mut from)?)),
            SET_ASIDE => {
                let (epoch, view) = (from.u64()?, from.text()?.as_str().to_owned());
                Ok(Self::SetAside(Aside { epoch, view, version: from.u32()?, why: from.text()?.as_str().to_owned() }))
            }
            _ => Err(StateError::Damaged(NAME)),
        }
    }
}

impl Binding {
    fn write(&self, out: &mut Out<'_>) {
        out.u64(self.epoch);
        out.u64(self.epoch.wrapping_sub(self.previous));
        out.fixed(self.incarnation.id);
        out.u32(self.incarnation.ordinal);
        out.time(self.bound);
        out.u64(self.landing.unwrap_or(0));
        out.flag(self.snapshot);
        out.len(self.ends.len());
        for end in &self.ends {
            out.u8(end.lane as u8);
            out.u32(end.partition.into());
            out.u64(end.end.0);
            out.flag(end.chain.is_some());
            out.u32(end.chain.unwrap_or(0));
        }
    }

    fn read(from: &mut In<'_>) -> Result<Self, StateError> {
        let epoch = from.u64()?;
        let previous = epoch.wrapping_sub(from.u64()?);
        let incarnation = Incarnation { id: from.fixed()?, ordinal: from.u32()? };
        let bound = from.time()?;
        let landing = Some(from.u64()?).filter(|number| *number > 0);
        let snapshot = from.flag()?;
        // An end takes at least five bytes, so damaged bytes cannot ask for much memory.
        let count = from.len(5)?;
        let mut ends = Vec::with_capacity(count);
        for _ in 0..count {
            let lane = Lane::from_code(from.u8()?).filter(|lane| *lane != Lane::System);
            let lane = lane.ok_or(StateError::Damaged(NAME))?;
            let partition = u16::try_from(from.u32()?).map_err(|_| StateError::Damaged(NAME))?;
            let end = Offset(from.u64()?);
            let known = from.flag()?;
            let chain = Some(from.u32()?).filter(|_| known);
            ends.push(End { lane, partition, end, chain });
        }
        Ok(Self { epoch, previous, incarnation, bound, ends, landing, snapshot })
    }
}

impl Skip {
    fn write(&self, out: &mut Out<'_>) {
        out.u64(self.epoch);
        out.text(&self.view);
        out.time(self.pos.log_time);
        out.u8(self.pos.lane);
        out.u32(self.pos.partition.into());
        out.u64(self.pos.offset);
        out.u32(self.rows);
    }

    fn read(from: &mut In<'_>) -> Result<Self, StateError> {
        let epoch = from.u64()?;
        let view = from.text()?.as_str().to_owned();
        let log_time = from.time()?;
        let lane = from.u8()?;
        let partition = u16::try_from(from.u32()?).map_err(|_| StateError::Damaged(NAME))?;
        let pos = Pos { log_time, lane, partition, offset: from.u64()? };
        Ok(Self { epoch, view, pos, rows: from.u32()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(epoch: u64, previous: u64, end: u64) -> Binding {
        Binding {
            epoch,
            previous,
            incarnation: Incarnation { id: u64::MAX - 3, ordinal: 2 },
            bound: Timestamp(1_700_000_000_000_000),
            ends: vec![
                End { lane: Lane::Facts, partition: 7, end: Offset(1), chain: None },
                End { lane: Lane::Activity, partition: 300, end: Offset(end), chain: Some(0xDEAD_BEEF) },
            ],
            landing: Some(12),
            snapshot: true,
        }
    }

    #[test]
    fn entries_round_trip() {
        let pos = Pos { log_time: Timestamp(-5), lane: 1, partition: 9, offset: 1 << 40 };
        let entries = [
            Entry::Opened,
            Entry::Bound(binding(1 << 40, (1 << 40) - 1, 99)),
            Entry::Bound(Binding { landing: None, snapshot: false, ends: Vec::new(), ..binding(1, 0, 0) }),
            Entry::Skipped(Skip { epoch: 4, view: "fraud".into(), pos, rows: 1 }),
            Entry::SetAside(Aside { epoch: 5, view: "visits".into(), version: 3, why: "bin 7: overflow".into() }),
        ];
        for entry in entries {
            assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
        }
    }

    #[test]
    fn an_entry_of_a_newer_version_is_refused() {
        let mut bytes = Entry::Opened.encode();
        bytes[0] = 9;
        assert!(matches!(Entry::decode(&bytes), Err(StateError::Version { found: 9, .. })));
        let whole = Entry::Bound(binding(5, 4, 9)).encode();
        assert!((0..whole.len()).all(|cut| Entry::decode(&whole[..cut]).is_err()));
    }

    #[test]
    fn a_live_binding_is_small() {
        // Review 16: only moved partitions are written. 40 epochs a second make about 5 KB/s.
        assert!(Entry::Bound(binding(1 << 30, (1 << 30) - 1, 1 << 33)).encode().len() < 64);
    }
}
