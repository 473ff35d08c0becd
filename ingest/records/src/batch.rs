//! Many records as columns: what a frame of the activity lane holds and what folds read.

use arrow_array::ArrayRef;
use arrow_buffer::ScalarBuffer;

use crate::id::{AdId, CampaignId, EventId, ItemId, MessageId, OrderId, OrganizationId, PollId, SessionId};
use crate::kind::Kind;
use crate::money::Currency;
use crate::text::Text;
use crate::time::{Span, Timestamp};
use crate::token::Token;
use crate::vocabulary::{Column, Flags, Record, Source, with_columns};

/// The most records of one batch: a text column names its texts by 16 bits.
pub const ROWS_MAX: usize = 65_535;

/// A value that a column can hold.
pub(crate) trait Cell: Sized {
    /// The values of one column.
    type Store: Store;
    /// Returns whether the value says nothing, so that a column of such values is left out.
    fn is_absent(&self) -> bool;
    fn collect<'a>(cells: impl ExactSizeIterator<Item = &'a Self>) -> Self::Store
    where
        Self: 'a;
    fn get(store: &Self::Store, row: usize) -> Self;
}

/// A column's values, or nothing when every value is absent.
pub(crate) trait Store: Default + Clone + std::fmt::Debug {
    fn is_empty(&self) -> bool;
}

/// Fixed-width values.
#[derive(Debug, Clone)]
pub struct Numbers<T: arrow_buffer::ArrowNativeType>(pub(crate) ScalarBuffer<T>);

impl<T: arrow_buffer::ArrowNativeType> Default for Numbers<T> {
    fn default() -> Self {
        Self(ScalarBuffer::from(Vec::new()))
    }
}

impl<T: arrow_buffer::ArrowNativeType> Store for Numbers<T> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Ids of 16 bytes.
#[derive(Debug, Clone)]
pub struct Ids(pub(crate) arrow_buffer::Buffer);

impl Default for Ids {
    fn default() -> Self {
        Self(arrow_buffer::Buffer::from_vec(Vec::<u8>::new()))
    }
}

impl Store for Ids {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Ids {
    #[inline]
    fn get(&self, row: usize) -> u128 {
        match self.0.as_slice().get(row * 16..row * 16 + 16) {
            Some(bytes) => u128::from_be_bytes(bytes.try_into().expect("the slice has 16 bytes")),
            None => 0,
        }
    }
}

/// Texts by code: 0 is absent, code n is `values[n - 1]`.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    pub(crate) values: Vec<Text>,
    pub(crate) codes: Numbers<u16>,
}

impl Store for Texts {
    fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }
}

impl Texts {
    /// The code of a row's text: 0 when absent. Codes are private to the batch.
    #[inline]
    pub fn code(&self, row: usize) -> u16 {
        self.codes.0.get(row).copied().unwrap_or(0)
    }

    /// The distinct texts; code n is the text at n - 1.
    pub fn values(&self) -> &[Text] {
        &self.values
    }
}

/// Byte strings, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Blobs(pub(crate) Option<arrow_array::BinaryArray>);

impl Store for Blobs {
    fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

macro_rules! number_cells {
    ($($type:ty, $native:ty, |$value:ident| $to:expr, |$raw:ident| $from:expr;)+) => {$(
        impl Cell for $type {
            type Store = Numbers<$native>;
            fn is_absent(&self) -> bool {
                let $value = self;
                $to == <$native>::default()
            }
            fn collect<'a>(cells: impl ExactSizeIterator<Item = &'a Self>) -> Self::Store where Self: 'a {
                Numbers(cells.map(|$value| $to).collect::<Vec<$native>>().into())
            }
            #[inline]
            fn get(store: &Self::Store, row: usize) -> Self {
                let $raw = store.0.get(row).copied().unwrap_or_default();
                $from
            }
        }
    )+};
}

number_cells! {
    u32, u32, |value| *value, |raw| raw;
    u64, u64, |value| *value, |raw| raw;
    i64, i64, |value| *value, |raw| raw;
    Kind, u16, |value| value.code(), |raw| Kind::from_code(raw);
    Flags, u16, |value| value.0, |raw| Flags(raw);
    Source, u8, |value| *value as u8, |raw| Source::from_code(raw);
    Currency, u16, |value| value.0, |raw| Currency(raw);
    Timestamp, i64, |value| value.0, |raw| Timestamp(raw);
    Span, i64, |value| value.0, |raw| Span(raw);
    Token, u64, |value| value.0, |raw| Token(raw);
}

macro_rules! id_cells {
    ($($type:ty),+) => {$(
        impl Cell for $type {
            type Store = Ids;
            fn is_absent(&self) -> bool {
                !self.is_some()
            }
            fn collect<'a>(cells: impl ExactSizeIterator<Item = &'a Self>) -> Ids where Self: 'a {
                let mut bytes = Vec::with_capacity(cells.len() * 16);
                cells.for_each(|cell| bytes.extend_from_slice(&cell.0.to_be_bytes()));
                Ids(arrow_buffer::Buffer::from_vec(bytes))
            }
            #[inline]
            fn get(store: &Ids, row: usize) -> Self {
                Self(store.get(row))
            }
        }
    )+};
}
id_cells!(OrganizationId, EventId, ItemId, SessionId, OrderId, CampaignId, AdId, PollId, MessageId);

impl Cell for Text {
    type Store = Texts;
    fn is_absent(&self) -> bool {
        !self.is_some()
    }
    fn collect<'a>(cells: impl ExactSizeIterator<Item = &'a Self>) -> Texts {
        let mut places = std::collections::BTreeMap::<&str, u16>::new();
        let mut values = Vec::new();
        // Neighbours are often the very same shared text: one pointer comparison saves the look-up.
        let mut last: (*const u8, u16) = (std::ptr::null(), 0);
        let codes: Vec<u16> = cells
            .map(|text| {
                if !text.is_some() {
                    return 0;
                }
                if last.0 == text.as_ptr() && values.get(usize::from(last.1) - 1) == Some(text) {
                    return last.1;
                }
                let code = *places.entry(text.as_str()).or_insert_with(|| {
                    values.push(text.clone());
                    u16::try_from(values.len()).expect("a batch has at most ROWS_MAX rows")
                });
                last = (text.as_ptr(), code);
                code
            })
            .collect();
        Texts { values, codes: Numbers(codes.into()) }
    }
    #[inline]
    fn get(store: &Texts, row: usize) -> Self {
        match store.code(row) {
            0 => Self::NONE,
            code => store.values.get(usize::from(code) - 1).cloned().unwrap_or_default(),
        }
    }
}

impl Cell for Box<[u8]> {
    type Store = Blobs;
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
    fn collect<'a>(cells: impl ExactSizeIterator<Item = &'a Self>) -> Blobs {
        Blobs(Some(arrow_array::BinaryArray::from_iter_values(cells)))
    }
    fn get(store: &Blobs, row: usize) -> Self {
        match &store.0 {
            Some(array) if row < arrow_array::Array::len(array) => array.value(row).into(),
            _ => Box::default(),
        }
    }
}

/// A column of a newer version, carried along untouched.
#[derive(Debug, Clone)]
pub(crate) struct Foreign {
    pub(crate) tag: u8,
    pub(crate) layout: u8,
    pub(crate) values: ArrayRef,
    pub(crate) texts: Vec<Text>,
}

macro_rules! define_batch {
    ($($tag:literal $field:ident: $type:ty, $layout:ident, $meaning:ident, $clickhouse:literal, $doc:literal;)+) => {
        /// What becomes a batch, by column: for whoever fills a few columns of many rows. A [`Record`] has every column,
        /// so that writing one is half a kilobyte. A column that is left empty is absent in every row.
        #[derive(Debug, Clone, Default)]
        pub struct Columns {
            $(#[doc = $doc] pub $field: Vec<$type>,)+
        }

        impl Columns {
            /// Empties every column and keeps its memory.
            pub fn clear(&mut self) {
                $(self.$field.clear();)+
            }
        }

        /// Up to [`ROWS_MAX`] records as columns. Reading a column that no record fills gives its default.
        #[derive(Debug, Clone, Default)]
        pub struct Batch {
            pub(crate) rows: usize,
            pub(crate) version: u16,
            $(pub(crate) $field: <$type as Cell>::Store,)+
            pub(crate) foreign: Vec<Foreign>,
        }

        impl Batch {
            /// Turns records into columns; columns that no record fills are left out.
            ///
            /// # Panics
            /// When there are more than [`ROWS_MAX`] records.
            pub fn from_records(records: &[Record]) -> Self {
                assert!(records.len() <= ROWS_MAX, "callers cut batches at ROWS_MAX");
                Self {
                    rows: records.len(),
                    version: crate::vocabulary::SCHEMA_VERSION,
                    $($field: if records.iter().all(|record| Cell::is_absent(&record.$field)) {
                        Default::default()
                    } else {
                        <$type as Cell>::collect(records.iter().map(|record| &record.$field))
                    },)+
                    foreign: Vec::new(),
                }
            }

            /// As [`Batch::from_records`], of columns.
            ///
            /// # Panics
            /// When there are more than [`ROWS_MAX`] rows, or a column is neither empty nor as long as that.
            pub fn from_columns(rows: usize, columns: &Columns) -> Self {
                assert!(rows <= ROWS_MAX, "callers cut batches at ROWS_MAX");
                $(assert!(columns.$field.is_empty() || columns.$field.len() == rows, "a value for each row");)+
                Self {
                    rows,
                    version: crate::vocabulary::SCHEMA_VERSION,
                    $($field: if columns.$field.iter().all(Cell::is_absent) {
                        Default::default()
                    } else {
                        <$type as Cell>::collect(columns.$field.iter())
                    },)+
                    foreign: Vec::new(),
                }
            }

            /// One record again. For rims and tests; folds read columns.
            pub fn record(&self, row: usize) -> Record {
                Record { $($field: self.$field(row),)+ }
            }

            $(
                #[doc = $doc]
                #[inline]
                pub fn $field(&self, row: usize) -> $type {
                    <$type as Cell>::get(&self.$field, row)
                }
            )+

            /// Returns whether any record fills the column.
            pub fn has(&self, column: Column) -> bool {
                match column { $(Column::$field => !self.$field.is_empty(),)+ }
            }
        }
    };
}
with_columns!(define_batch);

impl Batch {
    /// How many records.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The version of the vocabulary that wrote it.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// The sealed blob of a row without copying it; empty when nothing is sealed.
    pub fn sealed_bytes(&self, row: usize) -> &[u8] {
        self.sealed.0.as_ref().map_or(&[], |array| array.value(row))
    }

    /// A text column with its codes, for folds that look a text up once for each batch; none for other layouts.
    pub fn texts(&self, column: Column) -> Option<&Texts> {
        match column {
            Column::name => Some(&self.name),
            Column::path => Some(&self.path),
            Column::referrer => Some(&self.referrer),
            Column::category => Some(&self.category),
            Column::choice => Some(&self.choice),
            Column::country => Some(&self.country),
            Column::platform => Some(&self.platform),
            Column::language => Some(&self.language),
            Column::channel => Some(&self.channel),
            _ => None,
        }
    }

    /// The hash of each row by which a repeated message is known; none at all when no row has a message id, so that the
    /// log need not remember that there was nothing to remember.
    pub fn dedup(&self) -> Vec<u64> {
        if self.message.is_empty() {
            return Vec::new();
        }
        (0..self.rows).map(|row| crate::vocabulary::dedup(self.organization(row), self.message(row))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: OrganizationId = OrganizationId(1);

    #[test]
    fn columns_make_the_batch_that_their_records_make() {
        let record = |at: u64| Record {
            organization: ACME,
            event_time: Timestamp(at.cast_signed()),
            path: Text::from(if at.is_multiple_of(2) { "/a" } else { "/b" }),
            ..Record::new(Kind::Page)
        };
        let records: Vec<_> = (0..9).map(record).collect();
        let mut columns = Columns::default();
        for made in 1..3 {
            columns.kind.resize(records.len(), Kind::Page);
            columns.organization.resize(records.len(), ACME);
            columns.event_time.extend(records.iter().map(|record| record.event_time));
            columns.path.extend(records.iter().map(|record| record.path.clone()));
            // A column of values that say nothing is left out, as it is of records.
            columns.amount_minor.resize(records.len(), 0);
            let batch = Batch::from_columns(records.len(), &columns);
            assert_eq!(batch.encode(), Batch::from_records(&records).encode(), "made {made} times");
            columns.clear();
        }
    }

    #[test]
    #[should_panic(expected = "a value for each row")]
    fn a_column_of_another_length_is_refused() {
        let columns = Columns { kind: vec![Kind::Page; 2], ..Columns::default() };
        let _ = Batch::from_columns(3, &columns);
    }

    #[test]
    fn rows_without_message_ids_have_nothing_to_deduplicate() {
        let without = Record { organization: ACME, ..Record::new(Kind::Page) };
        let with = Record { message: MessageId(7), ..without.clone() };
        assert!(Batch::from_records(&[without.clone(), without.clone()]).dedup().is_empty());
        assert_eq!(Batch::from_records(&[without, with.clone()]).dedup(), [0, with.dedup()]);
    }
}
