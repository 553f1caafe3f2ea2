//! The daemons' processes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr};

use crate::{Host, PATIENCE};

/// A daemon in its own process. Dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    name: &'static str,
    child: Child,
    /// Where it listens. Workers don't listen.
    pub address: SocketAddr,
    log: Log,
}

/// The lines that were read of a daemon's log.
type Log = Arc<Mutex<String>>;

impl Daemon {
    /// Starts a daemon and waits until it listens.
    pub async fn listening(
        name: &'static str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::listening_on(&Host::this(), name, arguments, variables).await
    }

    /// Starts a daemon on a host and waits until it listens.
    pub async fn listening_on(
        host: &Host,
        name: &'static str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut daemon = Self::start_on(host, name, arguments, variables)?;
        let stderr = daemon.child.stderr.take().context("stderr is piped")?;
        let mut lines = BufReader::new(stderr).lines();
        let address = tokio::time::timeout(PATIENCE, address(&mut lines, &daemon.log))
            .await
            .with_context(|| format!("{name} didn't say where it listens"))??;
        daemon.address = address.with_context(|| format!("{name} ended before it listened"))?;
        tokio::spawn(echo(name, lines, Arc::clone(&daemon.log)));
        Ok(daemon)
    }

    /// Its log so far, if it is one that listens.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until a daemon that was only started logs a line with these words. Returns the line.
    pub async fn says(&mut self, words: &str) -> anyhow::Result<String> {
        let stderr = self.child.stderr.take().context("nobody has read its log")?;
        let mut lines = BufReader::new(stderr).lines();
        let found = async {
            while let Some(line) = lines.next_line().await? {
                keep(&self.log, &line);
                if line.contains(words) {
                    return Ok(line);
                }
            }
            bail!("{} ended without \"{words}\": {}", self.name, self.log());
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.with_context(|| format!("{} doesn't say \"{words}\": {}", self.name, self.log()))?
    }

    /// Starts a daemon.
    pub fn start(name: &'static str, arguments: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::start_on(&Host::this(), name, arguments, variables)
    }

    /// Starts a daemon on a host.
    pub fn start_on(
        host: &Host,
        name: &'static str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::spawn(name, host.command(binary(name)?), arguments, variables)
    }

    /// Starts another program that runs a daemon.
    pub fn start_program(
        name: &'static str,
        program: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::spawn(name, Host::this().command(program), arguments, variables)
    }

    fn spawn(
        name: &'static str,
        mut command: tokio::process::Command,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let child = command
            .args(arguments)
            .envs(variables.iter().copied())
            .env("CARLO_LOG_FORMAT", "json")
            // Each daemon has its own admin port.
            .env("CARLO_ADMIN_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("failed to start {name}"))?;
        Ok(Self { name, child, address: SocketAddr::from(([127, 0, 0, 1], 0)), log: Log::default() })
    }

    /// The process id.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().with_context(|| format!("{} has ended", self.name))
    }

    /// Its resident memory in KiB.
    pub fn memory_kib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.context("a process has memory")?;
        Ok(kib.trim().trim_end_matches(" kB").parse()?)
    }

    /// The processor time that it has used, in hundredths of a second.
    pub fn cpu_ticks(&self) -> anyhow::Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()?))?;
        // The second field is the program's name in parentheses, which may contain anything.
        let (_, fields) = stat.rsplit_once(')').context("a process has a name")?;
        let times = fields.split_whitespace().skip(11).take(2);
        Ok(times.map(str::parse::<u64>).sum::<Result<u64, _>>()?)
    }

    /// The files and connections that it has open.
    pub fn descriptors(&self) -> anyhow::Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.pid()?))?.count())
    }

    /// Sends it a signal. `name` is without SIG.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        signal(&self.child, name)
    }

    /// Kills it with SIGKILL.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.with_context(|| format!("failed to kill {}", self.name))
    }

    /// Waits until it ends by itself. Returns its exit status and the end of its log.
    pub async fn ended(self) -> anyhow::Result<(ExitStatus, String)> {
        let output = tokio::time::timeout(PATIENCE, self.child.wait_with_output())
            .await
            .with_context(|| format!("{} didn't end", self.name))??;
        Ok((output.status, String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// Sends SIGTERM and waits until it ends. Returns its exit code.
    pub async fn terminate(mut self) -> anyhow::Result<Option<i32>> {
        self.signal("TERM")?;
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.context("it didn't end")??;
        Ok(status.code())
    }
}

/// Sends a signal to a process. `name` is without SIG.
pub(crate) fn signal(child: &Child, name: &str) -> anyhow::Result<()> {
    let pid = child.id().context("it still runs")?;
    let status = Command::new("kill").args(["-s", name, &pid.to_string()]).status()?;
    if !status.success() {
        bail!("failed to send SIG{name} to process {pid}");
    }
    Ok(())
}

/// The address in the first log line that contains one; `None` at the end of the log.
async fn address(lines: &mut Lines<BufReader<ChildStderr>>, log: &Log) -> anyhow::Result<Option<SocketAddr>> {
    while let Some(line) = lines.next_line().await? {
        eprintln!("{line}");
        keep(log, &line);
        let line: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        if let Some(address) = line["address"].as_str() {
            return Ok(Some(address.trim_start_matches("http://").trim_start_matches("https://").parse()?));
        }
    }
    Ok(None)
}

/// Copies a daemon's log to the test's output.
async fn echo(name: &'static str, mut lines: Lines<BufReader<ChildStderr>>, log: Log) {
    while let Ok(Some(line)) = lines.next_line().await {
        eprintln!("{name}: {line}");
        keep(&log, &line);
    }
}

fn keep(log: &Log, line: &str) {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    log.push_str(line);
    log.push('\n');
}

/// The path of one of carlo's programs, built by the same cargo in the same profile as this test.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let directory = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    match directory {
        Ok(directory) => Ok(directory.join(name)),
        Err(error) => bail!("{error}"),
    }
}

/// Builds the programs and returns their directory, which is next to the directory of this test's
/// own program.
///
/// If the programs are built already, `CARLO_BINARIES` names their directory. For cargo a build of
/// the programs alone has other features than one with the tests, and it would compile everything
/// again.
fn build() -> anyhow::Result<PathBuf> {
    if let Some(directory) = std::env::var_os("CARLO_BINARIES") {
        return Ok(directory.into());
    }
    let test = std::env::current_exe()?;
    let directory = test.ancestors().nth(2).context("a test's program lies in target/PROFILE/deps")?;
    let profile = directory.file_name().and_then(|name| name.to_str()).context("a profile has a name")?;
    // cargo's profile `dev` uses a directory called debug.
    let profile = if profile == "debug" { "dev" } else { profile };
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--workspace", "--bins", "--profile", profile]);
    // The same features as the tests', or everything would be compiled again.
    if cfg!(feature = "etcd") {
        build.args(["--features", "carlo-store/etcd,carlo-coordinator/etcd,carlo-tests/etcd"]);
    }
    let status = build.status().context("failed to run cargo")?;
    if !status.success() {
        bail!("the programs don't build");
    }
    Ok(directory.to_owned())
}
