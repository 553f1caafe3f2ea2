//! Tests of the program: exit codes, stdout and stderr, with a fake server and with its own
//! cluster.

#![expect(clippy::unwrap_used, reason = "what the tests set up themselves is there")]

mod administration;
mod cluster;
mod daily;
mod fake;
mod lifetime;
mod server;
mod tenants;
mod terminal;
mod top;

use std::process::{Child, Command, Output, Stdio};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/examples/house_deposit.json");

/// The program with these arguments, without the environment variables that it reads.
fn carlo(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carlo"));
    let inherited = std::env::vars_os().filter(|(name, _)| !name.to_string_lossy().starts_with("CARLO_"));
    command.env_clear().envs(inherited).env("XDG_CONFIG_HOME", "/nowhere").args(args).stdin(Stdio::null());
    command
}

/// Its stdout, its stderr and its exit code.
fn outcome(command: &mut Command) -> (String, String, Option<i32>) {
    let Output { status, stdout, stderr } = command.output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (text(stdout), text(stderr), status.code())
}

fn signal(name: &str, child: &Child) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_file_that_cannot_be_sent_ends_with_2_and_the_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("request.json");
    std::fs::write(&file, "{\n  \"goal\": {,}\n}").unwrap();
    let file = file.to_str().unwrap();
    for command in ["run", "submit"] {
        let (stdout, stderr, code) = outcome(&mut carlo(&[command, file]));
        assert_eq!((stdout.as_str(), code), ("", Some(2)));
        let expected = format!(
            "error: failed to read {file}: it is not JSON: key must be a string at line 2 column 12\n"
        );
        assert_eq!(stderr, expected);

        let (_, stderr, code) = outcome(&mut carlo(&[command, "/nowhere/request.json"]));
        assert_eq!(code, Some(2));
        assert_eq!(
            stderr,
            "error: failed to read /nowhere/request.json: No such file or directory (os error 2)\n"
        );
    }
}

#[test]
fn bad_arguments_end_with_2() {
    for args in [
        &["run"][..],
        &["run", EXAMPLE, "--simulations", "many"],
        &["run", EXAMPLE, "--threads", "0"],
        &["status", "5"],
        &["jobs", "--page", "0"],
        &["jobs", "--url", "localhost:3001"],
        &["up", "--listen", "0.0.0.0:0", "--data-dir", "/nowhere"],
        &["fly"],
    ] {
        let (stdout, stderr, code) = outcome(&mut carlo(args));
        assert_eq!((stdout.as_str(), code), ("", Some(2)), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: ") || stderr.contains("Usage:"), "{stderr}");
    }
}

#[test]
fn the_help_documents_the_exit_codes() {
    let (stdout, _, code) = outcome(&mut carlo(&["--help"]));
    assert_eq!(code, Some(0));
    assert!(stdout.contains("  3    the job failed (run, watch, submit --wait), or not all of a batch completed (batch watch)\n"), "{stdout}");
}
