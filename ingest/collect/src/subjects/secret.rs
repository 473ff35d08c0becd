//! The secret of the installation: what keyed hashes are keyed with. Without it tokens cannot be computed from plaintext.

use std::io::{self, IoSlice};

use eventlog::disk::Disk;

/// The file of the secret.
pub const SECRET_FILE: &str = "secret.key";

const MAGIC: &[u8; 8] = b"EVSECRT1";
const BYTES: usize = 8 + 32 + 4;

/// The keys that are derived from the secret, one for each use, so that a leaked one does not open the others.
#[derive(Clone)]
pub(crate) struct Secrets {
    /// Finds a subject by its plaintext id.
    pub(crate) lookup: [u8; 32],
    /// Makes the tokens of devices, cards, network addresses and visits.
    pub(crate) tokens: [u8; 32],
}

impl Secrets {
    fn derive(secret: &[u8; 32]) -> Self {
        Self {
            lookup: blake3::derive_key("eventra 2026 subjects lookup v1", secret),
            tokens: blake3::derive_key("eventra 2026 tokens v1", secret),
        }
    }
}

/// Reads the secret, or makes one when `fresh` says that nothing depends on an older one.
pub(crate) fn open(disk: &dyn Disk, fresh: bool, chance: &mut dyn FnMut(&mut [u8])) -> io::Result<Secrets> {
    let file = match disk.open(SECRET_FILE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(SECRET_FILE)?,
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.read_at(0, BYTES, &mut bytes)?;
    if let Some(secret) = decode(&bytes) {
        return Ok(Secrets::derive(&secret));
    }
    // A crash during the first start leaves a torn secret that nothing was hashed with; later it is damage.
    if !fresh {
        let problem = format!(
            "`{SECRET_FILE}` is missing or damaged: restore it from a backup, people cannot be found without it"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    let mut secret = [0; 32];
    chance(&mut secret);
    file.write_at(0, &mut [IoSlice::new(&encode(&secret))])?;
    file.sync()?;
    disk.sync_directory("")?;
    Ok(Secrets::derive(&secret))
}

fn encode(secret: &[u8; 32]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..40].copy_from_slice(secret);
    let crc = crc32c::crc32c(&bytes[..40]);
    bytes[40..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<[u8; 32]> {
    let whole = bytes.len() == BYTES && bytes.starts_with(MAGIC);
    (whole && crc32c::crc32c(&bytes[..40]).to_le_bytes() == bytes[40..])
        .then(|| bytes[8..40].try_into().expect("the range has 32 bytes"))
}
