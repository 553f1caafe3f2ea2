//! Webhooks: what a receiver gets from real daemons, also across a crash of the coordinator.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use carlo_tests::{Auth, Client, Cluster, Daemon, PATIENCE, binary};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;

/// A request that a receiver got.
#[derive(Debug, Clone)]
struct Received {
    head: String,
    body: String,
}

impl Received {
    fn header(&self, name: &str) -> &str {
        let value = self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        value.unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }
}

/// A receiver that answers with these statuses, one after the other, and then with 204.
struct Receiver {
    url: String,
    received: Arc<Mutex<Vec<Received>>>,
    statuses: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/carlo", listener.local_addr()?);
        let (received, statuses) =
            (Arc::<Mutex<Vec<Received>>>::default(), Arc::<Mutex<VecDeque<u16>>>::default());
        let (seen, answers) = (Arc::clone(&received), Arc::clone(&statuses));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(request) = read(&mut stream).await else { continue };
                seen.lock().expect("no test panics with it").push(request);
                let status = answers.lock().expect("no test panics with it").pop_front().unwrap_or(204);
                let answer = format!("HTTP/1.1 {status} Any\r\ncontent-length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Ok(Self { url, received, statuses })
    }

    fn answer_next(&self, statuses: &[u16]) {
        *self.statuses.lock().expect("no test panics with it") = statuses.iter().copied().collect();
    }

    /// Waits for this number of requests in all.
    async fn requests(&self, count: usize) -> anyhow::Result<Vec<Received>> {
        let waiting = async {
            loop {
                let received = self.received.lock().expect("no test panics with it").clone();
                if received.len() >= count {
                    return received;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.with_context(|| format!("{count} requests don't come"))
    }
}

async fn read(stream: &mut tokio::net::TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
        bytes.extend(&part[..count]);
        let text = String::from_utf8(bytes.clone()).ok()?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        if body.len() >= length.parse().ok()? {
            return Some(Received { head: head.to_owned(), body: body.to_owned() });
        }
    }
}

/// A cluster that may send webhooks to this machine.
async fn cluster() -> anyhow::Result<(Cluster, Daemon)> {
    let cluster =
        Cluster::with_options(Auth::Off, &["--webhook-allow-http", "--webhook-allow", "127.0.0.1"]).await?;
    let worker = cluster.worker("worker", 1, None).await?;
    Ok((cluster, worker))
}

async fn submit(client: &Client, webhook: &Value) -> anyhow::Result<Value> {
    let mut body = Client::request(20_000, 7);
    body["webhook"] = webhook.clone();
    let answer = client.call(Method::POST, "/api/jobs", Some(&body)).await?;
    ensure!(answer.status() == 202, "{}", answer.text().await?);
    Ok(answer.json().await?)
}

async fn deliveries(client: &Client, query: &str) -> anyhow::Result<Vec<Value>> {
    let (status, text) = client.get(&format!("/api/webhooks/deliveries{query}")).await?;
    ensure!(status == 200, "{text}");
    Ok(serde_json::from_str::<Value>(&text)?["deliveries"].as_array().cloned().unwrap_or_default())
}

async fn carlo(client: &Client, arguments: &[&str]) -> anyhow::Result<Value> {
    let mut command = Command::new(binary("carlo")?);
    command.args(arguments).args(["--json", "--url", client.url()]).env("XDG_CONFIG_HOME", "/nowhere");
    let output = command.output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[tokio::test]
async fn events_arrive_signed_in_order_and_again_after_a_crash() -> anyhow::Result<()> {
    let (mut cluster, _worker) = cluster().await?;
    let receiver = Receiver::start().await?;
    let all = json!({"url": receiver.url, "events": ["job.running", "job.complete"]});
    // The first event fails once, which must hold up the second one, and the crash must lose none.
    receiver.answer_next(&[500]);
    let submitted = submit(&cluster.client, &all).await?;
    let id = submitted["jobId"].as_str().context("it has an id")?.to_owned();
    let secret = submitted["webhook"]["secret"].as_str().context("a secret was made")?.to_owned();
    receiver.requests(1).await?;
    cluster.client.complete(&id).await?;
    cluster.crash_coordinator().await?;
    let requests = receiver.requests(3).await?;
    let told: Vec<_> = requests.iter().map(|request| request.json()["type"].clone()).collect();
    assert_eq!(told, ["job.running", "job.running", "job.complete"]);
    assert_eq!(requests[0].header("webhook-id"), requests[1].header("webhook-id"), "it is the same delivery");
    assert_eq!(requests[0].body, requests[1].body);
    assert_ne!(requests[1].header("webhook-id"), requests[2].header("webhook-id"));
    let data = &requests[2].json()["data"];
    assert_eq!((&data["jobId"], &data["status"]), (&json!(id), &json!("complete")));
    for request in &requests {
        assert!(is_signed(request, &secret)?, "{request:?}");
    }
    let query = format!("?object={id}&state=delivered");
    let delivered = tokio::time::timeout(PATIENCE, async {
        loop {
            let found = deliveries(&cluster.client, &query).await?;
            if found.len() == 2 {
                return anyhow::Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let delivered = delivered.await??;
    assert_eq!(delivered[0]["attempts"], 1);
    // No log line has the secret.
    let log = cluster.coordinator.log() + &cluster.gateway.log();
    assert!(!log.contains("whsec_") && !log.contains(&secret[6..]), "{log}");
    Ok(())
}

/// Whether the request has the signature of Standard Webhooks with this secret.
fn is_signed(request: &Received, secret: &str) -> anyhow::Result<bool> {
    let (id, at) = (request.header("webhook-id"), request.header("webhook-timestamp").parse()?);
    let mut faults = carlo_types::definition::Faults::default();
    let webhook = json!({"url": "https://example.org", "secret": secret});
    let webhook: carlo_types::webhook::Webhook = carlo_types::definition::read(&webhook, &mut faults);
    let secret = faults.none_or(webhook)?.secret.context("it was given")?;
    Ok(request.header("webhook-signature") == carlo_webhooks::signature::sign(&secret, id, at, &request.body))
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_disabled_until_it_is_enabled() -> anyhow::Result<()> {
    let (cluster, _worker) = cluster().await?;
    let receiver = Receiver::start().await?;
    receiver.answer_next(&[410]);
    let submitted = submit(&cluster.client, &json!({"url": receiver.url})).await?;
    let hook = submitted["webhook"]["id"].as_str().context("it has an id")?.to_owned();
    receiver.requests(1).await?;
    let disabled = tokio::time::timeout(PATIENCE, async {
        loop {
            let listed = carlo(&cluster.client, &["webhooks", "list"]).await?;
            if listed["webhooks"][0]["enabled"] == false {
                return anyhow::Ok(listed["webhooks"][0].clone());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let disabled = disabled.await??;
    assert_eq!(disabled["disabledReason"], "it has answered that it is gone (410)");
    assert_eq!((&disabled["id"], &disabled["pending"]), (&json!(hook), &json!(1)));
    carlo(&cluster.client, &["webhooks", "enable", &hook]).await?;
    let requests = receiver.requests(2).await?;
    assert_eq!(requests[0].header("webhook-id"), requests[1].header("webhook-id"));

    let id = requests[0].header("webhook-id").to_owned();
    let delivered = tokio::time::timeout(PATIENCE, async {
        while deliveries(&cluster.client, "?state=delivered").await?.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    });
    delivered.await??;
    carlo(&cluster.client, &["webhooks", "retry", &id]).await?;
    assert_eq!(receiver.requests(3).await?[2].header("webhook-id"), id);
    carlo(&cluster.client, &["webhooks", "delete", &hook]).await?;
    assert_eq!(deliveries(&cluster.client, "").await?, [json!(null); 0]);
    Ok(())
}

#[tokio::test]
async fn nothing_inside_the_cluster_is_reached() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    for url in [
        "http://example.org/",
        "https://127.0.0.1:1/",
        "https://[::1]/",
        "https://169.254.169.254/",
        "https://localhost/",
    ] {
        let mut body = Client::request(1_000, 7);
        body["webhook"] = json!({"url": url});
        let answer = cluster.client.call(Method::POST, "/api/jobs", Some(&body)).await?;
        assert_eq!(answer.status(), 400, "{url}");
        let problem: Value = answer.json().await?;
        assert_eq!(problem["errors"][0]["pointer"], "/webhook/url", "{url}");
    }
    Ok(())
}
