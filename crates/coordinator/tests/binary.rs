//! The program's exit codes for bad arguments.

use std::process::{Command, Output, Stdio};

fn ended(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carlo-coordinator"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARLO_")) {
        command.env_remove(name);
    }
    let Output { status, stderr, .. } =
        command.args(arguments).stdin(Stdio::null()).output().expect("the program starts");
    (status.code(), String::from_utf8(stderr).expect("messages are text"))
}

#[test]
fn bad_arguments_end_with_2_and_are_named() {
    // Without the feature etcd can't be used at all, and with it this URL can't be used.
    let refusal = if cfg!(feature = "etcd") { "must be a URL like http://" } else { "etcd" };
    let cases: [(&[&str], &str); 3] = [
        (&["--auth", "off"], "--data-dir"),
        (&["--auth", "off", "--data-dir", "/nowhere", "--listen", "0.0.0.0:0"], "loopback"),
        (&["--auth", "off", "--etcd", "ftp://127.0.0.1:1", "--listen", "127.0.0.1:0"], refusal),
    ];
    for (arguments, words) in cases {
        let (code, message) = ended(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {message}");
        assert!(message.contains(words), "{arguments:?}: {message}");
    }
}

#[test]
fn an_address_that_leads_nowhere_is_never_advertised() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let cases: [(&[&str], &str); 6] = [
        (&["--listen", "0.0.0.0:0", "--plaintext"], "give the URL at which gateways and workers reach it"),
        (&["--listen", "[::]:0", "--plaintext"], "give the URL at which gateways and workers reach it"),
        (&["--listen", "127.0.0.1:0", "--advertise", "http://0.0.0.0:7070"], "stands for every address"),
        (&["--listen", "127.0.0.1:0", "--advertise", "https://[::]:7070"], "stands for every address"),
        (&["--listen", "127.0.0.1:0", "--advertise", "coordinator:7070"], "is not a URL"),
        (&["--listen", "127.0.0.1:0", "--advertise", "10.0.0.1:7070"], "is not a URL"),
    ];
    for (arguments, words) in cases {
        let (code, message) = ended(&[&["--data-dir", data, "--admin-listen", "off"], arguments].concat());
        assert_eq!(code, Some(2), "{arguments:?}: {message}");
        assert!(message.contains(words), "{arguments:?}: {message}");
    }
}
