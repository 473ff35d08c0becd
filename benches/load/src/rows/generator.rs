//! The generator alone: it must be quicker than anything that is measured with it.

use workload::{Conference, Scale};

use crate::Settings;
use crate::cpu::cost;
use crate::report::Row;
use crate::rounds::median;

const GOAL: f64 = 1_000_000.0;
const RECORDS: u64 = 3_000_000;

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let records = settings.size(RECORDS);
    let rate = median(settings.rounds, || {
        let mut conference = Conference::new(1, Scale::of_records(records));
        let mut chunk = Vec::with_capacity(8_192);
        let (cost, made) = cost(|| {
            let mut made = 0;
            while made < records {
                chunk.clear();
                let added = conference.fill(&mut chunk, 8_192);
                if added == 0 {
                    break;
                }
                made += added as u64;
            }
            made
        });
        eprintln!("  {made} records of {} attendees", Scale::of_records(records).attendees);
        Ok(made as f64 / cost.cpu.as_secs_f64())
    })?;
    Ok(Row::new("workload", "records per CPU-second", rate, "1 M", rate >= GOAL))
}
