//! Measures windowed counters by themselves: bytes per counter at one million, and counted inputs per CPU-second.
//!
//! `cargo run --release -p views --example counters`

use records::hash::{BINS, bin, mix};
use records::{EventId, Kind, OrganizationId, Pos, SessionId, Timestamp, Token};
use views::state::{At, Effects, Fold};
use views::windows::{Input, Series, Windows};

/// 16,384 sessions of an hour: 60 minutes and the hour itself make a million counters.
const SESSIONS: u128 = 16_384;
const MINUTES: i64 = 60;

/// Nanoseconds that this thread had the processor: other programs on the machine do not count.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the example runs on Linux");
    let nanoseconds = text.split(' ').next().and_then(|field| field.parse::<f64>().ok());
    nanoseconds.expect("the first field is a number") / 1e9
}

fn series(session: u128) -> Series {
    Series {
        organization: OrganizationId(7),
        event: EventId(1),
        session: SessionId(session + 1),
        kind: Kind::SessionHeartbeat,
    }
}

fn main() {
    let mut bins: Vec<Windows> = (0..BINS).map(|_| Windows::default()).collect();
    let mut effects = Effects::default();
    let mut rows = Vec::new();
    for actors in [false, true] {
        let start = busy();
        for minute in 0..MINUTES {
            for session in 0..SESSIONS {
                let series = series(session);
                // Thirty actors for each session, one of them a minute.
                let actor = Token(mix(u64::from(minute.unsigned_abs() as u32) % 30) | 1);
                let input = Input::Count {
                    series,
                    time: Timestamp::from_seconds(minute * 60),
                    records: 1,
                    actors: if actors { vec![actor] } else { Vec::new() },
                };
                let at = At { pos: Pos { log_time: Timestamp(minute), ..Pos::default() } };
                bins[usize::from(bin(series.hash()))].apply(at, &input, &mut effects);
            }
            // What a landing each second does.
            bins.iter_mut().for_each(|bin| bin.land(&mut rows));
            rows.clear();
            effects.changed.clear();
        }
        let inputs = SESSIONS as f64 * MINUTES as f64;
        let counters: usize = bins.iter().map(Windows::windows).sum();
        let bytes: usize = bins.iter().map(Windows::count_bytes).sum();
        let uniques: usize = bins.iter().map(Windows::unique_bytes).sum();
        println!(
            "{counters} counters, {:.1} bytes each; uniques of {SESSIONS} series {:.0} bytes each; {:.2} M inputs/CPU-s",
            bytes as f64 / counters as f64,
            uniques as f64 / SESSIONS as f64,
            inputs / (busy() - start) / 1e6,
        );
    }
}
