//! A replay as a stream of chunks: order, watermark, lateness.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use records::json::FieldError;
use records::{Currency, EventId, Flags, Kind, MessageId, OrderId, OrganizationId, Record, Source, Span, Timestamp};

use super::input::{self, Input, InputError, Line};
use super::rows::{Dataset, row};
use crate::draft::{Arrival, Draft, Letter, Reason};
use crate::limits::PROBED_LINES;
use crate::mark::Marker;
use crate::parse::ndjson::line_id;
use crate::subjects::Subjects;
use crate::times::Times;

/// Records that a replay by event time holds back at most: the small sets entirely, in some 150 MB.
const REORDER_ROWS: usize = 1 << 17;
/// The most records of a chunk: one append.
const CHUNK_RECORDS: usize = 8_192;
/// How often watermarks are told at most, in the data's time.
const WATERMARK_EVERY: Span = Span::MINUTE;
/// Events whose last watermark is told at the end; a set with more tells those that had records last.
const EVENTS_MAX: usize = 1 << 17;

/// The order in which records go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As the file has them.
    File,
    /// By event time, as far as a buffer of so many records allows.
    EventTime {
        /// Records held back.
        buffer: usize,
    },
}

impl Order {
    /// By event time with the usual buffer, which holds the small sets entirely.
    pub const BY_EVENT_TIME: Self = Self::EventTime { buffer: REORDER_ROWS };

    /// The order in which a set goes out unless said otherwise.
    pub fn usual(set: Dataset) -> Self {
        if set.by_event_time() { Self::BY_EVENT_TIME } else { Self::File }
    }

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::EventTime { .. } => "event-time",
        }
    }

    /// The order with this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::File, Self::BY_EVENT_TIME].into_iter().find(|order| order.word() == word)
    }
}

/// How a set is replayed.
#[derive(Debug, Clone)]
pub struct Options {
    /// The tenant that gets the records.
    pub organization: OrganizationId,
    /// The event of records that name none; the set's word unless given.
    pub event: Option<EventId>,
    /// The order; the set's usual one unless given.
    pub order: Option<Order>,
    /// The currency of amounts without one.
    pub currency: Currency,
    /// When the replay runs: the time of its dead letters.
    pub now: Timestamp,
    /// The most of the data's time that one chunk spans, so that pacing is smooth; none for full speed.
    pub chunk_span: Option<Span>,
}

impl Options {
    /// The usual options.
    pub fn new(organization: OrganizationId, now: Timestamp) -> Self {
        Self { organization, event: None, order: None, currency: Currency::USD, now, chunk_span: None }
    }
}

/// Some records to append together, and the watermarks to append after them.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Records in order, dead letters among them.
    pub records: Vec<Record>,
    /// Watermarks; they hold only behind the records.
    pub watermarks: Vec<Record>,
    /// Event time of the first record: when the chunk is due.
    pub starts: Timestamp,
    /// The data's watermark behind the chunk.
    pub watermark: Timestamp,
    /// Lines read so far.
    pub lines: u64,
    /// Dead letters among the records.
    pub dead: u64,
}

/// A set on its way into the log.
pub struct Replay {
    set: Dataset,
    options: Options,
    order: Order,
    subjects: Arc<Subjects>,
    files: VecDeque<PathBuf>,
    /// The file that is being read, and the hash of its content.
    input: Option<(Input, blake3::Hash)>,
    bytes_read: Arc<AtomicU64>,
    bytes_total: u64,
    line: Vec<u8>,
    lines: u64,
    held: BinaryHeap<Reverse<Held>>,
    sequence: u64,
    ready: VecDeque<Held>,
    letters: Vec<Record>,
    clock: Watermark,
    done: bool,
}

/// A draft that waits for its turn.
struct Held {
    at: Timestamp,
    sequence: u64,
    /// Whether it is the first of its row, which moves the watermark.
    first: bool,
    draft: Draft,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.sequence) == (other.at, other.sequence)
    }
}
impl Eq for Held {}
impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// The data's own clock: its largest event time so far.
#[derive(Default)]
struct Watermark {
    at: Option<Timestamp>,
    told: Option<Timestamp>,
    /// Events with records since the watermark was told last, and all of them.
    touched: BTreeSet<EventId>,
    seen: BTreeSet<EventId>,
}

impl Replay {
    /// Opens a set's files; they are replayed one after the other. Each is read twice: first for its hash.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn open<P: AsRef<Path>>(
        set: Dataset,
        files: &[P],
        subjects: Arc<Subjects>,
        options: Options,
    ) -> Result<Self, InputError> {
        let files: VecDeque<PathBuf> = files.iter().map(|path| path.as_ref().to_owned()).collect();
        let mut bytes_total = 0;
        for path in &files {
            let meta = std::fs::metadata(path).map_err(|source| InputError::Io { path: path.clone(), source })?;
            bytes_total += meta.len();
        }
        Ok(Self {
            set,
            order: options.order.unwrap_or_else(|| Order::usual(set)),
            options,
            subjects,
            files,
            input: None,
            bytes_read: Arc::default(),
            bytes_total,
            line: Vec::new(),
            lines: 0,
            held: BinaryHeap::new(),
            sequence: 0,
            ready: VecDeque::new(),
            letters: Vec::new(),
            clock: Watermark::default(),
            done: false,
        })
    }

    /// Bytes of the files on disk that were read, and how many they have.
    pub fn bytes(&self) -> (u64, u64) {
        (self.bytes_read.load(Ordering::Relaxed), self.bytes_total)
    }

    /// The order in which records go out.
    pub fn order(&self) -> Order {
        self.order
    }

    /// The next chunk; none after the last one.
    ///
    /// # Errors
    /// When a file cannot be read or is another set's.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, InputError> {
        let mut chunk = Chunk { watermark: self.clock.at.unwrap_or_default(), ..Chunk::default() };
        let mut begun = false;
        while chunk.records.len() < CHUNK_RECORDS {
            let Some(held) = self.next_held()? else { break };
            if !begun {
                (chunk.starts, begun) = (held.at, true);
            } else if self.options.chunk_span.is_some_and(|span| held.at.since(chunk.starts) > span) {
                self.ready.push_front(held);
                break;
            }
            let record = self.record(held)?;
            chunk.records.push(record);
        }
        chunk.dead = self.letters.len() as u64;
        chunk.records.append(&mut self.letters);
        let ended = self.done && self.ready.is_empty() && self.held.is_empty();
        chunk.watermarks = if ended { self.tell_all() } else { self.tell_touched() };
        chunk.watermark = self.clock.at.unwrap_or_default();
        chunk.lines = self.lines;
        let empty = chunk.records.is_empty() && chunk.watermarks.is_empty();
        Ok((!empty).then_some(chunk))
    }

    /// The next draft in order.
    fn next_held(&mut self) -> Result<Option<Held>, InputError> {
        loop {
            if let Some(held) = self.ready.pop_front() {
                return Ok(Some(held));
            }
            let full = match self.order {
                Order::File => false,
                Order::EventTime { buffer } => self.held.len() > buffer,
            };
            if full || (self.done && !self.held.is_empty()) {
                return Ok(self.held.pop().map(|Reverse(held)| held));
            }
            if self.done || self.letters.len() >= CHUNK_RECORDS {
                return Ok(None);
            }
            self.read_line()?;
        }
    }

    fn read_line(&mut self) -> Result<(), InputError> {
        let mut line = std::mem::take(&mut self.line);
        let read = self.next_line(&mut line);
        if let Some((hash, number, whole)) = read? {
            self.lines += 1;
            let drafts = if whole {
                row(self.set, &line, self.options.currency)
            } else {
                Err(FieldError::new("line", "is too long"))
            };
            match drafts {
                Ok(drafts) => self.hold(drafts, &hash, number),
                Err(error) => self.dead(error, &line, &hash, number),
            }
        }
        self.line = line;
        Ok(())
    }

    /// Reads the next line of the current file, or opens the next file, or notes the end.
    fn next_line(&mut self, line: &mut Vec<u8>) -> Result<Option<(blake3::Hash, u64, bool)>, InputError> {
        if self.input.is_none() {
            let Some(path) = self.files.pop_front() else {
                self.done = true;
                return Ok(None);
            };
            self.probe(&path)?;
            self.input = Some((self.begin(&path, &self.bytes_read)?, input::hash(&path)?));
        }
        let (input, hash) = self.input.as_mut().expect("just opened");
        match input.next(line)? {
            Some(read) => Ok(Some((*hash, read.number, read.whole))),
            None => {
                self.input = None;
                Ok(None)
            }
        }
    }

    fn begin(&self, path: &Path, read: &Arc<AtomicU64>) -> Result<Input, InputError> {
        let mut input = Input::open(path, read)?;
        if let Some(header) = self.set.header() {
            input.expect_header(header)?;
        }
        Ok(input)
    }

    /// Tries the first lines before anything is appended, because a slip in the name of the set or the file would fill
    /// the log with as many dead letters as the file has lines.
    fn probe(&self, path: &Path) -> Result<(), InputError> {
        let mut input = self.begin(path, &Arc::default())?;
        let (mut line, mut tried, mut first) = (Vec::new(), 0, None);
        while tried < PROBED_LINES
            && let Some(Line { whole, .. }) = input.next(&mut line)?
        {
            tried += 1;
            let error = match row(self.set, &line, self.options.currency) {
                Ok(_) if whole => return Ok(()),
                Ok(_) => FieldError::new("line", "is too long"),
                Err(error) => error,
            };
            first.get_or_insert(error);
        }
        let Some(problem) = first else { return Ok(()) };
        Err(InputError::OtherSet { path: path.to_owned(), set: self.set.word(), tried, problem })
    }

    fn hold(&mut self, drafts: Vec<Draft>, hash: &blake3::Hash, line: u64) {
        for (part, mut draft) in drafts.into_iter().enumerate() {
            let record = &mut draft.record;
            if !record.message.is_some() {
                record.message = line_id(hash, line, if part == 0 { "" } else { "second" });
            }
            if record.kind == Kind::OrderReported && !record.order.is_some() {
                record.order = OrderId(record.message.0);
            }
            if !record.event.is_some() {
                let own = || EventId::parse(self.set.word()).expect("a set's word is an id");
                record.event = self.options.event.unwrap_or_else(own);
            }
            let at = draft.stamps.timestamp.expect("every row has a time");
            let held = Held { at, sequence: self.sequence, first: part == 0, draft };
            self.sequence += 1;
            match self.order {
                Order::File => self.ready.push_back(held),
                Order::EventTime { .. } => self.held.push(Reverse(held)),
            }
        }
    }

    fn dead(&mut self, error: FieldError, line: &[u8], hash: &blake3::Hash, number: u64) {
        let format = format!("replay:{}", self.set.word());
        let mut letter = Letter::unread(format!("line {number}"), Reason::BadRow, error, line, &format);
        letter.message = line_id(hash, number, "letter");
        let arrival =
            Arrival { organization: self.options.organization, received: self.options.now, ..Arrival::default() };
        let mut record = Marker::new(&self.subjects, self.options.organization).letter(letter, &arrival);
        record.flags = record.flags.with(Flags::REPLAYED);
        self.letters.push(record);
    }

    fn record(&mut self, held: Held) -> Result<Record, InputError> {
        let marker = Marker::new(&self.subjects, self.options.organization);
        if !marker.admits(&held.draft) {
            // Rows are in their file: whoever raises the bound starts the replay again, and it goes on from here.
            return Err(InputError::People { people_max: self.subjects.people_max() });
        }
        let late_by = self.clock.pass(held.at, held.draft.record.event, held.first);
        let times = Times { event_time: held.at, late_by, flags: Flags::REPLAYED };
        Ok(marker.record_at(held.draft, times))
    }

    fn tell_touched(&mut self) -> Vec<Record> {
        if !self.clock.is_due() {
            return Vec::new();
        }
        let touched = std::mem::take(&mut self.clock.touched);
        self.tell(&touched)
    }

    fn tell_all(&mut self) -> Vec<Record> {
        let mut seen = std::mem::take(&mut self.clock.seen);
        seen.append(&mut self.clock.touched);
        self.tell(&seen)
    }

    fn tell(&mut self, events: &BTreeSet<EventId>) -> Vec<Record> {
        let Some(at) = self.clock.at else { return Vec::new() };
        self.clock.told = Some(at);
        events.iter().map(|event| self.watermark(*event, at)).collect()
    }

    fn watermark(&self, event: EventId, at: Timestamp) -> Record {
        let mut record = Record::new(Kind::ReplayWatermarked);
        record.organization = self.options.organization;
        record.event = event;
        record.event_time = at;
        record.source = Source::Replay;
        record.flags = Flags::REPLAYED;
        // The same watermark of a replay that is started again says nothing new.
        let mut hasher = blake3::Hasher::new_derive_key("eventra 2026 replay watermark id v1");
        hasher.update(&event.0.to_le_bytes()).update(&at.0.to_le_bytes()).update(&self.lines.to_le_bytes());
        let mut cut = [0; 16];
        cut.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        record.message = MessageId(u128::from_be_bytes(cut).max(1));
        record
    }
}

impl Watermark {
    /// Notes a record that goes out; returns how far it lies behind.
    fn pass(&mut self, at: Timestamp, event: EventId, moves: bool) -> Span {
        if moves || self.at.is_none() {
            self.at = self.at.max(Some(at));
            self.told.get_or_insert(at);
        }
        self.touched.insert(event);
        if self.seen.len() < EVENTS_MAX {
            self.seen.insert(event);
        }
        self.at.map_or(Span::ZERO, |watermark| watermark.since(at).max(Span::ZERO))
    }

    fn is_due(&self) -> bool {
        match (self.at, self.told) {
            (Some(at), Some(told)) => at.floor(WATERMARK_EVERY) > told.floor(WATERMARK_EVERY),
            _ => false,
        }
    }
}
