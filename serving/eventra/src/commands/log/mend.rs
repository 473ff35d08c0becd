//! `eventra log verify` and `repair`: damage, found and mended. Verifying needs no lock; repairing takes it.

use std::process::ExitCode;

use eventlog::FileOptions;
use eventlog::tools::{Consent, repair as repair_log, verify as verify_log};

use crate::node::storage;
use crate::settings::Settings;

pub(super) fn verify(settings: &Settings) -> anyhow::Result<ExitCode> {
    let disk = storage::disk(&settings.data_dir)?;
    let found = verify_log(&disk, &FileOptions::default().directory)?;
    println!(
        "{} frames, {} records ({} do not count), {} bytes before compression",
        found.frames, found.rows, found.voided_rows, found.body_bytes
    );
    for place in &found.unfinished {
        println!("unfinished (the next start cuts it): {place}");
    }
    for problem in &found.problems {
        println!("DAMAGED {problem}");
    }
    if found.more {
        println!("... and more");
    }
    if found.is_whole() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("`eventra log repair` says what can be saved");
    Ok(ExitCode::FAILURE)
}

pub(super) fn repair(settings: &Settings, give_up: bool) -> anyhow::Result<ExitCode> {
    let disk = storage::disk(&settings.data_dir)?;
    let consent = if give_up { Consent::GiveUpWhatIsUnreadable } else { Consent::No };
    let repaired = repair_log(&disk, &FileOptions::default().directory, consent)?;
    print!("{}", repaired.text());
    if !give_up {
        println!("nothing was changed; --give-up-what-is-unreadable does it");
    }
    Ok(ExitCode::SUCCESS)
}
