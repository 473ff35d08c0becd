//! A disk in memory that loses, tears and refuses writes on demand, the same way for the same seed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use records::hash::mix;

use super::{Disk, DiskEntry, DiskFile, DiskLock, LockError, parent};

/// What survives a crash in one piece when writes are reordered.
const PAGE: u64 = 4096;

/// A simulated disk. Clones share it, as processes share a disk.
#[derive(Clone)]
pub struct SimDisk(Arc<Machines>);

/// The machine behind the disk, and who waits for it.
struct Machines {
    machine: Mutex<Machine>,
    /// Syncs are not held back any more, or the power is off.
    moving: Condvar,
}

impl Machines {
    fn lock(&self) -> parking_lot::MutexGuard<'_, Machine> {
        self.machine.lock()
    }
}

/// How a simulated disk behaves.
#[derive(Debug, Clone, Copy)]
pub struct SimOptions {
    /// How many bytes it holds.
    pub capacity: u64,
    /// Whether a crash may keep later unsynced pages and lose earlier ones; otherwise a prefix of the writes survives,
    /// torn at any byte.
    pub reorder: bool,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self { capacity: 1 << 30, reorder: true }
    }
}

/// Operations that are counted, so that a crash can be scheduled at one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimOp {
    /// A write, truncation or allocation.
    Write,
    /// A sync of a file or directory.
    Sync,
    /// A name created, renamed or removed.
    Name,
    /// Any of these.
    Any,
}

struct Machine {
    options: SimOptions,
    chance: u64,
    nodes: Vec<Node>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Changes of names that no directory sync has covered, oldest first.
    pending_names: Vec<NameChange>,
    locks: BTreeSet<String>,
    /// Handles of an earlier boot are dead.
    boot: u64,
    down: bool,
    operations: [u64; 4],
    crash: Option<(SimOp, u64)>,
    failing_syncs: u64,
    /// Syncs of files whose path begins like this wait.
    stalled: Option<String>,
}

#[derive(Default)]
struct Node {
    data: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// Changes that a failed sync dropped: a later sync does not bring them back, a crash may.
    doomed: Vec<Change>,
    allocated: u64,
}

#[derive(Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

enum NameChange {
    Link(String, usize),
    Rename(String, String),
    Unlink(String),
}

impl Change {
    fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Self::Write(position, bytes) => write(data, *position, bytes),
            Self::Length(length) => data.resize(index(*length), 0),
        }
    }
}

fn index(position: u64) -> usize {
    usize::try_from(position).expect("a simulated disk fits in memory")
}

fn write(data: &mut Vec<u8>, position: u64, bytes: &[u8]) {
    let (start, end) = (index(position), index(position) + bytes.len());
    if data.len() < end {
        data.resize(end, 0);
    }
    data[start..end].copy_from_slice(bytes);
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(path, node) => {
                names.insert(path.clone(), *node);
            }
            Self::Rename(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
            Self::Unlink(path) => {
                names.remove(path);
            }
        }
    }

    fn directory(&self) -> &str {
        match self {
            Self::Link(path, _) | Self::Rename(_, path) | Self::Unlink(path) => parent(path),
        }
    }
}

impl SimDisk {
    /// An empty disk whose misfortunes are a function of `seed`.
    pub fn new(seed: u64) -> Self {
        Self::with_options(seed, SimOptions::default())
    }

    /// An empty disk of this kind.
    pub fn with_options(seed: u64, options: SimOptions) -> Self {
        let machine = Machine {
            options,
            chance: mix(seed),
            nodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            locks: BTreeSet::new(),
            boot: 0,
            down: false,
            operations: [0; 4],
            crash: None,
            failing_syncs: 0,
            stalled: None,
        };
        Self(Arc::new(Machines { machine: Mutex::new(machine), moving: Condvar::new() }))
    }

    /// Cuts the power at the `n`-th operation of this kind from now (1 is the next one).
    pub fn crash_at(&self, op: SimOp, n: u64) {
        let mut machine = self.0.lock();
        machine.crash = Some((op, machine.operations[op as usize] + n));
    }

    /// Cuts the power now. Every operation fails until [`SimDisk::restart`].
    pub fn crash(&self) {
        self.0.lock().down = true;
        self.0.moving.notify_all();
    }

    /// Holds back syncs of files whose path begins with `prefix`, as a disk that does not answer; none lets all go on.
    pub fn stall_syncs(&self, prefix: Option<&str>) {
        self.0.lock().stalled = prefix.map(str::to_owned);
        self.0.moving.notify_all();
    }

    /// Whether the power is off.
    pub fn is_down(&self) -> bool {
        self.0.lock().down
    }

    /// Cuts the power if it is on, decides what has survived, and starts again without locks or open files.
    pub fn restart(&self) {
        self.0.lock().restart();
    }

    /// Lets the next `n` syncs fail. What they should have made durable stays in doubt for ever.
    pub fn fail_syncs(&self, n: u64) {
        self.0.lock().failing_syncs = n;
    }

    /// Changes how many bytes the disk holds.
    pub fn set_capacity(&self, bytes: u64) {
        self.0.lock().options.capacity = bytes;
    }

    /// How many operations of this kind there have been.
    pub fn operations(&self, op: SimOp) -> u64 {
        self.0.lock().operations[op as usize]
    }

    /// Changes the bytes of a file behind everybody's back, durably: bit rot, or a careless hand.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn damage(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut machine = self.0.lock();
        let node = *machine.names.get(path).expect("a file to damage");
        let node = &mut machine.nodes[node];
        change(&mut node.data);
        node.durable = node.data.clone();
        node.pending.clear();
    }

    fn file(&self, machine: &Machine, path: &str, node: usize) -> Arc<dyn DiskFile> {
        Arc::new(SimFile { disk: self.clone(), path: path.to_owned(), node, boot: machine.boot })
    }
}

impl Machine {
    fn random(&mut self, below: u64) -> u64 {
        self.chance = mix(self.chance);
        self.chance % below.max(1)
    }

    fn up(&self) -> io::Result<()> {
        if self.down { Err(io::Error::other("the machine is down")) } else { Ok(()) }
    }

    /// Counts an operation. At the scheduled crash it takes effect or not, by chance, and then the machine is down.
    fn begin(&mut self, op: SimOp) -> io::Result<Fate> {
        self.up()?;
        self.operations[op as usize] += 1;
        self.operations[SimOp::Any as usize] += 1;
        match self.crash {
            Some((kind, at)) if (kind == op || kind == SimOp::Any) && self.operations[kind as usize] >= at => {
                self.down = true;
                self.crash = None;
                Ok(if self.random(2) == 0 { Fate::Lost } else { Fate::Last })
            }
            _ => Ok(Fate::Done),
        }
    }

    fn used(&self) -> u64 {
        self.names.values().map(|node| (self.nodes[*node].data.len() as u64).max(self.nodes[*node].allocated)).sum()
    }

    fn change_names(&mut self, change: NameChange) -> io::Result<()> {
        let fate = self.begin(SimOp::Name)?;
        if fate != Fate::Lost {
            change.apply(&mut self.names);
            self.pending_names.push(change);
        }
        fate.outcome()
    }

    fn restart(&mut self) {
        let survivors = self.random(self.pending_names.len() as u64 + 1);
        let changes = std::mem::take(&mut self.pending_names);
        for change in changes.iter().take(index(survivors)) {
            change.apply(&mut self.durable_names);
        }
        self.names = self.durable_names.clone();
        for node in 0..self.nodes.len() {
            self.settle(node);
        }
        self.locks.clear();
        self.crash = None;
        self.failing_syncs = 0;
        self.stalled = None;
        self.down = false;
        self.boot += 1;
    }

    /// Decides what of a file's unsynced changes has reached the disk.
    fn settle(&mut self, at: usize) {
        let mut changes = std::mem::take(&mut self.nodes[at].doomed);
        changes.append(&mut self.nodes[at].pending);
        let mut durable = std::mem::take(&mut self.nodes[at].durable);
        if self.options.reorder {
            self.scatter(&changes, &mut durable);
        } else {
            self.tear(&changes, &mut durable);
        }
        let node = &mut self.nodes[at];
        node.data = durable.clone();
        node.durable = durable;
    }

    /// Keeps a prefix of the changes; the one after it is torn at any byte.
    fn tear(&mut self, changes: &[Change], durable: &mut Vec<u8>) {
        let kept = index(self.random(changes.len() as u64 + 1));
        changes[..kept].iter().for_each(|change| change.apply(durable));
        if let Some(Change::Write(position, bytes)) = changes.get(kept) {
            let part = index(self.random(bytes.len() as u64 + 1));
            write(durable, *position, &bytes[..part]);
        }
    }

    /// Keeps each page of each change, or not; what lies before a kept page is there, but may be zeros.
    fn scatter(&mut self, changes: &[Change], durable: &mut Vec<u8>) {
        for change in changes {
            let Change::Write(position, bytes) = change else {
                if self.random(2) == 0 {
                    change.apply(durable);
                }
                continue;
            };
            let mut done = 0;
            while done < bytes.len() {
                let at = position + done as u64;
                let page = index(PAGE - at % PAGE).min(bytes.len() - done);
                match self.random(4) {
                    0 => {}
                    1 => {
                        let part = index(self.random(page as u64 + 1));
                        write(durable, at, &bytes[done..done + part]);
                    }
                    _ => write(durable, at, &bytes[done..done + page]),
                }
                done += page;
            }
        }
    }
}

/// What becomes of an operation.
#[derive(PartialEq, Eq)]
enum Fate {
    Done,
    /// It has its effect, but the machine goes down and nobody hears of it.
    Last,
    Lost,
}

impl Fate {
    fn outcome(self) -> io::Result<()> {
        match self {
            Self::Done => Ok(()),
            Self::Last | Self::Lost => Err(io::Error::other("the machine went down")),
        }
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut machine = self.0.lock();
        if machine.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let node = machine.nodes.len();
        machine.nodes.push(Node::default());
        machine.change_names(NameChange::Link(path.to_owned(), node))?;
        Ok(self.file(&machine, path, node))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let machine = self.0.lock();
        machine.up()?;
        let node = *machine.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.file(&machine, path, node))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut machine = self.0.lock();
        if !machine.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        machine.change_names(NameChange::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut machine = self.0.lock();
        if !machine.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        machine.change_names(NameChange::Unlink(path.to_owned()))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<DiskEntry>> {
        let machine = self.0.lock();
        machine.up()?;
        let here = machine.names.iter().filter(|(path, _)| parent(path) == directory);
        Ok(here
            .map(|(path, node)| DiskEntry {
                name: path.rsplit('/').next().unwrap_or(path).to_owned(),
                bytes: machine.nodes[*node].data.len() as u64,
            })
            .collect())
    }

    fn create_directory(&self, _directory: &str) -> io::Result<()> {
        self.0.lock().up()
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        let mut machine = self.0.lock();
        let fate = machine.begin(SimOp::Sync)?;
        if machine.failing_syncs > 0 {
            machine.failing_syncs -= 1;
            return Err(io::Error::other("simulated input/output error"));
        }
        if fate != Fate::Lost {
            let pending = std::mem::take(&mut machine.pending_names);
            let (here, elsewhere): (Vec<_>, Vec<_>) =
                pending.into_iter().partition(|change| change.directory() == directory);
            here.iter().for_each(|change| change.apply(&mut machine.durable_names));
            machine.pending_names = elsewhere;
        }
        fate.outcome()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let machine = self.0.lock();
        machine.up()?;
        Ok(machine.options.capacity.saturating_sub(machine.used()))
    }

    fn lock(&self, path: &str) -> Result<DiskLock, LockError> {
        let mut machine = self.0.lock();
        machine.up().map_err(|source| LockError::Io { path: path.to_owned(), source })?;
        if !machine.locks.insert(path.to_owned()) {
            return Err(LockError::Held { path: path.to_owned(), pid: None });
        }
        Ok(DiskLock::new(SimLock { disk: self.clone(), path: path.to_owned(), boot: machine.boot }))
    }
}

struct SimLock {
    disk: SimDisk,
    path: String,
    boot: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut machine = self.disk.0.lock();
        if machine.boot == self.boot {
            machine.locks.remove(&self.path);
        }
    }
}

struct SimFile {
    disk: SimDisk,
    path: String,
    node: usize,
    boot: u64,
}

impl SimFile {
    fn machine(&self) -> io::Result<parking_lot::MutexGuard<'_, Machine>> {
        let machine = self.disk.0.lock();
        machine.up()?;
        if machine.boot == self.boot {
            Ok(machine)
        } else {
            Err(io::Error::other("the file was opened before the crash"))
        }
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut machine = self.machine()?;
        let grows = {
            let node = &machine.nodes[self.node];
            let have = (node.data.len() as u64).max(node.allocated);
            match &change {
                Change::Write(position, bytes) => (position + bytes.len() as u64).saturating_sub(have),
                Change::Length(length) => length.saturating_sub(have),
            }
        };
        if machine.used() + grows > machine.options.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let fate = machine.begin(SimOp::Write)?;
        let node = &mut machine.nodes[self.node];
        if fate != Fate::Lost {
            change.apply(&mut node.data);
            node.pending.push(change);
        }
        fate.outcome()
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        let machine = self.machine()?;
        let node = &machine.nodes[self.node];
        Ok((node.data.len() as u64).max(node.allocated))
    }

    fn write_at(&self, position: u64, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        if bytes.is_empty() { Ok(()) } else { self.change(Change::Write(position, bytes)) }
    }

    fn read_at(&self, position: u64, length: usize, into: &mut Vec<u8>) -> io::Result<usize> {
        let machine = self.machine()?;
        let data = &machine.nodes[self.node].data;
        let start = index(position).min(data.len());
        let end = start.saturating_add(length).min(data.len());
        into.extend_from_slice(&data[start..end]);
        Ok(end - start)
    }

    fn sync(&self) -> io::Result<()> {
        let mut machine = self.machine()?;
        while machine.stalled.as_ref().is_some_and(|prefix| self.path.starts_with(prefix.as_str())) && !machine.down {
            self.disk.0.moving.wait(&mut machine);
        }
        let fate = machine.begin(SimOp::Sync)?;
        let failing = machine.failing_syncs > 0;
        machine.failing_syncs = machine.failing_syncs.saturating_sub(1);
        let node = &mut machine.nodes[self.node];
        let pending = std::mem::take(&mut node.pending);
        if failing {
            node.doomed.extend(pending);
            return Err(io::Error::other("simulated input/output error"));
        }
        if fate == Fate::Lost {
            node.pending = pending;
        } else {
            pending.iter().for_each(|change| change.apply(&mut node.durable));
        }
        fate.outcome()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.change(Change::Length(length))
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let mut machine = self.machine()?;
        if machine.used() + length.saturating_sub(machine.nodes[self.node].data.len() as u64) > machine.options.capacity
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        machine.begin(SimOp::Write)?.outcome()?;
        machine.nodes[self.node].allocated = length;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(file: &dyn DiskFile, position: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_at(position, &mut [IoSlice::new(bytes)])
    }

    fn content(disk: &SimDisk, path: &str) -> Option<Vec<u8>> {
        super::super::read_whole(disk, path, 1 << 20).ok()
    }

    #[test]
    fn synced_bytes_and_names_survive_and_others_may_not() {
        let (mut lost, mut kept, mut torn) = (0, 0, 0);
        for seed in 0..200 {
            let disk = SimDisk::new(seed);
            let file = disk.create("d/a").unwrap();
            put(&*file, 0, b"safe").unwrap();
            file.sync().unwrap();
            disk.sync_directory("d").unwrap();
            put(&*file, 4, b" and unsafe").unwrap();
            disk.crash();
            assert!(file.sync().is_err());
            disk.restart();
            assert!(file.sync().is_err(), "handles die with the machine");
            let content = content(&disk, "d/a").unwrap();
            assert!(content.starts_with(b"safe"));
            match content.len() {
                4 => lost += 1,
                15 => kept += 1,
                _ => torn += 1,
            }
        }
        assert!(lost > 10 && kept > 10 && torn > 10, "{lost} {kept} {torn}");
    }

    #[test]
    fn a_replaced_file_is_the_old_or_the_new_one_after_any_crash() {
        for seed in 0..50 {
            for n in 1..8 {
                let disk = SimDisk::new(seed);
                super::super::replace(&disk, "d/f", b"old").unwrap();
                disk.crash_at(SimOp::Any, n);
                let done = super::super::replace(&disk, "d/f", b"new").is_ok();
                disk.restart();
                let found = content(&disk, "d/f").unwrap();
                assert!(found == b"new" || (found == b"old" && !done), "seed {seed} op {n}: {found:?}");
            }
        }
    }

    #[test]
    fn a_failed_sync_leaves_doubt_that_no_later_sync_removes() {
        let survived = (0..100).filter(|seed| {
            let disk = SimDisk::new(*seed);
            let file = disk.create("f").unwrap();
            disk.sync_directory("").unwrap();
            put(&*file, 0, b"x").unwrap();
            disk.fail_syncs(1);
            assert!(file.sync().is_err());
            file.sync().unwrap();
            disk.restart();
            content(&disk, "f").unwrap() == b"x"
        });
        let survived = survived.count();
        assert!(survived > 10 && survived < 95, "{survived}");
    }

    #[test]
    fn a_full_disk_refuses() {
        let disk = SimDisk::with_options(1, SimOptions { capacity: 10, reorder: false });
        let file = disk.create("f").unwrap();
        put(&*file, 0, b"12345678").unwrap();
        assert_eq!(put(&*file, 8, b"90123").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(disk.free_bytes().unwrap(), 2);
        disk.remove("f").unwrap();
        assert_eq!(disk.free_bytes().unwrap(), 10);
    }
}
