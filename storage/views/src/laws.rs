//! The laws of folds, as a check that every implementation runs.

use std::collections::BTreeMap;
use std::fmt::Debug;

use records::hash::mix;
use records::{Pos, Timestamp};

use crate::codec::{In, Out};
use crate::shards::WARMED;
use crate::state::{At, Effects, Fold, StateError};

/// Makes inputs into a log: one frame a step, `gaps` microseconds apart (at least 1), so that log times are unique.
pub fn log<I>(start: Timestamp, inputs: impl IntoIterator<Item = (i64, I)>) -> Vec<(At, I)> {
    let mut now = start;
    let place = |(number, (gap, input)): (usize, (i64, I))| {
        now = Timestamp(now.0.saturating_add(gap.max(1)));
        let pos = Pos { log_time: now, lane: 1, partition: 0, offset: number as u64 };
        (At { pos }, input)
    };
    inputs.into_iter().enumerate().map(place).collect()
}

/// What a run of a fold over a log gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Run<F: Fold> {
    /// The state's bytes after everything was applied, advanced and landed.
    pub bytes: Vec<u8>,
    /// Everything that was landed, call after call.
    pub landed: Vec<F::Row>,
    /// Everything for the next operator.
    pub next: Vec<(u64, Vec<u8>)>,
}

/// Applies everything in one go, then advances to the last log time and lands.
pub fn whole<F: Fold>(log: &[(At, F::Input)]) -> (F, Run<F>) {
    cut(log, |_| Cut::default())
}

/// What happens around one input.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cut {
    /// Before it, the fold is warmed for it and for what follows.
    pub warm: bool,
    /// After it, the fold is told that its time has passed.
    pub advance: bool,
    /// After it, rows are landed.
    pub land: bool,
    /// After that, the state is written, dropped and read back (after a landing, as snapshots are).
    pub restore: bool,
}

/// Applies a log with cuts, and ends as [`whole`] does.
///
/// # Panics
/// When the state does not read back, or reads back to other bytes.
pub fn cut<F: Fold>(log: &[(At, F::Input)], cuts: impl Fn(usize) -> Cut) -> (F, Run<F>) {
    let mut fold = F::default();
    let mut effects = Effects::default();
    let mut landed = Vec::new();
    for (number, (at, input)) in log.iter().enumerate() {
        let cut = cuts(number);
        if cut.warm {
            let coming: Vec<&F::Input> = log[number..].iter().take(WARMED).map(|(_, input)| input).collect();
            fold.warm(&coming);
        }
        fold.apply(*at, input, &mut effects);
        if cut.advance {
            fold.advance(at.now(), &mut effects);
        }
        if cut.land || cut.restore {
            fold.land(&mut landed);
        }
        if cut.restore {
            fold = read_back(&fold);
        }
    }
    fold.advance(log.last().map_or(Timestamp(0), |last| last.0.now()), &mut effects);
    fold.land(&mut landed);
    let bytes = bytes(&fold);
    let next = effects.next.iter().map(|(hash, output)| (*hash, serde_json::to_vec(output).expect("outputs are JSON")));
    let next = next.collect();
    (fold, Run { bytes, landed, next })
}

fn bytes<F: Fold>(fold: &F) -> Vec<u8> {
    let mut bytes = Vec::new();
    fold.encode(&mut bytes);
    bytes
}

fn read_back<F: Fold>(fold: &F) -> F {
    let written = bytes(fold);
    let read = F::decode(&written).expect("a state reads back");
    assert_eq!(bytes(&read), written, "a state of `{}` encodes to the same bytes again", F::NAME);
    assert_eq!(read.len(), fold.len(), "a state of `{}` reads back whole", F::NAME);
    read
}

/// Checks every law of [`Fold`] on one log.
///
/// * `ask` asks everything that readers may ask; cuts, calls and restarts must not change it.
/// * `told` makes all landed rows into what a table then shows: the sum of additive rows, the last of upserted ones.
/// * `chance` chooses the cuts.
///
/// # Panics
/// When a law is broken.
pub fn check<F: Fold, A: PartialEq + Debug, T: PartialEq + Debug>(
    log: &[(At, F::Input)],
    chance: u64,
    ask: impl Fn(&F) -> A,
    told: impl Fn(&[F::Row]) -> T,
) {
    let (fold, plain) = whole::<F>(log);
    let answers = ask(&fold);
    assert_eq!(ask(&read_back(&fold)), answers, "`{}` answers the same after a restart", F::NAME);
    for round in 0..4u64 {
        let (other, run) = cut::<F>(log, |number| chosen(chance, round, number));
        assert_eq!(ask(&other), answers, "`{}` answers the same however the log is cut", F::NAME);
        assert_eq!(run.bytes, plain.bytes, "`{}` has the same bytes however the log is cut", F::NAME);
        assert_eq!(run.next, plain.next, "`{}` hands on the same however the log is cut", F::NAME);
        assert_eq!(told(&run.landed), told(&plain.landed), "`{}` lands the same however the log is cut", F::NAME);
    }
    damage::<F>(&plain.bytes, chance);
}

/// Round 0 cuts after every input, the others here and there.
fn chosen(chance: u64, round: u64, number: usize) -> Cut {
    let bits = mix(chance ^ mix(round * 1_000_003 + number as u64));
    match round {
        0 => Cut { warm: true, advance: true, land: true, restore: true },
        1 => Cut { warm: false, advance: bits & 1 == 0, land: bits & 6 == 0, restore: false },
        2 => Cut { warm: bits & 32 == 0, advance: bits & 7 == 0, land: false, restore: bits & 24 == 0 },
        _ => Cut { warm: bits & 4 == 0, advance: false, land: bits & 3 == 0, restore: false },
    }
}

/// Damaged bytes are refused or read as some state, but never a panic or a huge allocation.
fn damage<F: Fold>(bytes: &[u8], chance: u64) {
    assert!(F::decode(&[]).is_err(), "`{}` refuses no bytes", F::NAME);
    for round in 0..16u64 {
        let bits = mix(chance ^ mix(round));
        let place = usize::try_from(bits >> 8).unwrap_or(usize::MAX) % bytes.len();
        assert!(F::decode(&bytes[..place]).is_err(), "`{}` refuses bytes that were cut", F::NAME);
        let mut other = bytes.to_vec();
        other[place] ^= (bits as u8).max(1);
        // Either is fine; a panic is not.
        drop(F::decode(&other));
    }
}

/// The smallest fold there is: how often each number came. For tests of what drives folds, and as an example.
#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<u64, u64>,
    untold: BTreeMap<u64, u64>,
}

impl Tally {
    /// How often `key` came.
    pub fn count(&self, key: u64) -> u64 {
        self.counts.get(&key).copied().unwrap_or(0)
    }
}

impl Fold for Tally {
    const NAME: &'static str = "tally";
    const VERSION: u32 = 1;
    type Input = u64;
    type Output = ();
    type Key = u64;
    type Row = (u64, u64);

    fn apply(&mut self, _at: At, input: &u64, effects: &mut Effects<Self>) {
        *self.counts.entry(*input).or_default() += 1;
        *self.untold.entry(*input).or_default() += 1;
        effects.changed.push(*input);
    }

    fn advance(&mut self, _bound: Timestamp, _effects: &mut Effects<Self>) {}

    fn land(&mut self, rows: &mut Vec<(u64, u64)>) {
        rows.extend(std::mem::take(&mut self.untold));
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut out = Out::open::<Self>(out);
        out.len(self.counts.len());
        for (key, count) in &self.counts {
            out.u64(*key);
            out.u64(*count);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = In::open::<Self>(bytes)?;
        let mut counts = BTreeMap::new();
        for _ in 0..input.len(2)? {
            let key = input.u64()?;
            counts.insert(key, input.u64()?);
        }
        input.done()?;
        Ok(Self { counts, untold: BTreeMap::new() })
    }

    fn len(&self) -> usize {
        self.counts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_fold_keeps_the_laws() {
        let log = log(Timestamp(0), (0..100u64).map(|number| (1, number % 7)));
        let sum = |rows: &[(u64, u64)]| {
            let mut sums = BTreeMap::<u64, u64>::new();
            rows.iter().for_each(|(key, count)| *sums.entry(*key).or_default() += count);
            sums
        };
        check::<Tally, _, _>(&log, 5, |fold| (0..7).map(|key| fold.count(key)).collect::<Vec<_>>(), sum);
    }
}
