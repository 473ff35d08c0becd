//! The interactive SQL shell.

mod complete;
mod session;

use std::path::Path;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};
use tokio::runtime::Handle;

use crate::client::Client;
use crate::sql::{Format, SqlError};
use complete::Assistant;
pub use session::{Next, Session, statements};

/// Lines of history that are kept.
const HISTORY_LINES: usize = 1_000;

/// Why the shell ended early.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// The terminal failed.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] ReadlineError),
    /// The names of tables could not be read: there is no warehouse to speak to.
    #[error(transparent)]
    Warehouse(#[from] SqlError),
}

/// Reads statements from the terminal until `\q` or the end of input. Blocks: call it outside the runtime's own threads.
///
/// Statements end with `;` and may span lines. Tab completes keywords, tables and columns. Ctrl-C drops the line. Answers come
/// in `format` until `\format` says another one.
///
/// # Errors
/// See [`ShellError`]; a statement that ClickHouse refuses is shown, and the shell goes on.
pub fn run(client: Client, runtime: &Handle, history: Option<&Path>, format: Format) -> Result<(), ShellError> {
    let mut session = Session::new(client).with_format(format);
    let names = runtime.block_on(session.names())?;
    let config = Config::builder()
        .max_history_size(HISTORY_LINES)?
        .completion_type(CompletionType::List)
        .auto_add_history(true)
        .build();
    let mut editor: Editor<Assistant, FileHistory> = Editor::with_config(config)?;
    editor.set_helper(Some(Assistant::new(names)));
    if let Some(history) = history {
        // The first run has none.
        let _ = editor.load_history(history);
    }
    println!("Statements end with `;`. \\? lists what else there is.");
    loop {
        match editor.readline("eventra> ") {
            Ok(input) => {
                if let Some(history) = history {
                    // At once: a terminal that is closed leaves no time for it. A history is worth no error.
                    let _ = editor.append_history(history);
                }
                match runtime.block_on(session.input(&input, &mut std::io::stdout())) {
                    Next::Go => {}
                    Next::Quit => break,
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
