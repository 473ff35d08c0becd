//! Measures the ranking by itself: one million Zipf participants, update and exact rank together, bytes per participant.
//!
//! `cargo run --release -p views --example leaderboard`

use records::Token;
use records::hash::mix;
use views::leaderboards::Ranking;

const PEOPLE: u64 = 1_000_000;
const PAIRS: u64 = 3_000_000;

/// A participant number with frequencies about proportional to 1 / rank: the exponent is uniform.
fn zipf(step: u64) -> u64 {
    let uniform = (mix(step) >> 11) as f64 / (1u64 << 53) as f64;
    (PEOPLE as f64).powf(uniform) as u64
}

/// Nanoseconds that this thread had the processor: other programs on the machine do not count.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("the example runs on Linux");
    let nanoseconds = text.split(' ').next().and_then(|field| field.parse::<f64>().ok());
    nanoseconds.expect("the first field is a number") / 1e9
}

fn main() {
    let mut ranking = Ranking::default();
    let start = busy();
    for who in 0..PEOPLE {
        ranking.add(Token(mix(who)), (mix(who ^ 7) % 100).cast_signed());
    }
    println!("fill: {:.2} M/CPU-s", PEOPLE as f64 / (busy() - start) / 1e6);
    // The keys are made before the clock starts.
    let steps: Vec<(Token, i64)> =
        (0..PAIRS).map(|step| (Token(mix(zipf(step))), (mix(step ^ 1) % 100).cast_signed())).collect();
    for round in 0..3 {
        let start = busy();
        let mut checksum = 0u64;
        for (who, points) in &steps {
            ranking.add(*who, *points);
            checksum = checksum.wrapping_add(ranking.place(*who).map_or(0, |place| place.0));
        }
        let rate = PAIRS as f64 / (busy() - start) / 1e6;
        let bytes = ranking.bytes() as f64 / ranking.len() as f64;
        println!(
            "round {round}: {rate:.2} M update+rank pairs/CPU-s, {bytes:.1} bytes a participant, checksum {checksum:x}"
        );
    }
}
