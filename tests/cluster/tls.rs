//! TLS between coordinator, gateway, worker and command line, with self-signed certificates.

use std::path::PathBuf;
use std::process::Output;

use anyhow::Context as _;
use carlo_tests::{Daemon, binary};
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
