//! The committed corpus, and small changes of it, through every target.

use std::path::Path;

/// Bytes changed at every place of a file up to here; longer files are changed at every n-th place.
const PLACES_MAX: usize = 512;

fn mutations(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let step = (bytes.len() / PLACES_MAX).max(1);
    let places = (0..bytes.len()).step_by(step);
    let changed = places.clone().flat_map(|at| {
        [0x00, 0xFF, bytes[at] ^ 0x01, bytes[at] ^ 0x80].map(|value| {
            let mut changed = bytes.to_vec();
            changed[at] = value;
            changed
        })
    });
    changed.chain(places.map(|end| bytes[..end].to_vec()))
}

#[test]
fn the_corpus_and_its_neighbours_never_panic() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in fuzz::TARGETS {
        let folder = root.join(target.name);
        let mut files: Vec<_> = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}; every target has a corpus", folder.display()))
            .map(|entry| entry.expect("the folder is readable").path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{} is empty; every target has a corpus", folder.display());
        for file in files {
            let bytes = std::fs::read(&file).expect("corpus files are readable");
            (target.run)(&bytes);
            mutations(&bytes).for_each(|bytes| (target.run)(&bytes));
        }
    }
}
