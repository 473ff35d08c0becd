//! Arrow batches as request bodies: the format that the engine reads two to three times cheaper than row formats.

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use bytes::Bytes;

/// Returns the batch as an Arrow IPC stream of one batch: ClickHouse makes one block of it.
pub(crate) fn encode(batch: &RecordBatch) -> Result<Bytes, ArrowError> {
    // Arrow buffers are padded and framed: a little more than the rows themselves.
    let mut body = Vec::with_capacity(batch.get_array_memory_size() + 4096);
    let mut writer = StreamWriter::try_new(&mut body, &batch.schema())?;
    writer.write(batch)?;
    writer.finish()?;
    drop(writer);
    Ok(body.into())
}
