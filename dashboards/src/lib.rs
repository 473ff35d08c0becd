//! The pages that people look at, built from `web/` and embedded: bytes with a type and a life in caches.
//!
//! The pages are written in TypeScript beside this file; `scripts/dashboards` builds them into `dist/pages`, and the
//! build of this crate packs what it finds there. Without them everything compiles, and [`page`] tells how to build them.
//!
//! **Does not know:** HTTP, who is asking, what the pages show.
//!
//! ```
//! let page = dashboards::page("bm9uY2U");
//! assert!(page.starts_with("<!doctype html>"));
//! assert!(dashboards::file("no-such-file.js").is_none());
//! ```

/// Where the pages' build leaves room for the nonce of one answer.
const NONCE: &str = "__NONCE__";

/// What stands in for the pages when they were not built.
const ABSENT: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Eventra</title></head>
<body><h1>The pages are not in this binary</h1>
<p>It was built without them. Run <code>make build</code>, which builds the pages and then the binary.</p></body></html>
";

/// A path, the bytes of its file, and the same compressed.
type Packed = (&'static str, &'static [u8], Option<&'static [u8]>);

const FILES: &[Packed] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// One embedded file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Its media type, for `Content-Type`.
    pub media_type: &'static str,
    /// Whether its name holds a hash of its content, so that caches may keep it for ever.
    pub immutable: bool,
    /// Its bytes.
    pub plain: &'static [u8],
    /// Its bytes as gzip, when that is notably less.
    pub gzip: Option<&'static [u8]>,
}

/// Returns the embedded file at `path`, which has no leading slash; none when there is no such file.
pub fn file(path: &str) -> Option<File> {
    let found = FILES.binary_search_by(|(name, ..)| (*name).cmp(path)).ok()?;
    let (name, plain, gzip) = FILES[found];
    Some(File { media_type: media_type(name), immutable: name.starts_with("assets/"), plain, gzip })
}

/// Returns the one document that all pages of organizers begin as, its scripts and styles marked with `nonce`.
///
/// `nonce` is text of the alphabet of base64, new for each answer (Content Security Policy level 3, section 7.1).
pub fn page(nonce: &str) -> String {
    document("index.html", nonce)
}

/// Returns the document of the shop, which loads nothing of the organizers' pages; as [`page`] otherwise.
pub fn shop(nonce: &str) -> String {
    document("shop.html", nonce)
}

fn document(name: &str, nonce: &str) -> String {
    file(name).map_or_else(
        || ABSENT.to_owned(),
        |index| std::str::from_utf8(index.plain).expect("the build writes UTF-8").replace(NONCE, nonce),
    )
}

/// Returns the document of the scanner for doors: it needs no nonce, so that a device may keep it and open it without a
/// connection.
pub fn scanner() -> String {
    file("scan.html").map_or_else(
        || ABSENT.to_owned(),
        |scanner| {
            let text = std::str::from_utf8(scanner.plain).expect("the build writes UTF-8");
            text.replace(&format!(" nonce=\"{NONCE}\""), "").replace(NONCE, "")
        },
    )
}

/// Returns whether the pages are in this binary.
pub fn are_built() -> bool {
    file("index.html").is_some()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packed_file_is_found_by_its_name() {
        for (name, plain, _) in FILES {
            assert_eq!(file(name).map(|file| file.plain), Some(*plain), "{name}");
        }
    }

    #[test]
    fn the_scanner_has_no_nonce_to_be_kept() {
        assert!(!scanner().contains("nonce=") && !scanner().contains(NONCE));
    }

    #[test]
    fn a_page_has_the_nonce_that_it_was_given() {
        for page in [page("abc123"), shop("abc123")] {
            assert!(!page.contains(NONCE));
            assert_eq!(page.contains("nonce=\"abc123\""), are_built());
        }
    }
}
