//! Fitting text into a terminal: its size, cutting and padding by cells, fields that flow into lines, rows that are shared.

use std::os::fd::AsFd as _;

use unicode_width::UnicodeWidthChar as _;

/// Cells of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Cells of a line.
    pub(crate) columns: usize,
    /// Lines.
    pub(crate) rows: usize,
}

impl Size {
    /// What nobody has to widen a window for.
    pub(crate) const USUAL: Self = Self { columns: 80, rows: 24 };

    /// The size of the terminal that standard output is, as of now; `COLUMNS` and `LINES`, or the usual, when it is none.
    pub(crate) fn now() -> Self {
        if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout().as_fd())
            && size.ws_col > 0
            && size.ws_row > 0
        {
            return Self { columns: size.ws_col.into(), rows: size.ws_row.into() };
        }
        let number = |name: &str| std::env::var(name).ok()?.parse().ok().filter(|number| (1..=1_000).contains(number));
        Self {
            columns: number("COLUMNS").unwrap_or(Self::USUAL.columns),
            rows: number("LINES").unwrap_or(Self::USUAL.rows),
        }
    }
}

/// The text without control characters (titles come from outside and could move the cursor), in at most so many cells.
pub(super) fn cut(text: &str, cells: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    let mut clean = text.chars().filter_map(|c| Some((c, c.width()?)));
    while let Some((c, width)) = clean.next() {
        // Two titles that differ in their ends only must not look like one, so what is cut off leaves a mark.
        let more = clean.clone().any(|(_, width)| width > 0);
        if used + width + usize::from(more) > cells {
            if used < cells {
                out.push('…');
            }
            return out;
        }
        out.push(c);
        used += width;
    }
    out
}

/// How many cells a clean text takes.
pub(super) fn cells(text: &str) -> usize {
    text.chars().filter_map(|c| c.width()).sum()
}

/// The text in exactly so many cells.
pub(super) fn pad(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let rest = width - cells(&text);
    text + &" ".repeat(rest)
}

/// Fields one after the other, in as few lines as they need.
pub(super) fn flow(fields: &[String], width: usize) -> Vec<String> {
    const GAP: &str = "   ";
    let mut lines: Vec<String> = Vec::new();
    for field in fields.iter().filter(|field| !field.is_empty()) {
        match lines.last_mut() {
            Some(line) if cells(line) + GAP.len() + cells(field) <= width => {
                line.push_str(GAP);
                line.push_str(field);
            }
            _ => lines.push(field.clone()),
        }
    }
    lines
}

/// Shares lines among sections that want so many: one after the other gets one more, until there are none or nobody wants any.
pub(super) fn share(mut lines: usize, wants: &[usize]) -> Vec<usize> {
    let mut given = vec![0; wants.len()];
    while lines > 0 {
        let before = lines;
        for (has, wants) in given.iter_mut().zip(wants) {
            if lines > 0 && *has < *wants {
                *has += 1;
                lines -= 1;
            }
        }
        if lines == before {
            break;
        }
    }
    given
}

/// Two columns of lines, the left one so many cells wide.
pub(super) fn beside(left: &[String], width: usize, right: &[String]) -> Vec<String> {
    let none = String::new();
    (0..left.len().max(right.len()))
        .map(|row| format!("{} | {}", pad(left.get(row).unwrap_or(&none), width), right.get(row).unwrap_or(&none)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_are_counted_as_two_and_marks_as_none() {
        assert_eq!((cut("会議の全体", 5).as_str(), cells(&cut("会議の全体", 5))), ("会議…", 5));
        assert_eq!(cells(&cut("会議の全体", 4)), 3);
        assert_eq!(cut("cafe\u{301}", 4), "cafe\u{301}");
        assert_eq!(
            (cut("a\x1b[2Jb", 9).as_str(), cut("abc", 3).as_str(), cut("abc", 0).as_str()),
            ("a[2Jb", "abc", "")
        );
        assert_eq!(pad("会", 3), "会 ");
    }

    #[test]
    fn lines_go_to_those_that_want_them() {
        assert_eq!(share(10, &[2, 100, 3]), [2, 5, 3]);
        assert_eq!(share(2, &[5, 5, 5]), [1, 1, 0]);
        assert_eq!(share(9, &[1, 1]), [1, 1]);
    }

    #[test]
    fn fields_flow() {
        let fields = ["aaaa", "", "bbbb", "cccc"].map(str::to_owned);
        assert_eq!(flow(&fields, 11), ["aaaa   bbbb", "cccc"]);
        assert_eq!(flow(&fields, 3), ["aaaa", "bbbb", "cccc"]);
    }
}
