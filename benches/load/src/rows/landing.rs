//! Rows into the embedded engine: the product's lander beside a bare HTTP loop that posts the same Arrow bodies.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Context;
use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use records::{Batch, Record, Timestamp};
use warehouse::landing::{self, Chunk, Lander, LanderConfig, LandingEpoch};
use warehouse::raw::{RecordFrame, records_batch};
use warehouse::schema::{records_table, with_landing_columns};
use workload::{Conference, Scale};

use crate::Settings;
use crate::engine::Warehouse;
use crate::report::Row;
use crate::rounds::{interleave, quantile};

const ROWS: u64 = 2_000_000;
/// What a landing epoch of a second holds at the demo's rate, in as many chunks as the log has partitions.
const EPOCH_ROWS: usize = 50_000;
const PARTITIONS: u16 = 8;
/// Requests at once on the bare side: as many as the lander makes.
const CONNECTIONS: usize = 4;
const TABLE_SET: &str = "raw";
const INCARNATION: u64 = 1;

/// The same rows for both sides: as chunks, and as bodies with their columns.
struct Cut {
    epochs: Vec<LandingEpoch>,
    bodies: Vec<Vec<u8>>,
    columns: Vec<String>,
    rows: u64,
}

impl Cut {
    fn new(rows: u64) -> anyhow::Result<Self> {
        let mut conference = Conference::new(1, Scale::of_records(rows));
        let mut this = Self { epochs: Vec::new(), bodies: Vec::new(), columns: Vec::new(), rows: 0 };
        let mut number = 0;
        while this.rows < rows {
            number += 1;
            let mut chunks = Vec::new();
            for partition in 0..PARTITIONS {
                let mut records = Vec::<Record>::new();
                conference.fill(&mut records, EPOCH_ROWS / usize::from(PARTITIONS));
                chunks.extend(this.chunks(&records, number, partition)?);
            }
            if chunks.is_empty() {
                break;
            }
            this.epochs.push(LandingEpoch { landing_epoch: number, chunks });
        }
        Ok(this)
    }

    fn chunks(&mut self, records: &[Record], number: u64, partition: u16) -> anyhow::Result<Vec<Chunk>> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<u32> = (0..u32::try_from(records.len())?).collect();
        let batch = Batch::from_records(records).into();
        let log_time = records.iter().map(|record| record.event_time).max().unwrap_or(Timestamp(0));
        let frame = RecordFrame { log_time, partition, first: self.rows, batch, rows };
        let batch = records_batch(&[frame], &|_, _, _| None)?;
        let chunks = landing::cut(&records_table(), &batch, number, partition)?;
        self.rows += chunks.iter().map(|chunk| chunk.rows).sum::<u64>();
        // One frame has one log time, so it is one month and one chunk: the bare body is that chunk's, byte for byte.
        let [chunk] = chunks.as_slice() else { anyhow::bail!("a frame became {} chunks", chunks.len()) };
        let landed = with_landing_columns(&batch, number, partition, 0)?;
        let body = encode(&landed)?;
        anyhow::ensure!(body.len() == chunk.bytes(), "the bare side has another body");
        let names: Vec<String> = landed.schema().fields().iter().map(|field| format!("`{}`", field.name())).collect();
        self.columns.push(names.join(","));
        self.bodies.push(body);
        Ok(chunks)
    }

    fn mib(&self) -> f64 {
        self.bodies.iter().map(Vec::len).sum::<usize>() as f64 / 1_048_576.0
    }
}

fn encode(batch: &RecordBatch) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut writer = StreamWriter::try_new(&mut body, &batch.schema())?;
    writer.write(batch)?;
    writer.finish()?;
    drop(writer);
    Ok(body)
}

/// What one side took.
#[derive(Debug, Clone, Copy, Default)]
struct Took {
    rate: f64,
    own_cpu: f64,
    engine_cpu: f64,
}

fn timed(
    warehouse: &Warehouse,
    rows: u64,
    table: &str,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Took> {
    let (own, engine, started) = (crate::cpu::own(), warehouse.cpu()?, Instant::now());
    work()?;
    let wall = started.elapsed().as_secs_f64();
    let took = Took {
        rate: rows as f64 / wall,
        own_cpu: (crate::cpu::own() - own).as_secs_f64(),
        engine_cpu: (warehouse.cpu()? - engine).as_secs_f64(),
    };
    let landed = warehouse.number(&format!("SELECT count() FROM `{table}`"))?;
    anyhow::ensure!(landed == rows, "{landed} of {rows} rows landed");
    Ok(took)
}

/// Through the lander, until the last epoch is confirmed. Each run has an engine of its own, which knows no token yet.
fn ours(cut: &Cut) -> anyhow::Result<Took> {
    let warehouse = &Warehouse::start()?;
    let tables = [records_table()];
    let recovery = warehouse.runtime.block_on(landing::recover(&warehouse.client, TABLE_SET, INCARNATION, &tables))?;
    let last = cut.epochs.last().map(|epoch| epoch.landing_epoch);
    timed(warehouse, cut.rows, &records_table().stored_name(), || {
        warehouse.runtime.block_on(async {
            let lander = Lander::start(warehouse.client.clone(), recovery, &LanderConfig::default());
            for epoch in &cut.epochs {
                lander.land(epoch.clone()).await?;
            }
            lander.progress().wait_for(|now| now.landed >= last).await?;
            anyhow::ensure!(lander.progress().borrow().retries == 0, "requests failed");
            Ok(())
        })
    })
}

/// The same bodies into a table made like ours, without tokens, without a note of what has landed.
fn bare(cut: &Cut, connections: usize) -> anyhow::Result<Took> {
    let warehouse = &Warehouse::start()?;
    warehouse.execute(&format!("CREATE TABLE bare AS `{}`", records_table().stored_name()))?;
    let next = AtomicUsize::new(0);
    timed(warehouse, cut.rows, "bare", || {
        std::thread::scope(|scope| {
            let posting: Vec<_> = (0..connections).map(|_| scope.spawn(|| post_all(warehouse, cut, &next))).collect();
            posting.into_iter().try_for_each(|one| one.join().expect("posting does not panic"))
        })
    })
}

fn post_all(warehouse: &Warehouse, cut: &Cut, next: &AtomicUsize) -> anyhow::Result<()> {
    let at = warehouse.endpoint()?;
    let place = at.url.strip_prefix("http://").context("the engine answers in plain HTTP")?;
    // The embedded engine takes statements at a path of its own.
    let (host, path) = place.split_once('/').unwrap_or((place, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    let mut answers = BufReader::new(stream.try_clone()?);
    loop {
        let place = next.fetch_add(1, Ordering::Relaxed);
        let Some((body, columns)) = cut.bodies.get(place).zip(cut.columns.get(place)) else { return Ok(()) };
        let query = format!("INSERT INTO bare ({columns}) FORMAT ArrowStream").replace(' ', "%20").replace('`', "%60");
        let (user, password, length) = (&at.user, &at.password, body.len());
        write!(
            stream,
            "POST /{path}?database={}&async_insert=0&query={query} HTTP/1.1\r\nHost: {host}\r\nX-ClickHouse-User: {user}\r\n\
             X-ClickHouse-Key: {password}\r\nContent-Length: {length}\r\n\r\n",
            at.database
        )?;
        stream.write_all(body)?;
        read_answer(&mut answers)?;
    }
}

/// Reads an answer to its end, so that the connection can be used again.
fn read_answer(answers: &mut impl BufRead) -> anyhow::Result<()> {
    let mut status = String::new();
    answers.read_line(&mut status)?;
    let (mut chunked, mut length) = (false, 0);
    loop {
        let mut line = String::new();
        answers.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    let mut text = vec![0; length];
    while chunked {
        let mut size = String::new();
        answers.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim(), 16)?;
        let mut piece = vec![0; size + 2];
        answers.read_exact(&mut piece)?;
        text.extend_from_slice(&piece[..size]);
        chunked = size > 0;
    }
    answers.read_exact(&mut text[..length])?;
    anyhow::ensure!(status.contains(" 200 "), "{}: {}", status.trim(), String::from_utf8_lossy(&text));
    Ok(())
}

pub(crate) fn measure(settings: &Settings) -> anyhow::Result<Row> {
    let cut = Cut::new(settings.size(ROWS))?;
    let (mut mine, mut theirs, mut single) = (Took::default(), Took::default(), Vec::new());
    let rounds = interleave(
        settings.rounds,
        || {
            mine = ours(&cut)?;
            Ok(mine.rate)
        },
        || {
            single.push(bare(&cut, 1)?.rate);
            theirs = bare(&cut, CONNECTIONS)?;
            Ok(theirs.rate)
        },
    )?;
    let million = cut.rows as f64 / 1e6;
    let peer = "a bare HTTP loop with the same Arrow bodies, 4 at once";
    Ok(Row::of_rounds("spine-landing", "rows/s", &rounds, peer, "0.8 of the bare loop", 0.8)
        .part("the bare loop, one request at a time", "rows/s", quantile(single, 0.5))
        .part("bytes of a row in a body", "bytes", cut.mib() * 1_048_576.0 / cut.rows as f64)
        .part("rows of a chunk", "rows", cut.rows as f64 / cut.bodies.len() as f64)
        .part("own CPU for a million rows", "s", mine.own_cpu / million)
        .part("own CPU for a million rows, bare", "s", theirs.own_cpu / million)
        .part("the engine's CPU for a million rows", "s", mine.engine_cpu / million)
        .part("the engine's CPU for a million rows, bare", "s", theirs.engine_cpu / million))
}
