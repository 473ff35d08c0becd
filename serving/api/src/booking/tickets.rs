//! Tickets as devices read them: signed, so that a door without a connection can tell them from what anybody might print.
//!
//! A ticket with a window of validity has `EV2`, and 16 bytes more behind the revision: from when and until when it lets in,
//! microseconds since 1970, the lowest and highest number for no bound; its signed words are `eventra ticket 2`.
//!
//! A ticket's text is `EV1` and the base45 (RFC 9285) of 116 bytes, which QR codes hold densely: event (16), ticket (16),
//! product (16) in UUID order, revision (4, big-endian), and the Ed25519 signature (64) of
//! what is before it, after the words `eventra ticket 1`. The public key of an organization is told with its doors.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use records::booking::Validity;
use records::{EventId, ItemId, OrganizationId, TicketId};

use crate::Api;

/// What a ticket says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) event: EventId,
    pub(crate) ticket: TicketId,
    pub(crate) product: ItemId,
    pub(crate) revision: u32,
}

const PREFIX: &str = "EV1";
const CONTEXT: &[u8] = b"eventra ticket 1";
const CLAIMS: usize = 52;
/// The same for tickets with a window.
const PREFIX_VALID: &str = "EV2";
const CONTEXT_VALID: &[u8] = b"eventra ticket 2";
const CLAIMS_VALID: usize = CLAIMS + 16;

impl Claims {
    fn bytes(&self) -> [u8; CLAIMS] {
        let mut bytes = [0; CLAIMS];
        bytes[..16].copy_from_slice(&self.event.0.to_be_bytes());
        bytes[16..32].copy_from_slice(&self.ticket.0.to_be_bytes());
        bytes[32..48].copy_from_slice(&self.product.0.to_be_bytes());
        bytes[48..52].copy_from_slice(&self.revision.to_be_bytes());
        bytes
    }

    fn signed(&self) -> Vec<u8> {
        [CONTEXT, &self.bytes()].concat()
    }

    /// The text of a ticket that lets in at some time only, so that a door without a connection knows it.
    pub(crate) fn text_valid(&self, valid: Validity, key: &SigningKey) -> String {
        if valid == Validity::default() {
            return self.text(key);
        }
        let (from, until) = (valid.from.map_or(i64::MIN, |at| at.0), valid.until.map_or(i64::MAX, |at| at.0));
        let bytes = [&self.bytes()[..], &from.to_be_bytes(), &until.to_be_bytes()].concat();
        let signature = key.sign(&[CONTEXT_VALID, &bytes].concat());
        PREFIX_VALID.to_owned() + &base45::encode([&bytes[..], &signature.to_bytes()].concat())
    }

    /// The text of a ticket that always lets in.
    pub(crate) fn text(&self, key: &SigningKey) -> String {
        let signature = key.sign(&self.signed());
        PREFIX.to_owned() + &base45::encode([&self.bytes()[..], &signature.to_bytes()].concat())
    }

    /// Reads a ticket's text; none when it is not one that the key has signed.
    pub(crate) fn read(text: &str, key: &VerifyingKey) -> Option<Self> {
        let text = text.trim();
        let (rest, context, length) = match text.strip_prefix(PREFIX) {
            Some(rest) => (rest, CONTEXT, CLAIMS),
            None => (text.strip_prefix(PREFIX_VALID)?, CONTEXT_VALID, CLAIMS_VALID),
        };
        let bytes = base45::decode(rest).ok()?;
        let (claims, signature) = bytes.split_at_checked(length)?;
        let signature = Signature::from_slice(signature).ok()?;
        key.verify(&[context, claims].concat(), &signature).ok()?;
        let part = |from: usize| -> u128 {
            u128::from_be_bytes(claims[from..from + 16].try_into().expect("sixteen bytes are sixteen bytes"))
        };
        let revision = u32::from_be_bytes(claims[48..52].try_into().expect("four bytes are four bytes"));
        let (event, ticket, product) = (EventId(part(0)), TicketId(part(16)), ItemId(part(32)));
        Some(Self { event, ticket, product, revision })
    }
}

/// Reads bytes as a ticket's text; then makes a ticket of them, and reads that.
///
/// # Panics
/// When a text is believed that nobody signed, or a signed one is not.
pub(super) fn read_again(bytes: &[u8]) {
    let key = SigningKey::from_bytes(&[7; 32]);
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert_eq!(Claims::read(text, &key.verifying_key()), None, "nobody forges a ticket");
    }
    let mut all = [0; CLAIMS_VALID];
    let length = bytes.len().min(all.len());
    all[..length].copy_from_slice(&bytes[..length]);
    let part = |from: usize| u128::from_be_bytes(all[from..from + 16].try_into().expect("sixteen bytes"));
    let time = |from: usize| i64::from_be_bytes(all[from..from + 8].try_into().expect("eight bytes"));
    let revision = u32::from_be_bytes(all[48..52].try_into().expect("four bytes"));
    let (event, ticket, product) = (EventId(part(0)), TicketId(part(16)), ItemId(part(32)));
    let claims = Claims { event, ticket, product, revision };
    let at = |from: usize| Some(records::Timestamp(time(from))).filter(|at| at.0 != 0);
    for text in [claims.text(&key), claims.text_valid(Validity { from: at(52), until: at(60) }, &key)] {
        assert_eq!(Claims::read(&text, &key.verifying_key()), Some(claims), "a ticket reads back");
    }
}

/// The code as a picture; none for a text that no code holds.
pub(crate) fn svg(text: &str) -> Option<String> {
    let code = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::M).ok()?;
    Some(code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(240, 240).build())
}

impl Api {
    /// The key that an organization's tickets are signed with: a function of the installation's secret.
    pub(crate) fn ticket_key(&self, organization: OrganizationId) -> Arc<SigningKey> {
        self.booking.keys.of(organization, || {
            let quarter = |number: u8| self.subjects().token(organization, "ticket key", &number.to_string()).0;
            let mut seed = [0; 32];
            for (number, bytes) in (0..).zip(seed.chunks_exact_mut(8)) {
                bytes.copy_from_slice(&quarter(number).to_le_bytes());
            }
            SigningKey::from_bytes(&seed)
        })
    }
}

/// Keys that were made before: making one takes as long as signing. As many as organizations sell.
#[derive(Default)]
pub(crate) struct Keys(RwLock<BTreeMap<OrganizationId, Arc<SigningKey>>>);

impl Keys {
    fn of(&self, organization: OrganizationId, make: impl FnOnce() -> SigningKey) -> Arc<SigningKey> {
        if let Some(known) = self.0.read().expect("nothing panics under the lock").get(&organization) {
            return Arc::clone(known);
        }
        let made = Arc::new(make());
        self.0.write().expect("nothing panics under the lock").insert(organization, Arc::clone(&made));
        made
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the scanner page's tests read.
    const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dashboards/web/scan/ticket.vectors.json");

    #[test]
    fn the_scanner_page_reads_the_tickets_that_are_signed_here() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let text = |number: u128| {
            let (event, product) = (EventId::parse("conf").unwrap(), ItemId::parse("pass").unwrap());
            let claims = Claims { event, ticket: TicketId(number << 64 | 5), product, revision: number as u32 };
            let digits = |id: u128| format!("{id:032x}");
            let (event, ticket) = (digits(claims.event.0), claims.ticket);
            let product = digits(claims.product.0);
            serde_json::json!({
                "text": claims.text(&key), "event": event, "ticket": ticket, "product": product,
                "revision": claims.revision,
            })
        };
        let tickets: Vec<_> = (1..=5).map(text).collect();
        let public_key =
            base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, key.verifying_key().as_bytes());
        let vectors = serde_json::json!({"public_key": public_key, "tickets": tickets}).to_string() + "\n";
        if std::env::var_os("EVENTRA_WRITE_VECTORS").is_some() {
            std::fs::write(VECTORS, &vectors).unwrap();
        }
        let written = std::fs::read_to_string(VECTORS).unwrap_or_default();
        assert!(written == vectors, "tickets have changed: EVENTRA_WRITE_VECTORS=1 cargo test -p api scanner_page");
    }

    #[test]
    fn a_ticket_reads_back_and_a_changed_one_does_not() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let claims = Claims { event: EventId(1), ticket: TicketId(2), product: ItemId(3), revision: 4 };
        let text = claims.text(&key);
        assert_eq!(Claims::read(&text, &key.verifying_key()), Some(claims));
        assert!(text.len() < 200 && text.bytes().all(|byte| byte.is_ascii_uppercase() || !byte.is_ascii_lowercase()));
        let window = Validity { from: Some(records::Timestamp(7)), until: None };
        let valid = claims.text_valid(window, &key);
        assert_eq!(Claims::read(&valid, &key.verifying_key()), Some(claims));
        assert!(valid.starts_with(PREFIX_VALID) && claims.text_valid(Validity::default(), &key) == text);
        // One cannot be read as the other: what they sign begins otherwise.
        assert_eq!(Claims::read(&valid.replace(PREFIX_VALID, PREFIX), &key.verifying_key()), None);
        for place in PREFIX.len()..valid.len() {
            let mut changed = valid.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(Claims::read(&String::from_utf8(changed).unwrap(), &key.verifying_key()), None, "{place}");
        }
        let other = SigningKey::from_bytes(&[8; 32]);
        assert_eq!(Claims::read(&text, &other.verifying_key()), None);
        for place in PREFIX.len()..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(Claims::read(&changed, &key.verifying_key()), None, "{place}");
        }
        for wrong in ["", "EV1", "EV2AAAA", &text[..text.len() - 1]] {
            assert_eq!(Claims::read(wrong, &key.verifying_key()), None);
        }
    }
}
