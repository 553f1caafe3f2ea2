//! A kernel's view of the network, processes and mounts for this test alone: it starts itself anew within one, where it may plug together
//! machines as it likes. Whatever happens to it, the kernel takes down all of that with its last process.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, ensure};
use carlo_tests::binary;

/// Set for the test that was started within.
const WITHIN: &str = "CARLO_CHAOS_WITHIN";
/// Everything is new, and ends with the process that is started in it. Who isn't root is so within.
const UNSHARE: [&str; 7] =
    ["--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
/// A place for the names of network namespaces, which others don't see.
const PREPARE: &str = "set -e; mkdir -p /run/netns; mount -t tmpfs tmpfs /run/netns; ip link set lo up";
/// What is needed from the kernel, and from the packages iproute2 and util-linux.
const PROBE: &str = "ip link add probe type bridge; ip netns add probe; nsenter --net=/run/netns/probe true";

/// Where this test runs.
pub(crate) enum Place {
    /// In a network of its own.
    Within,
    /// In the machine's: it has started itself anew within, and that has ended well.
    Done,
    /// In the machine's, which allows nothing else.
    Outside,
}

/// Starts the test of this name anew within, where that is allowed and it isn't there already.
pub(crate) fn enter(test: &str) -> anyhow::Result<Place> {
    if std::env::var_os(WITHIN).is_some() {
        return Ok(Place::Within);
    }
    let probe = unshare(&format!("{PREPARE}; {PROBE}")).output();
    let refusal = match &probe {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("unshare: {error}")),
    };
    if let Some(refusal) = refusal {
        println!("no network namespaces here, proxies cut the network instead: {refusal}");
        return Ok(Place::Outside);
    }
    // There is no network to build anything with in there.
    let programs = binary("carlo-worker")?;
    let mut child = unshare(&format!("{PREPARE}; exec \"$0\" --exact {test} --nocapture"))
        .arg(std::env::current_exe()?)
        .env(WITHIN, "yes")
        .env("CARLO_BINARIES", programs.parent().context("a program lies in a directory")?)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to start unshare")?;
    let told = child.stdout.take().map(|lines| pass_on(lines, |line| println!("{line}")));
    let noted = child.stderr.take().map(|lines| pass_on(lines, |line| eprintln!("{line}")));
    let status = child.wait()?;
    for passing in [told, noted].into_iter().flatten() {
        passing.join().expect("lines are only printed");
    }
    ensure!(status.success(), "{test} failed in its own network");
    Ok(Place::Done)
}

fn unshare(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(UNSHARE).args(["sh", "-c", script]).stdin(Stdio::null());
    command
}

/// Prints what another process says, as this test's own output.
fn pass_on(lines: impl Read + Send + 'static, print: impl Fn(String) + Send + 'static) -> JoinHandle<()> {
    std::thread::spawn(move || BufReader::new(lines).lines().map_while(Result::ok).for_each(print))
}
