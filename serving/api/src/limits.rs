//! Every bound of the HTTP door, with its reason.

use std::time::Duration;

/// Bytes of one tracking request as sent. Segment's libraries cap a batch at 500 KB; four times that leaves room for
/// other senders without letting one request hold much memory.
pub const TRACK_BYTES_MAX: usize = 2 << 20;

/// Bytes of one NDJSON upload as sent. A larger file is split (`split -C 32m`), so that one upload cannot hold the
/// memory of many.
pub const IMPORT_BYTES_MAX: usize = 64 << 20;

/// Requests answered at once. Each holds at most its body, so this bounds memory; beyond it a caller is told to come
/// back rather than queued, because a queue only hides that the server is full.
pub const REQUESTS_MAX: usize = 1_024;

/// Uploads answered at once: each may hold [`IMPORT_BYTES_MAX`] and what it unpacks to.
pub const IMPORTS_MAX: usize = 4;

/// Open connections; the kernel's queue holds those beyond it.
pub const CONNECTIONS_MAX: usize = 4_096;

/// The longest a request may take, its body included: a slow sender must not hold a place for ever.
pub const REQUEST_WITHIN: Duration = Duration::from_secs(30);

/// The longest an upload may take.
pub const IMPORT_WITHIN: Duration = Duration::from_secs(300);

/// The longest that reading a request's head may take, so that idle connections do not hold places.
pub const HEAD_WITHIN: Duration = Duration::from_secs(15);

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
