//! Hostile clients without a key: they never end their requests, never read, or send floods of
//! frames. A cluster of real processes serves all others as before, and its memory stays small.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use carlo_tests::http2::{END_HEADERS, END_STREAM, Http2, block, frame, get, grpc};
use carlo_tests::{Auth, Client, Cluster, Daemon, PATIENCE};
use reqwest::Method;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Memory limit of a daemon under attack, in KiB. A single connection once took 52 MB.
const MEMORY_KIB_MAX: u64 = 256 * 1024;

fn assert_small(daemon: &Daemon) -> anyhow::Result<()> {
    let memory = daemon.memory_kib()?;
    ensure!(memory < MEMORY_KIB_MAX, "{memory} KiB");
    Ok(())
}

/// Whether everybody else is served, and both daemons are small.
async fn is_served(cluster: &Cluster) -> anyhow::Result<()> {
    let gateway = cluster.gateway.address;
    let served = async || -> anyhow::Result<()> {
        let response = cluster.client.call(Method::GET, "/api/jobs", None).await?;
        assert_eq!(response.status(), 200);
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(reqwest::get(format!("http://{gateway}{path}")).await?.status(), 200, "{path}");
        }
        Ok(())
    };
    for _ in 0..5 {
        tokio::time::timeout(PATIENCE, served()).await.context("others are served")??;
        assert_small(&cluster.gateway)?;
        assert_small(&cluster.coordinator)?;
    }
    Ok(())
}

/// Waits until the server closes the connection.
async fn is_closed(client: &mut Http2) -> anyhow::Result<()> {
    let closed = client.read_until(|_, _, _| false);
    tokio::time::timeout(PATIENCE, closed).await.context("the connection is closed")??;
    Ok(())
}

#[tokio::test]
async fn requests_that_do_not_end_and_calls_that_are_reset_take_nothing_from_the_others() -> anyhow::Result<()>
{
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
    let resetting = reqwest::Client::builder().http2_prior_knowledge().build()?;
    let eve = cluster.client.of_new_user("eve", "enterprise").await?;
    let key = eve.key().context("she has a key")?;
    for _ in 0..300 {
        let request = resetting.get(format!("http://{gateway}/api/jobs")).header("x-api-key", key);
        let call = tokio::spawn(request.send());
        tokio::task::yield_now().await;
        call.abort();
    }
    is_served(&cluster).await
}

#[tokio::test]
async fn responses_that_nobody_reads_are_given_up() -> anyhow::Result<()> {
    let cluster = Cluster::with(Auth::On).await?;
    let mut unread = Vec::new();
    // More responses than may wait for all clients together, so all of them have little time.
    for number in 0..60 {
        let mut client = Http2::connect(cluster.gateway.address, number % 2).await?;
        for path in ["/openapi.json", "/web/app/main.js", "/metrics", "/nowhere"].iter().cycle().take(100) {
            client.request(END_HEADERS | END_STREAM, &get(path)).await?;
        }
        unread.push(client);
    }
    is_served(&cluster).await?;
    for client in &mut unread {
        is_closed(client).await?;
    }
    is_served(&cluster).await
}

#[tokio::test]
async fn grpc_calls_without_a_key_that_nobody_reads_or_ends_are_given_up() -> anyhow::Result<()> {
    let cluster = Cluster::with(Auth::On).await?;
    let coordinator = cluster.coordinator_address;
    let mut open = Vec::new();
    // Answers that nobody reads, to whole messages.
    for _ in 0..50 {
        let mut client = Http2::connect(coordinator, 0).await?;
        for _ in 0..200 {
            let id = client.request(END_HEADERS, &grpc("/carlo.v1.Cluster/Ready")).await?;
            client.send(frame::DATA, END_STREAM, id, &[0; 5]).await?;
        }
        open.push(client);
    }
    // Messages whose last bytes don't come: with the key missing, and where none is needed.
    let beginning = [&[0][..], &60_000_u32.to_be_bytes(), &[b'x'; 4_000]].concat();
    for _ in 0..10 {
        let mut client = Http2::connect(coordinator, 65_535).await?;
        for path in ["/carlo.v1.Batches/Create", "/carlo.v1.Cluster/Ready", "/carlo.v1.Jobs/Revalidate"] {
            for _ in 0..5 {
                let id = client.request(END_HEADERS, &grpc(path)).await?;
                client.send(frame::DATA, 0, id, &beginning).await?;
            }
        }
        open.push(client);
    }
    // Descriptions of services, each of tens of kilobytes, that nobody reads.
    let symbol = b"\x22\x0dcarlo.v1.Jobs";
    let length = u32::try_from(symbol.len())?.to_be_bytes();
    let question = [&[0][..], &length, symbol].concat();
    for _ in 0..50 {
        let mut client = Http2::connect(coordinator, 0).await?;
        let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        for _ in 0..20 {
            let id = client.request(END_HEADERS, &grpc(path)).await?;
            client.send(frame::DATA, 0, id, &question.repeat(50)).await?;
        }
        open.push(client);
    }
    is_served(&cluster).await?;
    // Whoever doesn't read is disconnected; the others had ten seconds for their messages.
    for client in &mut open[..50] {
        is_closed(client).await?;
    }
    is_served(&cluster).await
}

/// Sends until the server closes the connection, or everything is sent.
async fn flood(
    client: &mut Http2,
    count: u32,
    send: impl AsyncFn(&mut Http2, u32) -> anyhow::Result<()>,
) -> bool {
    for number in 0..count {
        // A server that doesn't read any more has had enough, too.
        let in_time = tokio::time::timeout(Duration::from_secs(5), send(client, number)).await;
        if !matches!(in_time, Ok(Ok(()))) {
            return true;
        }
    }
    false
}

/// Each kind of flood of HTTP/2 frames, on one connection each.
async fn floods(address: SocketAddr, fields: &[(&str, &str)]) -> anyhow::Result<()> {
    let all = END_HEADERS | END_STREAM;
    let mut client = Http2::connect(address, 65_535).await?;
    flood(&mut client, 20_000, async |client, _| {
        let id = client.request(all, fields).await?;
        client.send(frame::RST_STREAM, 0, id, &8_u32.to_be_bytes()).await
    })
    .await;

    // A head without an end (CVE-2024-27316).
    let mut client = Http2::connect(address, 65_535).await?;
    let id = client.request(0, fields).await?;
    let part = block(&[("x-filler", &"x".repeat(16_000))]);
    let is_over =
        flood(&mut client, 5_000, async |client, _| client.send(frame::CONTINUATION, 0, id, &part).await)
            .await;
    ensure!(is_over, "80 MB of one head were taken");

    // A small block that stands for a large head: the entry 62 of the table again and again.
    let mut client = Http2::connect(address, 65_535).await?;
    let value = "x".repeat(3_900);
    let entry = [&[0x40][..], &block(&[("x-large", &value)])[1..]].concat();
    let id = client.next_id();
    let bomb = [block(fields), entry, vec![0xbe; 12_000]].concat();
    client.send(frame::HEADERS, all, id, &bomb).await?;
    let answered = client.read_until(|kind, _, _| matches!(kind, frame::HEADERS | frame::RST_STREAM));
    tokio::time::timeout(PATIENCE, answered).await.context("a head of 47 MB is refused")??;

    let mut client = Http2::connect(address, 65_535).await?;
    let names: Vec<String> = (0..900).map(|number| format!("x-{number}")).collect();
    let mut many = fields.to_vec();
    many.extend(names.iter().map(|name| (name.as_str(), "1")));
    flood(&mut client, 300, async |client, _| client.request(all, &many).await.map(drop)).await;

    for kind in [frame::PING, frame::SETTINGS] {
        let mut client = Http2::connect(address, 65_535).await?;
        let payload: &[u8] = if kind == frame::PING { &[7; 8] } else { &[] };
        flood(&mut client, 50_000, async |client, _| client.send(kind, 0, 0, payload).await).await;
    }
    Ok(())
}

#[tokio::test]
async fn floods_of_frames_hurt_nobody_else() -> anyhow::Result<()> {
    let cluster = Cluster::with(Auth::On).await?;
    floods(cluster.gateway.address, &get("/api/jobs")).await?;
    is_served(&cluster).await?;
    floods(cluster.coordinator_address, &grpc("/carlo.v1.Jobs/Get")).await?;
    is_served(&cluster).await?;
    Ok(())
}

/// A proxy's connection carries the calls of many clients. It stays open if a hundred of them are reset
/// before the daemon, which is stopped meanwhile, reads any.
#[tokio::test]
async fn resets_that_are_read_together_leave_a_connection_open() -> anyhow::Result<()> {
    const CANCEL: u32 = 8;
    const RESET: usize = 100;
    let cluster = Cluster::with(Auth::On).await?;
    let daemons = [
        (&cluster.coordinator, cluster.coordinator_address, grpc("/carlo.v1.Cluster/Ready").to_vec()),
        (&cluster.gateway, cluster.gateway.address, get("/healthz").to_vec()),
    ];
    for (daemon, address, fields) in daemons {
        let mut client = Http2::connect(address, 65_535).await?;
        client.read_until(|kind, _, _| kind == frame::SETTINGS).await?.context("the settings")?;
        daemon.signal("STOP")?;
        for _ in 0..RESET {
            let id = client.request(END_HEADERS, &fields).await?;
            client.send(frame::RST_STREAM, 0, id, &CANCEL.to_be_bytes()).await?;
        }
        let last = client.request(END_HEADERS | END_STREAM, &fields).await?;
        daemon.signal("CONT")?;
        let answered =
            client.read_until(|kind, id, _| kind == frame::GOAWAY || kind == frame::HEADERS && id == last);
        let answered = tokio::time::timeout(PATIENCE, answered).await??.context("an answer")?;
        ensure!(answered.0 == frame::HEADERS, "{address}: {answered:?}");
    }
    Ok(())
}

/// Clients that open a call and reset it at once.
const RESETTING: usize = 300;
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
