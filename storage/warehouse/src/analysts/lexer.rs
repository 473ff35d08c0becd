//! Tokens of a statement, as ClickHouse's lexer cuts them, and a refusal of what could be cut in two ways.
//!
//! Whoever disagrees with the engine about where a text literal ends reads code as text. So everything rare whose reading is
//! not beyond doubt (dollar quotes, typographic quotes, `#` comments) is refused outside of literals, and a test compares the
//! cuts with those of the engine.

use super::Forbidden;

/// One token; blanks and comments are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A word: keyword, name, function.
    Word(&'a str),
    /// A name in back quotes or double quotes, without them. It holds no backslash.
    Quoted(&'a str),
    /// A text literal, as written, with its quotes.
    Text(&'a str),
    /// A number.
    Number,
    /// Anything else: one character.
    Sign(char),
}

impl<'a> Token<'a> {
    /// The name that a word or a quoted name stands for.
    pub(crate) fn name(self) -> Option<&'a str> {
        match self {
            Self::Word(name) | Self::Quoted(name) => Some(name),
            _ => None,
        }
    }

    /// Whether it is this keyword.
    pub(crate) fn is(self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

/// Cuts a statement into tokens.
///
/// # Errors
/// When a literal or comment does not end, or something stands outside of literals that is not taken here.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Forbidden> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        at += match next {
            _ if is_blank(next) => next.len_utf8(),
            '-' if text[at..].starts_with("--") => line(&text[at..]),
            '/' if text[at..].starts_with("//") => line(&text[at..]),
            '/' if text[at..].starts_with("/*") => comment(&text[at..])?,
            '\'' | '"' | '`' => {
                let (token, length) = quoted(&text[at..], next)?;
                tokens.push(token);
                length
            }
            'x' | 'X' | 'b' | 'B' if text[at + 1..].starts_with('\'') => {
                return Err(Forbidden::sign("a text in hexadecimal or binary"));
            }
            '0'..='9' => {
                tokens.push(Token::Number);
                if text[..at].ends_with('.') { element(&text[at..])? } else { number(&text[at..])? }
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let length = run(&text[at..]);
                tokens.push(Token::Word(&text[at..at + length]));
                length
            }
            // `.e5` is a number unless a name stands before it.
            '.' if is_exponent(&text[at + 1..]) && !text[..at].ends_with(is_end_of_name) => {
                return Err(Forbidden::sign(".e"));
            }
            '$' | '#' | '\\' => return Err(Forbidden::sign(&next.to_string())),
            _ if next.is_ascii() => {
                tokens.push(Token::Sign(next));
                1
            }
            // Typographic quotes are quotes to the engine, a typographic minus is a minus.
            other => return Err(Forbidden::sign(&other.to_string())),
        };
    }
    Ok(tokens)
}

fn is_exponent(text: &str) -> bool {
    let rest = text.strip_prefix(['e', 'E']);
    rest.is_some_and(|rest| rest.starts_with(['+', '-']) || rest.starts_with(|sign: char| sign.is_ascii_digit()))
}

fn is_end_of_name(sign: char) -> bool {
    sign.is_ascii_alphabetic() || matches!(sign, '_' | '`' | '"' | ')' | ']')
}

/// The engine takes these control characters for blanks.
fn is_blank(sign: char) -> bool {
    matches!(sign, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// The length of a number: `1_000`, `1.5e-3`. What goes on as a word (`0x1F`) is refused: where the number ends then depends
/// on what stands before it.
fn number(text: &str) -> Result<usize, Forbidden> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'_').count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
        end += 1;
        end += digits(end);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end += 1 + sign;
            end += digits(end);
        }
    }
    // `1.b` may be a number with a point and a word, or a wrong number.
    let point = usize::from(bytes.get(end) == Some(&b'.'));
    match run(&text[end + point..]) {
        0 => Ok(end),
        _ => Err(Forbidden::sign(&text[..end + point + run(&text[end + point..])])),
    }
}

/// The length of a tuple's element (`t.1`), or of what follows the point of `.5`.
fn element(text: &str) -> Result<usize, Forbidden> {
    let word = &text[..run(text)];
    if word.bytes().all(|byte| byte.is_ascii_digit()) { Ok(word.len()) } else { Err(Forbidden::sign(word)) }
}

/// The length of a word.
fn run(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

/// The length of a comment that ends with its line.
fn line(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// The length of a comment in slashes and stars; they nest.
fn comment(text: &str) -> Result<usize, Forbidden> {
    let (mut depth, mut at) = (0_u32, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Ok(at);
                }
            }
            _ => at += 1,
        }
    }
    Err(Forbidden::sign("a comment that does not end"))
}

/// A literal in quotes and its length. A quote in it is doubled or follows a backslash.
fn quoted(text: &str, quote: char) -> Result<(Token<'_>, usize), Forbidden> {
    let bytes = text.as_bytes();
    let quote_byte = quote as u8;
    let (mut at, mut escaped) = (1, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => {
                escaped = true;
                at += 2;
            }
            byte if byte == quote_byte && bytes.get(at + 1) == Some(&quote_byte) => {
                escaped = true;
                at += 2;
            }
            byte if byte == quote_byte => {
                let length = at + 1;
                return match quote {
                    '\'' => Ok((Token::Text(&text[..length]), length)),
                    _ if escaped => Err(Forbidden::sign("a quoted name with a quote or a backslash in it")),
                    _ => Ok((Token::Quoted(&text[1..at]), length)),
                };
            }
            _ => at += 1,
        }
    }
    Err(Forbidden::sign("a quote that does not end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_comments_and_names_are_told_apart() {
        let text = r#"SELECT a1, `b c`, "d", 'it''s \' -- no', 1.5 /* x /* y */ z */ -- rest
            FROM t // end"#;
        let found = tokens(text).unwrap();
        let names: Vec<&str> = found.iter().filter_map(|token| token.name()).collect();
        assert_eq!(names, ["SELECT", "a1", "b c", "d", "FROM", "t"]);
        assert!(found.contains(&Token::Text(r"'it''s \' -- no'")));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            "select $$x$$",
            "select a$b",
            "select # x",
            "select 'x",
            "select /* x",
            "select `a\\x66`",
            "select `a``b`",
            "select \u{2018}x\u{2019}",
            "select x'41'",
            "select \\'x'",
            "select\u{a0}1",
        ] {
            assert!(tokens(text).is_err(), "{text}");
        }
        assert!(tokens("select t1.event, t.1, t.e5, .5, 1e5, 1_000.5 from t1").is_ok());
        assert!(tokens("select 'жж \u{2018} $$ # \u{a0}'").is_ok(), "inside of a literal everything may stand");
    }
}
