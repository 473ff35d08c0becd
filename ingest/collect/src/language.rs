//! The language of free text, as far as it is plain: computed at the door, because afterwards the text is sealed.
//!
//! Scripts that one language uses decide alone; scripts of several give `und-` and the script (BCP 47). Latin text is
//! told by its commonest short words. Unsure means no answer: a wrong language is worse than none.

/// Short words that are frequent in one language and not words of the others here. Lower case.
const WORDS: &[(&str, &[&str])] = &[
    (
        "de",
        &["der", "das", "und", "ist", "nicht", "ich", "wir", "mit", "ein", "eine", "auf", "für", "wie", "auch", "gibt"],
    ),
    (
        "en",
        &["the", "and", "is", "are", "you", "this", "that", "with", "what", "how", "will", "have", "for", "of", "to"],
    ),
    (
        "es",
        &[
            "el", "los", "las", "y", "por", "está", "cómo", "muy", "pero", "gracias", "hay", "qué", "esta", "del",
            "para",
        ],
    ),
    (
        "fr",
        &["le", "les", "et", "est", "vous", "nous", "pas", "une", "dans", "avec", "pour", "ce", "je", "des", "merci"],
    ),
    (
        "it",
        &["il", "gli", "che", "è", "sono", "non", "della", "questo", "grazie", "anche", "perché", "nel", "di", "ciao"],
    ),
    ("nl", &["het", "een", "van", "niet", "zijn", "ik", "dat", "wij", "voor", "ook", "maar", "naar", "hoe", "dit"]),
    ("pt", &["os", "uma", "não", "você", "obrigado", "muito", "são", "isso", "com", "da", "em", "mais", "ao"]),
];

/// Words of a text that are looked at; more tell nothing new.
const WORDS_MAX: usize = 200;
/// Hits without which no language is named.
const HITS_MIN: usize = 2;

/// The BCP 47 tag of a text's language; empty when unsure.
pub fn of(text: &str) -> &'static str {
    match script(text) {
        Script::Latin => latin(text),
        Script::Other(tag) => tag,
    }
}

enum Script {
    Latin,
    Other(&'static str),
}

/// The script of most of the first letters.
fn script(text: &str) -> Script {
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    for letter in text.chars().filter(|letter| letter.is_alphabetic()).take(WORDS_MAX) {
        *counts.entry(script_of(letter)).or_default() += 1;
    }
    // Japanese mixes kana with Chinese characters: any kana tells.
    if counts.contains_key("ja") {
        return Script::Other("ja");
    }
    match counts.into_iter().max_by_key(|(_, count)| *count) {
        Some((tag, _)) if !tag.is_empty() => Script::Other(tag),
        _ => Script::Latin,
    }
}

fn script_of(letter: char) -> &'static str {
    match letter {
        '\u{370}'..='\u{3FF}' => "el",
        '\u{400}'..='\u{52F}' => "und-Cyrl",
        '\u{590}'..='\u{5FF}' => "he",
        '\u{600}'..='\u{6FF}' => "und-Arab",
        '\u{900}'..='\u{97F}' => "und-Deva",
        '\u{E00}'..='\u{E7F}' => "th",
        '\u{3040}'..='\u{30FF}' => "ja",
        '\u{4E00}'..='\u{9FFF}' => "zh",
        '\u{AC00}'..='\u{D7AF}' => "ko",
        _ => "",
    }
}

fn latin(text: &str) -> &'static str {
    let mut hits = [0usize; WORDS.len()];
    for word in text.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty()).take(WORDS_MAX) {
        let word = word.to_lowercase();
        for (place, (_, words)) in WORDS.iter().enumerate() {
            hits[place] += usize::from(words.contains(&word.as_str()));
        }
    }
    let best = hits.iter().copied().max().unwrap_or(0);
    let mut winners = WORDS.iter().zip(hits).filter(|(_, count)| *count == best);
    match (winners.next(), winners.next()) {
        (Some(((tag, _), _)), None) if best >= HITS_MIN => tag,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn plain_texts_are_told() {
        for (text, tag) in [
            ("Will the slides be available? And how do you scale this?", "en"),
            ("Gibt es die Folien auch zum Herunterladen, und wie ist das mit dem WLAN?", "de"),
            ("Est-ce que les vidéos sont dans le nuage avec vous ?", "fr"),
            ("¿Cómo está el wifi? Muchas gracias por los talleres", "es"),
            ("Grazie, è stato bello: che bravi sono gli autori", "it"),
            ("Het is niet duidelijk voor een beginner", "nl"),
            ("Muito obrigado, isso não é mais um problema", "pt"),
            ("これは日本語です", "ja"),
            ("会议什么时候开始", "zh"),
            ("Когда начинается доклад?", "und-Cyrl"),
        ] {
            assert_eq!(of(text), tag, "{text}");
        }
    }

    #[test]
    fn unsure_is_empty() {
        for text in ["", "ok", "lol +1", "🎉🎉🎉", "Kubernetes Tokio Rust", "123 456"] {
            assert_eq!(of(text), "", "{text}");
        }
    }
}
