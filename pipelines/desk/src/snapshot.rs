//! A seat's state on the disk: what it had decided up to an offset, so that only the tail has to be read again.
//!
//! Bytes: magic, domain's version, incarnation, next offset, latest time, length and bytes of the state, ids, CRC-32C of
//! all before. Numbers are little-endian. A file that is damaged, of another version or of another log counts as none.

use std::io;
use std::ops::RangeInclusive;

use eventlog::disk::{Disk, read_whole, replace};
use eventlog::{Incarnation, Offset, PartitionId};
use records::fact::CommandTag;
use records::{CommandId, Timestamp};
use rules::Domain;

use crate::answer::Place;
use crate::ids::Ids;

/// Where snapshots lie.
pub(crate) const DIRECTORY: &str = "desk";
/// What every snapshot begins with; the last byte is the version of its layout.
const MAGIC: &[u8; 8] = b"EVNTDSK\x01";
/// The largest that is read.
const BYTES_MAX: usize = 1 << 32;
/// How many are kept of each partition: an older one stands in when the newest is damaged.
const KEPT: usize = 2;

/// What a seat decides on.
#[derive(Debug)]
pub(crate) struct State<D> {
    pub(crate) domain: D,
    pub(crate) ids: Ids,
    /// Everything durable before it is applied.
    pub(crate) next: Offset,
    /// The latest time that was seen.
    pub(crate) now: Timestamp,
    /// Rows since the last snapshot.
    pub(crate) unsaved: u64,
    /// Bytes of the last snapshot.
    pub(crate) saved_bytes: u64,
}

impl<D: Domain> State<D> {
    /// Before the first fact.
    pub(crate) fn new(next: Offset) -> Self {
        Self { domain: D::default(), ids: Ids::default(), next, now: Timestamp::MIN, unsaved: 0, saved_bytes: 0 }
    }

    fn encode(&self, incarnation: Incarnation) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.saved_bytes as usize);
        out.extend(MAGIC);
        out.extend(D::VERSION.to_le_bytes());
        out.extend(incarnation.id.to_le_bytes());
        out.extend(self.next.0.to_le_bytes());
        out.extend(self.now.0.to_le_bytes());
        let at = out.len();
        out.extend([0; 8]);
        self.domain.encode(&mut out);
        let length = (out.len() - at - 8) as u64;
        out[at..at + 8].copy_from_slice(&length.to_le_bytes());
        out.extend((self.ids.len() as u64).to_le_bytes());
        for (id, known) in self.ids.iter() {
            let place = known.place.expect("nothing is on its way while a snapshot is written");
            out.extend(id.0.to_le_bytes());
            out.extend(known.aggregate.to_le_bytes());
            out.extend(known.hash.to_le_bytes());
            out.extend(place.first.0.to_le_bytes());
            out.extend(place.log_time.0.to_le_bytes());
        }
        out.extend(crc32c::crc32c(&out).to_le_bytes());
        out
    }

    fn decode(bytes: &[u8], incarnation: Incarnation, partition: PartitionId) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c(content) != u32::from_le_bytes(*sum) {
            return None;
        }
        let mut rest = content.strip_prefix(MAGIC)?;
        let version = u32::from_le_bytes(take(&mut rest)?);
        if version != D::VERSION || u64::from_le_bytes(take(&mut rest)?) != incarnation.id {
            return None;
        }
        let (next, now) =
            (Offset(u64::from_le_bytes(take(&mut rest)?)), Timestamp(i64::from_le_bytes(take(&mut rest)?)));
        let length = usize::try_from(u64::from_le_bytes(take(&mut rest)?)).ok()?;
        let (domain, mut rest) = rest.split_at_checked(length)?;
        let domain = D::decode(domain).inspect_err(|error| tracing::warn!(%error, "a snapshot of the desk")).ok()?;
        let mut ids = Ids::default();
        for _ in 0..u64::from_le_bytes(take(&mut rest)?) {
            let id = CommandId(u128::from_le_bytes(take(&mut rest)?));
            let (aggregate, hash) = (u64::from_le_bytes(take(&mut rest)?), u64::from_le_bytes(take(&mut rest)?));
            let first = Offset(u64::from_le_bytes(take(&mut rest)?));
            let log_time = Timestamp(i64::from_le_bytes(take(&mut rest)?));
            ids.insert(aggregate, CommandTag { id, hash }, Some(Place { partition, first, log_time }));
        }
        let saved_bytes = bytes.len() as u64;
        rest.is_empty().then_some(Self { domain, ids, next, now, unsaved: 0, saved_bytes })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn prefix(partition: PartitionId) -> String {
    format!("{:05}-", partition.0)
}

/// Names of a partition's snapshots, newest first.
fn names(disk: &dyn Disk, partition: PartitionId) -> io::Result<Vec<String>> {
    let prefix = prefix(partition);
    let mut names: Vec<String> = disk.list(DIRECTORY)?.into_iter().map(|entry| entry.name).collect();
    names.retain(|name| name.starts_with(&prefix) && name.ends_with(".snapshot"));
    names.sort_unstable_by(|one, other| other.cmp(one));
    Ok(names)
}

/// Writes a snapshot and removes those that are too old to be asked for; returns how many bytes it has.
pub(crate) fn save<D: Domain>(
    disk: &dyn Disk,
    incarnation: Incarnation,
    partition: PartitionId,
    state: &State<D>,
) -> io::Result<u64> {
    disk.create_directory(DIRECTORY)?;
    // Twenty digits: names sort as the offsets do.
    let path = format!("{DIRECTORY}/{}{:020}.snapshot", prefix(partition), state.next.0);
    let bytes = state.encode(incarnation);
    replace(disk, &path, &bytes)?;
    for old in names(disk, partition)?.iter().skip(KEPT) {
        disk.remove(&format!("{DIRECTORY}/{old}"))?;
    }
    Ok(bytes.len() as u64)
}

/// What the newest snapshot says that can be read and is of this part of the log; the state before `part` when none is.
pub(crate) fn load_within<D: Domain>(
    disk: &dyn Disk,
    incarnation: Incarnation,
    partition: PartitionId,
    part: RangeInclusive<Offset>,
) -> State<D> {
    let saved = load(disk, incarnation, partition);
    // A snapshot of rows that the log has lost tells of another history.
    saved.filter(|state: &State<D>| part.contains(&state.next)).unwrap_or_else(|| State::new(*part.start()))
}

/// The newest snapshot that can be read; none when the state has to be made from the log's start.
fn load<D: Domain>(disk: &dyn Disk, incarnation: Incarnation, partition: PartitionId) -> Option<State<D>> {
    let names = names(disk, partition).inspect_err(|error| tracing::warn!(%error, "snapshots of the desk")).ok()?;
    names.iter().find_map(|name| {
        let path = format!("{DIRECTORY}/{name}");
        let read =
            read_whole(disk, &path, BYTES_MAX).ok().and_then(|bytes| State::decode(&bytes, incarnation, partition));
        if read.is_none() {
            tracing::warn!(name, "a snapshot of the desk is damaged, or of another version or log");
        }
        read
    })
}
