//! Packs the built pages (`dist/pages`) into the crate: each file as it is and compressed, named by its path.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// A compressed copy that saves less than this share of a file (in per cent) is not worth a second copy in the binary.
const SAVES_PERCENT: usize = 5;

fn main() -> io::Result<()> {
    // The folder `dist` is always there: naming one that is not would build the crate anew every time.
    println!("cargo:rerun-if-changed=dist");
    println!("cargo:rerun-if-changed=build.rs");
    let root = PathBuf::from("dist/pages");
    let target = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    let mut paths = Vec::new();
    if root.is_dir() {
        collect(&root, &mut paths)?;
    }
    let named = paths.into_iter().map(|path| {
        let name = path.strip_prefix(&root).expect("it was found below").to_string_lossy().replace('\\', "/");
        (name, path)
    });
    // By the names' bytes, as they are searched for: paths sort by their parts, where `scan/` comes before `scan.html`.
    let mut named: Vec<(String, PathBuf)> = named.collect();
    named.sort();
    let mut table = String::from("&[\n");
    for (number, (name, path)) in named.iter().enumerate() {
        table.push_str(&entry(name, &fs::read(path)?, number, &target)?);
    }
    table.push_str("]\n");
    fs::write(target.join("files.rs"), table)
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else {
            into.push(path);
        }
    }
    Ok(())
}

/// One row of the table: the name, the bytes, and the compressed bytes when they are worth it.
fn entry(name: &str, bytes: &[u8], number: usize, target: &Path) -> io::Result<String> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    let packed = encoder.finish()?;
    let (plain, gzip) = (target.join(format!("{number}.plain")), target.join(format!("{number}.gz")));
    fs::write(&plain, bytes)?;
    let mut row = String::new();
    write!(row, "    ({name:?}, include_bytes!({plain:?}), ").expect("writing to a string cannot fail");
    if packed.len() * 100 < bytes.len() * (100 - SAVES_PERCENT) {
        fs::write(&gzip, &packed)?;
        writeln!(row, "Some(include_bytes!({gzip:?}) as &[u8])),").expect("writing to a string cannot fail");
    } else {
        row.push_str("None),\n");
    }
    Ok(row)
}
