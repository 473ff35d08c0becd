//! Secrets that are shown once: keys, logins, links.

use crate::Draws;

/// Bytes of chance in a secret: nobody guesses 256 bits.
const BYTES: usize = 32;

/// A secret that begins with `prefix`, so that people and scanners of leaked secrets see what it is.
pub fn make(chance: &Draws, prefix: &str) -> String {
    use std::fmt::Write as _;
    let mut bytes = [0; BYTES];
    chance(&mut bytes);
    bytes.iter().fold(prefix.to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a key begins with.
pub(crate) const KEY: &str = "ek_";
/// What a login begins with.
pub(crate) const LOGIN: &str = "el_";
/// What a link begins with.
pub(crate) const LINK: &str = "eo_";
