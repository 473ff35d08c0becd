//! Writes the binary seeds of the corpus: `cargo run -p fuzz --example seed`.

use std::io::Write as _;
use std::path::Path;

use fuzz::seeds;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let write = |name: &str, bytes: &[u8]| {
        let file = corpus.join(name);
        std::fs::create_dir_all(file.parent().expect("names have a folder"))?;
        std::fs::write(file, bytes)
    };
    write("batch/four_records", &seeds::batch(4).encode())?;
    write("batch/empty", &seeds::batch(0).encode())?;
    write("segment_file/three_frames", &seeds::template().segment)?;
    let mut book = Vec::new();
    rules::rulebook::Rulebook::default().encode(&mut book);
    write("rulebook/empty", &book)?;
    let (snapshot, domains) = seeds::snapshot();
    write("desk_snapshot/a_little", &snapshot)?;
    write("domains/a_little", &domains)?;
    let body = br#"{"batch":[{"type":"track","event":"x","userId":"u"}]}"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(body)?;
    write("bodies/gzip", &gzip.finish()?)?;
    write("bodies/zstd", &zstd::encode_all(&body[..], 1)?)
}
