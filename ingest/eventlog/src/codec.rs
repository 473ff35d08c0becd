//! Compression of bodies: quick while they are hot, dense when they are cold.

use bytes::Bytes;

/// How a stored body is compressed. Always the whole body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Codec {
    /// As it came.
    None = 0,
    /// LZ4 block: about a quarter off typed Arrow, at a cost that the append path does not feel.
    #[default]
    Lz4 = 1,
    /// Zstandard, level 1 (denser than level 3 on typed Arrow, and quicker): for segments that are read rarely.
    Zstd = 2,
}

/// The zstd level for cold segments.
const ZSTD_LEVEL: i32 = 1;

/// Bodies below this many bytes, single facts for example, are stored as they are: LZ4 wins a tenth of them at most, and
/// takes as long as the rest of appending.
const SMALLEST: usize = 512;

/// A body did not decompress to what was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {0:?} body does not decompress to its length")]
pub struct CodecError(Codec);

impl Codec {
    /// The codec stored as `code`, if there is one.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::None),
            1 => Some(Self::Lz4),
            2 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Compresses a body; returns it as it is where compressing does not make it smaller.
    pub fn compress(self, body: Bytes) -> (Self, Bytes) {
        if self == Self::None || body.len() < SMALLEST {
            return (Self::None, body);
        }
        let small = match self {
            Self::None => return (self, body),
            Self::Lz4 => lz4_flex::block::compress(&body),
            Self::Zstd => match zstd::bulk::compress(&body, ZSTD_LEVEL) {
                Ok(small) => small,
                // Out of memory inside zstd: the body as it is serves as well.
                Err(_) => return (Self::None, body),
            },
        };
        if small.len() < body.len() { (self, small.into()) } else { (Self::None, body) }
    }

    /// Restores a body of `length` bytes.
    ///
    /// # Errors
    /// When the bytes are not what [`Codec::compress`] made of a body of that length.
    pub fn decompress(self, stored: Bytes, length: usize) -> Result<Bytes, CodecError> {
        let body = match self {
            Self::None => stored,
            Self::Lz4 => lz4_flex::block::decompress(&stored, length).map_err(|_| CodecError(self))?.into(),
            Self::Zstd => zstd::bulk::decompress(&stored, length).map_err(|_| CodecError(self))?.into(),
        };
        if body.len() == length { Ok(body) } else { Err(CodecError(self)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_back() {
        let dense: Vec<u8> = (0..2000u64).flat_map(|n| records::hash::mix(n).to_le_bytes()).collect();
        for body in [Bytes::new(), Bytes::from_static(b"short"), vec![7; 5000].into(), dense.into()] {
            for codec in [Codec::None, Codec::Lz4, Codec::Zstd] {
                let (used, stored) = codec.compress(body.clone());
                assert!(stored.len() <= body.len());
                assert_eq!(used.decompress(stored.clone(), body.len()).unwrap(), body);
                assert!(used.decompress(stored, body.len() + 1).is_err());
            }
        }
    }
}
