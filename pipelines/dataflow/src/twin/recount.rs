//! A recount that goes on: most of a log is taken while it still grows, so that only the rest has to be waited for.

use eventlog::EventLog;
use records::Timestamp;

use super::Twin;
use super::reading::{Ended, Reading, RecountError};

/// A record may be put aside after it was taken, and then everything is recounted. It happens once in the life of a broken
/// record, so twice in one recount is somebody's loop.
const TRIES: usize = 3;

/// A [`Twin`] and how far in the log it is.
pub struct Recount {
    twin: Twin,
    views: Vec<&'static str>,
    reading: Option<Reading>,
}

impl Recount {
    /// Nothing taken yet. `views` are recounted by name; all of them when it is empty.
    pub fn new(views: &[&'static str]) -> Self {
        Self { twin: twin(views), views: views.to_vec(), reading: None }
    }

    /// What was recounted.
    pub fn twin(&self) -> &Twin {
        &self.twin
    }

    /// Takes what the log has up to a log time and was not taken before. `watch` hears how many records were taken so far,
    /// after each frame, and says whether to go on. Returns whether everything was taken.
    ///
    /// # Errors
    /// When the log cannot be read or a frame not be decoded.
    pub fn advance(
        &mut self,
        log: &dyn EventLog,
        up_to: Timestamp,
        watch: &mut dyn FnMut(u64) -> bool,
    ) -> Result<bool, RecountError> {
        let up_to = up_to.min(log.bound());
        for _ in 0..TRIES {
            let twin = &mut self.twin;
            let reading = self.reading.get_or_insert_with(|| Reading::new(log));
            let ended = reading.go_on(log, up_to, &mut |frame| {
                twin.take(frame);
                watch(twin.records)
            })?;
            match ended {
                Ended::Whole => {
                    twin.as_of = twin.as_of.max(up_to);
                    return Ok(true);
                }
                Ended::Stopped => return Ok(false),
                Ended::Outdated => *self = Self::new(&self.views),
            }
        }
        Err(RecountError::Restless)
    }

    /// The twin alone.
    pub(super) fn into_twin(self) -> Twin {
        self.twin
    }
}

fn twin(views: &[&'static str]) -> Twin {
    Twin { as_of: Timestamp::MIN, only: views.to_vec(), ..Twin::default() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use eventlog::clock::ManualClock;
    use eventlog::{Lane, MemoryLog, NewFrame, PartitionId};
    use records::{Batch, Pos, Record};
    use workload::{Conference, Scale};

    use super::*;
    use crate::binding::{Entry, Skip};

    struct World {
        log: MemoryLog,
        clock: Arc<ManualClock>,
        conference: Conference,
        frames: u16,
    }

    impl World {
        fn new() -> Self {
            let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_791_000_000)));
            let log = MemoryLog::new(1, Arc::clone(&clock));
            let conference = Conference::new(1, Scale { attendees: 40, ..Scale::default() });
            let world = Self { log, clock, conference, frames: 0 };
            let facts = world.conference.facts();
            world.append(Lane::Facts, 0, records::fact::encode(&facts).into(), facts.len());
            world
        }

        fn append(&self, lane: Lane, partition: u16, body: bytes::Bytes, rows: usize) {
            let rows = u32::try_from(rows).unwrap();
            let frame =
                NewFrame { lane, partition: PartitionId(partition), body, rows, dedup: Vec::new(), claim: None };
            self.log.append(vec![frame]).unwrap();
            self.clock.advance(1_000);
        }

        /// Some more frames of the conference, over three partitions.
        fn go_on(&mut self, frames: u16) {
            for _ in 0..frames {
                let mut records: Vec<Record> = Vec::new();
                self.conference.fill(&mut records, 50);
                self.frames += 1;
                let batch = Batch::from_records(&records);
                self.append(Lane::Activity, self.frames % 3, batch.encode().into(), records.len());
            }
        }

        fn whole(&self) -> String {
            format!("{:?}", Twin::recount(&self.log, Timestamp::MAX).unwrap())
        }
    }

    fn advanced(recount: &mut Recount, world: &World) -> bool {
        recount.advance(&world.log, Timestamp::MAX, &mut |_| true).unwrap()
    }

    #[test]
    fn a_recount_in_pieces_is_the_recount_of_the_whole() {
        let mut world = World::new();
        let mut recount = Recount::new(&[]);
        for frames in [0, 1, 7, 0, 12] {
            world.go_on(frames);
            assert!(advanced(&mut recount, &world));
            assert_eq!(format!("{:?}", recount.twin()), world.whole());
        }
        assert!(recount.twin().records() > 500);
    }

    #[test]
    fn a_watcher_stops_it_and_it_goes_on_where_it_was() {
        let mut world = World::new();
        world.go_on(9);
        let mut recount = Recount::new(&[]);
        let mut heard = Vec::new();
        let watch = &mut |records| {
            heard.push(records);
            records < 100
        };
        assert!(!recount.advance(&world.log, Timestamp::MAX, watch).unwrap());
        assert!(heard.is_sorted() && heard.last().is_some_and(|records| *records >= 100));
        assert!(advanced(&mut recount, &world));
        assert_eq!(format!("{:?}", recount.twin()), world.whole());
    }

    #[test]
    fn a_record_that_is_put_aside_later_is_taken_back() {
        let mut world = World::new();
        world.go_on(6);
        let mut recount = Recount::new(&[]);
        assert!(advanced(&mut recount, &world));
        let before = format!("{:?}", recount.twin());
        let frame = world.log.read_lane(Lane::Activity, &world.log.starts(Lane::Activity), Default::default()).unwrap();
        let pos = Pos {
            log_time: frame[0].log_time,
            lane: Lane::Activity as u8,
            partition: frame[0].partition.0,
            offset: frame[0].first.0,
        };
        let skip = Skip { epoch: 1, view: "visits".into(), pos, rows: frame[0].rows };
        world.append(Lane::System, 0, Entry::Skipped(skip).encode().into(), 1);
        world.go_on(2);
        assert!(advanced(&mut recount, &world));
        assert_eq!(format!("{:?}", recount.twin()), world.whole());
        assert_ne!(format!("{:?}", recount.twin()), before);
    }
}
