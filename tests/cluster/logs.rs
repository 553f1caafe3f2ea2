//! Logs and signals of real processes. A log line that can't be written never harms a daemon, a
//! fatal error is always shown, SIGHUP reloads files, SIGTERM drains.

use std::fs::File;
use std::io::ErrorKind::Interrupted;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use carlo_tests::binary;
use serde_json::Value;

const REQUEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/examples/house_deposit.json");
/// How long a daemon may take to end. All of them drain within 4 s.
const END_MAX: Duration = Duration::from_secs(10);

/// A process that is killed when its test ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status();
        assert!(status.expect("kill starts").success());
    }

    fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("it is a child") {
                return status;
            }
            assert!(began.elapsed() < END_MAX, "it didn't end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The exit code after SIGTERM.
    fn terminated(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.ended().code()
    }
}

fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// The command of the daemon with this name, and the address where it will listen.
fn daemon(name: &str, data: &tempfile::TempDir) -> anyhow::Result<(Command, SocketAddr)> {
    let address = free_port();
    let listen = address.to_string();
    let data = data.path().to_str().context("a temporary directory has a readable name")?;
    let mut command = Command::new(binary(name)?);
    command.stdin(Stdio::null()).stdout(Stdio::null()).env_remove("CARLO_LOG");
    match name {
        "carlo" => command.args(["up", "--listen", &listen, "--data-dir", data, "--threads", "1"]),
        "carlo-coordinator" => command.args(["--listen", &listen, "--data-dir", data, "--auth", "off"]),
        "carlo-gateway" => command.args(["--listen", &listen, "--coordinator", "http://127.0.0.1:1"]),
        "carlo-worker" => command.args(["--threads", "1", "--coordinator", "http://127.0.0.1:1"]),
        _ => anyhow::bail!("no such daemon: {name}"),
    };
    Ok((command, address))
}

const DAEMONS: [&str; 4] = ["carlo", "carlo-coordinator", "carlo-gateway", "carlo-worker"];

/// Waits until the daemon listens. A worker doesn't listen, so it only gets a moment to start.
fn wait_for(name: &str, address: SocketAddr) {
    if name == "carlo-worker" {
        return std::thread::sleep(Duration::from_millis(300));
    }
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(began.elapsed() < END_MAX, "{name} doesn't listen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_log_that_nobody_takes_does_not_harm_a_daemon() -> anyhow::Result<()> {
    for name in DAEMONS {
        let data = tempfile::tempdir()?;
        let (mut command, address) = daemon(name, &data)?;
        let full = File::options().write(true).open("/dev/full")?;
        let mut process = Process(command.env("CARLO_LOG", "debug").stderr(full).spawn()?);
        wait_for(name, address);
        assert_eq!(process.terminated(), Some(0), "{name}, with stderr on a full disk");

        let (mut command, address) = daemon(name, &data)?;
        let mut child = command.env("CARLO_LOG", "debug").stderr(Stdio::piped()).spawn()?;
        let mut log = BufReader::new(child.stderr.take().context("it is piped")?);
        log.read_line(&mut String::new())?;
        drop(log);
        let mut process = Process(child);
        wait_for(name, address);
        assert_eq!(process.terminated(), Some(0), "{name}, with stderr closed");
    }
    let output = Command::new(binary("carlo")?)
        .args(["run", REQUEST, "-n", "1000", "--json"])
        .env("CARLO_LOG", "debug")
        .stderr(File::options().write(true).open("/dev/full")?)
        .output()?;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout)?["status"], "complete");
    Ok(())
}

#[test]
fn a_log_that_nobody_reads_does_not_stop_a_daemon() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    for name in ["carlo", "carlo-gateway"] {
        let (mut command, address) = daemon(name, &data)?;
        let mut child = command.env("CARLO_LOG", "trace").stderr(Stdio::piped()).spawn()?;
        let log = child.stderr.take();
        let mut process = Process(child);
        wait_for(name, address);
        // Far more than the capacity of a pipe, 64 KiB, and of the log's queue.
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(END_MAX))?;
        for number in 0..2_000 {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")?;
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).with_context(|| format!("{name} stopped at {number}"))?;
            assert_eq!(&answer, b"HTTP/1.1 200");
            let mut rest = [0; 4096];
            // The end of another test's process interrupts a read with a time limit.
            while matches!(stream.read(&mut rest), Err(error) if error.kind() == Interrupted) {}
        }
        assert_eq!(process.terminated(), Some(0), "{name}");
        drop(log);
    }
    Ok(())
}

/// The program's exit code and what it printed on stderr.
fn outcome(command: &mut Command) -> anyhow::Result<(Option<i32>, String)> {
    let output = command.stderr(Stdio::piped()).spawn()?.wait_with_output()?;
    Ok((output.status.code(), String::from_utf8(output.stderr)?))
}

#[test]
fn a_fatal_error_is_shown_whatever_is_logged() -> anyhow::Result<()> {
    for filter in ["off", "carlo_schedule=debug", "", "error"] {
        let data = tempfile::tempdir()?;
        // A file in place of the data directory.
        let file = data.path().join("file");
        File::create(&file)?;
        let cases: [(&str, &[&str], i32, &str); 4] = [
            ("carlo-worker", &["--coordinator", "there"], 2, "\"there\" is not the URL"),
            ("carlo-gateway", &["--coordinator", "there", "--listen", "127.0.0.1:0"], 2, "\"there\" is not"),
            (
                "carlo-coordinator",
                &["--auth", "off", "--listen", "127.0.0.1:0", "--data-dir", file.to_str().context("text")?],
                1,
                "ledger.redb",
            ),
            (
                "carlo",
                &["up", "--listen", "127.0.0.1:0", "--data-dir", file.to_str().context("text")?],
                1,
                "ledger.redb",
            ),
        ];
        for (name, arguments, code, words) in cases {
            let mut command = Command::new(binary(name)?);
            let ended = outcome(command.args(arguments).env("CARLO_LOG", filter))?;
            assert!(ended.0 == Some(code) && ended.1.contains(words), "{name} {filter:?}: {ended:?}");
        }
    }
    Ok(())
}

#[test]
fn an_unknown_level_or_target_is_refused_with_a_hint() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    for (filter, hint) in [("inof", "did you mean \"info\"?"), ("carlo_shedule=debug", "\"carlo_schedule\"")]
    {
        for name in DAEMONS {
            let (code, log) = outcome(daemon(name, &data)?.0.env("CARLO_LOG", filter))?;
            assert!(code == Some(2) && log.contains(hint), "{name}: {code:?} {log}");
        }
    }
    Ok(())
}

#[test]
fn json_lines_have_unique_keys_and_plain_request_ids() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    for name in ["carlo-coordinator", "carlo-gateway", "carlo-worker"] {
        let (mut command, address) = daemon(name, &data)?;
        command.env("CARLO_LOG", "debug").env("CARLO_LOG_FORMAT", "json").stderr(Stdio::piped());
        let mut process = Process(command.spawn()?);
        wait_for(name, address);
        if name == "carlo-gateway" {
            let mut stream = TcpStream::connect(address)?;
            stream.write_all(
                b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-request-id: id-7\r\nconnection: close\r\n\r\n",
            )?;
            stream.read_to_end(&mut Vec::new())?;
        }
        assert_eq!(process.terminated(), Some(0));
        let mut log = String::new();
        process.0.stderr.take().context("it is piped")?.read_to_string(&mut log)?;
        for line in log.lines() {
            let value: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
            let members = value.as_object().context("an object")?;
            // No value in these lines is an object, so each key must appear once.
            for key in members.keys() {
                assert_eq!(line.matches(&format!("\"{key}\":")).count(), 1, "{key}: {line}");
            }
            assert!(members.contains_key("target"), "{line}");
        }
        assert_eq!(log.contains(r#""request_id":"id-7""#), name == "carlo-gateway", "{log}");
    }
    Ok(())
}

#[test]
fn module_names_are_there_at_debug_alone() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    for (filter, is_there) in [("info", false), ("debug", true)] {
        let (mut command, address) = daemon("carlo-gateway", &data)?;
        let mut process = Process(command.env("CARLO_LOG", filter).stderr(Stdio::piped()).spawn()?);
        wait_for("carlo-gateway", address);
        process.terminated();
        let mut log = String::new();
        process.0.stderr.take().context("it is piped")?.read_to_string(&mut log)?;
        assert_eq!(log.contains("carlo_gateway: "), is_there, "{log}");
    }
    Ok(())
}

#[test]
fn a_hangup_does_not_end_a_daemon() -> anyhow::Result<()> {
    for name in ["carlo-coordinator", "carlo-gateway", "carlo-worker"] {
        let data = tempfile::tempdir()?;
        let (mut command, address) = daemon(name, &data)?;
        let mut process = Process(command.stderr(Stdio::null()).spawn()?);
        wait_for(name, address);
        process.signal("HUP");
        std::thread::sleep(Duration::from_millis(100));
        assert!(process.0.try_wait()?.is_none(), "{name}");
        assert_eq!(process.terminated(), Some(0), "{name}");
    }
    Ok(())
}

/// A worker ends at once even while it waits for a resolver that never answers.
#[test]
fn the_end_waits_for_no_resolver() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("resolv.conf"), "nameserver 127.0.0.1\n")?;
    // In a network namespace of its own, the worker's process itself holds the resolver's port open
    // and never reads from it.
    let program = "import os, socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 53)); \
                   s.set_inheritable(True); os.execv(sys.argv[1], sys.argv[1:])";
    let script = format!(
        r#"ip link set lo up && mount --bind "$1" /etc/resolv.conf &&
        exec python3 -c "{program}" "$2" --threads 1 --coordinator "$3""#
    );
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--mount", "sh", "-c", &script, "sh"]);
    command.arg(directory.path().join("resolv.conf")).arg(binary("carlo-worker")?);
    command.arg("http://coordinator.example:7070").stderr(Stdio::piped());
    let mut process = Process(command.spawn()?);
    // Its admin endpoint may say so before it.
    let log = BufReader::new(process.0.stderr.take().context("it is piped")?);
    let mut lines = log.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("worker started")));
    std::thread::sleep(Duration::from_millis(500));
    let began = Instant::now();
    assert_eq!(process.terminated(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    Ok(())
}

#[test]
fn colours_are_for_terminals_that_want_them() -> anyhow::Result<()> {
    for (name, value, has_colours) in
        [("TERM", "xterm", true), ("NO_COLOR", "1", false), ("TERM", "dumb", false), ("NO_COLOR", "", true)]
    {
        let worker = binary("carlo-worker")?;
        let command = format!("{} --coordinator there", worker.display());
        let output = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .env_remove("NO_COLOR")
            .env("TERM", "xterm")
            .env(name, value)
            .stdin(Stdio::null())
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        assert!(text.contains("is not the URL"), "{text}");
        assert_eq!(text.contains('\u{1b}'), has_colours, "{name}={value}: {text:?}");
    }
    Ok(())
}
