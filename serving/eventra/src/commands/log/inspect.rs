//! `eventra log inspect`: what is there, without looking into bodies.

use std::process::ExitCode;

use anyhow::Context as _;
use eventlog::{EventLog, Lane, Offset, ReadLimits};

use crate::node::storage;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, frames: usize) -> anyhow::Result<ExitCode> {
    let log = storage::open_log(settings, storage::disk(&settings.data_dir)?)?;
    let identity = log.identity();
    println!("incarnation {:016x}.{}", identity.incarnation.id, identity.incarnation.ordinal);
    println!("durability  {}", identity.durability.statement);
    for lane in &log.status().lanes {
        let rows: u64 = lane.ends.iter().zip(&lane.starts).map(|(end, start)| end.0 - start.0).sum();
        println!("\n{}: {rows} records, {} bytes in {} segments", lane.lane, lane.bytes, lane.segments);
        for (partition, (start, end)) in lane.starts.iter().zip(&lane.ends).enumerate() {
            println!("  partition {partition:>3}: offsets {start}..{end}");
        }
    }
    if frames > 0 {
        for lane in Lane::ALL {
            newest(&log, lane, frames)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn newest(log: &dyn EventLog, lane: Lane, frames: usize) -> anyhow::Result<()> {
    println!("\nnewest frames of {lane}");
    for partition in log.identity().partitions.each(lane) {
        let (start, end) = (log.starts(lane)[partition.index()], log.ends(lane)[partition.index()]);
        // A frame holds many rows; looking this far back finds enough of them without reading the lane.
        let from = Offset(end.0.saturating_sub(65_536 * frames as u64)).max(start);
        let read = log.read_raw(lane, partition, from, ReadLimits::everything()).context("reading frames")?;
        for raw in read.iter().rev().take(frames) {
            let frame = &raw.frame;
            let claim =
                frame.claim.map_or(String::new(), |claim| format!(" claim {:032x} n {}", claim.claim_id, claim.n));
            println!(
                "  {lane}/{partition} {}..{} at {} crc {:08x} counts {} of {}{claim}",
                frame.first,
                frame.end(),
                frame.log_time,
                frame.content_crc,
                frame.counted(),
                frame.rows
            );
        }
    }
    Ok(())
}
