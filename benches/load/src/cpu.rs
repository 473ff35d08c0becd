//! CPU time: of this process in nanoseconds, of another one in clock ticks.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The CPU time that this process has used, all threads together.
pub(crate) fn own() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The CPU time that another process has used, to 10 ms (the kernel's clock tick).
pub(crate) fn of_process(pid: u32) -> std::io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may hold spaces; the numbers start after the last bracket.
    let numbers: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_ascii_whitespace().collect();
    let ticks: u64 = [11, 12].iter().filter_map(|place| numbers.get(*place)?.parse::<u64>().ok()).sum();
    // USER_HZ is 100 on every Linux that Rust runs on.
    Ok(Duration::from_millis(ticks * 10))
}

/// Pages of `/proc` on the machines that we run on (x86-64, and arm64 as Debian builds it).
const PAGE: u64 = 4_096;

/// Resident bytes of this process.
pub(crate) fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split_ascii_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    pages * PAGE
}

/// What a piece of work took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
}

/// Does a piece of work and says what it took.
pub(crate) fn cost<T>(work: impl FnOnce() -> T) -> (Cost, T) {
    let (cpu, wall) = (own(), Instant::now());
    let done = work();
    (Cost { cpu: own() - cpu, wall: wall.elapsed() }, done)
}
