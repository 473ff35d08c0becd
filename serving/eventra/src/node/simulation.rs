//! Traffic that the process makes itself: simulated conferences and replays of public data sets.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use collect::replay::{self, Dataset, Options, Order, Pacer, Replay, Speed};
use collect::times::Times;
use collect::{Appender, Draft, Marker, Refusal};
use eventlog::Ticket;
use records::{Flags, Kind, OrganizationId, Record, Source, Span, Timestamp, Token};
use serde_json::{Value, json};
use workload::pace::Due;
use workload::{Conference, Pace, Scale};

use super::Core;
use crate::control::Simulation;
use crate::control::server::Teller;

/// Records handed over at once.
const CHUNK: usize = 8_192;
/// Appends on their way: enough to fill the log's group commits.
const IN_FLIGHT: usize = 8;
/// How often the generator looks what is due.
const STEP: Duration = Duration::from_millis(20);
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// Runs a conference until its seconds are over, it ends, or `stop` says so. Returns what it did.
///
/// The conference's first record happens now; its clock then runs ahead of the wall's as fast as the rate says.
pub(crate) fn simulate(
    core: &Core,
    wanted: &Simulation,
    tell: &mut dyn FnMut(Value) -> anyhow::Result<()>,
    stop: &dyn Fn() -> bool,
) -> anyhow::Result<Value> {
    let mut run = Run::new(core, wanted)?;
    let started = Instant::now();
    let mut told = started;
    loop {
        let elapsed = started.elapsed();
        let over = wanted.seconds.is_some_and(|seconds| elapsed.as_secs() >= seconds);
        if over || stop() || core.is_stopping() {
            break;
        }
        let busy = run.step(core, elapsed)?;
        if run.ended {
            break;
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            tell(run.progress(started.elapsed()))?;
        }
        if !busy {
            std::thread::sleep(STEP);
        }
    }
    run.settle(0)?;
    Ok(run.progress(started.elapsed()))
}

struct Run {
    conference: Conference,
    pace: Option<Pace>,
    appender: Appender,
    tickets: VecDeque<Ticket>,
    records: Vec<Record>,
    sent: u64,
    ended: bool,
}

/// Plans a conference whose doors open now (registration lies behind), and applies its facts. Its clock then runs as
/// fast as the pace says, so its records count as replayed: they are late by the conference's clock, not by the wall's.
pub(crate) fn prepare(core: &Core, wanted: &Simulation) -> anyhow::Result<Conference> {
    let opens = core.clock.now().floor(Span::HOUR);
    let rings = u16::try_from(wanted.attendees / 400).unwrap_or(u16::MAX).clamp(2, 500);
    let scale = Scale { attendees: wanted.attendees, opens, rings, replayed: true, ..Scale::default() };
    let conference = Conference::new(wanted.seed, scale);
    core.apply_rows(conference.facts()).context("applying the conference's facts")?;
    super::programmes::publish(core, &conference.facts()).context("publishing the conference's programme")?;
    Ok(conference)
}

impl Run {
    fn new(core: &Core, wanted: &Simulation) -> anyhow::Result<Self> {
        let conference = prepare(core, wanted)?;
        let pace = match wanted.within_seconds {
            Some(seconds) => Some(Pace::compressed(&conference, Span::from_seconds(i64::try_from(seconds)?))),
            None => (wanted.rate > 0).then_some(Pace::Rate { per_second: wanted.rate }),
        };
        Ok(Self {
            conference,
            pace,
            appender: core.appender.clone(),
            tickets: VecDeque::new(),
            records: Vec::new(),
            sent: 0,
            ended: false,
        })
    }

    /// Sends what is due; returns whether more was due than one chunk.
    fn step(&mut self, core: &Core, elapsed: Duration) -> anyhow::Result<bool> {
        let micros = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
        let due = self.pace.as_ref().map_or(Due::Until(Timestamp::MAX), |pace| pace.due(Span(micros)));
        let (until, most) = match due {
            Due::Until(until) => (until, CHUNK),
            Due::Records(total) => {
                (Timestamp::MAX, usize::try_from(total.saturating_sub(self.sent)).unwrap_or(CHUNK).min(CHUNK))
            }
        };
        if most == 0 {
            return Ok(false);
        }
        self.records.clear();
        let filled = self.conference.fill_until(&mut self.records, most, until);
        if filled == 0 {
            // Nothing is left at all, or only nothing up to now.
            self.ended = until == Timestamp::MAX || self.conference.clock() >= self.conference.ends();
            return Ok(false);
        }
        let records: Vec<Record> = through_the_door(&self.appender, self.records.drain(..))?;
        self.settle(IN_FLIGHT - 1)?;
        {
            let _intake = core.intake.blocking_read();
            self.tickets.push_back(self.appender.submit_patiently(records)?);
        }
        self.sent += filled as u64;
        Ok(filled == CHUNK)
    }

    fn settle(&mut self, most: usize) -> anyhow::Result<()> {
        while self.tickets.len() > most {
            if let Some(ticket) = self.tickets.pop_front() {
                ticket.wait().map_err(Refusal::from)?;
            }
        }
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people"
    )]
    fn progress(&self, elapsed: Duration) -> Value {
        let rate = (self.sent as f64 / elapsed.as_secs_f64().max(0.001)).round() as u64;
        json!({"records": self.sent, "rate": rate, "seconds": elapsed.as_secs(), "ended": self.ended})
    }
}

/// Turns records of the generator into what the door would have made of the same messages: its own pseudonyms, and
/// names, mail addresses and texts sealed under each person's key. So simulated people can be looked up by the ids that
/// their "client" uses (`user-...`), and erased.
fn through_the_door(appender: &Appender, records: impl Iterator<Item = Record>) -> anyhow::Result<Vec<Record>> {
    let subjects = appender.subjects();
    let mut marker: Option<(OrganizationId, Marker<'_>)> = None;
    let mut out = Vec::new();
    for record in records {
        if !record.kind.is_activity() {
            out.push(Record { source: Source::Simulator, ..record });
            continue;
        }
        let organization = record.organization;
        let (_, marker) = match &mut marker {
            Some(known) if known.0 == organization => known,
            other => other.insert((organization, Marker::new(subjects, organization))),
        };
        let times = Times { event_time: record.event_time, late_by: record.late_by, flags: record.flags };
        let draft = draft(record);
        if !marker.admits(&draft) {
            bail!("`{organization}` has as many people as it may, {}: raise `people_max`", subjects.people_max());
        }
        out.push(marker.record_at(draft, times));
    }
    Ok(out)
}

/// The message of which the door would make this record.
fn draft(record: Record) -> Draft {
    let said = workload::personal(&record);
    let named = |token: Token| if token.is_some() { format!("user-{token}") } else { String::new() };
    let anonymous = record.flags.has(Flags::ANONYMOUS);
    let introduces = matches!(record.kind, Kind::Identify | Kind::RegistrationReported | Kind::CheckInReported);
    let mut draft = Draft {
        device: said.device,
        card: said.card,
        address: said.address,
        visit: if record.visit.is_some() { format!("visit-{}", record.visit) } else { String::new() },
        ..Draft::default()
    };
    *(if anonymous { &mut draft.anonymous } else { &mut draft.user }) = said.user;
    match record.kind {
        Kind::Identify => draft.anonymous = named(record.linked),
        Kind::ChatReported => draft.receiver = named(record.linked),
        _ => {}
    }
    if introduces {
        for (field, text) in [("name", said.name), ("email", said.email)] {
            if !text.is_empty() {
                draft.sealed.personal.insert(field.to_owned(), text);
            }
        }
    }
    draft.sealed.text = said.text;
    // What the door gives itself must not come from the generator.
    let none = Token::NONE;
    draft.record = Record {
        source: Source::Simulator,
        actor: none,
        device: none,
        visit: none,
        card: none,
        address: none,
        linked: none,
        ..record
    };
    draft
}

/// What to replay, and how.
pub(crate) struct Replaying {
    /// The set's word.
    pub(crate) dataset: String,
    /// Its files.
    pub(crate) files: Vec<PathBuf>,
    /// Times real speed; none for as fast as it goes.
    pub(crate) speed: Option<f64>,
    /// The order's word; none for the set's usual one.
    pub(crate) order: Option<String>,
}

/// Replays a public data set.
pub(crate) fn replay(
    core: &Arc<Core>,
    how: &Replaying,
    organization: OrganizationId,
    teller: &Teller,
) -> anyhow::Result<Value> {
    let set =
        Dataset::parse(&how.dataset).with_context(|| format!("`{}` is no data set that is known", how.dataset))?;
    let order = how.order.as_deref().map(order_of).transpose()?;
    let speed = speed_of(how.speed)?;
    let now = core.clock.now();
    let options = Options {
        // Paced replays go in small steps; at full speed chunks are as large as they may be.
        chunk_span: (speed != Speed::Max).then_some(Span::from_seconds(1)),
        order,
        ..Options::new(organization, now)
    };
    let mut replay = Replay::open(set, &how.files, Arc::clone(core.appender.subjects()), options)?;
    let mut pacer = Pacer::new(speed, now);
    let mut told = Instant::now();
    let mut pace = |starts: Timestamp| {
        let due = pacer.due(starts);
        while core.clock.now() < due && !core.is_stopping() && !teller.is_gone() {
            std::thread::sleep(STEP);
        }
        // Whoever compares figures holds the intake; a chunk waits for that here.
        drop(core.intake.blocking_read());
        !core.is_stopping() && !teller.is_gone()
    };
    let mut report = |progress: &replay::Progress| {
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            // A caller that has gone is noticed by the pace.
            let _ = teller.progress(shown(progress));
        }
    };
    let done = replay::run(&mut replay, &core.appender, &mut pace, &mut report)?;
    let mut shown = shown(&done);
    // Whoever starts one without applying its organization gets records that no key can read.
    shown["registered"] = core.rules().tenant(organization).is_some_and(|tenant| tenant.registered).into();
    shown["order"] = replay.order().word().into();
    Ok(shown)
}

fn order_of(word: &str) -> anyhow::Result<Order> {
    Order::parse(word).with_context(|| format!("`{word}` is no order: `file` or `event-time`"))
}

fn shown(progress: &replay::Progress) -> Value {
    json!({
        "bytes": progress.bytes_read,
        "bytes_total": progress.bytes_total,
        "lines": progress.lines,
        "records": progress.records,
        "repeated": progress.repeated,
        "dead_letters": progress.dead,
        "watermark": progress.watermark.to_string(),
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be within 32 bits")]
fn speed_of(times: Option<f64>) -> anyhow::Result<Speed> {
    let Some(times) = times else { return Ok(Speed::Max) };
    let thousandths = (times * 1_000.0).round();
    if !(1.0..=f64::from(u32::MAX)).contains(&thousandths) {
        bail!("a speed lies between 0.001 and 4,000,000 times real time");
    }
    Ok(Speed::Times { thousandths: thousandths as u32 })
}
