//! Frames of the log as rows of the raw tables.
//!
//! Columns that no record of the frames fills are left out: ClickHouse fills in their defaults, and the body stays small.

use std::sync::Arc;

use arrow_array::builder::{MapBuilder, MapFieldNames, StringBuilder};
use arrow_array::{
    ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema};
use records::seal::Sealed;
use records::{Batch, Column, FactRow, Kind, OrganizationId, Timestamp};

use crate::mask::masked;

/// One frame of the activity lane, decoded.
#[derive(Debug, Clone)]
pub struct RecordFrame {
    /// When the log took it.
    pub log_time: Timestamp,
    /// Log partition.
    pub partition: u16,
    /// Offset of its first row.
    pub first: u64,
    /// Its records.
    pub batch: Arc<Batch>,
    /// The rows that count, ascending (`Frame::counted_rows`).
    pub rows: Vec<u32>,
}

/// One frame of the facts lane, decoded.
#[derive(Debug, Clone)]
pub struct FactFrame {
    /// When the log took it.
    pub log_time: Timestamp,
    /// Log partition.
    pub partition: u16,
    /// Offset of its first row.
    pub first: u64,
    /// Its facts, with their place in the frame: only those that count.
    pub rows: Vec<(u32, FactRow)>,
}

/// Opens a sealed blob of an organization's subject; `None` when its key is gone.
pub type Opener<'a> = &'a dyn Fn(OrganizationId, u64, &[u8]) -> Option<Sealed>;

/// Returns the rows of the `records` table for these frames, in their order. Watermarks of replays are left out: they are the
/// log's own bookkeeping, as beats are among the facts, and would only be in the way of whoever counts kinds.
///
/// # Errors
/// Arrow's, which a batch of the vocabulary does not cause.
pub fn records_batch(frames: &[RecordFrame], open: Opener<'_>) -> Result<RecordBatch, ArrowError> {
    let frames: Vec<RecordFrame> = frames.iter().map(without_watermarks).collect();
    let frames = frames.as_slice();
    let rows = Rows(frames);
    let mut columns = place_columns(frames.iter().flat_map(|frame| {
        frame.rows.iter().map(|row| (frame.log_time, frame.partition, frame.first + u64::from(*row)))
    }));
    for column in Column::ALL {
        let filled = frames.iter().any(|frame| frame.batch.has(*column));
        if filled && let Some(values) = rows.column(*column) {
            columns.push((column.name(), values));
        }
    }
    if frames.iter().any(|frame| frame.batch.has(Column::sealed)) {
        columns.push(("properties", rows.properties(open)?));
    }
    to_batch(columns)
}

/// Returns the rows of the `facts` table for these frames, in their order. Beats are left out: they say nothing.
///
/// # Errors
/// Arrow's, which facts do not cause.
pub fn facts_batch(frames: &[FactFrame]) -> Result<RecordBatch, ArrowError> {
    let facts: Vec<(&FactFrame, u32, &FactRow)> = frames
        .iter()
        .flat_map(|frame| frame.rows.iter().map(move |(row, fact)| (frame, *row, fact)))
        .filter(|(_, _, fact)| !matches!(fact.known(), Some(records::Fact::Beat)))
        .collect();
    let mut columns = place_columns(
        facts.iter().map(|(frame, row, _)| (frame.log_time, frame.partition, frame.first + u64::from(*row))),
    );
    let bodies: Vec<FactText> = facts.iter().map(|(_, _, fact)| FactText::of(fact)).collect();
    columns.push(("organization", texts(facts.iter().map(|(_, _, fact)| fact.organization.to_string()))));
    columns.push(("event", texts(bodies.iter().map(|text| &text.event))));
    columns.push(("kind", texts(bodies.iter().map(|text| &text.kind))));
    columns.push(("body", texts(bodies.iter().map(|text| &text.body))));
    to_batch(columns)
}

/// A frame's batch is shared; only the list of its rows is another.
fn without_watermarks(frame: &RecordFrame) -> RecordFrame {
    let lands = |row: &u32| frame.batch.kind(*row as usize) != Kind::ReplayWatermarked;
    RecordFrame { rows: frame.rows.iter().copied().filter(lands).collect(), ..frame.clone() }
}

struct FactText {
    event: String,
    kind: String,
    body: String,
}

impl FactText {
    fn of(row: &FactRow) -> Self {
        let mut value = serde_json::to_value(row).expect("facts have text keys only");
        let text = |value: &serde_json::Value, name: &str| value[name].as_str().unwrap_or("").to_owned();
        let (event, kind) = (text(&value, "event"), text(&value, "fact"));
        if let Some(fields) = value.as_object_mut() {
            // A key's hash has no use in a query, and analysts need not see it.
            fields.remove("hash");
        }
        Self { event, kind, body: value.to_string() }
    }
}

type Named = (&'static str, ArrayRef);

fn place_columns(places: impl Iterator<Item = (Timestamp, u16, u64)>) -> Vec<Named> {
    let places: Vec<(Timestamp, u16, u64)> = places.collect();
    let times = TimestampMicrosecondArray::from_iter_values(places.iter().map(|place| place.0.0)).with_timezone("UTC");
    vec![
        ("log_time", Arc::new(times)),
        ("partition", Arc::new(UInt16Array::from_iter_values(places.iter().map(|place| place.1)))),
        ("offset", Arc::new(UInt64Array::from_iter_values(places.iter().map(|place| place.2)))),
    ]
}

fn to_batch(columns: Vec<Named>) -> Result<RecordBatch, ArrowError> {
    let fields: Vec<FieldRef> =
        columns.iter().map(|(name, values)| Arc::new(Field::new(*name, values.data_type().clone(), false))).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, values)| values).collect())
}

fn texts<T: AsRef<str>>(values: impl Iterator<Item = T>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    values.for_each(|value| builder.append_value(value));
    Arc::new(builder.finish())
}

struct Rows<'a>(&'a [RecordFrame]);

impl Rows<'_> {
    fn each<T>(&self, value: impl Fn(&Batch, usize) -> T) -> impl Iterator<Item = T> {
        self.0.iter().flat_map(move |frame| {
            let value = &value;
            frame.rows.iter().map(move |row| value(&frame.batch, *row as usize)).collect::<Vec<T>>()
        })
    }

    /// The values of a column as the warehouse has them; none for what never lands.
    ///
    /// The match has no default: a new column of the vocabulary does not compile until it says how it lands.
    fn column(&self, column: Column) -> Option<ArrayRef> {
        Some(match column {
            Column::kind => texts(self.each(|batch, row| batch.kind(row).word())),
            Column::organization => self.ids(|batch, row| batch.organization(row).0),
            Column::event => self.ids(|batch, row| batch.event(row).0),
            Column::message => self.ids(|batch, row| batch.message(row).0),
            Column::session => self.ids(|batch, row| batch.session(row).0),
            Column::item => self.ids(|batch, row| batch.item(row).0),
            Column::campaign => self.ids(|batch, row| batch.campaign(row).0),
            Column::ad => self.ids(|batch, row| batch.ad(row).0),
            Column::order => self.ids(|batch, row| batch.order(row).0),
            Column::poll => self.ids(|batch, row| batch.poll(row).0),
            Column::event_time => self.times(|batch, row| batch.event_time(row)),
            Column::signup_time => self.times(|batch, row| batch.signup_time(row)),
            Column::late_by => Arc::new(Int64Array::from_iter_values(self.each(|batch, row| batch.late_by(row).0))),
            Column::amount_minor => {
                Arc::new(Int64Array::from_iter_values(self.each(|batch, row| batch.amount_minor(row))))
            }
            Column::flags => Arc::new(UInt16Array::from_iter_values(self.each(|batch, row| batch.flags(row).0))),
            Column::source => texts(self.each(|batch, row| batch.source(row).word())),
            Column::actor => self.tokens(|batch, row| batch.actor(row).0),
            Column::device => self.tokens(|batch, row| batch.device(row).0),
            Column::visit => self.tokens(|batch, row| batch.visit(row).0),
            Column::linked => self.tokens(|batch, row| batch.linked(row).0),
            Column::card => self.tokens(|batch, row| batch.card(row).0),
            Column::address => self.tokens(|batch, row| batch.address(row).0),
            Column::subject => self.tokens(Batch::subject),
            Column::currency => texts(self.each(|batch, row| batch.currency(row).to_string())),
            Column::quantity => self.counts(Batch::quantity),
            Column::duration_ms => self.counts(Batch::duration_ms),
            Column::text_chars => self.counts(Batch::text_chars),
            Column::name
            | Column::path
            | Column::referrer
            | Column::category
            | Column::choice
            | Column::country
            | Column::platform
            | Column::language
            | Column::channel => self.codes(column),
            Column::sealed => return None,
        })
    }

    fn tokens(&self, value: impl Fn(&Batch, usize) -> u64) -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(self.each(value)))
    }

    fn counts(&self, value: impl Fn(&Batch, usize) -> u32) -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values(self.each(value)))
    }

    fn times(&self, value: impl Fn(&Batch, usize) -> Timestamp) -> ArrayRef {
        let micros = self.each(|batch, row| value(batch, row).0);
        Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
    }

    /// Ids as text, each printed once for a run of equal ones: neighbours mostly share their organization and event.
    fn ids(&self, value: impl Fn(&Batch, usize) -> u128) -> ArrayRef {
        let mut builder = StringBuilder::new();
        let mut last: (u128, String) = (0, String::new());
        for id in self.each(value) {
            if id != last.0 {
                last.0 = id;
                last.1.clear();
                records::id::write_bits(id, &mut last.1).expect("writing to a string cannot fail");
            }
            builder.append_value(if id == 0 { "" } else { &last.1 });
        }
        Arc::new(builder.finish())
    }

    /// Texts by their codes: nothing is looked up or copied twice.
    fn codes(&self, column: Column) -> ArrayRef {
        let mut builder = StringBuilder::new();
        for frame in self.0 {
            let values = frame.batch.texts(column).expect("only text columns are asked");
            for row in &frame.rows {
                let text = match values.code(*row as usize) {
                    0 => "",
                    code => values.values().get(usize::from(code) - 1).map_or("", records::Text::as_str),
                };
                builder.append_value(text);
            }
        }
        Arc::new(builder.finish())
    }

    fn properties(&self, open: Opener<'_>) -> Result<ArrayRef, ArrowError> {
        let names = MapFieldNames { entry: "entries".to_owned(), key: "keys".to_owned(), value: "values".to_owned() };
        let mut builder = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new())
            .with_values_field(Field::new("values", DataType::Utf8, false));
        for frame in self.0 {
            for row in &frame.rows {
                let row = *row as usize;
                let blob = frame.batch.sealed_bytes(row);
                // What came with a dead letter, and what is wrong with it, quotes the letter: that stays sealed.
                let opened = if blob.is_empty() || frame.batch.kind(row) == Kind::DeadLettered {
                    None
                } else {
                    open(frame.batch.organization(row), frame.batch.subject(row), blob)
                };
                for (key, value) in opened.iter().flat_map(|sealed| &sealed.properties) {
                    builder.keys().append_value(masked(key));
                    builder
                        .values()
                        .append_value(masked(&value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
                }
                builder.append(true)?;
            }
        }
        Ok(Arc::new(builder.finish()))
    }
}

#[cfg(test)]
mod tests {
    use records::{Kind, Record, Token};

    use super::*;
    use crate::landing::cut;
    use crate::schema::{facts_table, records_table};

    fn frame(records: &[Record]) -> RecordFrame {
        RecordFrame {
            log_time: Timestamp(1_700_000_000_000_000),
            partition: 3,
            first: 100,
            batch: Arc::new(Batch::from_records(records)),
            rows: (0..u32::try_from(records.len()).unwrap()).collect(),
        }
    }

    #[test]
    fn voided_rows_do_not_land_and_offsets_stay() {
        let record = Record { organization: OrganizationId::parse("acme").unwrap(), ..Record::new(Kind::Page) };
        let mut frame = frame(&[record.clone(), record.clone(), record]);
        frame.rows = vec![0, 2];
        let batch = records_batch(&[frame], &|_, _, _| None).unwrap();
        let offsets = batch.column_by_name("offset").unwrap();
        assert_eq!(offsets.as_ref(), &UInt64Array::from(vec![100, 102]) as &dyn arrow_array::Array);
        assert_eq!(cut(&records_table(), &batch, 1, 3).unwrap()[0].rows, 2);
    }

    #[test]
    fn watermarks_of_replays_do_not_land() {
        let of = |kind| Record { organization: OrganizationId::parse("acme").unwrap(), ..Record::new(kind) };
        let frames = [frame(&[of(Kind::Page), of(Kind::ReplayWatermarked), of(Kind::DeadLettered)])];
        let batch = records_batch(&frames, &|_, _, _| None).unwrap();
        let offsets = batch.column_by_name("offset").unwrap();
        assert_eq!(offsets.as_ref(), &UInt64Array::from(vec![100, 102]) as &dyn arrow_array::Array);
        let alone = records_batch(&[frame(&[of(Kind::ReplayWatermarked)])], &|_, _, _| None).unwrap();
        assert_eq!(cut(&records_table(), &alone, 1, 3).unwrap().len(), 0, "a chunk without rows is none");
    }

    #[test]
    fn a_full_record_fits_the_table() {
        let id = "x1";
        let text = records::Text::new("t");
        let token = Token(5);
        let record = Record {
            kind: Kind::Page,
            organization: records::OrganizationId::parse(id).unwrap(),
            event: records::EventId::parse(id).unwrap(),
            event_time: Timestamp(1),
            late_by: records::Span(2),
            flags: records::Flags(1),
            source: records::Source::Segment,
            actor: token,
            device: token,
            visit: token,
            subject: 9,
            message: records::MessageId::parse(id).unwrap(),
            session: records::SessionId::parse(id).unwrap(),
            item: records::ItemId::parse(id).unwrap(),
            campaign: records::CampaignId::parse(id).unwrap(),
            ad: records::AdId::parse(id).unwrap(),
            order: records::OrderId::parse(id).unwrap(),
            poll: records::PollId::parse(id).unwrap(),
            linked: token,
            name: text.clone(),
            path: text.clone(),
            referrer: text.clone(),
            category: text.clone(),
            choice: text.clone(),
            amount_minor: 5,
            currency: records::Currency::parse("EUR").unwrap(),
            quantity: 2,
            duration_ms: 3,
            card: token,
            address: token,
            signup_time: Timestamp(4),
            country: text.clone(),
            platform: text.clone(),
            language: text.clone(),
            text_chars: 6,
            channel: text,
            sealed: vec![1].into(),
        };
        let open = |organization: OrganizationId, subject: u64, blob: &[u8]| {
            assert_eq!((organization.to_string().as_str(), subject, blob), ("x1", 9, [1_u8].as_slice()));
            let mut sealed = Sealed::default();
            sealed.properties.insert("plan".to_owned(), "gold".into());
            sealed.properties.insert("contact".to_owned(), "ana@example.org".into());
            Some(sealed)
        };
        let batch = records_batch(&[frame(&[record])], &open).unwrap();
        assert_eq!(batch.num_columns(), records_table().columns.len());
        assert_eq!(cut(&records_table(), &batch, 1, 0).unwrap().len(), 1);
        let text = format!("{:?}", batch.column_by_name("properties").unwrap());
        assert!(text.contains("gold") && !text.contains("ana@example.org"), "{text}");
    }

    #[test]
    fn facts_land_as_json_without_key_hashes_and_beats() {
        let organization = OrganizationId::parse("acme").unwrap();
        let key = records::Fact::KeyAdded { key: "k".into(), hash: "feed".into(), scopes: vec![], expires: None };
        let row = |fact| FactRow::new(organization, Timestamp(1), fact);
        let frame = FactFrame {
            log_time: Timestamp(1),
            partition: 0,
            first: 7,
            rows: vec![(0, row(key)), (1, row(records::Fact::Beat))],
        };
        let batch = facts_batch(&[frame]).unwrap();
        assert_eq!(cut(&facts_table(), &batch, 1, 0).unwrap()[0].rows, 1);
        let text = format!("{batch:?}");
        assert!(text.contains("key_added") && text.contains("acme") && !text.contains("feed"), "{text}");
    }
}
