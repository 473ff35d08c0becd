//! Bodies: decompression with a bound, and the depth of JSON.

use std::io::Read;

use crate::limits::DEPTH_MAX;

/// How a body is compressed (HTTP `Content-Encoding`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Not at all.
    #[default]
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// Why a body cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// An encoding that the door does not know.
    #[error("content encoding `{0}` is not one of identity, gzip, zstd")]
    Encoding(String),
    /// Larger than allowed, before or after decompression.
    #[error("body is larger than {limit} bytes after decompression")]
    TooLarge {
        /// The bytes allowed.
        limit: usize,
    },
    /// Not what its encoding says.
    #[error("body is not {encoding}")]
    Damaged {
        /// The encoding's name.
        encoding: &'static str,
    },
}

// The window that a zstd frame may ask for: 8 MiB is what RFC 8878 §3.1.1.1.2 recommends every decoder to take.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

impl Encoding {
    /// Reads a `Content-Encoding` header; an absent one is the empty text.
    ///
    /// # Errors
    /// When it is another encoding.
    pub fn parse(header: &str) -> Result<Self, BodyError> {
        match header.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            other => Err(BodyError::Encoding(other.chars().take(32).collect())),
        }
    }
}

/// Decompresses a body of at most `limit` bytes. Never allocates more than that, whatever the body claims.
///
/// # Errors
/// When it is larger, or damaged.
pub fn decompress(encoding: Encoding, body: &[u8], limit: usize) -> Result<Vec<u8>, BodyError> {
    match encoding {
        Encoding::Identity if body.len() > limit => Err(BodyError::TooLarge { limit }),
        Encoding::Identity => Ok(body.to_vec()),
        Encoding::Gzip => bounded(flate2::read::MultiGzDecoder::new(body), limit, "gzip"),
        Encoding::Zstd => {
            let damaged = |_| BodyError::Damaged { encoding: "zstd" };
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(damaged)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(damaged)?;
            bounded(decoder, limit, "zstd")
        }
    }
}

fn bounded(reader: impl Read, limit: usize, encoding: &'static str) -> Result<Vec<u8>, BodyError> {
    let mut out = Vec::new();
    // One byte more than allowed tells "exactly the limit" from "more".
    reader.take(limit as u64 + 1).read_to_end(&mut out).map_err(|_| BodyError::Damaged { encoding })?;
    if out.len() > limit { Err(BodyError::TooLarge { limit }) } else { Ok(out) }
}

/// Returns whether JSON nests deeper than [`DEPTH_MAX`]; text that is no JSON gives some answer.
pub(crate) fn too_deep(json: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    #[test]
    fn bodies_up_to_the_limit_are_taken() {
        let body = b"x".repeat(1_000);
        for (encoding, bytes) in [
            (Encoding::Identity, body.clone()),
            (Encoding::Gzip, gzip(&body)),
            (Encoding::Zstd, zstd::encode_all(&body[..], 1).unwrap()),
        ] {
            assert_eq!(decompress(encoding, &bytes, 1_000).unwrap(), body);
            assert_eq!(decompress(encoding, &bytes, 999), Err(BodyError::TooLarge { limit: 999 }));
        }
    }

    #[test]
    fn a_zip_bomb_is_refused() {
        let bomb = zstd::encode_all(std::io::repeat(0).take(1 << 28), 1).unwrap();
        assert!(bomb.len() < 1 << 16);
        assert_eq!(decompress(Encoding::Zstd, &bomb, 1 << 20), Err(BodyError::TooLarge { limit: 1 << 20 }));
        let bomb = gzip(&vec![0; 1 << 24]);
        assert_eq!(decompress(Encoding::Gzip, &bomb, 1 << 20), Err(BodyError::TooLarge { limit: 1 << 20 }));
    }

    #[test]
    fn depth_counts_outside_of_texts() {
        assert!(!too_deep(br#"{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[["}"#));
        assert!(!too_deep("[".repeat(DEPTH_MAX).as_bytes()));
        assert!(too_deep("[".repeat(DEPTH_MAX + 1).as_bytes()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for encoding in [Encoding::Gzip, Encoding::Zstd] {
                let _ = decompress(encoding, &bytes, 1 << 12);
            }
        }
    }
}
