//! Every bound of the door, with the reason for the number.

/// The most bytes of one message: Segment's own limit, so that its libraries never meet a smaller one.
pub const MESSAGE_BYTES_MAX: usize = 32 << 10;
/// The most bytes of one Segment or CloudEvents request after decompression: Segment's own limit is 500 KB.
pub const BATCH_BYTES_MAX: usize = 500 << 10;
/// The most bytes of one NDJSON upload after decompression, unless configured: some 30,000 usual lines.
pub const NDJSON_BYTES_MAX: usize = 16 << 20;
/// How deep JSON may nest. Analytics payloads nest three or four levels; parsers recurse, so deeper is refused unread.
pub const DEPTH_MAX: usize = 32;
/// The most messages of one request, so that a body of `[0,0,0...]` cannot become millions of dead letters.
pub const MESSAGES_MAX: usize = 65_535;
/// The longest user, anonymous, device or other outside id, in bytes (as [`records::id::NAME_BYTES_MAX`]).
pub const NAME_BYTES_MAX: usize = records::id::NAME_BYTES_MAX;
/// The most bytes of a dead letter's original that are kept. Every message that could be good after a fix is smaller.
pub const ORIGINAL_BYTES_MAX: usize = 64 << 10;
/// The most errors that one answer lists; the counts are always complete.
pub const ERRORS_LISTED_MAX: usize = 100;
/// How much of a user agent is read; longer ones are attacks or jokes.
pub const USER_AGENT_BYTES_MAX: usize = 1 << 10;

/// Message ids that the front door itself remembers. An optimisation: `eventlog::admit` is what decides, with 2^20 for
/// each partition. A quarter of a million is what retries within minutes need.
pub const DOOR_IDS_MAX: usize = 1 << 18;
/// Requests that may wait for the committer; more are answered "busy", because they would only wait longer.
pub const QUEUE_REQUESTS_MAX: usize = 4_096;
/// Bytes of records that may wait for the committer.
pub const QUEUE_BYTES_MAX: usize = 64 << 20;
/// How long the committer gathers requests into one append: below the log's group commit of 5 ms.
pub const GATHER: std::time::Duration = std::time::Duration::from_millis(2);
/// The most rows of one frame: what a batch can hold.
pub const FRAME_ROWS_MAX: usize = records::batch::ROWS_MAX;
/// The most estimated bytes of one frame; an eighth of what the log takes, because readers take frames whole.
pub const FRAME_BYTES_MAX: usize = 8 << 20;
/// Appends that may be on their way to the disk at once: enough to fill the log's group commits, few enough to bound memory.
pub const APPENDS_IN_FLIGHT_MAX: usize = 8;
/// Known subjects that one anonymous one may be linked to: more than people share one browser.
pub const LINKS_MAX: usize = 16;
/// People, anonymous visitors and links between them that one organization may have, unless configured: each is 128 bytes
/// on the disk and about 100 in memory, so that a stolen write key can take some 4 GB and not everything.
pub const PEOPLE_MAX: u64 = 20_000_000;
/// Lines of a data set's file that are tried before anything of it is appended. A set whose first hundred rows are all
/// unreadable is another one.
pub const PROBED_LINES: usize = 100;
/// How often a replay asks a busy log again: some seconds together with the log's own wait.
pub const BUSY_TRIES: usize = 16;
