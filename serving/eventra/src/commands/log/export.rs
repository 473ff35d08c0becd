//! `eventra log export`: the records that count as JSON lines, in log time order.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use eventlog::{EventLog, Frame, Lane, ReadLimits};
use records::vocabulary::Column;
use records::{Batch, Pos, Record, fact};
use serde_json::{Map, Value, json};

use crate::node::storage;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, lane: &str, output: Option<&Path>) -> anyhow::Result<ExitCode> {
    let lane = match Lane::from_name(lane) {
        Some(lane @ (Lane::Activity | Lane::Facts)) => lane,
        _ => bail!("`{lane}` is no lane that holds records: `activity` or `facts`"),
    };
    let log = storage::open_log(settings, storage::disk(&settings.data_dir)?)?;
    let mut out: Box<dyn Write> = match output {
        Some(path) => Box::new(BufWriter::new(File::create(path).with_context(|| format!("`{}`", path.display()))?)),
        None => Box::new(BufWriter::new(std::io::stdout().lock())),
    };
    let count = export(&log, lane, &mut out)?;
    out.flush()?;
    eprintln!("{count} records");
    Ok(ExitCode::SUCCESS)
}

fn export(log: &dyn EventLog, lane: Lane, out: &mut dyn Write) -> anyhow::Result<u64> {
    let mut from = log.starts(lane);
    let mut count = 0;
    loop {
        let frames = log.read_lane(lane, &from, ReadLimits::up_to(log.bound()))?;
        if frames.is_empty() {
            return Ok(count);
        }
        for frame in frames {
            from[frame.partition.index()] = frame.end();
            for line in lines(lane, &frame)? {
                serde_json::to_writer(&mut *out, &line)?;
                writeln!(out)?;
                count += 1;
            }
        }
    }
}

fn lines(lane: Lane, frame: &Frame) -> anyhow::Result<Vec<Value>> {
    if frame.counted() == 0 {
        return Ok(Vec::new());
    }
    let place = |row: u32| {
        let pos = Pos {
            log_time: frame.log_time,
            lane: lane as u8,
            partition: frame.partition.0,
            offset: frame.first.plus(row).0,
        };
        pos.to_string()
    };
    if lane == Lane::Facts {
        let rows = fact::decode(&frame.body)?;
        return Ok(frame
            .counted_rows()
            .map(|row| json!({"pos": place(row), "fact": rows.get(row as usize)}))
            .collect());
    }
    let batch = Batch::decode(&frame.body).context("a frame of the activity lane is damaged")?;
    Ok(frame
        .counted_rows()
        .map(|row| json!({"pos": place(row), "record": object(&batch.record(row as usize))}))
        .collect())
}

/// The columns that a record fills, by name.
fn object(record: &Record) -> Value {
    let filled = Column::ALL.iter().filter(|column| record.has(**column));
    Value::Object(filled.map(|column| (column.name().to_owned(), cell(record, *column))).collect::<Map<_, _>>())
}

fn cell(record: &Record, column: Column) -> Value {
    let text = |value: &dyn std::fmt::Display| Value::String(value.to_string());
    match column {
        Column::kind => text(&record.kind),
        Column::organization => text(&record.organization),
        Column::event => text(&record.event),
        Column::event_time => text(&record.event_time),
        Column::late_by => record.late_by.0.into(),
        Column::flags => record.flags.0.into(),
        Column::source => record.source.word().into(),
        Column::actor => text(&record.actor),
        Column::device => text(&record.device),
        Column::visit => text(&record.visit),
        Column::subject => record.subject.into(),
        Column::message => text(&record.message),
        Column::session => text(&record.session),
        Column::item => text(&record.item),
        Column::campaign => text(&record.campaign),
        Column::ad => text(&record.ad),
        Column::order => text(&record.order),
        Column::poll => text(&record.poll),
        Column::linked => text(&record.linked),
        Column::name => text(&record.name),
        Column::path => text(&record.path),
        Column::referrer => text(&record.referrer),
        Column::category => text(&record.category),
        Column::choice => text(&record.choice),
        Column::amount_minor => record.amount_minor.into(),
        Column::currency => text(&record.currency),
        Column::quantity => record.quantity.into(),
        Column::duration_ms => record.duration_ms.into(),
        Column::card => text(&record.card),
        Column::address => text(&record.address),
        Column::signup_time => text(&record.signup_time),
        Column::country => text(&record.country),
        Column::platform => text(&record.platform),
        Column::language => text(&record.language),
        Column::text_chars => record.text_chars.into(),
        Column::channel => text(&record.channel),
        Column::sealed => format!("{} sealed bytes", record.sealed.len()).into(),
    }
}

#[cfg(test)]
mod tests {
    use records::{Kind, OrganizationId};

    use super::*;

    #[test]
    fn only_filled_columns_are_written_and_nothing_sealed() {
        let record = Record {
            organization: OrganizationId::parse("acme").unwrap(),
            sealed: b"secret".as_slice().into(),
            ..Record::new(Kind::Page)
        };
        assert_eq!(object(&record), json!({"kind": "page_viewed", "organization": "acme", "sealed": "6 sealed bytes"}));
        assert!(Column::ALL.iter().any(|column| column.meaning() == records::vocabulary::Meaning::Sealed));
    }
}
