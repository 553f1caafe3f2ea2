//! Files with secrets that real processes create and read, with any umask, with existing files and
//! links, and with any kind of file.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use carlo_tests::{Daemon, PATIENCE, binary};
use tempfile::TempDir;

fn mode(path: &Path) -> anyhow::Result<u32> {
    let metadata = fs::symlink_metadata(path).with_context(|| path.display().to_string())?;
    Ok(metadata.permissions().mode() & 0o7777)
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("the temporary directory has a readable name")
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

#[tokio::test]
async fn a_secret_that_others_can_read_is_named_at_the_start() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let (data, token) = (directory.path().join("data"), directory.path().join("token"));
    fs::create_dir(&data)?;
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755))?;
    fs::write(&token, "a-token-of-sixteen-letters\n")?;
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644))?;
    let arguments =
        ["--listen", "127.0.0.1:0", "--data-dir", text(&data)?, "--join-token-file", text(&token)?];
    let daemon = Daemon::start("carlo-coordinator", &arguments, &[])?;
    until(|| data.join("admin-key").exists()).await?;
    daemon.signal("TERM")?;
    let (status, log) = daemon.ended().await?;
    ensure!(status.success(), "it starts nevertheless: {log}");
    for (path, words) in [(&data, "(mode 0755)"), (&token, "(mode 0644)")] {
        let line = log.lines().find(|line| line.contains(words) && line.contains("WARN"));
        let line = line.with_context(|| format!("nothing is said of {}: {log}", path.display()))?;
        ensure!(line.contains(text(path)?), "{line}");
    }
    Ok(())
}
