//! Words: what counts as the same, and which are not wanted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The longest word of a word cloud, in letters.
pub const WORD_MAX: usize = 32;
/// The most blocked words of an event.
pub const BLOCKED_MAX: usize = 2_000;
/// The longest blocked word, in letters.
pub const BLOCKED_WORD_MAX: usize = 64;

/// What the same word comes to: small letters and digits, with one space where there was anything else between them. None
/// when nothing is left, or too much.
///
/// ```
/// use rules::engage::words::normalise;
/// assert_eq!(normalise("  Open-Source! ").as_deref(), Some("open source"));
/// assert_eq!(normalise("STRASSE"), normalise("Straße"));
/// assert_eq!(normalise("?!"), None);
/// ```
pub fn normalise(word: &str) -> Option<String> {
    let folded = parts(word).collect::<Vec<_>>().join(" ");
    (!folded.is_empty() && folded.chars().count() <= WORD_MAX).then_some(folded)
}

/// Words of a text without case: in capitals and back, so that what is written with one letter or two is the same.
fn parts(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(|part| part.to_uppercase().to_lowercase())
}

/// The words that are not wanted at an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// Counts the lists, from 1; 0 when nobody has set one.
    pub edition: u32,
    /// As they were written.
    pub words: Vec<String>,
    /// As texts are held against them.
    #[serde(skip)]
    folded: BTreeSet<String>,
}

impl Blocked {
    /// A list.
    pub fn new(edition: u32, words: Vec<String>) -> Self {
        let folded = words.iter().map(|word| parts(word).collect::<Vec<_>>().join(" ")).collect();
        Self { edition, words, folded }
    }

    /// The same, with what a snapshot leaves out.
    pub(super) fn ready(self) -> Self {
        Self::new(self.edition, self.words)
    }

    /// Whether a text holds one of them, as a whole word or as several in a row.
    pub fn holds(&self, text: &str) -> bool {
        if self.folded.is_empty() {
            return false;
        }
        let text = format!(" {} ", parts(text).collect::<Vec<_>>().join(" "));
        let single = text.split(' ').any(|part| self.folded.contains(part) && !part.is_empty());
        single || self.folded.iter().any(|word| word.contains(' ') && text.contains(&format!(" {word} ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_word_is_one_however_it_is_written() {
        for (one, other) in [("Rust", "rust!"), ("ÉTÉ", "été"), ("open  source", "Open-Source"), ("ß", "SS")] {
            assert_eq!(normalise(one), normalise(other), "{one} {other}");
        }
        for nothing in ["", " ", "—", &"x".repeat(33)] {
            assert_eq!(normalise(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn blocked_words_are_whole_words() {
        let list = Blocked::new(1, vec!["Darn".into(), "bad luck".into(), "?".into()]);
        for text in ["darn", "well, DARN it", "what bad luck!", "bad-luck"] {
            assert!(list.holds(text), "{text}");
        }
        for text in ["darning socks", "bad", "luck bad", "", "?"] {
            assert!(!list.holds(text), "{text}");
        }
        assert!(!Blocked::default().holds("darn"));
    }
}
