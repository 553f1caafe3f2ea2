//! A hostile client without a key that never ends its requests and never reads. A cluster of real
//! processes serves all others as before, and its memory stays small.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use carlo_tests::{Auth, Client, Cluster, PATIENCE};
use reqwest::Method;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Memory limit of a gateway with 30 such connections, in KiB. Each connection once took 52 MB.
const MEMORY_KIB_MAX: u64 = 200 * 1024;

/// The resident memory of a process, in KiB.
fn memory_kib(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("a process has memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[tokio::test]
async fn a_rude_client_takes_nothing_from_the_others() -> anyhow::Result<()> {
    let cluster = Cluster::with(Auth::On).await?;
    let gateway = cluster.gateway.address;
    // Request bodies that arrive a byte at a time, without a key.
    let head = "POST /api/jobs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{";
    let mut slow = Vec::new();
    for _ in 0..600 {
        let mut stream = TcpStream::connect(gateway).await?;
        stream.write_all(head.as_bytes()).await?;
        slow.push(stream);
    }
    // Responses that nobody reads: the flow-control window of each is closed.
    let mut windows = Vec::new();
    for _ in 0..30 {
        let client =
            reqwest::Client::builder().http2_prior_knowledge().http2_initial_stream_window_size(1).build()?;
        for _ in 0..100 {
            let request =
                client.get(format!("http://{gateway}/openapi.json")).header("accept-encoding", "gzip");
            windows.push(tokio::spawn(request.send()));
        }
    }
    // Calls that are reset at once.
    let resetting = reqwest::Client::builder().http2_prior_knowledge().build()?;
    let key = cluster.client.key().context("the cluster has keys")?.to_owned();
    for _ in 0..300 {
        let request = resetting.get(format!("http://{gateway}/api/jobs")).header("x-api-key", &key);
        let call = tokio::spawn(request.send());
        tokio::task::yield_now().await;
        call.abort();
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let began = Instant::now();
        let response = cluster.client.call(Method::GET, "/api/jobs", None).await?;
        assert_eq!(response.status(), 200);
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(reqwest::get(format!("http://{gateway}{path}")).await?.status(), 200, "{path}");
        }
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < PATIENCE / 6, "{slowest:?}");
    let memory = memory_kib(cluster.gateway.pid()?)?;
    assert!(memory < MEMORY_KIB_MAX, "{memory} KiB");
    for page in windows {
        page.abort();
    }
    Ok(())
}

/// Clients that open a call and reset it at once.
const RESETTING: usize = 200;
/// How long the coordinator may be stopped before the gateway considers it dead.
const STOPPED_MAX: Duration = Duration::from_millis(1_800);

/// Many clients of one gateway open calls and reset them before the coordinator reads them. The
/// coordinator is stopped meanwhile, so it reads calls and resets together. Another client that
/// follows a job through the same gateway keeps its stream.
#[tokio::test]
async fn calls_that_are_reset_at_once_cut_nobody_elses_stream() -> anyhow::Result<()> {
    let cluster = Cluster::with(Auth::On).await?;
    let key = cluster.client.key().context("the cluster has keys")?.to_owned();
    let id = cluster.client.submit(&Client::request(1_000, 1)).await?;
    let events = format!("/api/jobs/{id}/events");
    let mut judged = 0;
    // On a busy machine some rounds take too long, and are not checked.
    for _ in 0..20 {
        let mut stream = cluster.client.call(Method::GET, &events, None).await?.error_for_status()?;
        while !String::from_utf8_lossy(&stream.chunk().await?.context("the job as it is")?).contains("data:")
        {
        }

        let began = Instant::now();
        cluster.coordinator.signal("STOP")?;
        let (client, held) = (cluster.client.clone(), events.clone());
        let other = tokio::spawn(async move { client.call(Method::GET, &held, None).await });
        let mut resetting = Vec::new();
        for path in [&*events, "/api/jobs"].into_iter().cycle().take(RESETTING) {
            let mut stream = TcpStream::connect(cluster.gateway.address).await?;
            let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            resetting.push(stream);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(resetting);
        tokio::time::sleep(Duration::from_millis(200)).await;
        cluster.coordinator.signal("CONT")?;
        let is_judged = began.elapsed() < STOPPED_MAX;

        let status = other.await??.status();
        let still_open = tokio::time::timeout(Duration::from_millis(500), stream.chunk()).await.is_err();
        if is_judged {
            judged += 1;
            assert_eq!(status, 200);
            assert!(still_open, "the stream was cut");
            let jobs = cluster.client.call(Method::GET, "/api/jobs", None).await?;
            assert_eq!(jobs.status(), 200);
        }
        if judged == 3 {
            return Ok(());
        }
    }
    anyhow::bail!("only {judged} rounds were fast enough")
}
