//! Signatures of Standard Webhooks 1.0: HMAC-SHA-256 of id, time and body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use records::{CommandId, OrganizationId, Timestamp};
use rules::webhooks::Hook;
use sha2::Sha256;

use crate::Api;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret; the standard wants 24 to 64.
const BYTES: usize = 32;

/// What webhooks of an endpoint are signed with.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key([u8; BYTES]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// As receivers are shown it.
    pub(super) fn text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(self.0))
    }

    fn signature(&self, signed: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(signed);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The header `webhook-signature`: one signature for each key, so that receivers may change theirs meanwhile.
pub(super) fn header(keys: &[Key], id: &str, seconds: i64, body: &[u8]) -> String {
    let signed = [format!("{id}.{seconds}.").as_bytes(), body].concat();
    keys.iter().map(|key| key.signature(&signed)).collect::<Vec<_>>().join(" ")
}

impl Api {
    /// A key: 256 bits of a function that only this installation can compute, of an id that is in the log.
    pub(super) fn webhook_key(&self, organization: OrganizationId, from: CommandId) -> Key {
        let text = format!("{:032x}", from.0);
        let quarter = |number: u8| self.subjects().token(organization, &format!("webhook key {number}"), &text).0;
        let mut key = [0; BYTES];
        for (number, bytes) in (0..).zip(key.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&quarter(number).to_le_bytes());
        }
        Key(key)
    }

    /// All keys that are in force, the newest first.
    pub(super) fn webhook_keys(&self, organization: OrganizationId, hook: &Hook, now: Timestamp) -> Vec<Key> {
        let old = hook.old.filter(|(_, until)| *until > now).map(|(key, _)| key);
        std::iter::once(hook.key).chain(old).map(|key| self.webhook_key(organization, key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard's own test suite (standard-webhooks/standard-webhooks, libraries/python).
    #[test]
    fn the_standards_example_has_its_signature() {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()).unwrap();
        mac.update(br#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#);
        assert_eq!(STANDARD.encode(mac.finalize().into_bytes()), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let keys = [Key([1; BYTES]), Key([2; BYTES])];
        let header = header(&keys, "msg_1", 7, b"{}");
        let parts: Vec<&str> = header.split(' ').collect();
        assert_eq!(parts, [keys[0].signature(b"msg_1.7.{}"), keys[1].signature(b"msg_1.7.{}")]);
        assert!(keys[0].text().starts_with(PREFIX));
    }
}
