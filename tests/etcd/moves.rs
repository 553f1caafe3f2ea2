//! A ledger moves from a directory to etcd and back, as one file.

use std::io;
use std::path::Path;

use anyhow::ensure;
use carlo_tests::etcd::Etcd;
use carlo_tests::{Client, Daemon, ledger, text};
use flate2::read::GzDecoder;
use serde_json::json;

/// What the previous release wrote; `tests/cluster/previous_release.rs` says how.
const LEDGER: &[u8] = include_bytes!("../cluster/previous_release/ledger.redb.gz");
const ADMIN: &str = "carlo_b0afd5e443624af550ce1878bc55ea4e5a46fe2e3d956e79ea3ab1751ef249a6";
const ADA: &str = "carlo_141613b0ad7b521b264a512b2cb426614f374b6c54f4ea1ea3584964c82afe8a";
const COMPLETE: &str = "job_7cc5ed6a4c284465946262893ab1c417";

#[tokio::test]
async fn the_previous_releases_ledger_moves_to_etcd_and_back() -> anyhow::Result<()> {
    let etcd = Etcd::start().await?;
    let directory = tempfile::tempdir()?;
    let [old, new, first, second, third] =
        ["old", "new", "first", "second", "third"].map(|name| directory.path().join(name));
    let [old, new, first, second, third] =
        [text(&old)?, text(&new)?, text(&first)?, text(&second)?, text(&third)?];
    std::fs::create_dir(old)?;
    io::copy(&mut GzDecoder::new(LEDGER), &mut std::fs::File::create(Path::new(old).join("ledger.redb"))?)?;
    let url = etcd.url();

    ledger::be_refused(&["export", first, "--data-dir", new], 1, "there is none in").await?;
    let in_use = carlo_store::RedbLedger::open(Path::new(old).join("ledger.redb"))?;
    ledger::be_refused(
        &["export", first, "--data-dir", old],
        1,
        "is in use by another process; with --coordinator",
    )
    .await?;
    drop(in_use);
    ledger::succeed(&["export", first, "--data-dir", old]).await?;
    ledger::be_refused(&["backup", first, "--data-dir", old], 1, "File exists").await?;
    ledger::succeed(&["import", first, "--etcd", &url]).await?;
    ledger::be_refused(&["import", first, "--etcd", &url], 1, "there is a ledger already").await?;
    ledger::succeed(&["export", second, "--etcd", &url]).await?;
    ensure!(std::fs::read(first)? == std::fs::read(second)?, "etcd holds something else");
    ledger::succeed(&["restore", second, "--data-dir", new]).await?;
    ledger::succeed(&["backup", third, "--data-dir", new]).await?;
    ensure!(std::fs::read(first)? == std::fs::read(third)?, "the directory holds something else");

    // A cluster goes on with it: on etcd, where it is backed up while it runs.
    let (key, token) = (directory.path().join("admin-key"), directory.path().join("join-token"));
    std::fs::write(&key, ADMIN)?;
    let arguments = ["--listen", "127.0.0.1:0", "--etcd", &url, "--admin-key-file", text(&key)?];
    let arguments = [&arguments[..], &["--join-token-file", text(&token)?]].concat();
    let coordinator = Daemon::listening("carlo-coordinator", &arguments, &[]).await?;
    let to = format!("http://{}", coordinator.address);
    let gateway =
        Daemon::listening("carlo-gateway", &["--listen", "127.0.0.1:0", "--coordinator", &to], &[]).await?;
    let client = Client::new(format!("http://{}", gateway.address)).with_key(ADA);
    client.cluster_until(|_| true).await?;
    let job = client.job(COMPLETE).await?;
    ensure!(json!(job)["results"]["digest"].is_string(), "{job:?}");
    let running = directory.path().join("running");
    ledger::succeed(&["backup", text(&running)?, "--etcd", &url]).await?;

    // A file that was cut short changes nothing.
    let bytes = std::fs::read(first)?;
    std::fs::write(&running, &bytes[..bytes.len() / 2])?;
    let none = directory.path().join("none");
    ledger::be_refused(&["import", text(&running)?, "--data-dir", text(&none)?], 1, "it ends too early")
        .await?;
    ensure!(!none.exists(), "a ledger was made of half a file");
    Ok(())
}
