//! Batches as bytes: a small header, then one Arrow IPC record batch message.
//!
//! ```text
//! byte 0      format (1)
//! 1..3        schema version, little endian
//! 3           number of columns
//! 4..         for each column: tag, layout; for text columns then u16 count and (u16 length, UTF-8) each
//! pad to 8    u32 length of the IPC metadata, u32 0, the metadata (padded to 8), the IPC body
//! ```
//!
//! Columns that no record fills are not written, so ten records cost a few hundred bytes and not a full schema.
//! The layout byte lets an older reader carry a column along that it does not know. Compression is the log's.

use std::sync::Arc;

use arrow_array::builder::GenericByteBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{BinaryType, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, PrimitiveArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::Buffer;
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow_schema::{DataType, Field, Schema};

use crate::batch::{Batch, Blobs, Foreign, Ids, Numbers, Store, Texts};
use crate::text::Text;
use crate::vocabulary::{Column, Layout, with_columns};

const FORMAT: u8 = 1;
/// The most columns a frame may name: tags are 1..=63, and a newer writer may use no more than these.
const COLUMNS_MAX: usize = 127;

/// Why bytes are not a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end too early.
    #[error("batch is cut short at byte {0}")]
    Short(usize),
    /// A format that this build does not read.
    #[error("batch has format {0}, and this build reads format {FORMAT}; a newer Eventra wrote it")]
    Format(u8),
    /// A column with a layout that is unknown or not the column's own.
    #[error("column {tag} has layout {layout}, which does not fit")]
    Layout {
        /// The column's tag.
        tag: u8,
        /// The layout that came.
        layout: u8,
    },
    /// Something inside contradicts itself.
    #[error("batch is damaged: {0}")]
    Damaged(String),
}

fn damaged(error: impl std::fmt::Display) -> DecodeError {
    DecodeError::Damaged(error.to_string())
}

fn data_type(layout: u8) -> Option<DataType> {
    Some(match layout {
        1 => DataType::UInt8,
        2 | 7 => DataType::UInt16,
        3 => DataType::UInt32,
        4 => DataType::UInt64,
        5 => DataType::Int64,
        6 => DataType::FixedSizeBinary(16),
        8 => DataType::Binary,
        _ => return None,
    })
}

/// How a column's store becomes an Arrow array and comes back.
pub(crate) trait Column1: Store {
    fn to_array(&self, rows: usize) -> ArrayRef;
    fn from_array(array: &ArrayRef, texts: Vec<Text>) -> Option<Self>;
    fn listed(&self) -> &[Text] {
        &[]
    }
}

macro_rules! number_columns {
    ($($native:ty, $arrow:ty;)+) => {$(
        impl Column1 for Numbers<$native> {
            fn to_array(&self, _: usize) -> ArrayRef {
                Arc::new(PrimitiveArray::<$arrow>::new(self.0.clone(), None))
            }
            fn from_array(array: &ArrayRef, _: Vec<Text>) -> Option<Self> {
                array.as_primitive_opt::<$arrow>().map(|array| Self(array.values().clone()))
            }
        }
    )+};
}
number_columns! { u8, UInt8Type; u16, UInt16Type; u32, UInt32Type; u64, UInt64Type; i64, Int64Type; }

impl Column1 for Ids {
    fn to_array(&self, _: usize) -> ArrayRef {
        Arc::new(FixedSizeBinaryArray::new(16, self.0.clone(), None))
    }
    fn from_array(array: &ArrayRef, _: Vec<Text>) -> Option<Self> {
        let array = array.as_fixed_size_binary_opt()?;
        Some(Self(array.values().slice_with_length(array.offset() * 16, array.len() * 16)))
    }
}

impl Column1 for Texts {
    fn to_array(&self, rows: usize) -> ArrayRef {
        self.codes.to_array(rows)
    }
    fn from_array(array: &ArrayRef, texts: Vec<Text>) -> Option<Self> {
        let codes = Numbers::<u16>::from_array(array, Vec::new())?;
        let listed = codes.0.iter().all(|code| usize::from(*code) <= texts.len());
        listed.then_some(Self { values: texts, codes })
    }
    fn listed(&self) -> &[Text] {
        &self.values
    }
}

impl Column1 for Blobs {
    fn to_array(&self, rows: usize) -> ArrayRef {
        match &self.0 {
            Some(array) => Arc::new(array.clone()),
            None => {
                let mut empty = GenericByteBuilder::<BinaryType>::with_capacity(rows, 0);
                (0..rows).for_each(|_| empty.append_value([]));
                Arc::new(empty.finish())
            }
        }
    }
    fn from_array(array: &ArrayRef, _: Vec<Text>) -> Option<Self> {
        array.as_binary_opt::<i32>().map(|array| Self(Some(array.clone())))
    }
}

/// The columns of one batch on their way to or from bytes.
struct Columns {
    heads: Vec<(u8, u8, Vec<Text>)>,
    arrays: Vec<ArrayRef>,
}

macro_rules! define_codec {
    ($($tag:literal $field:ident: $type:ty, $layout:ident, $meaning:ident, $clickhouse:literal, $doc:literal;)+) => {
        impl Batch {
            fn columns(&self) -> Columns {
                let mut columns = Columns { heads: Vec::new(), arrays: Vec::new() };
                $(if !self.$field.is_empty() {
                    columns.heads.push(($tag, Layout::$layout as u8, self.$field.listed().to_vec()));
                    columns.arrays.push(self.$field.to_array(self.rows));
                })+
                for foreign in &self.foreign {
                    columns.heads.push((foreign.tag, foreign.layout, foreign.texts.clone()));
                    columns.arrays.push(foreign.values.clone());
                }
                columns
            }

            fn take(&mut self, tag: u8, layout: u8, texts: Vec<Text>, array: &ArrayRef) -> Result<(), DecodeError> {
                match tag {
                    $($tag => {
                        let fits = layout == Layout::$layout as u8;
                        let store = fits.then(|| Column1::from_array(array, texts)).flatten();
                        self.$field = store.ok_or(DecodeError::Layout { tag, layout })?;
                    })+
                    _ => self.foreign.push(Foreign { tag, layout, values: array.clone(), texts }),
                }
                Ok(())
            }
        }
    };
}
with_columns!(define_codec);

impl Batch {
    /// Writes the batch. The same records always give the same bytes.
    pub fn encode(&self) -> Vec<u8> {
        let columns = self.columns();
        let mut out = vec![FORMAT];
        out.extend_from_slice(&self.version.to_le_bytes());
        out.push(u8::try_from(columns.heads.len()).expect("there are at most 63 tags"));
        for (tag, layout, texts) in &columns.heads {
            out.extend_from_slice(&[*tag, *layout]);
            if *layout == Layout::Text as u8 {
                write_texts(&mut out, texts);
            }
        }
        pad(&mut out);
        write_message(&mut out, &columns, self.rows);
        out
    }

    /// Reads a batch back. Columns of a newer version are carried along and written again by [`Batch::encode`].
    ///
    /// # Errors
    /// When the bytes are cut short, of another format, or contradict themselves.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_buffer(Buffer::from(bytes))
    }

    /// As [`Batch::decode`], sharing the bytes instead of copying them.
    ///
    /// # Errors
    /// As [`Batch::decode`].
    pub fn decode_buffer(buffer: Buffer) -> Result<Self, DecodeError> {
        let mut reader = Reader { bytes: buffer.as_slice(), at: 0 };
        let format = reader.u8()?;
        if format != FORMAT {
            return Err(DecodeError::Format(format));
        }
        let version = reader.u16()?;
        let count = usize::from(reader.u8()?);
        if count > COLUMNS_MAX {
            return Err(damaged("too many columns"));
        }
        let heads = (0..count).map(|_| reader.head()).collect::<Result<Vec<_>, _>>()?;
        reader.pad();
        let arrays = read_message(&buffer, &mut reader, &heads)?;
        let mut batch = Self { rows: arrays.num_rows(), version, ..Self::default() };
        for ((tag, layout, texts), array) in heads.into_iter().zip(arrays.columns()) {
            batch.take(tag, layout, texts, array)?;
        }
        Ok(batch)
    }

    /// Names of the columns that this batch carries for a newer version.
    pub fn foreign_tags(&self) -> Vec<u8> {
        self.foreign.iter().map(|foreign| foreign.tag).collect()
    }
}

fn write_texts(out: &mut Vec<u8>, texts: &[Text]) {
    let count = u16::try_from(texts.len()).expect("a batch has at most ROWS_MAX texts");
    out.extend_from_slice(&count.to_le_bytes());
    for text in texts {
        let length = u16::try_from(text.len()).expect("the door cuts texts at TEXT_BYTES_MAX");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(8), 0);
}

fn schema(heads: &[(u8, u8, Vec<Text>)]) -> Result<Arc<Schema>, DecodeError> {
    let fields = heads.iter().map(|(tag, layout, _)| {
        let name = Column::from_tag(*tag).map_or_else(|| format!("column_{tag}"), |column| column.name().into());
        let kind = data_type(*layout).ok_or(DecodeError::Layout { tag: *tag, layout: *layout })?;
        Ok(Field::new(name, kind, false))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, DecodeError>>()?)))
}

fn write_message(out: &mut Vec<u8>, columns: &Columns, rows: usize) {
    let schema = schema(&columns.heads).expect("our own layouts are known");
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(schema, columns.arrays.clone(), &options)
        .expect("every column has a value for each row");
    let options = IpcWriteOptions::try_new(8, false, arrow_ipc::MetadataVersion::V5).expect("8 is a legal alignment");
    let (_, data) = IpcDataGenerator::default()
        .encode(&batch, &mut DictionaryTracker::new(false), &options, &mut IpcWriteContext::default())
        .expect("plain columns encode");
    let length = u32::try_from(data.ipc_message.len()).expect("metadata of 63 columns is small");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&0u32.to_le_bytes());
    out.extend_from_slice(&data.ipc_message);
    pad(out);
    out.extend_from_slice(&data.arrow_data);
}

fn read_message(
    buffer: &Buffer,
    reader: &mut Reader<'_>,
    heads: &[(u8, u8, Vec<Text>)],
) -> Result<RecordBatch, DecodeError> {
    let length = reader.u32()? as usize;
    reader.u32()?;
    let metadata = reader.take(length)?;
    reader.pad();
    let message = arrow_ipc::root_as_message(metadata).map_err(damaged)?;
    let batch = message.header_as_record_batch().ok_or_else(|| damaged("no record batch"))?;
    let rows = usize::try_from(batch.length()).map_err(damaged)?;
    if rows > crate::batch::ROWS_MAX {
        return Err(damaged("too many rows"));
    }
    if reader.at > buffer.len() {
        return Err(DecodeError::Short(buffer.len()));
    }
    let body = buffer.slice(reader.at);
    check_message(&batch, heads, body.len())?;
    #[expect(clippy::disallowed_types, reason = "the Arrow reader asks for this type; it stays empty")]
    let none = std::collections::HashMap::new();
    arrow_ipc::reader::read_record_batch(&body, batch, schema(heads)?, &none, None, &message.version()).map_err(damaged)
}

/// The Arrow reader trusts the message: a buffer past the body, a column of another length, or nulls without a bitmap
/// would panic there. Ours have no nulls, as many values as rows, and the buffers that their layouts ask for.
fn check_message(
    batch: &arrow_ipc::RecordBatch<'_>,
    heads: &[(u8, u8, Vec<Text>)],
    body: usize,
) -> Result<(), DecodeError> {
    let rows = usize::try_from(batch.length()).map_err(damaged)?;
    let mut nodes = batch.nodes().into_iter().flatten();
    let plain = nodes.all(|node| node.null_count() == 0 && node.length() == batch.length());
    if !plain || batch.nodes().map_or(0, |nodes| nodes.len()) != heads.len() || batch.compression().is_some() {
        return Err(damaged("the columns are not those of the header"));
    }
    let mut lengths = batch.buffers().into_iter().flatten().map(|buffer| {
        let end = buffer.offset().checked_add(buffer.length());
        let inside =
            buffer.offset() >= 0 && buffer.length() >= 0 && end.is_some_and(|end| end.unsigned_abs() <= body as u64);
        inside
            .then_some(buffer.length().unsigned_abs() as usize)
            .ok_or_else(|| damaged("a buffer reaches past the end"))
    });
    let mut next = || lengths.next().unwrap_or_else(|| Err(damaged("a buffer is missing")));
    for (_, layout, _) in heads {
        next()?; // The validity bitmap, which nobody reads: there are no nulls.
        let (values, width) = match layout {
            8 => (rows + 1, 4),
            layout => (rows, width(*layout)),
        };
        let length = next()?;
        if length < values * width || !length.is_multiple_of(width) {
            return Err(damaged("a column is shorter than its rows"));
        }
        if *layout == Layout::Bytes as u8 {
            next()?;
        }
    }
    Ok(())
}

/// Bytes of one fixed-width value.
fn width(layout: u8) -> usize {
    match layout {
        2 | 7 => 2,
        3 => 4,
        4 | 5 => 8,
        6 => 16,
        _ => 1,
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let end = self.at.checked_add(length).ok_or(DecodeError::Short(self.at))?;
        let taken = self.bytes.get(self.at..end).ok_or(DecodeError::Short(self.bytes.len()))?;
        self.at = end;
        Ok(taken)
    }
    fn u8(&mut self) -> Result<u8, DecodeError> {
        self.take(1).map(|bytes| bytes[0])
    }
    fn u16(&mut self) -> Result<u16, DecodeError> {
        self.take(2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
    }
    fn u32(&mut self) -> Result<u32, DecodeError> {
        self.take(4).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
    fn pad(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }
    fn head(&mut self) -> Result<(u8, u8, Vec<Text>), DecodeError> {
        let (tag, layout) = (self.u8()?, self.u8()?);
        let texts = if layout == Layout::Text as u8 { self.texts()? } else { Vec::new() };
        Ok((tag, layout, texts))
    }
    fn texts(&mut self) -> Result<Vec<Text>, DecodeError> {
        let count = self.u16()?;
        (0..count)
            .map(|_| {
                let length = usize::from(self.u16()?);
                std::str::from_utf8(self.take(length)?).map(Text::new).map_err(damaged)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ItemId, Kind, MessageId, OrganizationId, Record, Timestamp, Token};

    fn record(seed: u64) -> Record {
        Record {
            organization: OrganizationId(1 + u128::from(seed % 3)),
            actor: Token(seed),
            item: ItemId(u128::from(seed % 7)),
            message: MessageId(u128::from(seed)),
            event_time: Timestamp(seed.cast_signed()),
            name: ["", "signup", "checkout"][(seed % 3) as usize].into(),
            sealed: vec![1; (seed % 5) as usize].into(),
            ..Record::new(Kind::ALL[(seed % 20) as usize])
        }
    }

    proptest! {
        #[test]
        fn batches_round_trip(seeds in proptest::collection::vec(any::<u64>(), 0..60)) {
            let records: Vec<Record> = seeds.into_iter().map(record).collect();
            let bytes = Batch::from_records(&records).encode();
            let back = Batch::decode(&bytes).unwrap();
            prop_assert_eq!(back.len(), records.len());
            for (row, record) in records.iter().enumerate() {
                prop_assert_eq!(&back.record(row), record);
            }
            prop_assert_eq!(back.encode(), bytes);
        }

        #[test]
        fn damaged_bytes_never_panic(at in 0usize..400, value in any::<u8>(), cut in 0usize..400) {
            let mut bytes = Batch::from_records(&[record(1), record(2)]).encode();
            let at = at % bytes.len();
            bytes[at] = value;
            bytes.truncate(bytes.len() - cut % bytes.len());
            if let Ok(batch) = Batch::decode(&bytes) {
                (0..batch.len()).for_each(|row| drop(batch.record(row)));
            }
        }
    }

    #[test]
    fn an_older_reader_carries_newer_columns() {
        let mut newer = Batch::from_records(&[record(1), record(2)]);
        let values: ArrayRef = Arc::new(arrow_array::UInt32Array::from(vec![7, 8]));
        newer.foreign.push(Foreign { tag: 62, layout: Layout::U32 as u8, values, texts: Vec::new() });
        newer.version = 99;
        let bytes = newer.encode();
        let read = Batch::decode(&bytes).unwrap();
        assert_eq!((read.version(), read.foreign_tags()), (99, vec![62]));
        assert_eq!(read.record(1), record(2));
        assert_eq!(read.encode(), bytes);
    }

    #[test]
    fn a_newer_reader_gives_defaults_for_columns_an_older_writer_lacked() {
        let mut older = Batch::from_records(&[record(1)]);
        older.name = Texts::default();
        let read = Batch::decode(&older.encode()).unwrap();
        assert!(!read.has(Column::name));
        assert_eq!(read.record(0), Record { name: Text::NONE, ..record(1) });
    }

    #[test]
    fn small_frames_stay_small() {
        let bytes = Batch::from_records(&[record(1)]).encode();
        assert!(bytes.len() < 1_200, "{}", bytes.len());
    }
}
