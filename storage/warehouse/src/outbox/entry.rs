//! One file of the outbox: the rows of one landing epoch, or of several that were merged.
//!
//! Layout: magic, CRC-32C of the rest, oldest and newest landing epoch, number of parts; per part the stored table's name,
//! its shard and an Arrow stream. All numbers are little-endian.

use std::io::Cursor;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;

use crate::arrow_body;
use crate::landing::{Chunk, CutError, LandingEpoch, cut};
use crate::schema::TableSchema;

const MAGIC: &[u8; 8] = b"EVOUTBX1";

/// One table's rows of one shard.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Stored table.
    pub table: String,
    /// Bin range.
    pub shard: u16,
    /// Its rows, without landing columns.
    pub batch: RecordBatch,
}

/// A landing epoch that waits for the warehouse.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsent {
    /// The oldest landing epoch in it.
    pub oldest: u64,
    /// The newest: the number that it lands under.
    pub newest: u64,
    /// Its rows.
    pub parts: Vec<Part>,
}

/// Why a file's content is not an entry.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntryError {
    #[error("its checksum is wrong")]
    Checksum,
    #[error("it is cut short or not an outbox file")]
    Short,
    #[error("its rows cannot be read: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
}

impl Unsent {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, EntryError> {
        let mut rest = Vec::new();
        rest.extend_from_slice(&self.oldest.to_le_bytes());
        rest.extend_from_slice(&self.newest.to_le_bytes());
        rest.extend_from_slice(&length(self.parts.len()));
        for part in &self.parts {
            rest.extend_from_slice(&length(part.table.len()));
            rest.extend_from_slice(part.table.as_bytes());
            rest.extend_from_slice(&part.shard.to_le_bytes());
            let body = arrow_body::encode(&part.batch)?;
            rest.extend_from_slice(&length(body.len()));
            rest.extend_from_slice(&body);
        }
        let mut content = MAGIC.to_vec();
        content.extend_from_slice(&crc32c::crc32c(&rest).to_le_bytes());
        content.extend_from_slice(&rest);
        Ok(content)
    }

    pub(crate) fn decode(content: &[u8]) -> Result<Self, EntryError> {
        let mut content = content.strip_prefix(MAGIC.as_slice()).ok_or(EntryError::Short)?;
        let sum = u32::from_le_bytes(take(&mut content)?);
        if crc32c::crc32c(content) != sum {
            return Err(EntryError::Checksum);
        }
        let oldest = u64::from_le_bytes(take(&mut content)?);
        let newest = u64::from_le_bytes(take(&mut content)?);
        let count = u32::from_le_bytes(take(&mut content)?);
        let parts = (0..count).map(|_| decode_part(&mut content)).collect::<Result<_, _>>()?;
        Ok(Self { oldest, newest, parts })
    }

    /// Cuts the entry into the chunks of its landing epoch. Rows of tables that this build does not know (of a view's older
    /// version) are left out, and named in the log.
    ///
    /// # Errors
    /// Rows that do not fit their table.
    pub fn landing_epoch(&self, tables: &[TableSchema]) -> Result<LandingEpoch, CutError> {
        let mut chunks: Vec<Chunk> = Vec::new();
        for part in &self.parts {
            match tables.iter().find(|table| table.stored_name() == part.table) {
                Some(table) => chunks.extend(cut(table, &part.batch, self.newest, part.shard)?),
                None => tracing::warn!(table = part.table, epoch = self.newest, "rows of an unknown table do not land"),
            }
        }
        Ok(LandingEpoch { landing_epoch: self.newest, chunks })
    }
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("a landing epoch's rows are far below 4 GiB").to_le_bytes()
}

fn take<const N: usize>(content: &mut &[u8]) -> Result<[u8; N], EntryError> {
    let (head, rest) = content.split_first_chunk::<N>().ok_or(EntryError::Short)?;
    *content = rest;
    Ok(*head)
}

fn take_bytes<'a>(content: &mut &'a [u8]) -> Result<&'a [u8], EntryError> {
    let length = u32::from_le_bytes(take(content)?) as usize;
    let (bytes, rest) = content.split_at_checked(length).ok_or(EntryError::Short)?;
    *content = rest;
    Ok(bytes)
}

fn decode_part(content: &mut &[u8]) -> Result<Part, EntryError> {
    let table = String::from_utf8(take_bytes(content)?.to_vec()).map_err(|_| EntryError::Short)?;
    let shard = u16::from_le_bytes(take(content)?);
    let mut reader = StreamReader::try_new(Cursor::new(take_bytes(content)?), None)?;
    let batch = reader.next().ok_or(EntryError::Short)??;
    Ok(Part { table, shard, batch })
}
