//! One board with a million participants: every increment is followed by the exact rank, beside Redis.

use std::sync::Arc;

use records::{LeaderboardId, OrganizationId, Pos, Text, Timestamp};
use views::leaderboards::{Board, Input, Leaderboards, Named};
use views::shards::WARMED;
use views::state::{At, Effects, Fold};
use workload::scores::{Increment, Scores};

use crate::Settings;
use crate::cpu::cost;
use crate::peers::{Redis, encode};
use crate::report::Row;
use crate::rounds::{interleave, median};

const PARTICIPANTS: u64 = 1_000_000;
const OURS: u64 = 2_000_000;
const THEIRS: u64 = 300_000;
/// Commands on their way to Redis: as many as hide the round trip and no more than its buffers like.
const PIPELINE: usize = 2_000;
const SEED: u64 = 11;

/// The view's own fold with one board.
pub(super) struct Ours {
    fold: Leaderboards,
    board: Arc<Named>,
    effects: Effects<Leaderboards>,
    count: u64,
}

impl Ours {
    /// A board on which everybody has a score.
    pub(super) fn new(participants: u32) -> Self {
        let board = Board::all_time(OrganizationId(1), LeaderboardId(1));
        let board = Arc::new(Named { board, track: Text::NONE, generation: 0 });
        let mut this = Self { fold: Leaderboards::default(), board, effects: Effects::default(), count: 0 };
        let scores = Scores::new(SEED, 1);
        for number in 0..participants {
            let points = i64::from(number % 997) + 1;
            let input = this.input(&Increment { number, participant: scores.participant(number), points });
            this.apply(&input);
        }
        this
    }

    /// Bytes on the heap of the ranking.
    pub(super) fn bytes(&self) -> usize {
        self.fold.bytes()
    }

    fn input(&self, increment: &Increment) -> Input {
        let Increment { participant, points, .. } = *increment;
        Input::Award { board: Arc::clone(&self.board), participant, points }
    }

    fn apply(&mut self, input: &Input) {
        self.count += 1;
        let pos = Pos { log_time: Timestamp(self.count.cast_signed()), lane: 1, partition: 0, offset: self.count };
        self.fold.apply(At { pos }, input, &mut self.effects);
        // The writer takes changed keys at the end of each epoch.
        if self.count.is_multiple_of(4_096) {
            self.effects.changed.clear();
        }
    }

    /// A few increments that wait together, as in a bin of an epoch or in Redis' pipeline: the fold is warmed for all as
    /// the view's writer does, then each is applied and the rank of whom it moved is asked. The sum of the ranks.
    fn piece(&mut self, increments: &[Increment]) -> u64 {
        let inputs: Vec<Input> = increments.iter().map(|increment| self.input(increment)).collect();
        self.fold.warm(&inputs.iter().collect::<Vec<_>>());
        inputs.iter().zip(increments).fold(0u64, |sum, (input, increment)| {
            self.apply(input);
            let place = self.fold.place(&self.board.board, increment.participant, 0);
            sum.wrapping_add(place.map_or(0, |found| found.place.rank))
        })
    }

    /// Increments, each followed by the rank of whom it moved; pairs per CPU-second.
    fn run(&mut self, increments: &[Increment]) -> f64 {
        let pieces = increments.chunks(WARMED);
        let (cost, ranks) = cost(|| pieces.fold(0u64, |sum, piece| sum.wrapping_add(self.piece(piece))));
        std::hint::black_box(ranks);
        increments.len() as f64 / cost.cpu.as_secs_f64()
    }
}

pub(super) fn prefill(redis: &mut Redis, participants: u32) -> anyhow::Result<()> {
    for chunk in (0..participants).collect::<Vec<_>>().chunks(PIPELINE) {
        let mut commands = Vec::new();
        for number in chunk {
            encode(&mut commands, &["ZADD", "board", &(number % 997 + 1).to_string(), &format!("user:{number}")]);
        }
        redis.pipeline(&commands, chunk.len())?;
    }
    Ok(())
}

/// The same pairs through Redis' own protocol; pairs per CPU-second of the server alone.
fn run_redis(redis: &mut Redis, increments: &[Increment]) -> anyhow::Result<f64> {
    let before = redis.cpu()?;
    for chunk in increments.chunks(PIPELINE / 2) {
        let mut commands = Vec::with_capacity(chunk.len() * 96);
        for increment in chunk {
            let member = format!("user:{}", increment.number);
            encode(&mut commands, &["ZINCRBY", "board", &increment.points.to_string(), &member]);
            encode(&mut commands, &["ZREVRANK", "board", &member]);
        }
        redis.pipeline(&commands, chunk.len() * 2)?;
    }
    Ok(increments.len() as f64 / (redis.cpu()? - before).as_secs_f64())
}

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    const NAME: &str = "spine-leaderboard";
    const UNIT: &str = "update+rank pairs per CPU-second";
    const GOAL: &str = "10 times Redis";
    let participants = u32::try_from(settings.size(PARTICIPANTS))?;
    let mut ours = Ours::new(participants);
    let mut stream = Scores::new(SEED, participants);
    let many = usize::try_from(settings.size(OURS))?;
    let mut run = || Ok(ours.run(&stream.by_ref().take(many).collect::<Vec<_>>()));
    if !settings.peers {
        let rate = median(settings.rounds, run)?;
        let mut row = Row::new(NAME, UNIT, rate, GOAL, false);
        row.peer_name = "Redis ZINCRBY+ZREVRANK, pipelined".into();
        return Ok(row);
    }
    let mut redis = Redis::start()?;
    prefill(&mut redis, participants)?;
    let bytes = redis.used_memory()? as f64 / f64::from(participants);
    let mut theirs = Scores::new(SEED, participants);
    let few = usize::try_from(settings.size(THEIRS))?;
    let rounds = interleave(settings.rounds, &mut run, || {
        run_redis(&mut redis, &theirs.by_ref().take(few).collect::<Vec<_>>())
    })?;
    let own_bytes = ours.bytes() as f64 / f64::from(participants);
    Ok(Row::of_rounds(NAME, UNIT, &rounds, "Redis ZINCRBY+ZREVRANK, pipelined; its server's CPU", GOAL, 10.0)
        .part("bytes a participant", "bytes", own_bytes)
        .part("bytes a participant, Redis", "bytes", bytes))
}
