//! The serving certificate: read whole, checked, swapped in while connections run.
//!
//! kubelet swaps the `..data` link of a mounted Secret, so a watch on the file never fires
//! (kubernetes#111947); contents are compared on a timer instead.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::client_ca::ClientCa;
use crate::metrics::{Reload, ServeMetrics};

/// Why a certificate cannot be served. Nothing here holds key material.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not there or cannot be read.
    #[error("{path}: cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate's file holds no certificate.
    #[error("tls.crt: expected a chain of PEM certificates, leaf first")]
    Certificate,
    /// The key's file holds no key.
    #[error("tls.key: expected one PEM private key (PKCS#8, SEC1 or PKCS#1)")]
    Key,
    /// The two do not belong together, or their kind is not supported.
    #[error("tls.crt and tls.key cannot be used together")]
    Pair(#[source] rustls::Error),
    /// The file of the clients' CAs holds none, or something else.
    #[error("{path}: expected at least one PEM certificate of a CA")]
    ClientCa {
        /// The file.
        path: PathBuf,
    },
    /// No provider or no protocol version.
    #[error("TLS cannot be configured")]
    Config(#[source] rustls::Error),
}

/// The certificate of a folder, as it is served now, and the CAs by which clients are checked, if they are.
#[derive(Debug)]
pub struct Certificate {
    folder: PathBuf,
    served: Arc<Served>,
    seen: Option<Files>,
    clients: Option<ClientCa>,
    config: Arc<ArcSwap<ServerConfig>>,
    metrics: ServeMetrics,
}

#[derive(Debug, Default)]
struct Served(ArcSwapOption<CertifiedKey>);

#[derive(PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// Makes aws-lc-rs the one provider of this process; called first thing in main (rustls#1877).
pub fn install_provider() {
    // Already installed is as good as installed: only aws-lc-rs is linked.
    let _ = aws_lc_rs::default_provider().install_default();
}

impl Certificate {
    /// A certificate that is still to be loaded from `folder`; without `clients`, nobody has to show one.
    ///
    /// # Errors
    /// If the provider supports none of the protocol versions.
    pub fn new(
        folder: &Path,
        clients: Option<ClientCa>,
        metrics: ServeMetrics,
    ) -> Result<Self, TlsError> {
        let served: Arc<Served> = Arc::default();
        let config = config(&served, clients.as_ref())?;
        Ok(Self {
            folder: folder.to_owned(),
            served,
            seen: None,
            clients,
            config: Arc::new(ArcSwap::new(config)),
            metrics,
        })
    }

    /// Reads all files and serves them if they changed and fit together; else keeps what is served.
    /// The same bad content is reported once.
    ///
    /// # Errors
    /// If files are missing, unreadable or do not belong together.
    pub fn refresh(&mut self) -> Result<(), TlsError> {
        // Each is tried, whatever became of the other one.
        let (own, clients) = (self.refresh_own(), self.refresh_clients());
        own.and(clients)
    }

    fn refresh_own(&mut self) -> Result<(), TlsError> {
        let files = Files::read(&self.folder)?;
        if self.seen.as_ref() == Some(&files) {
            return Ok(());
        }
        let parsed = files.parse();
        self.seen = Some(files);
        match parsed {
            Ok((pair, expiry)) => {
                self.served.0.store(Some(Arc::new(pair)));
                self.metrics.certificate_expiry.set(expiry);
                self.metrics.reloaded(Reload::Loaded);
                tracing::info!(expires_unix = expiry, "certificate loaded");
                Ok(())
            }
            Err(error) => {
                self.metrics.reloaded(Reload::Refused);
                Err(error)
            }
        }
    }

    /// Whether a certificate is being served.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.served.0.load().is_some()
    }

    /// What new connections are secured with: always the newest certificate and the newest CAs.
    #[must_use]
    pub fn config(&self) -> Arc<ArcSwap<ServerConfig>> {
        Arc::clone(&self.config)
    }

    /// A new configuration for new CAs, since the old one holds sessions that clients of the old CAs could resume.
    fn refresh_clients(&mut self) -> Result<(), TlsError> {
        let Some(clients) = &mut self.clients else {
            return Ok(());
        };
        match clients.refresh() {
            Ok(false) => Ok(()),
            Ok(true) => {
                self.config.store(config(&self.served, Some(clients))?);
                self.metrics.reloaded(Reload::Loaded);
                tracing::info!("CAs of clients loaded");
                Ok(())
            }
            Err(error) => {
                // As with our own certificate: a file that is away for a moment is no changed one.
                if !matches!(error, TlsError::Read { .. }) {
                    self.metrics.reloaded(Reload::Refused);
                }
                Err(error)
            }
        }
    }
}

/// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
fn config(served: &Arc<Served>, clients: Option<&ClientCa>) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Config)?;
    let config = match clients {
        Some(clients) => config.with_client_cert_verifier(clients.verifier()),
        None => config.with_no_client_auth(),
    };
    let served = Arc::clone(served) as Arc<dyn ResolvesServerCert>;
    let mut config = config.with_cert_resolver(served);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

impl Files {
    fn read(folder: &Path) -> Result<Self, TlsError> {
        // A few KiB from a volume in memory: cheaper than a thread of the blocking pool.
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|source| TlsError::Read { path, source })
        };
        Ok(Self {
            certificate: read("tls.crt")?,
            key: read("tls.key")?,
        })
    }

    fn parse(&self) -> Result<(CertifiedKey, i64), TlsError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::Certificate)?;
        let leaf = chain.first().ok_or(TlsError::Certificate)?;
        let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| TlsError::Certificate)?;
        let expiry = leaf.validity().not_after.timestamp();
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::Key)?;
        let pair = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map_err(TlsError::Pair)?;
        Ok((pair, expiry))
    }
}

/// Without the content: it holds a key.
impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}
