use super::*;

#[test]
fn a_file_that_is_not_there_is_named() {
    let nowhere = Path::new("/nowhere/cert.pem");
    let errors = [
        Identity::from_files(nowhere, nowhere, &[]).unwrap_err(),
        Trust::from_file(nowhere).unwrap_err(),
        authorities(nowhere).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.to_string(), "failed to read /nowhere/cert.pem");
    }
}

#[test]
fn a_file_without_certificates_is_named() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let error = authorities(&file).unwrap_err();
    assert!(error.to_string().ends_with("Cargo.toml"), "{error}");
    Identity::from_files(&file, &file, &[]).unwrap_err();
}

/// Writes a certificate for `localhost` and its key to this directory.
fn write_pair(directory: &Path) {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("cert"), pair.cert.pem()).unwrap();
    std::fs::write(directory.join("key"), pair.signing_key.serialize_pem()).unwrap();
}

/// Whether a client that trusts the certificate in this directory accepts the identity.
async fn is_trusted(identity: &Identity, trust: &Trust) -> bool {
    let (client, server) = tokio::io::duplex(16 * 1024);
    let accept = identity.accept(server);
    let connect = trust.connect("localhost", &["h2"], client);
    let (accepted, connected) = tokio::join!(accept, connect);
    accepted.is_ok() && connected.is_ok()
}

#[tokio::test]
async fn files_are_read_again_and_a_mismatched_pair_keeps_the_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = (directory.path().join("cert"), directory.path().join("key"));
    write_pair(directory.path());
    let identity = Identity::from_files(&certificate, &key, &["h2"]).unwrap();
    let trust = Trust::from_file(&certificate).unwrap();
    assert!(is_trusted(&identity, &trust).await);
    assert!(!identity.reload().unwrap() && !trust.reload().unwrap(), "nothing has changed");

    // The new certificate is in place, its key isn't yet.
    let old_key = std::fs::read(&key).unwrap();
    write_pair(directory.path());
    let new_key = std::fs::read(&key).unwrap();
    std::fs::write(&key, old_key).unwrap();
    identity.reload().unwrap_err();
    assert!(is_trusted(&identity, &trust).await, "the old pair stays in use");
    std::fs::write(&key, new_key).unwrap();
    assert!(identity.reload().unwrap());
    assert!(!is_trusted(&identity, &trust).await, "the old authority did not sign the new pair");
    assert!(trust.reload().unwrap());
    assert!(is_trusted(&identity, &trust).await);

    std::fs::write(&certificate, "-----BEGIN CERTIFICATE-----\nMIIB").unwrap();
    identity.reload().unwrap_err();
    trust.reload().unwrap_err();
    assert!(is_trusted(&identity, &trust).await);
    assert!(identity.expires().is_some_and(|expires| expires > std::time::SystemTime::now()));
}

#[tokio::test]
async fn a_certificate_that_is_refused_says_why() {
    let directory = tempfile::tempdir().unwrap();
    write_pair(directory.path());
    let certificate = directory.path().join("cert");
    let identity = Identity::from_files(&certificate, &directory.path().join("key"), &[]).unwrap();
    let other = tempfile::tempdir().unwrap();
    write_pair(other.path());
    let (stranger, friend) =
        (Trust::from_file(&other.path().join("cert")).unwrap(), Trust::from_file(&certificate).unwrap());
    for (trust, name, words) in [
        (&stranger, "localhost", "from an issuer that is not trusted here"),
        (
            &friend,
            "elsewhere.example",
            "for another name: for DnsName(\"localhost\"), not for elsewhere.example",
        ),
    ] {
        let (client, server) = tokio::io::duplex(16 * 1024);
        let (_, connected) = tokio::join!(identity.accept(server), trust.connect(name, &[], client));
        let words_given = cause(&connected.unwrap_err()).unwrap();
        assert!(words_given.contains(words), "{words_given}");
    }
}

/// A client's first message (RFC 5246, section 7.4.1.2) with a version and one cipher.
fn client_hello(version: u16, cipher: u16) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([7; 32]);
    body.push(0);
    body.extend([2_u16.to_be_bytes(), cipher.to_be_bytes()].concat());
    body.extend([1, 0]);
    let length = u16::try_from(body.len()).unwrap();
    let handshake = [&[1, 0][..], &length.to_be_bytes(), &body].concat();
    let length = u16::try_from(handshake.len()).unwrap();
    [&[22, 3, 1][..], &length.to_be_bytes(), &handshake].concat()
}

#[tokio::test]
async fn old_versions_and_weak_ciphers_are_refused() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let directory = tempfile::tempdir().unwrap();
    write_pair(directory.path());
    let identity =
        Identity::from_files(&directory.path().join("cert"), &directory.path().join("key"), &[]).unwrap();
    // TLS 1.0 and 1.1; 1.2 with 3DES, with RC4, without forward secrecy, without encryption.
    let old = [
        (0x0301, 0xc02f),
        (0x0302, 0xc02f),
        (0x0303, 0x000a),
        (0x0303, 0x0005),
        (0x0303, 0x009c),
        (0x0303, 0x0001),
    ];
    for (version, cipher) in old {
        let (mut client, server) = tokio::io::duplex(16 * 1024);
        client.write_all(&client_hello(version, cipher)).await.unwrap();
        let refused = identity.accept(server).await;
        assert!(refused.is_err(), "version {version:04x}, cipher {cipher:04x}");
        let mut alert = Vec::new();
        client.read_to_end(&mut alert).await.unwrap();
        // A fatal alert, or nothing more.
        assert!(alert.is_empty() || alert[0] == 21 && alert[5] == 2, "{alert:?}");
    }
}

#[tokio::test]
async fn a_client_presents_a_certificate_that_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    write_pair(directory.path());
    let file = |name: &str| directory.path().join(name);
    let other = tempfile::tempdir().unwrap();
    write_pair(other.path());
    let (client_certificate, client_key) = (other.path().join("cert"), other.path().join("key"));
    let identity =
        Identity::asking_clients(&file("cert"), &file("key"), &["h2"], Some(&client_certificate)).unwrap();
    let trust = Trust::from_file(&file("cert")).unwrap();
    let names = async |trust: &Trust| {
        let (client, server) = tokio::io::duplex(16 * 1024);
        let (accepted, _connected) =
            tokio::join!(identity.accept(server), trust.connect("localhost", &["h2"], client));
        accepted.map(|stream| client_names(&stream)).map_err(|_| "refused")
    };
    assert_eq!(names(&trust).await, Ok(Vec::new()), "a client may do without one");
    let presented = ClientIdentity::from_files(&client_certificate, &client_key).unwrap();
    let presenting = trust.presenting(presented.clone()).unwrap();
    assert_eq!(names(&presenting).await, Ok(vec!["localhost".to_owned()]));
    assert!(!presented.reload().unwrap());

    // Another pair, which the server doesn't know yet.
    let old_key = std::fs::read(&client_key).unwrap();
    write_pair(other.path());
    let new_key = std::fs::read(&client_key).unwrap();
    std::fs::write(&client_key, old_key).unwrap();
    presented.reload().unwrap_err();
    assert_eq!(names(&presenting).await, Ok(vec!["localhost".to_owned()]), "the old pair stays in use");
    std::fs::write(&client_key, new_key).unwrap();
    assert!(presented.reload().unwrap());
    assert_eq!(names(&presenting).await, Err("refused"));
    assert!(identity.reload().unwrap(), "its authorities have changed");
    assert_eq!(names(&presenting).await, Ok(vec!["localhost".to_owned()]));
    assert!(presented.expires().is_some_and(|expires| expires > std::time::SystemTime::now()));
    assert_eq!(presented.pem().0, std::fs::read(&client_certificate).unwrap());
}
