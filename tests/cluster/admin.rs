//! The admin endpoints of real daemons, as Prometheus and probes see them, and a process that runs
//! out of connections.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use carlo_tests::{Client, Daemon};

async fn coordinator(data: &tempfile::TempDir, admin: &str) -> anyhow::Result<Daemon> {
    let data = data.path().to_str().context("text")?;
    let arguments = ["--listen", "127.0.0.1:0", "--admin-listen", admin, "--data-dir", data, "--auth", "off"];
    Daemon::listening("carlo-coordinator", &arguments, &[]).await
}

fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The output of `promtool check metrics`.
fn complaints(metrics: &str) -> anyhow::Result<String> {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = command.spawn().context("tests/install installs promtool")?;
    promtool.stdin.take().context("it is piped")?.write_all(metrics.as_bytes())?;
    let output = promtool.wait_with_output()?;
    Ok([output.stdout, output.stderr].concat().iter().map(|byte| char::from(*byte)).collect())
}

#[tokio::test]
async fn every_daemon_serves_metrics_and_probes() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let (lead_at, work_at) = (free_port()?, free_port()?);
    let coordinator = coordinator(&data, &lead_at.to_string()).await?;
    let url = format!("http://{}", coordinator.address);
    let gateway =
        Daemon::listening("carlo-gateway", &["--listen", "127.0.0.1:0", "--coordinator", &url], &[]).await?;
    let worker_arguments =
        ["--coordinator", &url, "--threads", "1", "--name", "one", "--admin-listen", &work_at.to_string()];
    let _worker = Daemon::start("carlo-worker", &worker_arguments, &[])?;
    let client = Client::new(format!("http://{}", gateway.address));
    let cluster = client.cluster_until(|cluster| cluster.total_nodes == 1).await?;
    client.digest(&Client::request(20_000, 7)).await?;

    let coordinator_names = [
        "carlo_coordinator_leading 1",
        "carlo_coordinator_epoch ",
        "carlo_coordinator_terms_total 1",
        "carlo_coordinator_standbys 0",
        "carlo_jobs_submitted_total 1",
        "carlo_jobs_ended_total{state=\"complete\"} 1",
        "carlo_job_queue_wait_seconds_count 1",
        "carlo_job_duration_seconds_count 1",
        "carlo_leases_granted_total ",
        "carlo_leases_in_flight 0",
        "carlo_leases_expired_total 0",
        "carlo_leases_repeated ",
        "carlo_reports_total{result=\"accepted\"} ",
        "carlo_lease_duration_seconds_count ",
        "carlo_report_seconds_count ",
        "carlo_core_requests_waiting ",
        "carlo_worker_clock_skew_seconds ",
        "carlo_checkpoint_age_seconds ",
        "carlo_ledger_commit_seconds_count ",
        "carlo_ledger_commit_writes_count ",
        "carlo_ledger_commit_errors_total 0",
        "carlo_ledger_size_bytes ",
        "carlo_workers{state=\"available\"} 1",
        "carlo_worker_cores 1",
        "carlo_simulations_per_second ",
        "carlo_node_simulations_per_second{node=\"one\"} ",
        "carlo_grpc_requests_total{method=\"Jobs/Submit\",code=\"OK\"} 1",
        "carlo_grpc_request_duration_seconds_count{method=\"Jobs/Submit\"} 1",
        "carlo_grpc_requests_in_progress ",
        "carlo_event_streams_open ",
    ];
    let gateway_names = [
        "carlo_http_requests_total{",
        "carlo_http_request_duration_seconds_count{",
        "carlo_gateway_clock_skew_seconds 0",
    ];
    let worker_names = ["carlo_worker_joined 1", "carlo_worker_simulations_total 20000"];
    let admin = |address: SocketAddr| Client::new(format!("http://{address}"));
    for (client, names) in [
        (admin(lead_at), &coordinator_names[..]),
        (client.clone(), &gateway_names),
        (admin(work_at), &worker_names),
    ] {
        let (status, text) = client.get("/metrics").await?;
        assert_eq!(status, 200);
        let everywhere = ["carlo_ready 1", "carlo_build_info{", "process_open_fds ", "carlo_tokio_workers "];
        for name in names.iter().chain(&everywhere) {
            assert!(text.lines().any(|line| line.starts_with(name)), "{name} in {text}");
        }
        assert!(!text.contains("\"job_"), "no label is a job: {text}");
        assert_eq!(complaints(&text)?, "");
        assert_eq!(client.get("/healthz").await?.0, 200);
        assert_eq!(client.get("/readyz").await?.0, 200);
    }
    assert_eq!(cluster.total_nodes, 1);
    drop(coordinator);
    Ok(())
}

/// Processor time that a process has used, in hundredths of a second.
fn processor_time(pid: u32) -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<_> = stat.rsplit_once(')').context("a name")?.1.split_whitespace().collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

#[tokio::test]
async fn a_daemon_out_of_descriptors_waits_and_recovers() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let coordinator = coordinator(&data, "off").await?;
    let url = format!("http://{}", coordinator.address);
    let gateway =
        Daemon::listening("carlo-gateway", &["--listen", "127.0.0.1:0", "--coordinator", &url], &[]).await?;
    for daemon in [&coordinator, &gateway] {
        let pid = daemon.pid()?;
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits"))?;
        let files = limits.lines().find(|line| line.starts_with("Max open files")).context("a limit")?;
        let numbers: Vec<_> = files.split_whitespace().skip(3).take(2).collect();
        assert_eq!(numbers[0], numbers[1], "the soft limit is the hard one");
        let status = Command::new("prlimit").args(["--pid", &pid.to_string(), "--nofile=64:64"]).status()?;
        assert!(status.success());
        let connections: Vec<_> =
            (0..100).map(|_| TcpStream::connect(daemon.address)).collect::<Result<_, _>>()?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let before = processor_time(pid)?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let used = processor_time(pid)? - before;
        assert!(used < 20, "{used} hundredths of a second of processor in a second");
        drop(connections);
    }
    let client = Client::new(format!("http://{}", gateway.address));
    client.cluster_until(|cluster| cluster.total_nodes == 0).await?;
    Ok(())
}
