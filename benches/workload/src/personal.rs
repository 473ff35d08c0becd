//! The plaintext behind a record, for callers that go through the door. Invented, never a real person's.

use records::hash;
use records::{Kind, Record};

/// What a client would send in clear; the door makes pseudonyms of it and seals the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Personal {
    /// The user id (or anonymous id) that the client uses.
    pub user: String,
    /// The device id.
    pub device: String,
    /// The payment card's fingerprint; empty when nothing is paid.
    pub card: String,
    /// The network address.
    pub address: String,
    /// A name; empty for anonymous visitors.
    pub name: String,
    /// A mail address at a reserved domain (RFC 2606); empty for anonymous visitors.
    pub email: String,
    /// Free text of chats and questions.
    pub text: String,
}

const GIVEN: [&str; 12] =
    ["Ada", "Ben", "Chiara", "Dmitri", "Elif", "Femi", "Grace", "Hugo", "Ines", "Jonas", "Kavya", "Lena"];
const FAMILY: [&str; 12] = [
    "Abara", "Bauer", "Costa", "Dubois", "Eriksen", "Fischer", "Gupta", "Haddad", "Ito", "Jansen", "Kowalski", "Lopez",
];
const TEXTS: [&str; 8] = [
    "Is there a recording of this talk?",
    "How does it behave when a node dies?",
    "Great demo, thank you!",
    "Where can I find the slides?",
    "Who else is at the data track?",
    "What did you measure it against?",
    "See you at the coffee bar after this.",
    "Could you repeat the last figure?",
];

/// The plaintext of a record of this crate. The same pseudonym always gives the same person.
pub fn personal(record: &Record) -> Personal {
    let bits = hash::mix(record.actor.0);
    let known = record.actor.is_some() && !record.flags.has(records::Flags::ANONYMOUS);
    let given = GIVEN[(bits % 12) as usize];
    let family = FAMILY[(bits >> 8) as usize % 12];
    let said = matches!(record.kind, Kind::ChatReported | Kind::QuestionReported);
    let named = |prefix: &str, token: records::Token| {
        if token.is_some() { format!("{prefix}-{token}") } else { String::new() }
    };
    Personal {
        user: named("user", record.actor),
        device: named("device", record.device),
        card: named("card", record.card),
        address: named_address(record.address.0),
        name: if known { format!("{given} {family}") } else { String::new() },
        email: if known {
            format!("{given}.{family}.{:08x}@example.org", bits as u32).to_lowercase()
        } else {
            String::new()
        },
        text: if said { TEXTS[hash::wide(record.message.0) as usize % 8].into() } else { String::new() },
    }
}

/// An address of the range for private networks (RFC 4193), so that it is nobody's.
fn named_address(token: u64) -> String {
    if token == 0 {
        return String::new();
    }
    let [a, b, c, d] = [token >> 48, token >> 32, token >> 16, token].map(|part| part & 0xFFFF);
    format!("fd00::{a:x}:{b:x}:{c:x}:{d:x}")
}
