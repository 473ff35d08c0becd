//! The key store: who is behind a pseudonym, and the keys that seal what is personal.
//!
//! Two files stand beside the log: `secret.key`, the secret of the installation, and `subjects.keys`, slots of 128
//! bytes. A slot holds a keyed hash of (organization, plaintext id), a random token, and a random key; never a
//! plaintext. Slots are appended and synced **before** the record that needs them; erasure overwrites them with zeros
//! in place, so nothing is left to compute the token or the key from again. (In place means what the file system makes
//! of it: one that copies on write, or a flash drive, may keep the old block until it is trimmed. Backups of
//! `subjects.keys` must expire.) Numbers of slots are never used twice.

mod bound;
mod erase;
mod keys;
mod secret;
mod slot;
mod store;

pub use bound::Named;
pub use erase::Erasure;
pub use keys::{Chance, OpenSealedError, Opened, Person, Subjects, SubjectsError, Who};
pub use secret::SECRET_FILE;
pub use store::KEYS_FILE;
