//! Files as lines: plain or zstd, numbered, bounded, with the hash of the content.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use records::json::FieldError;

/// The longest line of a data set that is read; Meetup's longest has some 8 KB.
const LINE_BYTES_MAX: usize = 256 << 10;
const BUFFER_BYTES: usize = 256 << 10;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Why a file cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file cannot be read.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The first line is not what this data set begins with.
    #[error("`{}` does not begin with `{expected}`: is it another data set?", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// The expected line.
        expected: &'static str,
    },
    /// None of the first lines is a row of this data set.
    #[error(
        "`{}` is no file of `{set}`: none of its first {tried} line(s) can be read (line 1: {problem}); \
         nothing of it was taken", path.display()
    )]
    OtherSet {
        /// The file.
        path: PathBuf,
        /// The set that was asked for.
        set: &'static str,
        /// How many lines were tried.
        tried: usize,
        /// What is wrong with the first one.
        problem: FieldError,
    },
    /// The organization has as many people as it may.
    #[error(
        "the organization has as many people as it may, {people_max}: raise `people_max` and start the replay again"
    )]
    People {
        /// The bound.
        people_max: u64,
    },
}

/// One file, open at its first line.
pub(crate) struct Input {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    line: u64,
}

/// A line: its number from 1, and its bytes without the end; none when it was too long.
pub(crate) struct Line {
    pub(crate) number: u64,
    pub(crate) whole: bool,
}

/// Counts what is read of the file on disk.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(into)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// The hash of a file's content: of what is in it, so a compressed file and a plain one give the same ids.
pub(crate) fn hash(path: &Path) -> Result<blake3::Hash, InputError> {
    let io = |source| InputError::Io { path: path.to_owned(), source };
    let mut hasher = blake3::Hasher::new();
    let mut reader = open(path, Arc::default()).map_err(io)?;
    loop {
        let bytes = reader.fill_buf().map_err(io)?;
        if bytes.is_empty() {
            return Ok(hasher.finalize());
        }
        hasher.update(bytes);
        let count = bytes.len();
        reader.consume(count);
    }
}

impl Input {
    /// Opens a file for its lines; `read` counts the bytes of it that were read.
    pub(crate) fn open(path: &Path, read: &Arc<AtomicU64>) -> Result<Self, InputError> {
        let io = |source| InputError::Io { path: path.to_owned(), source };
        let mut reader = open(path, read.clone()).map_err(io)?;
        if reader.fill_buf().map_err(io)?.starts_with(BOM) {
            reader.consume(BOM.len());
        }
        Ok(Self { path: path.to_owned(), reader, line: 0 })
    }

    /// Skips the header line.
    pub(crate) fn expect_header(&mut self, expected: &'static str) -> Result<(), InputError> {
        let mut bytes = Vec::new();
        let found = self.next(&mut bytes)?.is_some_and(|line| line.whole) && bytes == expected.as_bytes();
        if found { Ok(()) } else { Err(InputError::Header { path: self.path.clone(), expected }) }
    }

    /// Reads the next line; of one that is too long only the beginning. None at the end.
    pub(crate) fn next(&mut self, bytes: &mut Vec<u8>) -> Result<Option<Line>, InputError> {
        let io = |source| InputError::Io { path: self.path.clone(), source };
        bytes.clear();
        let count = (&mut self.reader).take(LINE_BYTES_MAX as u64).read_until(b'\n', bytes).map_err(io)?;
        if count == 0 {
            return Ok(None);
        }
        self.line += 1;
        let whole = bytes.ends_with(b"\n") || count < LINE_BYTES_MAX;
        if !whole {
            self.reader.skip_until(b'\n').map_err(io)?;
        }
        while bytes.ends_with(b"\n") || bytes.ends_with(b"\r") {
            bytes.pop();
        }
        Ok(Some(Line { number: self.line, whole }))
    }
}

fn open(path: &Path, read: Arc<AtomicU64>) -> io::Result<Box<dyn BufRead + Send>> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, Counted { file: File::open(path)?, read });
    if reader.fill_buf()?.starts_with(&ZSTD_MAGIC) {
        let decoder = zstd::stream::read::Decoder::with_buffer(reader)?;
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder)));
    }
    Ok(Box::new(reader))
}
