//! The units: systemd accepts them, rates them as well protected, and the daemons notify it when
//! they
//! are ready.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use carlo_tests::{Daemon, PATIENCE, binary};
use tokio::net::UnixDatagram;
use tokio::time;

use crate::{help, output, repository};

const DAEMONS: [&str; 3] = ["carlo-coordinator", "carlo-gateway", "carlo-worker"];
/// The maximum exposure level of a unit in tenths. `systemd-analyze security` rates units from 0 to
/// 10, and a plain unit with 9.6.
const EXPOSURE_MAX: &str = "30";

/// The unit of a daemon with the built program instead of the installed one.
fn unit(daemon: &str, directory: &Path) -> anyhow::Result<PathBuf> {
    let text = fs::read_to_string(repository(&format!("deploy/systemd/{daemon}.service")))?;
    let installed = format!("ExecStart=/usr/bin/{daemon}");
    ensure!(text.contains(&installed), "{daemon} starts another program");
    let built = format!("ExecStart={}", binary(daemon)?.display());
    let file = directory.join(format!("{daemon}.service"));
    fs::write(&file, text.replace(&installed, &built))?;
    Ok(file)
}

#[test]
fn systemd_accepts_each_unit_without_a_word() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    for daemon in DAEMONS {
        let unit = unit(daemon, directory.path())?;
        let said = output(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit))?;
        ensure!(said.is_empty(), "{daemon}: {said}");
        // systemd only warns of unknown names.
        let broken = directory.path().join("broken.service");
        fs::write(&broken, fs::read_to_string(&unit)?.replace("NoNewPrivileges", "NoNewPrivilege"))?;
        let said = output(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&broken))?;
        ensure!(said.contains("NoNewPrivilege"), "a unit with a mistake passes: {said}");
    }
    Ok(())
}

#[test]
fn no_unit_is_exposed_more_than_it_needs() -> anyhow::Result<()> {
    let analyze = |unit: &Path| {
        let mut command = Command::new("systemd-analyze");
        command.args(["security", "--offline=true", "--no-pager"]);
        output(command.arg(format!("--threshold={EXPOSURE_MAX}")).arg(unit))
    };
    let directory = tempfile::tempdir()?;
    for daemon in DAEMONS {
        analyze(&unit(daemon, directory.path())?)?;
    }
    let bare = directory.path().join("bare.service");
    fs::write(&bare, "[Service]\nExecStart=/bin/true\n")?;
    ensure!(analyze(&bare).is_err(), "a bare unit passes");
    Ok(())
}

#[test]
fn the_files_of_options_name_options_that_exist() -> anyhow::Result<()> {
    for daemon in DAEMONS {
        let name = daemon.trim_start_matches("carlo-");
        let options = fs::read_to_string(repository(&format!("deploy/systemd/{name}.env")))?;
        let help = help(daemon)?;
        let assigned = options.lines().filter_map(|line| line.trim_start_matches('#').split_once('='));
        let variables: Vec<_> = assigned.map(|(variable, _)| variable).collect();
        ensure!(variables.len() >= 3, "{name}.env has {variables:?} alone");
        for variable in variables {
            // Not an option; the logging reads it.
            let known = variable == "CARLO_LOG" || help.contains(&format!("[env: {variable}="));
            ensure!(known, "{name}.env: {daemon} knows no {variable}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn each_daemon_tells_systemd_when_it_is_ready_and_when_it_stops() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let data = directory.path().join("data");
    let data = data.to_str().context("the temporary directory has a readable name")?;
    // Nobody listens at port 9: a gateway and a worker are ready before they have found a
    // coordinator.
    let nowhere = "http://127.0.0.1:9";
    let arguments: [&[&str]; 3] = [
        &["--listen", "127.0.0.1:0", "--data-dir", data],
        &["--listen", "127.0.0.1:0", "--coordinator", nowhere],
        &["--coordinator", nowhere],
    ];
    for (daemon, arguments) in DAEMONS.into_iter().zip(arguments) {
        let path = directory.path().join(daemon);
        let socket = UnixDatagram::bind(&path)?;
        // Not a blocking read with a time limit: the end of a process would interrupt it.
        let receive = async || -> anyhow::Result<String> {
            let mut buffer = [0; 256];
            let bytes = time::timeout(PATIENCE, socket.recv(&mut buffer)).await??;
            Ok(String::from_utf8_lossy(&buffer[..bytes]).into_owned())
        };
        let path = path.to_str().context("the temporary directory has a readable name")?;
        let running = Daemon::start(daemon, arguments, &[("NOTIFY_SOCKET", path)])?;
        ensure!(receive().await? == "READY=1\n", "{daemon} isn't ready");
        ensure!(running.terminate().await? == Some(0), "{daemon} fails at SIGTERM");
        ensure!(receive().await? == "STOPPING=1\n", "{daemon} doesn't stop");
    }
    Ok(())
}
