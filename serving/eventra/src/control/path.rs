//! Socket paths of any length: the kernel takes 107 bytes, a data directory may be deeper.

use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

/// What fits into `sockaddr_un` on Linux, its closing zero left out.
const PATH_BYTES_MAX: usize = 107;

/// A path to a socket that the kernel takes, valid as long as this lives.
#[derive(Debug)]
pub(crate) struct Short {
    path: PathBuf,
    // Keeps the folder open to which `/proc/self/fd/N` refers.
    _folder: Option<std::fs::File>,
}

impl Short {
    /// Goes through the open folder when the path itself is too long.
    pub(crate) fn of(socket: &Path) -> std::io::Result<Self> {
        if socket.as_os_str().len() <= PATH_BYTES_MAX {
            return Ok(Self { path: socket.to_owned(), _folder: None });
        }
        let (Some(parent), Some(name)) = (socket.parent(), socket.file_name()) else {
            return Err(std::io::Error::other("the socket has no folder"));
        };
        let folder = std::fs::File::open(parent)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
        Ok(Self { path, _folder: Some(folder) })
    }

    /// The path to hand to the kernel.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
