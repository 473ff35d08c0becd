//! One answer to "what next for this visitor" out of a million indexed visits.

use std::time::Instant;

use models::visits::{Query, VisitIndex};
use records::{ItemId, Timestamp};
use workload::visits::Visits;

use crate::Settings;
use crate::cpu::cost;
use crate::report::Row;
use crate::rounds::quantile;

const VISITS: u64 = 1_000_000;
const ITEMS: u32 = 100_000;
const ANSWERS: u64 = 20_000;
const P90_GOAL_MS: f64 = 1.0;
const RATE_GOAL: f64 = 5_000.0;
/// Serenade (SIGMOD 2022, section 5.3): 1,000 requests a second on two virtual cores, p90 below 7 ms.
const SERENADE_PER_CORE_SECOND: f64 = 500.0;
const SERENADE_P90_MS: f64 = 7.0;

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let visits = settings.size(VISITS);
    let mut stream = Visits::new(7, ITEMS, Timestamp(0));
    let mut index = VisitIndex::<ItemId>::new(usize::try_from(visits)?);
    let (indexed, ()) = cost(|| {
        for visit in stream.by_ref().take(visits as usize) {
            let number = index.open(0);
            visit.views.iter().for_each(|(_, item)| {
                index.add(number, *item);
            });
        }
    });
    let questions: Vec<Vec<ItemId>> = stream
        .take(settings.size(ANSWERS) as usize)
        .map(|visit| visit.views.iter().map(|(_, item)| *item).collect())
        .collect();
    let mut taken = Vec::with_capacity(questions.len());
    let mut suggested = 0;
    let query = Query::default();
    // A tenth of the items has ended or is full, and is never suggested.
    let allowed = |item: ItemId| !records::hash::wide(item.0).is_multiple_of(10);
    let (answered, ()) = cost(|| {
        for current in &questions {
            let started = Instant::now();
            suggested += std::hint::black_box(index.next(current, &query, allowed)).len();
            taken.push(started.elapsed().as_secs_f64() * 1e3);
        }
    });
    anyhow::ensure!(suggested > questions.len(), "questions have answers");
    let rate = questions.len() as f64 / answered.cpu.as_secs_f64();
    let p90 = quantile(taken, 0.9);
    let holds = p90 <= P90_GOAL_MS && rate >= RATE_GOAL;
    let goal = "p90 1 ms; 5,000 answers per core-second";
    let mut row = Row::new("spine-recommend", "answers per core-second", rate, goal, holds);
    row.peer = Some(SERENADE_PER_CORE_SECOND);
    row.peer_name = "Serenade (published: 1,000/s on 2 vCPU)".into();
    row.ratio = Some(rate / SERENADE_PER_CORE_SECOND);
    Ok(row
        .part("p90 of one answer", "ms", p90)
        .part("p90 of one answer, Serenade (published)", "ms", SERENADE_P90_MS)
        .part("visits indexed", "visits per CPU-second", visits as f64 / indexed.cpu.as_secs_f64()))
}
