//! Rules about files that the compiler does not check.

/// The longest source file, in lines. One idea, one file; past this there are two.
pub const FILE_LINES_MAX: usize = 800;

/// What is wrong with one Rust file, in words. `path` is only for the message.
pub fn complaints(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        found.push(format!("{path} has {lines} lines, over {FILE_LINES_MAX}: look for the split that feels right"));
    }
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!"));
    if !path.contains("/tests/") && !first.is_some_and(|line| line.starts_with("//!")) {
        found.push(format!("{path} does not begin with a `//!` line that says what it is"));
    }
    for (number, line) in text.lines().enumerate() {
        for (word, mend) in BANNED {
            if line.contains(&word.concat()) {
                found.push(format!("{path}:{}: `{}`: {mend}", number + 1, word.concat()));
            }
        }
    }
    found
}

// Written in two parts so that this file does not find itself.
const BANNED: &[([&str; 2], &str)] = &[
    (["FIX", "ME"], "mend it or file an issue"),
    (
        ["#[ig", "nore"],
        "a test that does not run proves nothing; gate it on what it needs and say so when it is skipped",
    ),
    (["#[al", "low("], "use #[expect(.., reason = \"..\")], which complains when it is no longer needed"),
    (["unbounded_ch", "annel"], "every queue has a bound"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_first_sentence_is_found() {
        assert_eq!(complaints("src/a.rs", "use x;\n").len(), 1);
        assert!(complaints("src/a.rs", "//! What it is.\nuse x;\n").is_empty());
    }

    #[test]
    fn long_files_are_found() {
        assert_eq!(complaints("src/a.rs", &format!("//! A.\n{}", "\n".repeat(FILE_LINES_MAX))).len(), 1);
    }
}
