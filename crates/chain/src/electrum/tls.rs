//! TLS, and whom to trust: the authorities that browsers trust, or exactly one certificate that a
//! person has from the server's owner. Never anybody who happens to answer.

use super::pipe::{Trouble, waited};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, StreamOwned,
};
use std::fs::File;
use std::io::{self, Read};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Certificates are a few kilobytes.
const LARGEST_FILE: u64 = 100_000;

/// Whose word counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The authorities that browsers trust, for the name in the address.
    Authorities,
    /// The one certificate in this file (PEM), whatever name it has and whoever signed it.
    Certificate(PathBuf),
}

/// Gets ready for a handshake: reads the certificate, where one is named.
pub(super) fn prepare(trust: &Trust) -> io::Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Authorities => {
            let roots = RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            };
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(io::Error::other)?
        }
        Trust::Certificate(path) => Arc::new(OneCertificate {
            certificate: read(path)?,
            provider: provider.clone(),
        }),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous() // rustls calls every verifier of one's own so; ours trust less, not more.
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Does the handshake.
pub(super) fn secure(
    mut tcp: TcpStream,
    host: &str,
    config: Arc<ClientConfig>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| Trouble::NoHost)?;
    let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut tcp).map_err(explain)?;
    }
    Ok(StreamOwned::new(connection, tcp))
}

/// Trusts whoever has the key of one certificate.
#[derive(Debug)]
struct OneCertificate {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for OneCertificate {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// The certificate in a PEM file: exactly one, since of several nobody could say which is meant.
fn read(path: &Path) -> io::Result<CertificateDer<'static>> {
    let shown = path.display();
    let unfit = |what: &str| Trouble::File(format!("the file {shown} {what}"));
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_FILE).read_to_end(&mut bytes))
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => unfit("is not there"),
            _ => unfit(&format!("can't be read: {error}")),
        })?;
    let mut all = CertificateDer::pem_slice_iter(&bytes);
    match (all.next(), all.next()) {
        (Some(Ok(certificate)), None) => Ok(certificate),
        (Some(Ok(_)), Some(_)) => {
            Err(unfit("has several certificates; leave only the server's own").into())
        }
        _ => Err(unfit("has no certificate in PEM form").into()),
    }
}

fn explain(error: io::Error) -> io::Error {
    if waited(&error) {
        return Trouble::Silence.into();
    }
    let Some(tls) = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>())
    else {
        return error;
    };
    match tls {
        rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            Trouble::Certificate("it shows another certificate than the one in the file".to_owned())
        }
        rustls::Error::InvalidCertificate(CertificateError::BadSignature) => {
            Trouble::Certificate("it hasn't the key of the certificate that it shows".to_owned())
        }
        rustls::Error::InvalidCertificate(reason) => {
            let reason = match reason {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "has expired"
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => "is for another name",
                CertificateError::UnknownIssuer => "is signed by nobody we know",
                _ => "isn't valid",
            };
            Trouble::Certificate(format!(
                "its certificate {reason}; for a server of your own, give that certificate with \
                 ?cert=FILE"
            ))
        }
        other => Trouble::NotTls(other.to_string()),
    }
    .into()
}
