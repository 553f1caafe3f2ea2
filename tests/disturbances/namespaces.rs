//! Private namespaces of network, processes and mounts. The test starts itself again inside them,
//! where it may connect machines freely. The kernel removes all of it with the last process,
//! whatever happens to the test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, ensure};
use carlo_tests::binary;

/// Set for the inner process.
const WITHIN: &str = "CARLO_CHAOS_WITHIN";
/// All namespaces are new and end with the process that is started in them. A user who isn't root
/// becomes root inside.
const UNSHARE: [&str; 7] =
    ["--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
/// A private directory for the names of network namespaces.
const PREPARE: &str = "set -e; mkdir -p /run/netns; mount -t tmpfs tmpfs /run/netns; ip link set lo up";
/// Checks what is needed from the kernel and from the packages iproute2 and util-linux.
const PROBE: &str = "ip link add probe type bridge; ip netns add probe; nsenter --net=/run/netns/probe true";

/// Whether this process of the test runs in namespaces of its own.
pub(crate) enum Isolation {
    /// Inside the private network.
    Inside,
    /// Outside. The inner process has run the test, and it has passed.
    Done,
    /// Outside, because the system doesn't allow namespaces.
    Unavailable,
}

/// Runs the test with this name again inside new namespaces, if that is allowed and it isn't inside
/// already.
pub(crate) fn enter(test: &str) -> anyhow::Result<Isolation> {
    if std::env::var_os(WITHIN).is_some() {
        return Ok(Isolation::Inside);
    }
    let probe = unshare(&format!("{PREPARE}; {PROBE}")).output();
    let refusal = match &probe {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("unshare: {error}")),
    };
    if let Some(refusal) = refusal {
        println!("no network namespaces here, proxies cut the network instead: {refusal}");
        return Ok(Isolation::Unavailable);
    }
    // Inside there is no network for building.
    let programs = binary("carlo-worker")?;
    let mut child = unshare(&format!("{PREPARE}; exec \"$0\" --exact {test} --nocapture"))
        .arg(std::env::current_exe()?)
        .env(WITHIN, "yes")
        .env("CARLO_BINARIES", programs.parent().context("a program lies in a directory")?)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to start unshare")?;
    let printed = child.stdout.take().map(|lines| pass_on(lines, |line| println!("{line}")));
    let noted = child.stderr.take().map(|lines| pass_on(lines, |line| eprintln!("{line}")));
    let status = child.wait()?;
    for passing in [printed, noted].into_iter().flatten() {
        passing.join().expect("lines are only printed");
    }
    ensure!(status.success(), "{test} failed in its own network");
    Ok(Isolation::Done)
}

fn unshare(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(UNSHARE).args(["sh", "-c", script]).stdin(Stdio::null());
    command
}

/// Prints another process's output as this test's own.
fn pass_on(lines: impl Read + Send + 'static, print: impl Fn(String) + Send + 'static) -> JoinHandle<()> {
    std::thread::spawn(move || BufReader::new(lines).lines().map_while(Result::ok).for_each(print))
}
