//! Sealing: personal fields, free text and undeclared properties leave the door only as a blob under their subject's key.
//!
//! AES-256-GCM-SIV (RFC 8452): a repeated nonce reveals at most that two plaintexts are equal, and blobs of one subject
//! use few messages, so a 96-bit nonce drawn by the caller is ample. The associated data binds a blob to its
//! organization and subject: a blob moved to another row does not open.

use std::collections::BTreeMap;

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use serde::{Deserialize, Serialize};

use crate::id::OrganizationId;

/// A subject's secret; destroying it makes every blob sealed with it unreadable.
#[derive(Clone, PartialEq, Eq)]
pub struct SubjectKey(pub [u8; 32]);

impl std::fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SubjectKey(..)")
    }
}

/// What a record says that only its subject's key may open.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sealed {
    /// Personal fields by name: `name`, `email`, `phone`, the user id that the client used, and the like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub personal: BTreeMap<String, String>,
    /// Free text: a question, a chat message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Properties that the vocabulary does not declare, as JSON.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub properties: serde_json::Map<String, serde_json::Value>,
    /// The whole message, for unknown kinds and dead letters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub original: String,
}

impl Sealed {
    /// Whether there is nothing to seal.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a blob does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short to hold a nonce and a tag, or of an unknown version.
    #[error("sealed blob is damaged")]
    Damaged,
    /// The key is not the one it was sealed with, or the blob belongs to another row.
    #[error("sealed blob does not open with this subject's key")]
    Key,
}

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;

/// Seals `sealed` under `key` for one organization and subject; `nonce` is the caller's chance.
pub fn seal(
    key: &SubjectKey,
    organization: OrganizationId,
    subject: u64,
    nonce: [u8; 12],
    sealed: &Sealed,
) -> Box<[u8]> {
    let plain = serde_json::to_vec(sealed).expect("maps with text keys are JSON");
    let cipher = Aes256GcmSiv::new(&key.0.into());
    let bound = bound(organization, subject);
    let blob = cipher
        .encrypt(&Nonce::from(nonce), Payload { msg: &plain, aad: &bound })
        .expect("plaintexts are far below the limit of 64 GiB");
    let mut out = Vec::with_capacity(1 + NONCE_BYTES + blob.len());
    out.push(VERSION);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&blob);
    out.into()
}

/// Opens a blob that [`seal`] made.
///
/// # Errors
/// When the blob is damaged or the key is not its own.
pub fn open(key: &SubjectKey, organization: OrganizationId, subject: u64, blob: &[u8]) -> Result<Sealed, OpenError> {
    let (version, rest) = blob.split_first().ok_or(OpenError::Damaged)?;
    let (nonce, body) = rest.split_at_checked(NONCE_BYTES).ok_or(OpenError::Damaged)?;
    if *version != VERSION {
        return Err(OpenError::Damaged);
    }
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| OpenError::Damaged)?;
    let cipher = Aes256GcmSiv::new(&key.0.into());
    let bound = bound(organization, subject);
    let plain = cipher.decrypt(&Nonce::from(nonce), Payload { msg: body, aad: &bound }).map_err(|_| OpenError::Key)?;
    serde_json::from_slice(&plain).map_err(|_| OpenError::Damaged)
}

fn bound(organization: OrganizationId, subject: u64) -> [u8; 24] {
    let mut bound = [0; 24];
    bound[..16].copy_from_slice(&organization.0.to_le_bytes());
    bound[16..].copy_from_slice(&subject.to_le_bytes());
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Sealed {
        Sealed { text: "my secret question".into(), ..Sealed::default() }
    }

    #[test]
    fn a_blob_opens_only_with_its_key_in_its_row() {
        let (key, other) = (SubjectKey([1; 32]), SubjectKey([2; 32]));
        let blob = seal(&key, OrganizationId(1), 5, [9; 12], &sealed());
        assert_eq!(open(&key, OrganizationId(1), 5, &blob).unwrap(), sealed());
        assert_eq!(open(&other, OrganizationId(1), 5, &blob), Err(OpenError::Key));
        assert_eq!(open(&key, OrganizationId(2), 5, &blob), Err(OpenError::Key));
        assert_eq!(open(&key, OrganizationId(1), 6, &blob), Err(OpenError::Key));
        assert_eq!(open(&key, OrganizationId(1), 5, &blob[..4]), Err(OpenError::Damaged));
        assert!(!blob.windows(6).any(|window| window == b"secret"));
    }
}
