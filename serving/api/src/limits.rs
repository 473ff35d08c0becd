//! Every bound of the HTTP door, with its reason.

use std::time::Duration;

/// Bytes of one tracking request as sent. Segment's libraries cap a batch at 500 KB; four times that leaves room for
/// other senders without letting one request hold much memory.
pub const TRACK_BYTES_MAX: usize = 2 << 20;

/// Bytes of one NDJSON upload as sent. A larger file is split (`split -C 32m`), so that one upload cannot hold the
/// memory of many.
pub const IMPORT_BYTES_MAX: usize = 64 << 20;

/// Bytes of a write's body: rules and saved queries are the largest, some hundred kilobytes at most.
pub const WRITE_BYTES_MAX: usize = 1 << 20;

/// Requests answered at once. Each holds at most its body, so this bounds memory; beyond it a caller is told to come
/// back rather than queued, because a queue only hides that the server is full.
pub const REQUESTS_MAX: usize = 1_024;

/// Uploads answered at once: each may hold [`IMPORT_BYTES_MAX`] and what it unpacks to.
pub const IMPORTS_MAX: usize = 4;
/// Connections that may wait in the kernel to be accepted; it keeps at most `net.core.somaxconn`. After a restart all
/// readers of feeds come back at once, and whoever finds the queue full asks again after 1, 3, 7, 15, 31 s.
pub const BACKLOG: u32 = 65_535;

/// Open connections; the kernel's queue holds those beyond it. Feeds stay open, so this is more than they may be.
pub const CONNECTIONS_MAX: usize = 16_384;

/// Feeds that are being opened at once; others wait for their turn.
pub const FEEDS_OPENING_MAX: usize = 256;

/// The longest a request may take, its body included: a slow sender must not hold a place for ever.
pub const REQUEST_WITHIN: Duration = Duration::from_secs(30);

/// The longest an upload may take.
pub const IMPORT_WITHIN: Duration = Duration::from_secs(300);

/// The longest that reading a request's head may take, so that idle connections do not hold places.
pub const HEAD_WITHIN: Duration = Duration::from_secs(15);

/// Bytes of a request's head: cookies and a key are a few hundred, an address at most some thousand.
pub const HEAD_BYTES_MAX: usize = 64 << 10;

/// Requests of one HTTP/2 connection at once: a page asks for some tens.
pub const STREAMS_MAX: u32 = 128;

/// The longest that a read waits for a position (`wait_for`): shorter than [`REQUEST_WITHIN`], so the caller gets an
/// answer that says what happened.
pub const WAIT_WITHIN: Duration = Duration::from_secs(10);

/// How often a waiting read looks at the frontier: about one live epoch.
pub const WAIT_STEP: Duration = Duration::from_millis(10);

/// What `Retry-After` says when the log is busy, seconds: a few group commits.
pub const RETRY_BUSY_SECONDS: u32 = 1;

/// What `Retry-After` says when the log refuses for want of space or a failed disk, seconds: people must act first.
pub const RETRY_REFUSED_SECONDS: u32 = 30;

/// Rows that a list answers with when `limit` is not given.
pub const ROWS_DEFAULT: usize = 10;

/// The most rows of one answer: about a megabyte of JSON.
pub const ROWS_MAX: usize = 1_000;

/// How long open requests may take to end after the server was told to stop.
pub const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// The longest that the kernel keeps a connection whose other end takes nothing: a reader that stands still for longer
/// is told everything again when it comes back, and must not hold a place until then.
pub const UNTAKEN_WITHIN: Duration = Duration::from_secs(60);

/// Bytes of one message from a WebSocket client: an address and a position are a few hundred.
pub const SOCKET_MESSAGE_BYTES_MAX: usize = 16 << 10;

/// Bytes of a WebSocket's buffers: small, because ten thousand idle ones have them.
pub const SOCKET_BUFFER_BYTES: usize = 2 << 10;

/// The most messages of one WebSocket client that may be wrong before it is closed: it is not getting better.
pub const SOCKET_WRONG_MAX: u32 = 16;

/// Bytes of the name that a WebSocket client gives a subscription: it stands in every message.
pub const SUBSCRIPTION_ID_BYTES_MAX: usize = 64;

/// Bytes of a feed's address with its parameters: kept for as long as anybody reads it.
pub const FEED_ADDRESS_BYTES_MAX: usize = 2 << 10;

/// How often a feed asks again whose answer changes with time alone (what is trending, a sliding window).
pub const TIMELY_EVERY: Duration = Duration::from_secs(1);

/// How often the frontier is looked at for feeds at most: the shortest live epoch.
pub const PULSE_EVERY: Duration = Duration::from_millis(1);

/// How often counts of doors are told at most: people read them, and a busy door changes them a hundred times a second.
pub const DOORS_EVERY: Duration = Duration::from_millis(200);

/// How often a reader is written to at most: screens are drawn 60 times a second, and what comes between two frames is
/// seen together. One write of many messages costs hardly more than one of one.
pub const WRITES_EVERY: Duration = Duration::from_millis(16);

/// The pause between two writes to a reader grows by this for each who reads the same: a write costs some 5 us, so that
/// writing takes a tenth of a core.
pub const WRITES_EVERY_OF_ONE: Duration = Duration::from_micros(50);

/// The longest such pause: twenty times a second still looks alive.
pub const WRITES_EVERY_MAX: Duration = Duration::from_millis(50);

/// How often an open feed looks whether a key or login has ended with time alone. That it was revoked is known at once.
pub const CALLER_LOOKED_UP_EVERY: Duration = Duration::from_secs(15);

/// Messages that a feed keeps for those who are told every one: what it tells within [`WRITES_EVERY_MAX`] at its
/// quickest. Whoever is further behind is told in one piece what changed.
pub const LATELY_MAX: usize = 50;

/// Bytes of these, beyond the newest: whole answers can be large, and are told in one piece then.
pub const LATELY_BYTES_MAX: usize = 128 << 10;

/// How long the feeds wait for a frontier before they ask for the views again, which a rebuild replaces.
pub const PULSE_WITHIN: Duration = Duration::from_millis(250);

/// Answers to latecomers that a feed keeps for others at the same place: readers in a few rhythms.
pub const CATCH_UPS_MAX: usize = 8;

/// Channels of presence of one organization that have readers: rooms and pages of its events.
pub const PRESENCE_CHANNELS_MAX: usize = 1_000;

/// People that presence names: faces that fit on a page. The count is of all.
pub const PRESENCE_SAMPLE: usize = 50;

/// What `Retry-After` says when there are too many feeds, seconds.
pub const RETRY_FEEDS_SECONDS: u32 = 5;

/// The bounds of live feeds that an installation may choose.
#[derive(Debug, Clone)]
pub struct Feeds {
    /// Open feed connections of the process. An idle one costs some 20 KB here and as much in the kernel.
    pub connections: usize,
    /// Open feed connections of one key: one page's readers cannot take all places.
    pub connections_of_key: usize,
    /// Subscriptions of one WebSocket connection: more than any page shows.
    pub subscriptions: usize,
    /// Updates a second of one subscription. Eyes follow fewer, but what happens just after an update waits for the next:
    /// 10 ms on average.
    pub updates_per_second: u32,
    /// The longest silence of an open feed: shorter than proxies' idle bounds, which begin at 30 s.
    pub heartbeat: Duration,
    /// How often a feed in which nothing changes tells its position: the ring holds at least 25 s of epochs, so who
    /// reconnects within that of the last message goes on without a reset.
    pub as_of_every: Duration,
    /// The time between two tellings of who is here: when all of a room come at once, each coming is news to all others.
    pub presence_every: Duration,
    /// How long a WebSocket may give no sign of life, pongs included.
    pub silence: Duration,
    /// How long a connection may stay open; then it is closed in order, and goes on where it was. So a new process
    /// behind a balancer gets its share.
    pub lifetime: Duration,
}

impl Default for Feeds {
    fn default() -> Self {
        Self {
            connections: 12_288,
            connections_of_key: 10_240,
            subscriptions: 64,
            updates_per_second: 50,
            heartbeat: Duration::from_secs(15),
            as_of_every: Duration::from_secs(5),
            presence_every: Duration::from_secs(1),
            silence: Duration::from_secs(60),
            lifetime: Duration::from_secs(6 * 3_600),
        }
    }
}

/// Questions to the warehouse that are waited for at once: more than run, so that who is too many is told so by the
/// warehouse's own bounds.
pub const QUESTIONS_MAX: usize = 64;

/// The longest that the head of an answer may take: the warehouse gives a question half of it.
pub const QUESTION_WITHIN: Duration = Duration::from_secs(60);

/// Rows of one answer in JSON when `limit` is not given: what a page shows.
pub const QUESTION_ROWS_DEFAULT: u64 = 1_000;

/// The most rows of one answer in JSON; files hold more.
pub const QUESTION_ROWS_MAX: u64 = 10_000;
