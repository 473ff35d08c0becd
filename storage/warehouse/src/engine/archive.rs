//! Reads one member out of a gzipped tar archive, and sums files.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use flate2::read::GzDecoder;
use sha2::{Digest, Sha512};

const BLOCK: usize = 512;
/// Copy buffer: large enough that progress calls cost nothing.
const BUFFER: usize = 1 << 20;

/// Copies the member `name` of the archive to `out`, and returns its size.
///
/// Only what npm packages contain is understood: ustar headers and plain files. `progress` gets the bytes written so far and the member's size.
///
/// # Errors
/// `NotFound` when there is no such member, `InvalidData` when the archive is damaged or a header cannot be read.
pub(crate) fn extract(
    archive: &Path,
    name: &str,
    out: &mut impl Write,
    progress: &mut dyn FnMut(u64, u64),
) -> io::Result<u64> {
    let mut tar = GzDecoder::new(BufReader::with_capacity(BUFFER, File::open(archive)?));
    let mut header = [0_u8; BLOCK];
    loop {
        tar.read_exact(&mut header)?;
        if header.iter().all(|byte| *byte == 0) {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("the archive has no `{name}`")));
        }
        let size = member_size(&header)?;
        if member_name(&header) == name.as_bytes() {
            copy(&mut tar.by_ref().take(size), out, size, progress)?;
            return Ok(size);
        }
        let padded = size.div_ceil(BLOCK as u64) * BLOCK as u64;
        io::copy(&mut tar.by_ref().take(padded), &mut io::sink())?;
    }
}

fn member_name(header: &[u8; BLOCK]) -> &[u8] {
    let name = &header[..100];
    &name[..name.iter().position(|byte| *byte == 0).unwrap_or(name.len())]
}

/// The size field: octal digits, 12 bytes at offset 124 (POSIX.1-1988, ustar).
fn member_size(header: &[u8; BLOCK]) -> io::Result<u64> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a member's size cannot be read");
    let digits = std::str::from_utf8(&header[124..136]).map_err(|_| damaged())?;
    u64::from_str_radix(digits.trim_matches(['\0', ' ']), 8).map_err(|_| damaged())
}

fn copy(from: &mut impl Read, out: &mut impl Write, size: u64, progress: &mut dyn FnMut(u64, u64)) -> io::Result<()> {
    let mut buffer = vec![0_u8; BUFFER];
    let mut done = 0_u64;
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        out.write_all(&buffer[..read])?;
        done += read as u64;
        progress(done, size);
    }
    if done == size {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends inside its member"))
    }
}

/// Returns the SHA-512 of a file; `progress` gets the bytes read so far and the file's size.
pub(crate) fn sha512(path: &Path, progress: &mut dyn FnMut(u64, u64)) -> io::Result<[u8; 64]> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut sum = Sha512::new();
    copy(&mut BufReader::new(file), &mut HashWriter(&mut sum), size, progress)?;
    Ok(sum.finalize().into())
}

struct HashWriter<'a>(&'a mut Sha512);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A gzipped tar with these members, as npm writes them.
    pub(crate) fn tar_gz(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for (name, body) in members {
            let mut header = [0_u8; BLOCK];
            header[..name.len()].copy_from_slice(name.as_bytes());
            header[124..135].copy_from_slice(format!("{:011o}", body.len()).as_bytes());
            gz.write_all(&header).unwrap();
            gz.write_all(body).unwrap();
            gz.write_all(&vec![0_u8; body.len().div_ceil(BLOCK) * BLOCK - body.len()]).unwrap();
        }
        gz.write_all(&[0_u8; 2 * BLOCK]).unwrap();
        gz.finish().unwrap()
    }

    #[test]
    fn member_after_others_is_copied_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tgz");
        let body = vec![7_u8; 1300];
        std::fs::write(&path, tar_gz(&[("package/index.js", b"hello"), ("package/lib.so", &body)])).unwrap();
        let mut out = Vec::new();
        let mut last = (0, 0);
        let size = extract(&path, "package/lib.so", &mut out, &mut |done, total| last = (done, total)).unwrap();
        assert_eq!((size, out, last), (1300, body, (1300, 1300)));
        let missing = extract(&path, "package/other", &mut Vec::new(), &mut |_, _| ()).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn truncated_archive_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tgz");
        let whole = tar_gz(&[("package/lib.so", &vec![1_u8; 5000])]);
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(extract(&path, "package/lib.so", &mut Vec::new(), &mut |_, _| ()).is_err());
    }
}
