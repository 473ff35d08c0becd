//! Keys: who is asking, and what they may do. A fold over the facts of keys; secrets are never kept.

use std::collections::BTreeMap;
use std::sync::RwLock;

use records::fact::Scope;
use records::{Fact, FactRow, OrganizationId};
use tokio::sync::watch;

/// BLAKE3 of a key.
pub type KeyHash = [u8; 32];

/// The longest key that is looked at, bytes: longer ones are not ours, and hashing them is work for a stranger.
pub const KEY_BYTES_MAX: usize = 256;

/// Who is asking: always exactly one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The tenant to which everything that the caller writes or reads belongs.
    pub organization: OrganizationId,
    /// The name of the key, for logs.
    pub key: String,
    scopes: Vec<Scope>,
    hash: KeyHash,
}

impl Principal {
    /// Returns whether the key may do this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// The keys that may be used now, by their hash.
///
/// Finding a key by its hash takes the same time whatever the key's first bytes are: an attacker who measures learns
/// about BLAKE3 outputs that they cannot choose, not about keys.
#[derive(Debug, Default)]
pub struct KeyRing {
    keys: RwLock<BTreeMap<KeyHash, Principal>>,
    // How often keys changed: what stays open for long looks again then.
    changes: watch::Sender<u64>,
}

impl KeyRing {
    /// An empty ring.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies one fact; facts about other things change nothing.
    ///
    /// # Panics
    /// When a thread panicked while it held the ring, which no code under its lock can do.
    pub fn apply(&self, row: &FactRow) {
        match row.known() {
            Some(Fact::KeyAdded { key, hash, scopes }) => {
                let Some(hash) = parse_hash(hash) else {
                    tracing::error!(key, "key fact holds no BLAKE3 hash; the key cannot be used");
                    return;
                };
                let principal =
                    Principal { organization: row.organization, key: key.clone(), scopes: scopes.clone(), hash };
                let mut keys = self.keys.write().expect("nothing panics under the lock");
                // A name stands for one key: adding it again replaces it.
                keys.retain(|_, known| !(known.organization == row.organization && known.key == *key));
                keys.insert(hash, principal);
                drop(keys);
                self.changes.send_modify(|changes| *changes += 1);
            }
            Some(Fact::KeyRevoked { key }) => {
                let mut keys = self.keys.write().expect("nothing panics under the lock");
                keys.retain(|_, known| !(known.organization == row.organization && known.key == *key));
                drop(keys);
                self.changes.send_modify(|changes| *changes += 1);
            }
            _ => {}
        }
    }

    /// Who presents this key.
    ///
    /// # Panics
    /// As [`KeyRing::apply`].
    pub fn principal(&self, key: &str) -> Option<Principal> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return None;
        }
        self.keys.read().expect("nothing panics under the lock").get(&hash(key)).cloned()
    }

    /// Whether somebody who was let in is still the holder of a usable key, with the same scopes.
    ///
    /// # Panics
    /// As [`KeyRing::apply`].
    pub fn holds(&self, principal: &Principal) -> bool {
        let keys = self.keys.read().expect("nothing panics under the lock");
        keys.get(&principal.hash).is_some_and(|known| known == principal)
    }

    /// Changes whenever keys do.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// How many keys may be used.
    ///
    /// # Panics
    /// As [`KeyRing::apply`].
    pub fn len(&self) -> usize {
        self.keys.read().expect("nothing panics under the lock").len()
    }

    /// Whether no key may be used.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The hash under which a key is kept.
pub fn hash(key: &str) -> KeyHash {
    *blake3::hash(key.as_bytes()).as_bytes()
}

/// The hash as facts hold it: 64 hexadecimal digits.
pub fn hash_text(key: &str) -> String {
    blake3::hash(key.as_bytes()).to_hex().to_string()
}

fn parse_hash(text: &str) -> Option<KeyHash> {
    blake3::Hash::from_hex(text).ok().map(|hash| *hash.as_bytes())
}

#[cfg(test)]
mod tests {
    use records::Timestamp;

    use super::*;

    fn fact(organization: u128, fact: Fact) -> FactRow {
        FactRow::new(OrganizationId(organization), Timestamp(1), fact)
    }

    fn added(key: &str, secret: &str, scopes: &[Scope]) -> Fact {
        Fact::KeyAdded { key: key.into(), hash: hash_text(secret), scopes: scopes.to_vec() }
    }

    #[test]
    fn a_key_names_its_organization_and_scopes() {
        let ring = KeyRing::new();
        ring.apply(&fact(1, added("web", "secret-1", &[Scope::Write])));
        let principal = ring.principal("secret-1").unwrap();
        assert_eq!(principal.organization, OrganizationId(1));
        assert!(principal.may(Scope::Write) && !principal.may(Scope::Read));
        assert_eq!(ring.principal("secret-2"), None);
        assert_eq!(ring.principal(""), None);
    }

    #[test]
    fn a_revoked_key_is_unknown_and_another_organizations_key_stays() {
        let ring = KeyRing::new();
        ring.apply(&fact(1, added("web", "secret-1", &[Scope::Write])));
        ring.apply(&fact(2, added("web", "secret-2", &[Scope::Write])));
        ring.apply(&fact(1, Fact::KeyRevoked { key: "web".into() }));
        assert_eq!(ring.principal("secret-1"), None);
        assert!(ring.principal("secret-2").is_some());
    }

    #[test]
    fn adding_a_name_again_replaces_its_key() {
        let ring = KeyRing::new();
        ring.apply(&fact(1, added("web", "old", &[Scope::Write])));
        let before = ring.principal("old").unwrap();
        assert!(ring.holds(&before));
        ring.apply(&fact(1, added("web", "new", &[Scope::Write])));
        assert!(!ring.holds(&before), "another key under the same name is not the one that was let in");
        assert_eq!((ring.principal("old"), ring.len()), (None, 1));
    }
}
