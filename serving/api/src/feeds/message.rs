//! One message of a feed, encoded once for everybody who is told it.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::value::RawValue;
use views::as_of::AsOf;
use views::feed::Position;

use crate::problem::Problem;

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Forget what you have; here is everything.
    Reset,
    /// The keys that changed, with their values as they are now.
    Deltas,
    /// Nothing changed up to here.
    AsOf,
    /// The feed ends, and why.
    Problem,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Reset, Self::Deltas, Self::AsOf, Self::Problem];

    /// The SSE event, and `type` over a WebSocket.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Deltas => "deltas",
            Self::AsOf => "as_of",
            Self::Problem => "problem",
        }
    }
}

/// A message, with the places between which it leads.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    /// Readers at this place may be told it.
    pub(super) from: Option<Position>,
    /// Where they are then.
    pub(super) to: Position,
    event: Bytes,
    body: Range<usize>,
    // The frame that the first WebSocket was told: most clients of a page give the same name to the same thing.
    frame: OnceLock<(String, Bytes)>,
}

impl Message {
    /// Encodes a message about a view. `changes` is a JSON list of `{"key", "value"}`.
    pub(super) fn new(
        kind: Kind,
        from: Option<Position>,
        to: Position,
        as_of: &RawValue,
        changes: Option<&str>,
    ) -> Self {
        let changes = changes.map_or_else(String::new, |changes| format!(",\"changes\":{changes}"));
        let body = format!("{{\"position\":\"{to}\",\"as_of\":{as_of}{changes}}}");
        Self::encode(kind, from, to, Some(to), &body)
    }

    /// Encodes the end of a feed.
    pub(super) fn problem(problem: &Problem, at: Position) -> Self {
        Self::encode(Kind::Problem, None, at, None, &problem.json())
    }

    fn encode(kind: Kind, from: Option<Position>, to: Position, id: Option<Position>, body: &str) -> Self {
        let mut event = String::with_capacity(body.len() + 80);
        let _ = writeln!(event, "event: {}", kind.word());
        if let Some(id) = id {
            let _ = writeln!(event, "id: {id}");
        }
        event.push_str("data: ");
        let start = event.len();
        // JSON as serde writes it has no line breaks, so one line of data is enough.
        debug_assert!(!body.contains('\n'), "a body is one line");
        event.push_str(body);
        let body = start..event.len();
        event.push_str("\n\n");
        Self { kind, from, to, event: event.into(), body, frame: OnceLock::new() }
    }

    /// The server-sent event.
    pub(super) fn event(&self) -> Bytes {
        self.event.clone()
    }

    /// The frame (RFC 6455 §5.2) with the message of a WebSocket's subscription `id`; `quoted` is that as JSON.
    pub(super) fn frame(&self, quoted: &str) -> Bytes {
        let (known, frame) = self.frame.get_or_init(|| (quoted.to_owned(), framed(&self.name(quoted))));
        if known == quoted { frame.clone() } else { framed(&self.name(quoted)) }
    }

    /// Whether it tells values.
    pub(super) fn is_news(&self) -> bool {
        matches!(self.kind, Kind::Reset | Kind::Deltas)
    }

    /// Bytes of its text.
    pub(super) fn len(&self) -> usize {
        self.event.len()
    }

    fn name(&self, quoted: &str) -> String {
        let body = std::str::from_utf8(&self.event[self.body.clone()]).expect("it was written as text");
        match self.kind {
            Kind::Problem => {
                let word = self.kind.word();
                format!("{{\"type\":\"{word}\",\"id\":{quoted},\"problem\":{body}}}")
            }
            kind => named(kind, quoted, body),
        }
    }
}

/// The frame of a telling that no feed makes: `body` is an object with members.
pub(super) fn frame_of(kind: Kind, quoted: &str, body: &str) -> Bytes {
    framed(&named(kind, quoted, body))
}

/// The message of a WebSocket's subscription: `body` is an object with members, so its inside goes on after ours.
fn named(kind: Kind, quoted: &str, body: &str) -> String {
    format!("{{\"type\":\"{}\",\"id\":{quoted},{}", kind.word(), &body[1..])
}

/// A text in one frame, as servers send it: without a mask.
fn framed(text: &str) -> Bytes {
    let mut frame = Vec::with_capacity(text.len() + 10);
    // The last piece of a text.
    frame.push(0x81);
    match (u8::try_from(text.len()), u16::try_from(text.len())) {
        (Ok(length @ 0..126), _) => frame.push(length),
        (_, Ok(length)) => {
            frame.push(126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((text.len() as u64).to_be_bytes());
        }
    }
    frame.extend(text.as_bytes());
    frame.into()
}

/// What a position reflects, as JSON.
pub(super) fn raw(as_of: &AsOf) -> Box<RawValue> {
    serde_json::value::to_raw_value(as_of).expect("numbers and texts are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_and_a_named_message_hold_the_same_body() {
        let to = Position { view: "tally", version: 1, incarnation: 2, epoch: 3, sequence: 4 };
        let message = Message::new(Kind::Deltas, None, to, &raw(&AsOf::default()), Some("[]"));
        let event = String::from_utf8(message.event().to_vec()).unwrap();
        let data =
            event.strip_prefix("event: deltas\nid: tally.1.2.3.4\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
        let mut body: serde_json::Value = serde_json::from_str(data).unwrap();
        body["type"] = "deltas".into();
        for name in ["a\"b", "c"] {
            body["id"] = name.into();
            let frame = message.frame(&serde_json::to_string(name).unwrap());
            assert_eq!(frame[..2], [0x81, 126], "one text of more than 125 bytes");
            assert_eq!(frame.len(), 4 + usize::from(u16::from_be_bytes([frame[2], frame[3]])));
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&frame[4..]).unwrap(), body);
        }
        let (first, again) = (message.frame("\"a\\\"b\""), message.frame("\"a\\\"b\""));
        assert_eq!(first.as_ptr(), again.as_ptr(), "the same bytes for everybody who uses the name");
    }

    #[test]
    fn a_frame_says_its_length_in_as_few_bytes_as_it_can() {
        let head = |length: usize| {
            let frame = framed(&"x".repeat(length));
            frame[..frame.len() - length].to_vec()
        };
        assert_eq!(head(125), [0x81, 125]);
        assert_eq!(head(126), [0x81, 126, 0, 126]);
        assert_eq!(head(65_535), [0x81, 126, 255, 255]);
        assert_eq!(head(65_536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
