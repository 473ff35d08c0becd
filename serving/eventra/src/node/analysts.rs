//! The way of analysts to the warehouse: what the API's routes and the ClickHouse endpoint put their questions through.

pub(crate) mod endpoint;
mod landings;

use std::sync::Arc;

use api::sql::{Column, File, Format, Question, Refusal, Reply, Rows, Shown, Sql, Statistics};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use warehouse::analysts::{self, Ask, AskError, Gateway};
use warehouse::schema;

pub(crate) use landings::{Landing, Landings};

use super::core::Core;

/// The routes' way; none without a warehouse.
pub(super) fn sql(core: &Arc<Core>) -> Option<Sql> {
    let gateway = core.warehouse.gateway()?.clone();
    let (asked, cancelled) = (Arc::clone(core), gateway.clone());
    Some(Sql {
        ask: Box::new(move |question| answer(Arc::clone(&asked), gateway.clone(), question).boxed()),
        cancel: Box::new(move |asker, id| cancel(cancelled.clone(), asker, id)),
        tables: Box::new(shown),
    })
}

fn cancel(gateway: Gateway, asker: String, id: String) -> BoxFuture<'static, Result<bool, Refusal>> {
    async move { gateway.cancel(&asker, &id).await.map_err(refusal) }.boxed()
}

/// Answers of one landing epoch: a question over records and one over views agree.
async fn answer(core: Arc<Core>, gateway: Gateway, question: Question) -> Result<Reply, Refusal> {
    let (cut, mut as_of) = core.warehouse.cut();
    let ask = Ask {
        organization: question.organization.to_string(),
        asker: question.asker,
        id: question.id,
        text: question.text,
        parameters: question.parameters.into_iter().collect(),
        cut,
        ..Ask::default()
    };
    let (format, media, extension) = match question.format {
        Format::Json => {
            let limit = question.limit.unwrap_or(api::limits::QUESTION_ROWS_DEFAULT);
            let rows = gateway.rows(ask, limit).await.map_err(refusal)?;
            as_of.exact = rows.exact && cut.is_some();
            return Ok(Reply::Rows(rows_of(rows, as_of)));
        }
        Format::Csv => ("CSVWithNames", "text/csv; charset=utf-8", "csv"),
        Format::Parquet => ("Parquet", "application/vnd.apache.parquet", "parquet"),
        Format::Arrow => ("Arrow", "application/vnd.apache.arrow.file", "arrow"),
    };
    let (file, exact) = gateway.file(ask, format, question.limit).await.map_err(refusal)?;
    as_of.exact = exact && cut.is_some();
    let bytes = file.map(|part| part.map_err(std::io::Error::other)).boxed();
    Ok(Reply::File(File { as_of, bytes, media, extension }))
}

fn rows_of(rows: analysts::Rows, as_of: api::sql::Landed) -> Rows {
    let columns = rows.columns.into_iter();
    Rows {
        as_of,
        columns: columns.map(|(name, r#type)| Column { name, r#type, comment: String::new() }).collect(),
        data: rows.data,
        truncated: rows.truncated,
        statistics: Statistics { rows_read: rows.rows_read, bytes_read: rows.bytes_read, elapsed_us: rows.elapsed_us },
    }
}

fn refusal(error: AskError) -> Refusal {
    match &error {
        AskError::TooMany => Refusal::Busy(error.to_string()),
        AskError::Unavailable(cause) => {
            tracing::warn!(error = %cause, "a question cannot be put to the warehouse");
            Refusal::Unavailable(error.to_string())
        }
        _ if error.is_forbidden() => Refusal::Forbidden(error.to_string()),
        _ if error.is_cancelled() => Refusal::Cancelled,
        _ if error.is_limit() => Refusal::Limit(error.to_string()),
        _ => Refusal::Refused(error.to_string()),
    }
}

/// Tables and views, as their documentation has them.
fn shown() -> Vec<Shown> {
    let tables = schema::tables().into_iter().map(|table| Shown {
        name: table.name.to_string(),
        comment: table.doc.to_string(),
        columns: table.stored_columns().into_iter().map(column).collect(),
    });
    let views = schema::current_views().into_iter().map(|view| Shown {
        name: view.name.to_owned(),
        comment: view.doc.to_owned(),
        columns: view
            .columns
            .iter()
            .map(|(name, doc)| Column { name: (*name).to_owned(), r#type: String::new(), comment: (*doc).to_owned() })
            .collect(),
    });
    tables.chain(views).collect()
}

fn column(column: schema::Column) -> Column {
    Column {
        name: column.name.into_owned(),
        r#type: column.clickhouse_type.into_owned(),
        comment: column.doc.into_owned(),
    }
}
