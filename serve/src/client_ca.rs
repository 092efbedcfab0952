//! The CAs that sign the certificates of clients: read at start, read again when the file's content changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::tls::TlsError;

/// A file of CAs, and what clients are checked by now.
#[derive(Debug)]
pub struct ClientCa {
    path: PathBuf,
    seen: Vec<u8>,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl ClientCa {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// If it cannot be read, or holds no CA or something that is none. It is not waited for as the server's own
    /// certificate is: a check that somebody asked for is never left out in the meantime.
    pub fn load(path: &Path) -> Result<Self, TlsError> {
        let seen = read(path)?;
        Ok(Self {
            path: path.to_owned(),
            verifier: verifier(path, &seen)?,
            seen,
        })
    }

    /// Reads the file again, and says whether clients are checked by other CAs from now on; the same bad content is
    /// an error once.
    ///
    /// # Errors
    /// As [`ClientCa::load`]; the CAs of before stay.
    pub fn refresh(&mut self) -> Result<bool, TlsError> {
        let content = read(&self.path)?;
        if self.seen == content {
            return Ok(false);
        }
        let verifier = verifier(&self.path, &content);
        self.seen = content;
        self.verifier = verifier?;
        Ok(true)
    }

    /// Refuses every client without a certificate that one of the CAs signed.
    #[must_use]
    pub fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

fn verifier(path: &Path, content: &[u8]) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let refused = || TlsError::ClientCa {
        path: path.to_owned(),
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(content) {
        let certificate = certificate.map_err(|_| refused())?;
        roots.add(certificate).map_err(|_| refused())?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    // Fails also if there is no CA at all: nobody could connect.
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|_| refused())
}
