//! Ways to the server: TLS and a proxy.

use super::fake::{Fake, honest, proxy};
use super::{bad, chain, endpoint, limits, unreachable};
use crate::electrum::{Electrum, Endpoint, Trust};
use crate::{ChainError, ChainSource};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::Write;
use std::sync::Arc;
use tempfile::NamedTempFile;

fn certificate(names: &[&str]) -> CertifiedKey<rcgen::KeyPair> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    generate_simple_self_signed(names).unwrap()
}

/// An honest server over TLS with this certificate.
fn secured(own: &CertifiedKey<rcgen::KeyPair>) -> Fake {
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let (chain, _) = chain();
    Fake::start_over(
        move |method, params| honest(&chain, method, params),
        move |mut tcp| {
            let mut connection = ServerConnection::new(config.clone()).ok()?;
            while connection.is_handshaking() {
                connection.complete_io(&mut tcp).ok()?;
            }
            Some(StreamOwned::new(connection, tcp))
        },
    )
}

fn pem(texts: &[&str]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(texts.concat().as_bytes()).unwrap();
    file
}

fn open(endpoint: Endpoint) -> Electrum {
    Electrum::with_limits(endpoint, limits())
}

fn trusting(fake: &Fake, file: &NamedTempFile) -> Electrum {
    open(Endpoint {
        trust: Some(Trust::Certificate(file.path().to_owned())),
        ..endpoint(fake.address)
    })
}

fn untrusted(error: &ChainError) -> String {
    assert!(matches!(error, ChainError::Untrusted { .. }), "{error:?}");
    error.to_string()
}

fn unusable(error: &ChainError) -> String {
    assert!(matches!(error, ChainError::BadAddress { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn one_certificate_is_trusted_whatever_name_it_has() {
    let own = certificate(&["some.other.name"]);
    let fake = secured(&own);
    let file = pem(&[&own.cert.pem()]);
    let client = trusting(&fake, &file);
    assert_eq!(client.status().unwrap().tip.height, 2);
}

#[test]
fn t29_another_certificate_is_not_trusted() {
    let fake = secured(&certificate(&["127.0.0.1"]));
    let other = certificate(&["127.0.0.1"]);
    let error = untrusted(
        &trusting(&fake, &pem(&[&other.cert.pem()]))
            .status()
            .unwrap_err(),
    );
    assert!(
        error.contains("another certificate than the one in the file"),
        "{error}"
    );
    assert_eq!(fake.calls(), [""; 0], "nothing was asked");
}

#[test]
fn t29_a_self_signed_certificate_is_not_trusted_unless_named() {
    let fake = secured(&certificate(&["127.0.0.1"]));
    let client = open(Endpoint {
        trust: Some(Trust::Authorities),
        ..endpoint(fake.address)
    });
    let error = untrusted(&client.status().unwrap_err());
    assert!(
        error.contains("its certificate is") && error.contains("?cert=FILE"),
        "{error}"
    );
    assert_eq!(fake.calls(), [""; 0], "nothing was asked");
}

#[test]
fn t29_who_has_the_certificate_but_not_its_key_is_not_trusted() {
    let (own, thief) = (certificate(&["x"]), certificate(&["x"]));
    let stolen = CertifiedKey {
        cert: own.cert.clone(),
        signing_key: thief.signing_key,
    };
    // rustls's server doesn't start with a key that isn't the certificate's; so it is told nothing.
    let key = rustls::pki_types::PrivateKeyDer::try_from(stolen.signing_key.serialize_der());
    let key = ring::sign::any_supported_type(&key.unwrap()).unwrap();
    let chain_of_one = vec![stolen.cert.der().clone()];
    let certified = rustls::sign::CertifiedKey::new(chain_of_one, key);
    #[derive(Debug)]
    struct Thief(Arc<rustls::sign::CertifiedKey>);
    impl rustls::server::ResolvesServerCert for Thief {
        fn resolve(
            &self,
            _: rustls::server::ClientHello<'_>,
        ) -> Option<Arc<rustls::sign::CertifiedKey>> {
            Some(self.0.clone())
        }
    }
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Thief(Arc::new(certified))));
    let config = Arc::new(config);
    let (chain, _) = chain();
    let fake = Fake::start_over(
        move |method, params| honest(&chain, method, params),
        move |mut tcp| {
            let mut connection = ServerConnection::new(config.clone()).ok()?;
            while connection.is_handshaking() {
                connection.complete_io(&mut tcp).ok()?;
            }
            Some(StreamOwned::new(connection, tcp))
        },
    );
    let error = trusting(&fake, &pem(&[&own.cert.pem()]))
        .status()
        .unwrap_err();
    let error = untrusted(&error);
    assert!(error.contains("hasn't the key"), "{error}");
    assert_eq!(fake.calls(), [""; 0], "nothing was asked");
}

#[test]
fn files_that_are_no_certificate_are_refused() {
    let own = certificate(&["x"]);
    let fake = secured(&own);
    let text = own.cert.pem();
    for (file, words) in [
        (pem(&[]), "has no certificate"),
        (
            pem(&["-----BEGIN CERTIFICATE-----\nAA"]),
            "has no certificate",
        ),
        (pem(&[&text, &text]), "several"),
        (
            pem(&[&own.signing_key.serialize_pem()]),
            "has no certificate",
        ),
    ] {
        let error = unusable(&trusting(&fake, &file).status().unwrap_err());
        assert!(error.contains(words), "{error}");
    }
    let gone = pem(&[]);
    let client = trusting(&fake, &gone);
    drop(gone);
    let error = unusable(&client.status().unwrap_err());
    assert!(error.contains("is not there"), "{error}");
}

#[test]
fn a_tls_server_asked_without_tls_is_told_apart() {
    let fake = secured(&certificate(&["x"]));
    let error = open(endpoint(fake.address)).status().unwrap_err();
    let error = error.to_string();
    assert!(error.contains("electrums://"), "{error}");
}

#[test]
fn a_plain_server_is_no_tls_server() {
    let (chain, _) = chain();
    // It answers a line with a line.
    let fake = Fake::start_over(
        move |method, params| honest(&chain, method, params),
        |mut tcp| -> Option<std::net::TcpStream> {
            tcp.write_all(b"{\"error\": \"what?\"}\n").ok()?;
            None
        },
    );
    let own = certificate(&["x"]);
    let error = bad(&trusting(&fake, &pem(&[&own.cert.pem()]))
        .status()
        .unwrap_err());
    assert!(error.contains("electrum://"), "{error}");
}

#[test]
fn the_proxy_looks_up_the_name() {
    let (chain, _) = chain();
    let fake = Fake::honest(chain);
    let (address, names) = proxy(fake.address, None);
    let client = open(Endpoint {
        host: "expyuzz4wqqyqhjn.onion".to_owned(),
        port: 50_001,
        trust: None,
        proxy: Some((address.ip().to_string(), address.port())),
    });
    assert_eq!(client.status().unwrap().tip.height, 2);
    assert_eq!(*names.lock().unwrap(), ["expyuzz4wqqyqhjn.onion:50001"]);
}

#[test]
fn tls_goes_through_the_proxy_too() {
    let own = certificate(&["x"]);
    let fake = secured(&own);
    let file = pem(&[&own.cert.pem()]);
    let (address, names) = proxy(fake.address, None);
    let client = open(Endpoint {
        host: "electrum.example".to_owned(),
        port: 50_002,
        trust: Some(Trust::Certificate(file.path().to_owned())),
        proxy: Some((address.ip().to_string(), address.port())),
    });
    assert_eq!(client.status().unwrap().tip.height, 2);
    assert_eq!(*names.lock().unwrap(), ["electrum.example:50002"]);
}

#[test]
fn a_proxy_that_cannot_is_named() {
    let (chain, _) = chain();
    let fake = Fake::honest(chain);
    let (refusing, _) = proxy(fake.address, Some(4));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    for (proxy, words) in [
        (refusing, "says: the host can't be reached"),
        (nobody, "nobody listens there"),
        (fake.address, "the proxy"),
    ] {
        let client = open(Endpoint {
            host: "electrum.example".to_owned(),
            port: 50_001,
            trust: None,
            proxy: Some((proxy.ip().to_string(), proxy.port())),
        });
        let error = unreachable(&client.status().unwrap_err());
        let named = format!("the proxy {proxy} ");
        assert!(error.contains(words) && error.contains(&named), "{error}");
    }
}
