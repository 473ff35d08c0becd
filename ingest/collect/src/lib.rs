//! The front door for activity: bytes in, records or field errors out.
//!
//! Segment's spec, CloudEvents 1.0 and NDJSON are parsed, checked, corrected for clock skew, marked, pseudonymised,
//! sealed, batched and appended to the log; what is bad becomes a dead letter that can be replayed after a fix. The
//! same door replays public data sets.
//!
//! **Does not know:** HTTP, views, timely, ClickHouse. Time and chance are arguments.
//!
//! ```
//! use collect::{Arrival, Endpoint, Parsed, parse};
//! use records::{Kind, OrganizationId, Timestamp};
//!
//! let arrival = Arrival { organization: OrganizationId(7), received: Timestamp(1_000_000), ..Arrival::default() };
//! let body = br#"{"userId": "u-1", "messageId": "m-1", "event": "session_joined", "properties": {"session": "talk-12"}}"#;
//! let messages = parse::segment::parse(Endpoint::Track, body, &arrival)?;
//! let Parsed::Draft(draft) = &messages[0] else { panic!("the message is good") };
//! assert_eq!((draft.record.kind, draft.record.session.to_string().as_str()), (Kind::SessionJoined, "talk-12"));
//! # Ok::<(), collect::ParseError>(())
//! ```

pub mod agents;
mod append;
mod body;
pub mod dead;
mod door;
mod draft;
mod ids;
pub mod language;
pub mod limits;
mod mark;
pub mod parse;
pub mod replay;
mod request;
pub mod subjects;
pub mod times;

pub use append::{Appender, Refusal};
pub use body::{BodyError, Encoding, decompress};
pub use dead::{Replayed, replay_dead_letters};
pub use door::{Accepted, Door, DoorOptions, DoorStatus, MessageError, Prepared};
pub use draft::{Arrival, Draft, Letter, Origin, ParseError, Parsed, Reason, Stamps};
pub use mark::Marker;
pub use parse::segment::Endpoint;
pub use request::{Format, Request};
pub use subjects::{Subjects, Who};
