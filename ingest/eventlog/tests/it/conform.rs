//! The conformance suite on every log of this crate.

use std::sync::Arc;

use eventlog::clock::ManualClock;
use eventlog::conformance::{Subject, run};
use eventlog::disk::{Disk, RealDisk, SimDisk};
use eventlog::{EventLog, FileLog, FileOptions, MemoryLog};

use crate::{small, threaded};

struct Memory;

impl Subject for Memory {
    fn open(&mut self, clock: Arc<ManualClock>) -> Arc<dyn EventLog> {
        Arc::new(MemoryLog::new(1, clock))
    }
    fn outlives(&self) -> bool {
        false
    }
}

struct Files {
    disk: Arc<dyn Disk>,
    options: FileOptions,
    #[expect(dead_code, reason = "held for its drop")]
    directory: Option<tempfile::TempDir>,
}

impl Subject for Files {
    fn open(&mut self, clock: Arc<ManualClock>) -> Arc<dyn EventLog> {
        Arc::new(FileLog::open(self.disk.clone(), clock, self.options.clone()).expect("the log is whole"))
    }
    fn outlives(&self) -> bool {
        true
    }
}

fn on_real_disk(options: FileOptions) {
    run(|| {
        let directory = tempfile::tempdir().unwrap();
        let disk = Arc::new(RealDisk::new(directory.path()).unwrap());
        Box::new(Files { disk, options: options.clone(), directory: Some(directory) })
    });
}

fn on_sim_disk(options: FileOptions) {
    run(|| Box::new(Files { disk: Arc::new(SimDisk::new(3)), options: options.clone(), directory: None }));
}

#[test]
fn memory_log_conforms() {
    run(|| Box::new(Memory));
}

#[test]
fn file_log_conforms_on_a_real_disk() {
    on_real_disk(threaded());
}

#[test]
fn file_log_conforms_with_default_options() {
    on_real_disk(FileOptions { reserve_bytes: 1 << 20, ..FileOptions::default() });
}

#[test]
fn file_log_conforms_on_a_simulated_disk() {
    on_sim_disk(threaded());
}

#[test]
fn file_log_conforms_when_submitters_write() {
    on_sim_disk(small());
}
