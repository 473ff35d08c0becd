//! Masks values that look personal before they land.
//!
//! A net, not a wall: personal fields are declared and never land at all. This catches what clients put into properties
//! that nobody declared.

use std::borrow::Cow;

/// What stands for a masked value.
const MASK: &str = "[masked]";
/// Phone numbers have 7 to 15 digits (ITU-T E.164), cards 12 to 19 (ISO/IEC 7812); dates have 8, so shorter runs pass
/// unless they are written as phone numbers are.
const LONG_DIGITS: usize = 9;
const PHONE_DIGITS: usize = 7;

/// Returns the text, or a mask when it holds what looks like a mail address, a phone or card number, or a network address.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    if has_mail(text) || has_number(text) || has_network_address(text) {
        Cow::Borrowed(MASK)
    } else {
        Cow::Borrowed(text)
    }
}

fn has_mail(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        let before = text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        let host = text[at + 1..].split(|c: char| !(c.is_alphanumeric() || c == '.' || c == '-')).next().unwrap_or("");
        before && host.contains('.') && !host.starts_with('.')
    })
}

/// A run of digits, with the marks that people write between them, that is long enough to name somebody.
fn has_number(text: &str) -> bool {
    let (mut digits, mut plus) = (0, false);
    for c in text.chars() {
        match c {
            '0'..='9' => digits += 1,
            ' ' | '-' | '(' | ')' | '/' => {}
            _ => {
                digits = 0;
                plus = c == '+';
            }
        }
        if digits >= LONG_DIGITS || (plus && digits >= PHONE_DIGITS) {
            return true;
        }
    }
    false
}

fn has_network_address(text: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':'))
        .any(|word| word.contains(['.', ':']) && word.parse::<std::net::IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn what_looks_personal_is_masked() {
        for text in [
            "ana@example.org",
            "mail ana.b+x@mail.example.co.uk now",
            "+49 170 1234567",
            "(030) 1234-5678-9",
            "4111 1111 1111 1111",
            "from 192.168.0.1",
            "2001:db8::1",
            r#"{"contact":"ana@example.org"}"#,
        ] {
            assert_eq!(masked(text), "[masked]", "{text}");
        }
    }

    #[test]
    fn plain_values_pass() {
        for text in ["gold", "2026-11-20", "1234567", "@home", "3.14", "a@b", "v1.2.3", "12:30", ""] {
            assert_eq!(masked(text), text);
        }
    }
}
