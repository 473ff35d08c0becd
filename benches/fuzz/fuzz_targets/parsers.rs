//! The fuzzer's entry: `EVENTRA_FUZZ` names the target.
#![no_main]

use std::sync::OnceLock;

static TARGET: OnceLock<fuzz::Target> = OnceLock::new();

fn chosen() -> fuzz::Target {
    let name = std::env::var("EVENTRA_FUZZ").unwrap_or_default();
    let names: Vec<&str> = fuzz::TARGETS.iter().map(|target| target.name).collect();
    fuzz::target(&name).unwrap_or_else(|| panic!("set EVENTRA_FUZZ to one of {}", names.join(", ")))
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.get_or_init(chosen).run)(bytes));
