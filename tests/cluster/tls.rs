//! TLS between coordinator, gateway, worker and command line, with self-signed certificates.

use std::path::PathBuf;
use std::process::Output;

use anyhow::Context as _;
use carlo_tests::{Client, Daemon, PATIENCE, binary};
use serde_json::Value;
use tempfile::TempDir;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/examples/house_deposit.json");

/// The files of a certificate for this machine.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new(directory: &TempDir, name: &str) -> anyhow::Result<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        let file = |kind| directory.path().join(format!("{name}-{kind}.pem"));
        let files = Self { certificate: file("certificate"), key: file("key") };
        std::fs::write(&files.certificate, made.cert.pem())?;
        std::fs::write(&files.key, made.signing_key.serialize_pem())?;
        Ok(files)
    }

    fn arguments(&self) -> [&str; 4] {
        ["--tls-cert", text(&self.certificate), "--tls-key", text(&self.key)]
    }
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("a temporary directory has a readable name")
}

/// An authority that signs workers' certificates.
struct Authority {
    file: PathBuf,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new(directory: &TempDir, name: &str) -> anyhow::Result<Self> {
        let mut parameters = rcgen::CertificateParams::new(Vec::new())?;
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate()?;
        let file = directory.path().join(format!("{name}-authority.pem"));
        std::fs::write(&file, parameters.self_signed(&key)?.pem())?;
        Ok(Self { file, issuer: rcgen::Issuer::new(parameters, key) })
    }

    /// Signs a certificate for this name, in place of the one that these files contain.
    fn sign(&self, name: &str, files: &Files) -> anyhow::Result<()> {
        let key = rcgen::KeyPair::generate()?;
        let certificate =
            rcgen::CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &self.issuer)?;
        std::fs::write(&files.certificate, certificate.pem())?;
        std::fs::write(&files.key, key.serialize_pem())?;
        Ok(())
    }
}

#[tokio::test]
async fn a_worker_joins_with_a_certificate_of_an_allowed_name_instead_of_a_token() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let server = Files::new(&directory, "server")?;
    let workers = Authority::new(&directory, "workers")?;
    let others = Authority::new(&directory, "others")?;
    let data = text(directory.path());
    let arguments = [
        &["--listen", "127.0.0.1:0", "--data-dir", data][..],
        &server.arguments(),
        &["--client-ca-file", text(&workers.file), "--client-name", "attic.example, *.workers.example"],
    ]
    .concat();
    let coordinator = Daemon::listening("carlo-coordinator", &arguments, &[]).await?;
    let url = format!("https://127.0.0.1:{}", coordinator.address.port());
    let believing = ["--coordinator", &url, "--ca-file", text(&server.certificate)];
    let gateway = [&["--listen", "127.0.0.1:0"][..], &believing].concat();
    let gateway = Daemon::listening("carlo-gateway", &gateway, &[]).await?;
    let key = std::fs::read_to_string(directory.path().join("admin-key"))?;
    let client = Client::new(format!("http://{}", gateway.address)).with_key(key.trim());

    let files = Files::new(&directory, "worker")?;
    workers.sign("a.workers.example", &files)?;
    let arguments = [&believing[..], &["--threads", "1", "--name", "one"], &files.arguments()].concat();
    let worker = Daemon::start("carlo-worker", &arguments, &[])?;
    client.digest(&Client::request(20_000, 1)).await?;
    assert_eq!(worker.terminate().await?, Some(0));

    // A name that is not allowed is refused in words, and the next certificate is taken up.
    workers.sign("cellar.example", &files)?;
    let arguments = [&believing[..], &["--threads", "1", "--name", "two"], &files.arguments()].concat();
    let worker = Daemon::start("carlo-worker", &arguments, &[])?;
    let refused = async {
        while !coordinator.log().contains("cellar.example, which is none of the coordinator's --client-name")
        {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.context("it was not refused")?;
    workers.sign("attic.example", &files)?;
    client.cluster_until(|cluster| cluster.nodes.iter().any(|node| node.name == "two")).await?;
    assert_eq!(worker.terminate().await?, Some(0));

    // A certificate of another authority opens no connection; without any, a token is needed.
    others.sign("attic.example", &files)?;
    let arguments = [&believing[..], &["--threads", "1", "--name", "three"], &files.arguments()].concat();
    let stranger = Daemon::start("carlo-worker", &arguments, &[])?;
    let arguments = [&believing[..], &["--threads", "1", "--name", "four"]].concat();
    let (status, log) = Daemon::start("carlo-worker", &arguments, &[])?.ended().await?;
    assert_eq!(status.code(), Some(1), "{log}");
    let token = directory.path().join("join-token");
    let arguments =
        [&believing[..], &["--threads", "1", "--name", "five", "--join-token-file", text(&token)]].concat();
    let _worker = Daemon::start("carlo-worker", &arguments, &[])?;
    let cluster =
        client.cluster_until(|cluster| cluster.nodes.iter().any(|node| node.name == "five")).await?;
    assert!(cluster.nodes.iter().all(|node| node.name != "three"), "{cluster:?}");
    drop(stranger);
    Ok(())
}

#[tokio::test]
async fn files_of_a_coordinator_are_read_again_at_a_hangup() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let server = Files::new(&directory, "server")?;
    let tiers = directory.path().join("tiers.json");
    std::fs::write(&tiers, r#"{"price_per_token_usd": 0.0002}"#)?;
    let data = text(directory.path());
    let arguments =
        [&["--listen", "127.0.0.1:0", "--data-dir", data, "--tiers", text(&tiers)][..], &server.arguments()]
            .concat();
    let coordinator = Daemon::listening("carlo-coordinator", &arguments, &[]).await?;
    let url = format!("https://127.0.0.1:{}", coordinator.address.port());
    let arguments =
        ["--listen", "127.0.0.1:0", "--coordinator", &url, "--ca-file", text(&server.certificate)];
    let gateway = Daemon::listening("carlo-gateway", &arguments, &[]).await?;
    let key = std::fs::read_to_string(directory.path().join("admin-key"))?;
    let client = Client::new(format!("http://{}", gateway.address)).with_key(key.trim());
    let price = async || -> anyhow::Result<Value> {
        let (status, text) = client.get("/api/admin/tiers").await?;
        anyhow::ensure!(status == 200, "{text}");
        Ok(serde_json::from_str::<Value>(&text)?["price_per_token_usd"].clone())
    };
    let told = async |words: &str| {
        let saying = async {
            while !coordinator.log().contains(words) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, saying).await.with_context(|| format!("it didn't say {words:?}"))
    };
    assert_eq!(price().await?, 0.0002);

    std::fs::write(&tiers, r#"{"price_per_token_usd": 0.0003"#)?;
    coordinator.signal("HUP")?;
    told("failed to reread the tiers").await?;
    assert_eq!(price().await?, 0.0002, "half a file changes nothing");
    std::fs::write(&tiers, r#"{"price_per_token_usd": 0.0003}"#)?;
    coordinator.signal("HUP")?;
    told("the tiers were changed").await?;
    assert_eq!(price().await?, 0.0003);

    std::fs::write(directory.path().join("join-token"), "a-token-of-another-cluster-than-this\n")?;
    coordinator.signal("HUP")?;
    told("holds another join token than this cluster's").await?;
    Ok(())
}

/// Runs the command line until it ends.
async fn carlo(arguments: &[&str]) -> anyhow::Result<Output> {
    Ok(tokio::process::Command::new(binary("carlo")?).args(arguments).kill_on_drop(true).output().await?)
}

#[tokio::test]
async fn a_cluster_that_speaks_tls_everywhere_answers_those_who_believe_it() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let (inner, outer) = (Files::new(&directory, "inner")?, Files::new(&directory, "outer")?);
    let data = text(directory.path());
    let arguments = [&["--listen", "127.0.0.1:0", "--data-dir", data][..], &inner.arguments()].concat();
    let coordinator = Daemon::listening("carlo-coordinator", &arguments, &[]).await?;
    let url = format!("https://127.0.0.1:{}", coordinator.address.port());
    let believing = ["--coordinator", &url, "--ca-file", text(&inner.certificate)];
    // With TLS no further option is needed for an address that other machines can reach.
    let arguments = [&["--listen", "0.0.0.0:0"][..], &believing, &outer.arguments()].concat();
    let gateway = Daemon::listening("carlo-gateway", &arguments, &[]).await?;
    let token = directory.path().join("join-token");
    let arguments =
        [&believing[..], &["--threads", "1", "--name", "one", "--join-token-file", text(&token)]].concat();
    let worker = Daemon::start("carlo-worker", &arguments, &[])?;

    let key = directory.path().join("admin-key");
    let url = format!("https://localhost:{}", gateway.address.port());
    let server = ["--url", &url, "--key-file", text(&key)];
    let believed = [&server[..], &["--ca-file", text(&outer.certificate)]].concat();
    let answer =
        carlo(&[&["submit", EXAMPLE, "-n", "20000", "--wait", "--json"][..], &believed].concat()).await?;
    let job: Value = serde_json::from_slice(&answer.stdout).with_context(|| format!("{answer:?}"))?;
    assert_eq!((job["status"].as_str(), answer.status.code()), (Some("complete"), Some(0)));
    let cluster = carlo(&[&["cluster", "--json"][..], &believed].concat()).await?;
    let cluster: Value = serde_json::from_slice(&cluster.stdout)?;
    assert!(cluster["leader"].as_str().is_some_and(|leader| leader.starts_with("https://")), "{cluster}");

    // The coordinator's authority has not signed the gateway's certificate, and the system trusts
    // neither.
    for doubting in [&["--ca-file", text(&inner.certificate)][..], &[]] {
        let answer = carlo(&[&["cluster"][..], &server, doubting].concat()).await?;
        assert_eq!(answer.status.code(), Some(1), "{answer:?}");
        let words = String::from_utf8(answer.stderr)?;
        assert!(words.contains("certificate"), "{words}");
    }
    let nonsense = carlo(&[&["cluster"][..], &server, &["--ca-file", EXAMPLE]].concat()).await?;
    assert_eq!(nonsense.status.code(), Some(2), "{nonsense:?}");
    // Plain-text requests get no answer.
    let plain = url.replace("https", "http");
    let answer = carlo(&["cluster", "--url", &plain, "--key-file", text(&key)]).await?;
    assert_eq!(answer.status.code(), Some(1), "{answer:?}");
    assert_eq!(worker.terminate().await?, Some(0));
    Ok(())
}
