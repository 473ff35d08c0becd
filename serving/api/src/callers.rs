//! Who is asking: keys and logins, found by the hash of what they present. A fold over the facts; secrets are never kept.

use std::sync::RwLock;

use records::{FactRow, SecretHash, Span, Timestamp};
use rules::Directory;
use rules::access::{KeyHolder, Principal};
use tokio::sync::watch;

/// The longest secret that is looked at, bytes: longer ones are not ours, and hashing them is work for a stranger.
pub const SECRET_BYTES_MAX: usize = 256;

/// How exactly it is known when a key was last used.
pub const USE_EVERY: Span = Span::from_seconds(3_600);

/// The directory of this process.
///
/// Finding a key or login by its hash takes the same time whatever the secret's first bytes are: an attacker who
/// measures learns about BLAKE3 outputs that they cannot choose, not about secrets.
#[derive(Debug, Default)]
pub struct Callers {
    directory: RwLock<Directory>,
    // How often it changed who may do what: what stays open for long looks again then.
    changes: watch::Sender<u64>,
}

impl Callers {
    /// Applies one fact; facts about other things change nothing.
    ///
    /// # Panics
    /// When a thread panicked while it held the directory, which no code under its lock can do.
    pub fn apply(&self, row: &FactRow) {
        let changed = self.directory.write().expect("nothing panics under the lock").apply(row);
        if changed {
            self.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// Who presents the secret with this hash.
    ///
    /// # Panics
    /// As [`Callers::apply`].
    pub fn principal(&self, hash: &SecretHash, now: Timestamp) -> Option<Principal> {
        self.read(|directory| {
            let key = directory.key(hash, now).map(Principal::Key);
            key.or_else(|| directory.person(hash, now).map(Principal::Person))
        })
    }

    /// Whether it is time to tell that a key was used, to the hour.
    pub(crate) fn is_use_news(&self, holder: &KeyHolder, now: Timestamp) -> bool {
        let used = |directory: &Directory| directory.organization(holder.organization)?.keys.get(&holder.name)?.used;
        self.read(used).is_none_or(|used| now.since(used) >= USE_EVERY)
    }

    /// Asks the directory.
    ///
    /// # Panics
    /// As [`Callers::apply`].
    pub fn read<T>(&self, question: impl FnOnce(&Directory) -> T) -> T {
        question(&self.directory.read().expect("nothing panics under the lock"))
    }

    /// Changes whenever it changes who may do what.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
