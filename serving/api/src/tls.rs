//! TLS 1.3 (rustls) when certificates are given: for HTTP, and for whatever else listens.
//!
//! The files are read again when they change or on SIGHUP, so that a renewed certificate needs no restart. A pair that
//! cannot be read or does not fit changes nothing: the one before goes on.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The longest handshake: who stands still meanwhile holds a place.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// The most certificates of a chain: real ones have two to four.
const CHAIN_MAX: usize = 16;

/// Why there is no TLS with these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("`{0}` cannot be read as PEM: {1}")]
    Read(PathBuf, rustls::pki_types::pem::Error),
    /// The file holds no certificate, or too many.
    #[error("`{0}` holds {1} certificates; a chain has 1 to {CHAIN_MAX}, the server's own first")]
    Chain(PathBuf, usize),
    /// Certificate and key cannot be used, or not together.
    #[error("certificate and key cannot be used: {0}")]
    Unfit(#[from] rustls::Error),
}

/// A certificate with its key, as they are on disk now.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    protocols: Vec<Vec<u8>>,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files. `protocols` is what is spoken inside, the best first (ALPN, RFC 7301); empty when that is known.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn open(certificate: &Path, key: &Path, protocols: &[&str]) -> Result<Self, TlsError> {
        let protocols: Vec<Vec<u8>> = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let config = RwLock::new(Arc::new(config(certificate, key, &protocols)?));
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), protocols, config })
    }

    /// The same certificate for HTTP.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn http(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Self::open(certificate, key, &["h2", "http/1.1"])
    }

    /// Reads the files again. Connections that are open go on as they are.
    ///
    /// # Errors
    /// See [`TlsError`]; then nothing changes.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = config(&self.certificate, &self.key, &self.protocols)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        Ok(())
    }

    /// Shakes hands with a client.
    ///
    /// # Errors
    /// When the client speaks no TLS 1.3, or takes too long.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner));
        let handshake = TlsAcceptor::from(config).accept(stream);
        tokio::time::timeout(HANDSHAKE_WITHIN, handshake).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// When the files were last written; none when that cannot be seen.
    fn written(&self) -> Option<(SystemTime, SystemTime)> {
        let of = |path: &Path| std::fs::metadata(path).and_then(|about| about.modified()).ok();
        Some((of(&self.certificate)?, of(&self.key)?))
    }

    /// Reads the files again when they have changed, as seen every `every`, or when `asked` says so. Ends when `asked`
    /// does.
    pub async fn follow(self: Arc<Self>, every: Duration, mut asked: impl AsyncFnMut() -> bool) {
        let mut seen = self.written();
        loop {
            let wanted = tokio::select! {
                goes_on = asked() => if goes_on { true } else { return },
                () = tokio::time::sleep(every) => false,
            };
            let now = self.written();
            if !wanted && now == seen {
                continue;
            }
            match self.reload() {
                Ok(()) => {
                    seen = now;
                    tracing::info!(certificate = %self.certificate.display(), "certificate read again");
                }
                // Half-written files are read again the next time.
                Err(error) => tracing::error!(%error, "certificate not changed"),
            }
        }
    }
}

fn config(certificate: &Path, key: &Path, protocols: &[Vec<u8>]) -> Result<ServerConfig, TlsError> {
    let unread = |path: &Path, error| TlsError::Read(path.to_owned(), error);
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unread(certificate, error))?;
    if !(1..=CHAIN_MAX).contains(&chain.len()) {
        return Err(TlsError::Chain(certificate.to_owned(), chain.len()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unread(key, error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = protocols.to_vec();
    Ok(config)
}
