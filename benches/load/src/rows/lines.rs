//! Lines of a text file: read in large pieces, checked for UTF-8 by the piece, handed out where they lie.
//!
//! `serde_json::from_str` of such a line takes two thirds of what `from_slice` takes, which checks each text of each line
//! for UTF-8 on its own.

use std::io::{ErrorKind, Read};

use anyhow::Context;

/// Bytes read at once: what was read is still in the second-level cache when it is parsed.
const PIECE: usize = 256 << 10;
/// The longest line that is taken: the buffer grows up to here.
const LINE_BYTES_MAX: usize = 16 << 20;

/// Calls `take` with every line, without its line feed. A last line may lack one.
///
/// # Errors
/// When reading fails, when a line is too long or no UTF-8, and when `take` fails; each but the first names the line,
/// counted from 1.
pub(crate) fn each(from: impl Read, take: impl FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<()> {
    each_of(PIECE, from, take)
}

fn each_of(piece: usize, mut from: impl Read, mut take: impl FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut buffer = vec![0; piece];
    let (mut held, mut done) = (0, 0);
    loop {
        if held == buffer.len() {
            anyhow::ensure!(held < LINE_BYTES_MAX, "line {} is longer than {LINE_BYTES_MAX} bytes", done + 1);
            buffer.resize(held * 2, 0);
        }
        let read = match from.read(&mut buffer[held..]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        let filled = held + read;
        let whole = match read {
            0 => filled,
            _ => memchr::memrchr(b'\n', &buffer[held..filled]).map_or(0, |at| held + at + 1),
        };
        each_in(&buffer[..whole], &mut done, &mut take)?;
        if read == 0 {
            return Ok(());
        }
        buffer.copy_within(whole..filled, 0);
        held = filled - whole;
    }
}

/// The lines of bytes that end where a line does.
fn each_in(bytes: &[u8], done: &mut u64, take: &mut impl FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let text = utf8(bytes, *done)?;
    let mut from = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        *done += 1;
        take(&text[from..end]).with_context(|| format!("line {done}"))?;
        from = end + 1;
    }
    if from < text.len() {
        *done += 1;
        take(&text[from..]).with_context(|| format!("line {done}"))?;
    }
    Ok(())
}

fn utf8(bytes: &[u8], done: u64) -> anyhow::Result<&str> {
    simdutf8::compat::from_utf8(bytes).map_err(|error| {
        let before = memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count() as u64;
        anyhow::anyhow!("line {} is no UTF-8", done + before + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(piece: usize, bytes: &[u8]) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        each_of(piece, bytes, |line| {
            anyhow::ensure!(line != "bad", "it is bad");
            lines.push(line.to_owned());
            Ok(())
        })?;
        Ok(lines)
    }

    #[test]
    fn lines_are_the_same_however_they_are_cut_into_pieces() {
        let text = "one\n\ntwo\r\nthree é\nthe last one lacks its line feed";
        for piece in 1..64 {
            assert_eq!(lines(piece, text.as_bytes()).unwrap().join("\n"), text);
        }
        assert_eq!(lines(4, b"one\n").unwrap(), ["one"]);
        assert!(lines(4, b"").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for piece in [1, 7, 1_024] {
            assert_eq!(format!("{:#}", lines(piece, b"a\nb\nbad\nc\n").unwrap_err()), "line 3: it is bad");
            assert_eq!(lines(piece, b"a\nb\nc\xFF\n").unwrap_err().to_string(), "line 3 is no UTF-8");
        }
        let endless = vec![b'x'; LINE_BYTES_MAX + 1];
        assert!(lines(1 << 20, &endless).unwrap_err().to_string().starts_with("line 1 is longer"));
    }
}
