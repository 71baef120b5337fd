//! TLS for the listener.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::certificate::ServerCertificate;

pub(crate) fn acceptor(certificate: &ServerCertificate) -> anyhow::Result<TlsAcceptor> {
    let chain = vec![CertificateDer::from(certificate.certificate_der.clone())];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certificate.key_der.clone()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
