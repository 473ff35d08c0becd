//! What the line editor knows of SQL: when a statement is whole, and which words may come next.

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

/// Words that are worth a Tab.
const KEYWORDS: &[&str] = &[
    "ALTER",
    "AND",
    "ARRAY JOIN",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "COUNT",
    "CREATE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXPLAIN",
    "FINAL",
    "FORMAT",
    "FROM",
    "GROUP BY",
    "HAVING",
    "ILIKE",
    "IN",
    "INSERT INTO",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LEFT JOIN",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER BY",
    "PREWHERE",
    "SELECT",
    "SETTINGS",
    "SHOW",
    "SHOW TABLES",
    "SUM",
    "TABLE",
    "THEN",
    "UNION ALL",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];

const COMMANDS: &[&str] = &["\\?", "\\d ", "\\format ", "\\q", "\\tables"];

/// The editor's helper.
#[derive(Debug)]
pub(crate) struct Assistant {
    names: Vec<String>,
}

impl Assistant {
    /// `names` are the tables and columns of the database.
    pub(crate) fn new(names: Vec<String>) -> Self {
        Self { names }
    }
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(completions(&line[..at], &self.names))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(context.input()) { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Hinter for Assistant {
    type Hint = String;
}
impl Highlighter for Assistant {}
impl Helper for Assistant {}

/// The start of the word before the cursor, and what it may become; keywords keep the case that was begun.
fn completions(before: &str, names: &[String]) -> (usize, Vec<String>) {
    if before.starts_with('\\') && !before.contains(' ') {
        return (
            0,
            COMMANDS
                .iter()
                .filter(|command| command.starts_with(before))
                .map(|command| (*command).to_owned())
                .collect(),
        );
    }
    let start = before
        .rfind(|c: char| !(c.is_alphanumeric() || c == '_'))
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let word = &before[start..];
    if word.is_empty() {
        return (start, Vec::new());
    }
    let upper = word.to_uppercase();
    let lower_case = word.chars().all(|c| !c.is_uppercase());
    let keywords = KEYWORDS.iter().filter(|keyword| keyword.starts_with(&upper));
    let mut found: Vec<String> = names.iter().filter(|name| name.starts_with(word)).cloned().collect();
    found.extend(keywords.map(|keyword| if lower_case { keyword.to_lowercase() } else { (*keyword).to_owned() }));
    (start, found)
}

/// A command is whole at once, a statement with its `;`. One inside quotes or a comment ends nothing.
pub(crate) fn is_whole(input: &str) -> bool {
    let text = input.trim();
    text.is_empty() || text.starts_with('\\') || statement_end(text).is_some()
}

/// Where the first statement's `;` is.
pub(crate) fn statement_end(text: &str) -> Option<usize> {
    let mut quote: Option<char> = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                characters.next();
            }
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '-') if characters.next_if(|(_, next)| *next == '-').is_some() => {
                while characters.next_if(|(_, next)| *next != '\n').is_some() {}
            }
            (None, ';') => return Some(at),
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statement_ends_at_its_own_semicolon() {
        assert!(is_whole("select 1;"));
        assert!(is_whole("\\tables"));
        assert!(is_whole("  "));
        for open in ["select 1", "select ';'", "select 'a\\';", "select 1 -- done;", "select `a;`"] {
            assert!(!is_whole(open), "{open}");
        }
        assert!(is_whole("select ';' -- x;\n;"));
    }

    #[test]
    fn words_are_completed_from_tables_columns_and_keywords() {
        let names = vec!["records".to_owned(), "window_counts".to_owned()];
        assert_eq!(completions("select * from rec", &names), (14, vec!["records".to_owned()]));
        assert_eq!(completions("sel", &names), (0, vec!["select".to_owned()]));
        assert_eq!(completions("SELECT 1 WH", &names), (9, vec!["WHEN".to_owned(), "WHERE".to_owned()]));
        assert_eq!(completions("\\f", &names), (0, vec!["\\format ".to_owned()]));
        assert_eq!(completions("select é", &names).1, Vec::<String>::new());
    }
}
