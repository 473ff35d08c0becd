//! What the shell does with a line, apart from the terminal.

use std::io::Write;

use super::complete::statement_end;
use crate::client::{Client, literal};
use crate::sql::{self, Format, SqlError};

const HELP: &str = "  \\tables          tables and views, with what they hold
  \\d TABLE         columns of a table, with what they mean
  \\format FORMAT   table, csv, json or parquet
  \\?               this list
  \\q               quit
";

/// Whether the shell goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask for the next line.
    Go,
    /// Leave.
    Quit,
}

/// A shell without a terminal.
#[derive(Debug)]
pub struct Session {
    client: Client,
    format: Format,
}

impl Session {
    /// Returns a session that prints tables.
    pub fn new(client: Client) -> Self {
        Self { client, format: Format::Table }
    }

    /// Returns the same session, answering in another format.
    #[must_use]
    pub fn with_format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// Returns the names of tables and columns, for completion.
    pub(crate) async fn names(&self) -> Result<Vec<String>, SqlError> {
        let sql = "SELECT DISTINCT arrayJoin([table, name]) AS word FROM system.columns WHERE database = currentDatabase() ORDER BY word";
        Ok(self.client.fetch_all(sql).await?)
    }

    /// Takes a command, or one or more statements; answers and errors go to `out`.
    pub async fn input(&mut self, input: &str, out: &mut impl Write) -> Next {
        if let Some(command) = input.trim().strip_prefix('\\') {
            return self.command(command, out).await;
        }
        for statement in statements(input) {
            self.show(statement, out).await;
        }
        Next::Go
    }

    async fn command(&mut self, command: &str, out: &mut impl Write) -> Next {
        let (word, argument) =
            command.trim_end_matches(';').split_once(' ').unwrap_or((command.trim_end_matches(';'), ""));
        match (word, argument.trim()) {
            ("q" | "quit", _) => return Next::Quit,
            ("?" | "help", _) => say(out, HELP),
            ("tables", _) | ("d", "") => self.show(TABLES, out).await,
            ("d", table) => self.show(&columns_of(table), out).await,
            ("format", word) => match word.parse() {
                Ok(format) => self.format = format,
                Err(error) => say(out, &format!("{error}\n")),
            },
            (other, _) => say(out, &format!("\\{other} is unknown; \\? lists what there is\n")),
        }
        Next::Go
    }

    async fn show(&self, statement: &str, out: &mut impl Write) {
        if let Err(error) = sql::run(&self.client, statement, self.format, out).await {
            say(out, &format!("{error}\n"));
        }
    }
}

/// The statements of a text, which `;` separates; the last one needs none.
pub fn statements(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = statement_end(rest).unwrap_or(rest.len());
        let statement = rest[..end].trim();
        if !statement.is_empty() {
            found.push(statement);
        }
        rest = rest.get(end + 1..).unwrap_or("").trim();
    }
    found
}

/// A terminal that is gone is noticed at the next line that is read.
fn say(out: &mut impl Write, text: &str) {
    let _ = out.write_all(text.as_bytes());
}

const TABLES: &str = "SELECT name, engine, total_rows AS rows, formatReadableSize(total_bytes) AS size, comment FROM system.tables \
                      WHERE database = currentDatabase() ORDER BY name";

fn columns_of(table: &str) -> String {
    format!(
        "SELECT name, type, comment FROM system.columns WHERE database = currentDatabase() AND table = {} ORDER BY position",
        literal(table)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_into_its_statements() {
        assert_eq!(statements("select 1; select ';' ;\n select 2"), ["select 1", "select ';'", "select 2"]);
        assert!(statements(" ;; \n").is_empty());
    }
}
