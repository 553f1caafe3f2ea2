//! Files with secrets that real processes create and read, with any umask, with existing files and
//! links, and with any kind of file.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use carlo_tests::{Daemon, PATIENCE, binary, text};
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

/// The id of a user who is not the one that runs the tests.
const OTHER_USER: u32 = 12_345;

fn mode(path: &Path) -> anyhow::Result<u32> {
    let metadata = fs::symlink_metadata(path).with_context(|| path.display().to_string())?;
    Ok(metadata.permissions().mode() & 0o7777)
}

/// Waits until a condition is true.
async fn until(holds: impl Fn() -> bool) -> anyhow::Result<()> {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    Ok(tokio::time::timeout(PATIENCE, waiting).await?)
}

/// Starts a coordinator from a shell that sets the umask first.
async fn coordinator(data: &Path, umask: &str) -> anyhow::Result<Daemon> {
    let script = format!("umask {umask}; exec \"$0\" \"$@\"");
    let program = binary("carlo-coordinator")?;
    let arguments = [
        "-c",
        &script,
        text(&program)?,
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        text(data)?,
        "--auth",
        "on",
    ];
    let mut daemon = Daemon::start_program("coordinator", Path::new("/bin/sh"), &arguments, &[])?;
    let files = ["admin-key", "join-token", "ledger.redb"].map(|name| data.join(name));
    if until(|| files.iter().all(|file| file.exists())).await.is_err() {
        daemon.kill().await?;
        anyhow::bail!("umask {umask}: the files are not made: {:?}", daemon.ended().await?);
    }
    Ok(daemon)
}

#[tokio::test]
async fn whatever_the_umask_is_secrets_are_their_owners_alone() -> anyhow::Result<()> {
    for umask in ["000", "022", "077", "0277", "0777"] {
        let parent = tempfile::tempdir()?;
        let data = parent.path().join("var/data");
        let _daemon = coordinator(&data, umask).await?;
        for directory in [parent.path().join("var"), data.clone()] {
            ensure!(mode(&directory)? == 0o700, "umask {umask}: {}", directory.display());
        }
        for name in ["admin-key", "join-token", "ledger.redb"] {
            ensure!(mode(&data.join(name))? == 0o600, "umask {umask}: {name}");
        }
        ensure!(!data.join("admin-key.new").exists() && !data.join("join-token.new").exists());
    }
    Ok(())
}

#[tokio::test]
async fn what_was_planted_is_not_written_to() -> anyhow::Result<()> {
    let (directory, elsewhere) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let victim = elsewhere.path().join("victim");
    fs::write(&victim, "mine")?;
    for name in ["admin-key.new", "join-token.new"] {
        symlink(&victim, directory.path().join(name))?;
    }
    // The target of a dangling link must not be created either.
    let nothing = elsewhere.path().join("nothing");
    symlink(&nothing, directory.path().join("admin-key"))?;
    let _daemon = coordinator(directory.path(), "022").await?;
    until(|| fs::read_link(directory.path().join("admin-key")).is_err()).await?;
    ensure!(fs::read_to_string(&victim)? == "mine" && !nothing.exists());
    ensure!(fs::read_to_string(directory.path().join("admin-key"))?.starts_with("carlo_"));
    ensure!(mode(&directory.path().join("admin-key"))? == 0o600);
    Ok(())
}

/// Runs a daemon that must end by itself, and returns its output.
async fn refused(name: &'static str, arguments: &[&str]) -> anyhow::Result<(ExitStatus, String)> {
    Daemon::start(name, arguments, &[])?.ended().await.with_context(|| format!("{name} {arguments:?}"))
}

fn pipe(directory: &TempDir, name: &str) -> anyhow::Result<PathBuf> {
    let path = directory.path().join(name);
    ensure!(Command::new("mkfifo").arg(&path).status()?.success(), "mkfifo");
    Ok(path)
}

#[tokio::test]
async fn a_pipe_in_place_of_a_file_ends_a_start_in_words() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let (file, data) = (pipe(&directory, "pipe")?, directory.path().join("data"));
    let (file, data) = (text(&file)?, text(&data)?);
    let listen = ["--listen", "127.0.0.1:0"];
    let lead = [&listen[..], &["--data-dir", data]].concat();
    let coordinator = ["--coordinator", "http://127.0.0.1:9"];
    let tls = ["--tls-cert", file, "--tls-key", file];
    let starts = [
        ("carlo-coordinator", [&lead[..], &["--admin-key-file", file]].concat()),
        ("carlo-coordinator", [&lead[..], &["--join-token-file", file]].concat()),
        ("carlo-coordinator", [&lead[..], &["--tiers", file]].concat()),
        ("carlo-coordinator", [&lead[..], &tls].concat()),
        ("carlo-worker", [&coordinator[..], &["--join-token-file", file]].concat()),
        ("carlo-gateway", [&listen[..], &coordinator, &tls].concat()),
    ];
    for (name, arguments) in starts {
        let (status, log) = refused(name, &arguments).await?;
        ensure!(!status.success() && log.contains("not a regular file"), "{name} {arguments:?}: {log}");
    }
    // The ledger itself.
    fs::create_dir_all(data)?;
    ensure!(Command::new("mkfifo").arg(Path::new(data).join("ledger.redb")).status()?.success(), "mkfifo");
    let arguments = [&lead[..], &["--auth", "off"]].concat();
    let (status, log) = refused("carlo-coordinator", &arguments).await?;
    ensure!(!status.success() && log.contains("not a regular file"), "{log}");
    Ok(())
}

/// A self-signed certificate and its key, in files.
fn identity(directory: &TempDir) -> anyhow::Result<[PathBuf; 2]> {
    let pair = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&pair)?;
    let [certificate_file, key_file] = ["certificate.pem", "key.pem"].map(|name| directory.path().join(name));
    fs::write(&certificate_file, certificate.pem())?;
    fs::write(&key_file, pair.serialize_pem())?;
    Ok([certificate_file, key_file])
}

/// Starts a daemon that must name this file or directory in a warning with these words.
async fn is_named(path: &Path, words: &str, name: &'static str, arguments: &[&str]) -> anyhow::Result<()> {
    let line = Daemon::start(name, arguments, &[])?.says(words).await?;
    ensure!(line.contains("WARN") && line.contains(text(path)?), "{name} {arguments:?}: {line}");
    Ok(())
}

#[tokio::test]
async fn a_secret_that_others_can_read_is_named_at_the_start() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let file = |name: &str| directory.path().join(name);
    let [certificate, key] = identity(&directory)?;
    let (data, token, admin_key) = (file("data"), file("token"), file("admin"));
    fs::create_dir(&data)?;
    fs::write(&token, "a-token-of-sixteen-letters\n")?;
    fs::write(&admin_key, format!("carlo_{}\n", "0".repeat(64)))?;
    let secrets = [&key, &token, &admin_key];
    let modes = |mode| {
        fs::set_permissions(&data, fs::Permissions::from_mode(mode | 0o100))?;
        secrets.iter().try_for_each(|file| fs::set_permissions(file, fs::Permissions::from_mode(mode)))
    };

    let [certificate, key_text, data_text] = [text(&certificate)?, text(&key)?, text(&data)?];
    let [token_text, admin_text] = [text(&token)?, text(&admin_key)?];
    let listen = ["--listen", "127.0.0.1:0"];
    let tls = ["--tls-cert", certificate, "--tls-key", key_text];
    let lead = [&listen[..], &["--data-dir", data_text]].concat();
    let join = ["--threads", "1", "--coordinator", "https://127.0.0.1:9"];
    let starts = [
        (&data, "carlo-coordinator", lead.clone()),
        (&token, "carlo-coordinator", [&lead[..], &["--join-token-file", token_text]].concat()),
        (&admin_key, "carlo-coordinator", [&lead[..], &["--admin-key-file", admin_text]].concat()),
        (&key, "carlo-coordinator", [&lead[..], &tls].concat()),
        (&key, "carlo-gateway", [&listen[..], &tls, &["--coordinator", "https://127.0.0.1:9"]].concat()),
        (&token, "carlo-worker", [&join[..], &["--join-token-file", token_text]].concat()),
        (&key, "carlo-worker", [&join[..], &tls].concat()),
    ];
    modes(0o644)?;
    for (path, name, arguments) in &starts {
        let mode = if *path == &data { "(mode 0744)" } else { "(mode 0644)" };
        is_named(path, mode, name, arguments).await?;
    }
    // Files that belong to somebody else, if this test may give them away.
    modes(0o600)?;
    if secrets.iter().all(|file| chown(file, Some(OTHER_USER), None).is_ok()) {
        for (path, name, arguments) in &starts[1..] {
            is_named(path, "belongs to another user (id 12345)", name, arguments).await?;
        }
    }
    Ok(())
}
