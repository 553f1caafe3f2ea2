//! The gateway with TLS.

use std::sync::Arc;

use carlo_gateway::Config;
use carlo_service::tls::Identity;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::Gateway;
use crate::coordinator::Coordinator;

#[tokio::test]
async fn calls_are_answered_over_tls_and_what_is_no_tls_is_not() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    std::fs::write(&certificate, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    let coordinator = Coordinator::start().await;
    let mut config = Config::new(vec![coordinator.url.clone()]);
    config.tls = Some(Identity::from_files(&certificate, &key, &["h2", "http/1.1"]).unwrap());
    let gateway = Gateway::start(config).await;
    let address = gateway.url.trim_start_matches("http://").to_owned();

    let mut trusted = RootCertStore::empty();
    trusted.add(own.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let client = client.with_safe_default_protocol_versions().unwrap().with_root_certificates(trusted);
    let mut client = client.with_no_client_auth();
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(&address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(client));
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    stream.write_all(b"GET /api/jobs HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    assert!(gateway.get("/api/jobs").send().await.is_err(), "in plain text");
}
