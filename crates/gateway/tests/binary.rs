//! The program: its arguments, its exit codes and its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carlo-gateway"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARLO_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

fn ended(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().expect("the program starts");
    (status.code(), String::from_utf8(stderr).expect("messages are text"))
}

#[test]
fn bad_arguments_end_with_2_and_are_named() {
    let cases: [(&[&str], &str); 7] = [
        (&[], "--coordinator"),
        (&["--coordinator", "http://127.0.0.1:1", "--listen", "here"], "--listen"),
        (&["--coordinator", "http://127.0.0.1:1", "--log-format", "xml"], "expected text or json"),
        (
            &["--coordinator", "http://127.0.0.1:1,there", "--listen", "127.0.0.1:0"],
            "\"there\" is not the URL",
        ),
        (&["--coordinator", "http://127.0.0.1:1", "--listen", "0.0.0.0:0"], "loopback"),
        (
            &["--coordinator", "http://127.0.0.1:1", "--cors-origin", "https://a.example,b.example"],
            "write https://b.example",
        ),
        (
            &["--coordinator", "http://127.0.0.1:1", "--cors-origin", "https://a.example/"],
            "write https://a.example",
        ),
    ];
    for (arguments, words) in cases {
        let (code, message) = ended(&mut program(arguments));
        assert_eq!(code, Some(2), "{arguments:?}: {message}");
        assert!(message.contains(words), "{arguments:?}: {message}");
    }
}

#[test]
fn a_taken_port_ends_with_1_and_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let (code, message) =
        ended(program(&[]).env("CARLO_LISTEN", &address).env("CARLO_COORDINATOR", "http://127.0.0.1:1"));
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains(&format!("failed to listen on {address}")), "{message}");
}

#[test]
fn the_help_documents_the_exit_codes_and_every_variable() {
    let output = program(&["--help"]).output().expect("the program starts");
    let help = String::from_utf8(output.stdout).expect("help is text");
    for words in ["Exit codes:", "CARLO_LISTEN", "CARLO_COORDINATOR", "CARLO_LOG_FORMAT", "127.0.0.1:3001"] {
        assert!(help.contains(words), "{words} in {help}");
    }
}

#[test]
fn it_says_where_it_listens_and_ends_with_0_on_a_signal() {
    let mut running = program(&["--listen", "127.0.0.1:0", "--coordinator", "http://127.0.0.1:1"])
        .env("CARLO_LOG_FORMAT", "json")
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut log = BufReader::new(running.stderr.take().expect("it is piped"));
    let mut line = String::new();
    log.read_line(&mut line).expect("a line");
    let line: serde_json::Value = serde_json::from_str(&line).expect("a JSON object");
    let address = line["address"].as_str().expect("the line has an address");

    let mut client = TcpStream::connect(address).expect("it listens");
    client.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let signal = Command::new("kill").args(["-TERM", &running.id().to_string()]).status();
    assert!(signal.expect("kill starts").success());
    assert_eq!(running.wait().expect("it ends").code(), Some(0));
}
