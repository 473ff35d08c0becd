//! What the door costs: records per CPU-second of parsing and marking, and of a replay into a log in memory.
//!
//! `cargo run --release -p collect --example door_throughput`

use std::io::Write;
use std::sync::Arc;

use collect::replay::{Dataset, Options, Replay, run};
use collect::{Appender, Door, DoorOptions, Encoding, Endpoint, Format, Request, Subjects};
use eventlog::MemoryLog;
use eventlog::clock::ManualClock;
use eventlog::disk::RealDisk;
use records::hash::mix;
use records::{OrganizationId, Timestamp};

const MESSAGES: u64 = 200_000;
const PER_REQUEST: u64 = 100;
const PEOPLE: u64 = 50_000;
const AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";

/// CPU time of this process so far, in microseconds (Linux: the scheduler's own count).
fn cpu_micros() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux has /proc");
    let nanos = |task: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    tasks.filter_map(nanos).sum::<u64>() / 1_000
}

fn report(name: &str, records: u64, work: impl FnOnce()) {
    let before = cpu_micros();
    work();
    let micros = (cpu_micros() - before).max(1);
    let each = micros * 1_000 / records;
    println!("{name:<28} {:>10} records per CPU-second, {each} ns each", records * 1_000_000 / micros);
}

fn segment_body(request: u64) -> String {
    let messages: Vec<String> = (0..PER_REQUEST)
        .map(|at| {
            let n = request * PER_REQUEST + at;
            format!(
                r#"{{"type":"track","userId":"u-{}","messageId":"message-number-{n}","event":"item_viewed","timestamp":"2026-11-20T09:00:00.123Z",
                "properties":{{"item":"{}","category":"talks","seat":"4A"}},"context":{{"userAgent":"{AGENT}","ip":"203.0.113.{}","locale":"en-GB"}}}}"#,
                mix(n) % PEOPLE, mix(n) % 1_000, n % 250
            )
        })
        .collect();
    format!(r#"{{"sentAt":"2026-11-20T09:00:01Z","batch":[{}]}}"#, messages.join(","))
}

fn flat_body(request: u64) -> String {
    (0..PER_REQUEST)
        .map(|at| {
            let n = request * PER_REQUEST + at;
            format!(
                "{{\"kind\":\"ad_viewed\",\"actor\":\"u-{}\",\"message\":\"message-number-{n}\",\"time\":\"2026-11-20T09:00:00Z\",\"ad\":\"{}\"}}\n",
                mix(n) % PEOPLE, mix(n) % 1_000
            )
        })
        .collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let mut state = 1;
    let chance = Box::new(move |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(8) {
            state = mix(state);
            chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
        }
    });
    let subjects = Arc::new(Subjects::open(&RealDisk::new(folder.path())?, chance)?);
    let log = Arc::new(MemoryLog::new(1, ManualClock::new(Timestamp::from_seconds(1_795_176_000))));
    let appender = Appender::new(log, subjects.clone());
    let door = Door::open(appender.clone(), DoorOptions::default())?;
    let organization = OrganizationId(7);
    let received = Timestamp::from_seconds(1_795_176_000);
    for (name, format, body) in [
        ("segment batch, prepare", Format::Segment(Endpoint::Batch), segment_body as fn(u64) -> String),
        ("ndjson, prepare", Format::Ndjson, flat_body),
    ] {
        let bodies: Vec<String> = (0..MESSAGES / PER_REQUEST).map(body).collect();
        report(name, MESSAGES, || {
            for body in &bodies {
                let request = Request {
                    organization,
                    format,
                    received,
                    encoding: Encoding::Identity,
                    body: body.as_bytes(),
                    address: "192.0.2.1",
                    user_agent: "",
                };
                drop(door.prepare(&request).expect("the bodies are good"));
            }
        });
    }
    let mut file = tempfile::NamedTempFile::new()?;
    for n in 0..MESSAGES {
        let kind = ["pv", "pv", "pv", "cart"][(n % 4) as usize];
        writeln!(
            file,
            "{},{},{},{kind},{}",
            mix(n) % PEOPLE,
            mix(n + 1) % 100_000,
            mix(n) % 1_000,
            1_511_658_000 + n / 100
        )?;
    }
    let mut replay =
        Replay::open(Dataset::UserBehavior, &[file.path()], subjects, Options::new(organization, received))?;
    report("replay, into a memory log", MESSAGES, || {
        run(&mut replay, &appender, &mut |_| true, &mut |_| {}).expect("the rows are good");
    });
    Ok(())
}
