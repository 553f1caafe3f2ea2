//! Monitoring: Prometheus accepts its configuration, its alerts fire correctly, every query of the
//! dashboard and of the alerts has a result on a cluster that works, and every metric has a panel.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use carlo_tests::{Client, Daemon, PATIENCE};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{output, repository};

#[test]
fn prometheus_accepts_the_configuration_and_the_alerts_fire_when_they_should() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    for file in ["prometheus.yml", "rules.yml", "rules_test.yml"] {
        fs::copy(repository("deploy/prometheus").join(file), directory.path().join(file))?;
    }
    // The files that an operator adds: the authority of the certificates, and the list of workers.
    fs::write(directory.path().join("ca.pem"), "")?;
    fs::write(directory.path().join("workers.yml"), "- targets: [worker-1.example:7072]\n")?;
    let promtool =
        |arguments: &[&str]| output(Command::new("promtool").args(arguments).current_dir(directory.path()));
    promtool(&["check", "config", "prometheus.yml"])?;
    promtool(&["test", "rules", "rules_test.yml"])?;

    let rules = fs::read_to_string(directory.path().join("rules.yml"))?;
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        let tests = fs::read_to_string(directory.path().join("rules_test.yml"))?;
        ensure!(tests.contains(&format!("alertname=\"{alert}\"")), "{alert} has no test");
    }
    let late = rules.replace("- time() < 14 * 86400", "- time() < 14");
    fs::write(directory.path().join("rules.yml"), late)?;
    ensure!(promtool(&["test", "rules", "rules_test.yml"]).is_err(), "an alert that never fires passes");
    Ok(())
}

/// Metrics without a panel: they are absent without a collector of traces, or say nothing about how
/// a daemon does.
const WITHOUT_PANEL: [&str; 3] =
    ["carlo_trace_spans_ended_total", "carlo_trace_spans_exported_total", "process_virtual_memory_bytes"];

/// A port that is free at the moment.
async fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}

/// The queries of the dashboard as Grafana sends them.
fn panels() -> anyhow::Result<Vec<String>> {
    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string(repository("deploy/grafana/carlo.json"))?)?;
    let panels = dashboard["panels"].as_array().context("a dashboard has panels")?;
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries = targets.filter_map(|target| target["expr"].as_str());
    let queries: Vec<_> = queries.map(|query| query.replace("$__rate_interval", "1m")).collect();
    ensure!(queries.len() >= 30, "only {} queries", queries.len());
    Ok(queries)
}

/// The queries of the alerts that only use carlo's metrics. They have no result on a healthy
/// cluster.
fn alerts() -> anyhow::Result<Vec<String>> {
    let rules = fs::read_to_string(repository("deploy/prometheus/rules.yml"))?;
    let queries = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    Ok(queries.filter(|query| !query.contains("node_filesystem")).map(str::to_owned).collect())
}

/// The names of metrics in a query.
fn names(query: &str) -> BTreeSet<String> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    query
        .split(|character| !is_name(character))
        .filter(|word| word.starts_with("carlo_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_metric_has_a_panel() -> anyhow::Result<()> {
    let readme = fs::read_to_string(repository("crates/service/README.md"))?;
    let rows = readme.lines().filter(|line| line.starts_with("| `"));
    let metrics: BTreeSet<_> = rows.filter_map(|row| row.split('|').nth(1)).flat_map(names).collect();
    ensure!(metrics.len() >= 60, "only {} metrics are in the table", metrics.len());
    let series: BTreeSet<_> = panels()?.iter().flat_map(|query| names(query)).collect();
    let is_shown = |metric: &String| {
        [metric.clone(), format!("{metric}_bucket")].iter().any(|name| series.contains(name))
    };
    let without: Vec<_> = metrics
        .iter()
        .filter(|metric| !is_shown(metric) && !WITHOUT_PANEL.contains(&metric.as_str()))
        .collect();
    ensure!(without.is_empty(), "{without:?} have no panel in deploy/grafana/carlo.json");
    Ok(())
}

async fn ask(prometheus: SocketAddr, query: &str) -> anyhow::Result<Vec<Value>> {
    let url =
        reqwest::Url::parse_with_params(&format!("http://{prometheus}/api/v1/query"), [("query", query)])?;
    let answer: Value = reqwest::get(url).await?.json().await?;
    ensure!(answer["status"] == "success", "{query}: {answer}");
    Ok(answer["data"]["result"].as_array().context("a result is a list")?.clone())
}

/// Prometheus, scraping once a second.
fn prometheus(
    directory: &Path,
    listen: SocketAddr,
    jobs: &[(&str, SocketAddr)],
) -> anyhow::Result<tokio::process::Child> {
    let jobs: Vec<_> = jobs
        .iter()
        .map(|(job, target)| {
            format!("- {{ job_name: {job}, static_configs: [{{ targets: ['{target}'] }}] }}\n")
        })
        .collect();
    let configuration =
        format!("global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n{}", jobs.concat());
    fs::write(directory.join("prometheus.yml"), configuration)?;
    tokio::process::Command::new("prometheus")
        .arg(format!("--config.file={}", directory.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
        .arg(format!("--web.listen-address={listen}"))
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("failed to start prometheus")
}

#[tokio::test]
async fn every_query_has_an_answer_from_a_live_cluster() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let file = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    let (data, certificate, key) = (file("ledger"), file("certificate.pem"), file("key.pem"));
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    fs::write(&certificate, made.cert.pem())?;
    fs::write(&key, made.signing_key.serialize_pem())?;
    let [coordinator_admin, worker_admin, listen] =
        [free_address().await?, free_address().await?, free_address().await?];
    let admin = coordinator_admin.to_string();
    let arguments =
        ["--listen", "127.0.0.1:0", "--data-dir", &data, "--auth", "off", "--admin-listen", &admin];
    let arguments = [&arguments[..], &["--tls-cert", &certificate, "--tls-key", &key]].concat();
    let coordinator = Daemon::listening("carlo-coordinator", &arguments, &[]).await?;
    let url = format!("https://{}", coordinator.address);
    let believing = ["--coordinator", &url, "--ca-file", &certificate];
    let arguments = [&believing[..], &["--listen", "127.0.0.1:0"]].concat();
    let gateway = Daemon::listening("carlo-gateway", &arguments, &[]).await?;
    let admin = worker_admin.to_string();
    // The coordinator doesn't ask for a certificate; the worker watches its own nevertheless.
    let own = ["--tls-cert", &certificate, "--tls-key", &key];
    let arguments = [&believing[..], &own, &["--threads", "1", "--admin-listen", &admin]].concat();
    let _worker = Daemon::start("carlo-worker", &arguments, &[])?;
    let client = Client::new(format!("http://{}", gateway.address));
    client.cluster_until(|cluster| !cluster.nodes.is_empty()).await?;

    let jobs = [
        ("carlo-coordinator", coordinator_admin),
        ("carlo-gateway", gateway.address),
        ("carlo-worker", worker_admin),
    ];
    let _prometheus = prometheus(directory.path(), listen, &jobs)?;
    // Some series exist while a job runs, others after one has ended, and a rate needs two samples.
    client.submit(&Client::request(1_000_000_000_000, 1)).await?;
    let began = Instant::now();
    let mut missing = panels()?;
    while !missing.is_empty() {
        ensure!(began.elapsed() < PATIENCE, "no answer to {missing:#?}");
        let short = client.submit(&Client::request(1_000_000, 2)).await?;
        client.complete(&short).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut still = Vec::new();
        for query in missing {
            if ask(listen, &query).await.unwrap_or_default().is_empty() {
                still.push(query);
            }
        }
        missing = still;
    }

    // A missing metric, which a silent alert or an `or vector(0)` would hide.
    let known: Value =
        reqwest::get(format!("http://{listen}/api/v1/label/__name__/values")).await?.json().await?;
    let known = known["data"].as_array().context("the names are a list")?;
    for query in [panels()?, alerts()?].concat() {
        ask(listen, &query).await?;
        for name in names(&query) {
            ensure!(known.contains(&name.clone().into()), "no daemon has a metric {name}");
        }
    }
    Ok(())
}
