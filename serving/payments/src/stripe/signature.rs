//! `Stripe-Signature`: HMAC-SHA256 of the time and the body under the endpoint's secret.

use hmac::{Hmac, KeyInit as _, Mac as _};
use records::Timestamp;
use sha2::Sha256;

use crate::failure::Unheard;

/// How long ago, or ahead, a message may have been signed: what Stripe's own libraries take.
const TOLERANCE_S: i64 = 300;
/// Signatures of one message that are tried: two while a secret is rolled.
const SIGNATURES_MAX: usize = 8;

/// Believes a message, or says why not. Signatures are compared in constant time.
pub(super) fn check(secret: &str, header: &str, body: &[u8], now: Timestamp) -> Result<(), Unheard> {
    let fields = || header.split(',').filter_map(|field| field.trim().split_once('='));
    let signed = fields().find(|(name, _)| *name == "t").map(|(_, text)| text).ok_or(Unheard::Unsigned)?;
    let at: i64 = signed.parse().map_err(|_| Unheard::Unsigned)?;
    let signatures = fields().filter(|(name, _)| *name == "v1").filter_map(|(_, text)| digits(text));
    let signatures: Vec<[u8; 32]> = signatures.take(SIGNATURES_MAX).collect();
    if signatures.is_empty() || secret.is_empty() {
        return Err(Unheard::Unsigned);
    }
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| Unheard::Unsigned)?;
    let mac = mac.chain_update(signed.as_bytes()).chain_update(b".").chain_update(body);
    if !signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok()) {
        return Err(Unheard::Forged);
    }
    // After the signature: the time is what was signed.
    if now.seconds().abs_diff(at) > TOLERANCE_S.unsigned_abs() {
        return Err(Unheard::Stale);
    }
    Ok(())
}

/// 64 hexadecimal digits.
fn digits(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
    /// Made with `openssl dgst -sha256 -hmac whsec_test` of `1700000000.{"id":"evt_1"}`.
    const SIGNED: &str = "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925";
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    fn heard(header: &str, body: &[u8], now: Timestamp) -> Result<(), Unheard> {
        check("whsec_test", header, body, now)
    }

    #[test]
    fn a_message_is_believed_with_one_good_signature_among_several() {
        let other = "0".repeat(64);
        for header in [
            format!("t=1700000000,v1={SIGNED}"),
            format!("t=1700000000,v1={other},v1={SIGNED},v0=x"),
            format!("v1={SIGNED}, t=1700000000"),
        ] {
            assert_eq!(heard(&header, BODY, NOW), Ok(()), "{header}");
        }
    }

    #[test]
    fn what_was_changed_or_signed_at_another_time_is_not_believed() {
        let good = format!("t=1700000000,v1={SIGNED}");
        assert_eq!(heard(&good, br#"{"id":"evt_2"}"#, NOW), Err(Unheard::Forged));
        assert_eq!(heard(&format!("t=1700000001,v1={SIGNED}"), BODY, NOW), Err(Unheard::Forged));
        assert_eq!(check("whsec_other", &good, BODY, NOW), Err(Unheard::Forged));
        for late in [-301, 301] {
            let now = Timestamp::from_seconds(1_700_000_000 + late);
            assert_eq!(heard(&good, BODY, now), Err(Unheard::Stale), "{late}");
        }
        assert_eq!(heard(&good, BODY, Timestamp::from_seconds(1_700_000_300)), Ok(()));
        for unsigned in ["", "t=1700000000", "v1=ab", "t=x,v1=ab", &format!("t=1700000000,v0={SIGNED}")] {
            assert_eq!(heard(unsigned, BODY, NOW), Err(Unheard::Unsigned), "{unsigned}");
        }
        assert_eq!(check("", &good, BODY, NOW), Err(Unheard::Unsigned));
    }
}
