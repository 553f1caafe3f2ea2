//! The cause of a failed connection is shown in the log at the default level, in `/readyz`, and by
//! the command line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use carlo_tests::{Client, Daemon, PATIENCE, binary};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tempfile::TempDir;

/// The files of a certificate and its key.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new(
        directory: &TempDir,
        name: &str,
        configure: impl FnOnce(&mut CertificateParams),
    ) -> anyhow::Result<Self> {
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        configure(&mut parameters);
        let pair = KeyPair::generate()?;
        let file = |kind| directory.path().join(format!("{name}-{kind}.pem"));
        let files = Self { certificate: file("certificate"), key: file("key") };
        std::fs::write(&files.certificate, parameters.self_signed(&pair)?.pem())?;
        std::fs::write(&files.key, pair.serialize_pem())?;
        Ok(files)
    }

    async fn coordinator(&self, data: &TempDir) -> anyhow::Result<Daemon> {
        let data = data.path().to_str().context("text")?;
        let (certificate, key) = self.text()?;
        let arguments = ["--listen", "127.0.0.1:0", "--data-dir", data, "--auth", "off"];
        let arguments = [&arguments[..], &["--tls-cert", certificate, "--tls-key", key]].concat();
        Daemon::listening("carlo-coordinator", &arguments, &[]).await
    }

    fn text(&self) -> anyhow::Result<(&str, &str)> {
        Ok((self.certificate.to_str().context("text")?, self.key.to_str().context("text")?))
    }
}

/// A process that is killed when its test ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The first warning of a worker of this coordinator, at the default log level.
fn worker_warns(url: &str, authority: Option<&PathBuf>) -> anyhow::Result<String> {
    let mut command = Command::new(binary("carlo-worker")?);
    command.args(["--threads", "1", "--admin-listen", "off", "--coordinator", url]).env_remove("CARLO_LOG");
    if let Some(authority) = authority {
        command.arg("--ca-file").arg(authority);
    }
    let mut process = Process(command.stderr(Stdio::piped()).spawn()?);
    let log = BufReader::new(process.0.stderr.take().context("it is piped")?);
    log.lines()
        .find(|line| line.as_ref().is_ok_and(|line| line.contains("WARN")))
        .context("it ends without a warning")?
        .context("text")
}

/// A server on this machine that gives the same answer to everything. Returns its port.
fn answering(answer: &'static [u8]) -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.write_all(answer);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    Ok(port)
}

#[tokio::test]
async fn a_worker_names_why_it_reaches_no_coordinator() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let good = Files::new(&directory, "good", |_| {})?;
    let other = Files::new(&directory, "other", |_| {})?;
    let expired = Files::new(&directory, "expired", |parameters| {
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2020, 2, 1);
    })?;
    let authority = Files::new(&directory, "authority", |parameters| {
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    })?;
    let data: Vec<_> = (0..4).map(|_| tempfile::tempdir()).collect::<Result<_, _>>()?;
    let plain = {
        let data = data[0].path().to_str().context("text")?;
        let arguments = ["--listen", "127.0.0.1:0", "--data-dir", data, "--auth", "off"];
        Daemon::listening("carlo-coordinator", &arguments, &[]).await?
    };
    let (encrypted, old, itself) = (
        good.coordinator(&data[1]).await?,
        expired.coordinator(&data[2]).await?,
        authority.coordinator(&data[3]).await?,
    );
    let http = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
    let at = |scheme: &str, daemon: &Daemon| format!("{scheme}://localhost:{}", daemon.address.port());
    // A port that was bound and released, so nothing listens there.
    let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let trusted = Some(&good.certificate);
    for (url, authority, words) in [
        (format!("http://127.0.0.1:{free}"), None, "connection refused"),
        ("http://coordinator.invalid:7070".to_owned(), None, "its name was not found"),
        (at("https", &plain), trusted, "should the URL begin with http://"),
        (at("http", &encrypted), None, "the URL should begin with https://"),
        (at("https", &encrypted), Some(&other.certificate), "an issuer that is not trusted here"),
        (at("https", &old), Some(&expired.certificate), "its certificate has expired"),
        (at("https", &itself), Some(&authority.certificate), "self-signed, CA:TRUE"),
        (format!("https://127.0.0.2:{}", encrypted.address.port()), trusted, "refused"),
        (format!("http://127.0.0.1:{http}"), None, "is not a coordinator"),
    ] {
        let (address, authority) = (url.clone(), authority.cloned());
        let warning =
            tokio::task::spawn_blocking(move || worker_warns(&address, authority.as_ref())).await??;
        assert!(warning.contains(words), "{url}: {warning}");
    }
    Ok(())
}

#[tokio::test]
async fn a_gateway_and_the_command_line_name_it_too() -> anyhow::Result<()> {
    let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let url = format!("http://127.0.0.1:{free}");
    let gateway =
        Daemon::listening("carlo-gateway", &["--listen", "127.0.0.1:0", "--coordinator", &url], &[]).await?;
    let client = Client::new(format!("http://{}", gateway.address));
    let (status, body) = client.get("/readyz").await?;
    assert_eq!(status, 503);
    assert!(body.contains(&format!("{url}: connection refused")), "{body}");
    let logged = async {
        while !gateway.log().contains("connection refused") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, logged).await.context("the log doesn't name the cause")?;

    let https = format!("https://{}", gateway.address);
    for (url, words) in [(&url, "connection refused"), (&https, "it doesn't speak TLS at this port")] {
        let jobs = Command::new(binary("carlo")?).args(["jobs", "--url", url]).output()?;
        let message = String::from_utf8(jobs.stderr)?;
        assert!(jobs.status.code() == Some(1) && message.contains(words), "{message}");
    }
    Ok(())
}

/// A daemon's own certificate that clients refuse is named at the start, before any of them comes.
#[tokio::test]
async fn an_own_certificate_that_is_not_valid_now_is_a_warning_at_the_start() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let of = |name: &str, from: i32, until: i32| {
        Files::new(&directory, name, |parameters| {
            parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
        })
    };
    let data = directory.path().join("data");
    let data = data.to_str().context("text")?;
    for (files, words) in [
        (of("expired", 2020, 2021)?, "the certificate has expired"),
        (of("future", 3000, 3001)?, "the certificate is not valid yet"),
    ] {
        let (certificate, key) = files.text()?;
        let tls = ["--tls-cert", certificate, "--tls-key", key];
        let listen = ["--listen", "127.0.0.1:0"];
        for (name, arguments) in [
            ("carlo-coordinator", [&listen[..], &tls, &["--data-dir", data, "--auth", "off"]].concat()),
            ("carlo-gateway", [&listen[..], &tls, &["--coordinator", "http://127.0.0.1:9"]].concat()),
            (
                "carlo-worker",
                [&tls[..], &["--threads", "1", "--coordinator", "https://127.0.0.1:9"]].concat(),
            ),
        ] {
            let line = Daemon::start(name, &arguments, &[])?.says(words).await?;
            assert!(line.contains("WARN") && line.contains(certificate), "{name}: {line}");
        }
    }
    Ok(())
}
