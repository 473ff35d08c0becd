//! Runs one statement and writes its answer in the format that was asked for.

use std::io::{self, Write};

use crate::client::{Client, Error};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// An aligned table for people.
    #[default]
    Table,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// One JSON object per line.
    JsonLines,
    /// A Parquet file.
    Parquet,
}

/// A word that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a format; there are table, csv, json and parquet")]
pub struct UnknownFormat(pub String);

impl std::str::FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        match word {
            "table" => Ok(Self::Table),
            "csv" => Ok(Self::Csv),
            "json" | "jsonl" | "ndjson" => Ok(Self::JsonLines),
            "parquet" => Ok(Self::Parquet),
            other => Err(UnknownFormat(other.to_owned())),
        }
    }
}

impl Format {
    /// ClickHouse's name for it.
    fn clickhouse(self) -> &'static str {
        match self {
            Self::Table => "PrettyCompactMonoBlock",
            Self::Csv => "CSVWithNames",
            Self::JsonLines => "JSONEachRow",
            Self::Parquet => "Parquet",
        }
    }
}

/// Why a statement's answer was not written whole.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// ClickHouse refused the statement, or broke off.
    #[error(transparent)]
    Warehouse(#[from] Error),
    /// The answer could not be written.
    #[error("the answer could not be written: {0}")]
    Write(#[from] io::Error),
}

/// Runs a statement and streams its answer; a `FORMAT` in the statement wins over `format`. Returns the bytes written.
///
/// # Errors
/// After an error part of the answer may have been written: ClickHouse may fail in the middle of one.
pub async fn run(client: &Client, statement: &str, format: Format, out: &mut impl Write) -> Result<u64, SqlError> {
    let client = client.clone().with_setting("output_format_pretty_color", "0");
    let statement = statement.trim().trim_end_matches(';');
    let mut answer = client.stream(statement, format.clickhouse())?;
    let mut written = 0;
    while let Some(bytes) = answer.next().await.map_err(Error::from)? {
        out.write_all(&bytes)?;
        written += bytes.len() as u64;
    }
    out.flush()?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_names_and_others_are_refused() {
        assert_eq!("csv".parse(), Ok(Format::Csv));
        assert_eq!("json".parse(), Ok(Format::JsonLines));
        assert!("xml".parse::<Format>().unwrap_err().to_string().contains("parquet"));
    }
}
