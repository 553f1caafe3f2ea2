//! Traces: what one submission did in three daemons, as a collector of OpenTelemetry receives it,
//! and the same request in every daemon's log. A collector that is dead harms nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use carlo_tests::{Client, Daemon, PATIENCE};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// What a client of ours sends along.
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT_ID: &str = "00f067aa0ba902b7";
const REQUEST_ID: &str = "request-7";

/// A span as it was received.
#[derive(Debug, Clone)]
struct Received {
    service: String,
    name: String,
    id: String,
    parent: String,
}

/// A collector that keeps the spans of our trace.
#[derive(Debug, Clone, Default)]
struct Collector(Arc<Mutex<Vec<Received>>>);

impl Collector {
    /// Listens. Returns the address, too.
    async fn start() -> anyhow::Result<(Self, SocketAddr)> {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let service = TraceServiceServer::new(collector.clone());
        let serving = tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(serving);
        Ok((collector, address))
    }

    fn spans(&self) -> Vec<Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let digits = |text: String, byte: &u8| format!("{text}{byte:02x}");
        let hexadecimal = |bytes: &[u8]| bytes.iter().fold(String::new(), digits);
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
            let service = attributes
                .into_iter()
                .find(|attribute| attribute.key == "service.name")
                .and_then(|attribute| match attribute.value?.value? {
                    Attribute::StringValue(text) => Some(text),
                    _ => None,
                })
                .unwrap_or_default();
            let ours = resource
                .scope_spans
                .into_iter()
                .flat_map(|scope| scope.spans)
                .filter(|span| hexadecimal(&span.trace_id) == TRACE_ID)
                .map(|span| Received {
                    service: service.clone(),
                    name: span.name,
                    id: hexadecimal(&span.span_id),
                    parent: hexadecimal(&span.parent_span_id),
                });
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(ours);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A coordinator with authentication, a gateway and a worker that export to this collector.
struct Traced {
    data: tempfile::TempDir,
    coordinator: Daemon,
    gateway: Daemon,
    worker: Daemon,
}

impl Traced {
    async fn start(variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let directory = data.path().to_str().context("text")?;
        let arguments = ["--listen", "127.0.0.1:0", "--data-dir", directory];
        let coordinator = Daemon::listening("carlo-coordinator", &arguments, variables).await?;
        let url = format!("http://{}", coordinator.address);
        let arguments = ["--listen", "127.0.0.1:0", "--coordinator", &url];
        let gateway = Daemon::listening("carlo-gateway", &arguments, variables).await?;
        let token = data.path().join("join-token");
        let arguments =
            ["--coordinator", &url, "--threads", "1", "--join-token-file", token.to_str().context("text")?];
        let worker = Daemon::start("carlo-worker", &arguments, variables)?;
        Ok(Self { data, coordinator, gateway, worker })
    }

    /// Submits a job with our trace and request id, and waits for its end. Returns its id.
    async fn compute(&self) -> anyhow::Result<String> {
        let key = std::fs::read_to_string(self.data.path().join("admin-key"))?;
        let url = format!("http://{}", self.gateway.address);
        let client = Client::new(url.clone()).with_key(key.trim());
        let response = reqwest::Client::new()
            .post(format!("{url}/api/jobs"))
            .header("x-api-key", key.trim())
            .header("x-request-id", REQUEST_ID)
            .header("traceparent", format!("00-{TRACE_ID}-{PARENT_ID}-01"))
            .json(&Client::request(100_000, 1))
            .send()
            .await?;
        ensure!(response.status() == 202, "{response:?}");
        let submitted: Value = response.json().await?;
        let id = submitted["jobId"].as_str().context("a job has an id")?.to_owned();
        client.complete(&id).await?;
        Ok(id)
    }
}

/// The lines with this message, as JSON.
fn lines(log: &str, message: &str) -> Vec<Value> {
    let parsed = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.filter(|line| line["message"] == message).collect()
}

#[tokio::test]
async fn a_submission_is_one_trace_and_one_request_in_all_three_daemons() -> anyhow::Result<()> {
    let (collector, address) = Collector::start().await?;
    let endpoint = format!("http://{address}");
    let cluster = Traced::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("CARLO_LOG", "info,carlo_worker=debug"),
    ])
    .await?;
    let job = cluster.compute().await?;

    let wanted = [
        ("carlo-gateway", "POST /api/jobs"),
        ("carlo-coordinator", "carlo.v1.Jobs/Submit"),
        ("carlo-coordinator", "lease"),
        ("carlo-worker", "compute"),
        ("carlo-coordinator", "report"),
    ];
    let has = |spans: &[Received], (service, name): (&str, &str)| {
        spans.iter().any(|span| span.service == service && span.name == name)
    };
    let arriving = async {
        while !wanted.iter().all(|wanted| has(&collector.spans(), *wanted)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let arrived = tokio::time::timeout(PATIENCE, arriving).await;
    let spans = collector.spans();
    arrived.with_context(|| format!("not all spans arrived: {spans:#?}"))?;

    // Each span's parent is another one of these, up to the client's own.
    let by_id: BTreeMap<_, _> = spans.iter().map(|span| (span.id.as_str(), span)).collect();
    let report = spans.iter().find(|span| span.name == "report").context("it was there")?;
    let mut chain = vec![report.name.as_str()];
    let mut next = report;
    while next.parent != PARENT_ID {
        next = by_id.get(next.parent.as_str()).with_context(|| format!("no parent of {next:?}"))?;
        chain.push(&next.name);
    }
    ensure!(chain == ["report", "compute", "lease", "carlo.v1.Jobs/Submit", "POST /api/jobs"], "{chain:?}");
    let services: BTreeSet<_> = spans.iter().map(|span| span.service.as_str()).collect();
    ensure!(services.len() == 3, "{services:?}");

    // The same request in the logs.
    let is_ours = |line: &Value| line["request_id"] == REQUEST_ID && line["trace_id"] == TRACE_ID;
    let Traced { coordinator, gateway, worker, data: _data } = cluster;
    worker.signal("TERM")?;
    let (_, log) = worker.ended().await?;
    let finished = lines(&log, "finished");
    ensure!(!finished.is_empty() && finished.iter().all(is_ours), "{log}");

    let log = gateway.log();
    let answered = lines(&log, "answered");
    let ours: Vec<_> = answered.iter().filter(|line| is_ours(line)).collect();
    let [line] = &ours[..] else { anyhow::bail!("not one line about the submission: {log}") };
    ensure!(line["route"] == "/api/jobs" && line["status"] == 202 && line["method"] == "POST", "{line}");
    ensure!(line["duration_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{line}");
    ensure!(line["key"].as_str().is_some_and(|key| key.starts_with("key_")), "{line}");
    ensure!(answered.len() == 1, "reading is no line at info: {answered:#?}");

    let log = coordinator.log();
    let answered = lines(&log, "answered");
    let [call] = &answered[..] else { anyhow::bail!("not one line about the submission: {log}") };
    ensure!(is_ours(call) && call["method"] == "Jobs/Submit" && call["code"] == "OK", "{call}");
    ensure!(call["key"] == line["key"] && call["duration_ms"].is_number(), "{call}");
    let states: Vec<_> = lines(&log, "job").into_iter().filter(|line| line["job"] == *job).collect();
    ensure!(states.iter().all(is_ours), "{states:#?}");
    ensure!(
        states.iter().all(|line| line["owner"] == "admin" && line["simulations"] == 100_000),
        "{states:#?}"
    );
    let last = states.last().context("a job has lines")?;
    ensure!(last["state"] == "complete" && last["seconds"].is_number(), "{last}");
    Ok(())
}

#[tokio::test]
async fn a_dead_collector_harms_no_daemon() -> anyhow::Result<()> {
    // One that accepts connections and never says anything, and one that isn't there.
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let silent = format!("http://{}", silent.local_addr()?);
    for endpoint in [&*silent, "http://127.0.0.1:1", "nonsense"] {
        let cluster = Traced::start(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            // Whoever waited for the collector would wait for longer than this test.
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000"),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ])
        .await?;
        cluster.compute().await?;
        let Traced { coordinator, gateway, worker, data: _data } = cluster;
        for daemon in [worker, gateway, coordinator] {
            ensure!(daemon.terminate().await? == Some(0), "{endpoint}");
        }
    }
    Ok(())
}
