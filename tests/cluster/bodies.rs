//! Hostile bodies on every call that takes one. The calls come from the OpenAPI document, so that
//! none is forgotten.

use anyhow::{Context as _, ensure};
use carlo_tests::{Auth, Client, Cluster};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use reqwest::Method;
use serde_json::{Value, json};

const SMALL: usize = 256 * 1024;
const LARGE: usize = 1024 * 1024 - 1;
/// The limit of the ratio of costs if a body is four times as long. In quadratic time the ratio
/// would
/// be 16.
const RATIO_MAX: u64 = 8;
/// Processor time below which a comparison is not significant, in hundredths of a second.
const TICKS_MIN: u64 = 10;

/// Every call that takes a body, with ids that don't exist in its path.
fn calls(description: &Value) -> Vec<(Method, String)> {
    let nobody = "00000000000040008000000000000000";
    let paths = description["paths"].as_object().expect("a description has paths");
    let mut calls = Vec::new();
    for (path, item) in paths {
        for (method, call) in item.as_object().expect("a path has methods") {
            if call["requestBody"].is_object() {
                let path = path
                    .replace("{batch_id}", &format!("batch_{nobody}"))
                    .replace("{job_id}", &format!("job_{nobody}"))
                    .replace("{id}", &format!("job_{nobody}"));
                calls.push((method.to_uppercase().parse().expect("a method"), path));
            }
        }
    }
    calls
}

/// Repetitions of `part` between `start` and `end`. Each `#` is replaced by the number of the
/// repetition.
fn repeated(start: &str, part: &str, end: &str, bytes: usize) -> Vec<u8> {
    let mut body = start.to_owned();
    for number in 0.. {
        let next = part.replace('#', &number.to_string());
        if body.len() + next.len() + end.len() + 1 > bytes {
            break;
        }
        if number > 0 {
            body.push(',');
        }
        body.push_str(&next);
    }
    body.push_str(end);
    body.into_bytes()
}

/// Bodies of about this length, each with as many repetitions of one construct as fit.
fn shapes(bytes: usize) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("unknown names", repeated("{", r#""unknownName#":1"#, "}", bytes)),
        ("unknown names of a section", repeated(r#"{"goal":{"#, r#""targetAmounts#":1"#, "}}", bytes)),
        ("empty simulations", repeated(r#"{"simulations":["#, "{}", "]}", bytes)),
        ("flows", repeated(r#"{"plan":{"flows":["#, "{}", "]}}", bytes)),
        ("values", repeated(r#"{"axes":[{"pointer":"/goal/targetAmount","values":["#, "#", "]}]}", bytes)),
        ("categories", repeated(r#"{"financialProfile":{"spendingByCategory":{"#, r#""c#":1"#, "}}}", bytes)),
        ("a text", repeated(r#"{"goal":{"goalText":""#, "\\u00e9", r#""}}"#, bytes)),
        ("metadata", repeated(r#"{"metadata":{"#, r#""m#":{"x":[1,2]}"#, "}}", bytes)),
    ]
}

#[tokio::test]
async fn reading_any_body_is_linear() -> anyhow::Result<()> {
    let cluster = Cluster::with(Auth::On).await?;
    cluster.lift_rate_limits().await?;
    let key = cluster.client.key().context("the cluster has keys")?;
    let description = cluster.client.call(Method::GET, "/openapi.json", None).await?.json::<Value>().await?;
    let calls = calls(&description);
    ensure!(calls.len() >= 12, "{calls:?}");
    let http = reqwest::Client::new();
    // The time of a body on every call.
    let cost = async |body: &[u8]| -> anyhow::Result<u64> {
        let before = cluster.gateway.cpu_ticks()? + cluster.coordinator.cpu_ticks()?;
        for (method, path) in &calls {
            let request = http.request(method.clone(), format!("{}{path}", cluster.client.url()));
            let request = request.header("x-api-key", key).header("content-type", "application/json");
            let answer = request.body(body.to_vec()).send().await?;
            let status = answer.status().as_u16();
            ensure!((400..500).contains(&status), "{method} {path}: {status}");
            let problem = answer.json::<Value>().await?;
            let faults = problem["errors"].as_array().map_or(0, Vec::len);
            ensure!(faults <= 100, "{method} {path}: {faults} faults");
        }
        Ok(cluster.gateway.cpu_ticks()? + cluster.coordinator.cpu_ticks()? - before)
    };
    for ((shape, small), (_, large)) in shapes(SMALL).into_iter().zip(shapes(LARGE)) {
        let (small, large) = (cost(&small).await?, cost(&large).await?);
        ensure!(large <= RATIO_MAX * small.max(TICKS_MIN), "{shape}: {small} and {large} ticks");
    }
    Ok(())
}

/// A request with a random change.
fn mutated(random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut body = Client::request(1_000, 1);
    let odd = [
        json!(null),
        json!(-1),
        json!(1e300),
        json!(18_446_744_073_709_551_615_u64),
        json!("x".repeat(2_000)),
        json!([]),
        json!({"": {"": []}}),
        json!(true),
        json!([[[[1]]]]),
    ];
    for _ in 0..random.random_range(1..4) {
        let sections =
            ["financialProfile", "userInputs", "goal", "simulationParams", "plan", "compare", "axes"];
        let section = sections[random.random_range(0..sections.len())];
        let value = odd[random.random_range(0..odd.len())].clone();
        if random.random_bool(0.5) || !body[section].is_object() {
            body[section] = value;
        } else {
            let names: Vec<String> = body[section].as_object().expect("it is one").keys().cloned().collect();
            if let Some(name) = names.get(random.random_range(0..names.len().max(1))) {
                body[section][name] = value;
            }
        }
    }
    if random.random_bool(0.3) {
        body = json!({"simulations": [body, {}], "request": body});
    }
    let mut bytes = body.to_string().into_bytes();
    for _ in 0..random.random_range(0..4) {
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..4) {
            0 => bytes.truncate(at),
            1 => bytes[at] = random.random(),
            2 => bytes.insert(at, b"{}[]\",:\\"[random.random_range(0..8)]),
            _ => drop(bytes.remove(at)),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

#[tokio::test]
async fn no_body_is_too_odd_to_be_answered() -> anyhow::Result<()> {
    let mut cluster = Cluster::start().await?;
    let description = cluster.client.call(Method::GET, "/openapi.json", None).await?.json::<Value>().await?;
    // A call that is valid by chance would wait for its results.
    let calls: Vec<_> = calls(&description)
        .into_iter()
        .filter(|(_, path)| {
            !["/api/simulate", "/api/sensitivity", "/api/compare", "/api/solve"].contains(&path.as_str())
        })
        .collect();
    let http = reqwest::Client::new();
    let seed = std::env::var("CARLO_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    eprintln!("CARLO_TEST_SEED={seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for number in 0..400 {
        let (method, path) = &calls[random.random_range(0..calls.len())];
        let body = mutated(&mut random);
        let request = http.request(method.clone(), format!("{}{path}", cluster.client.url()));
        let answer = request.header("content-type", "application/json").body(body.clone()).send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        ensure!(
            (200..500).contains(&status) && serde_json::from_str::<Value>(&text).is_ok(),
            "seed {seed}, body {number}: {method} {path} {} is answered with {status}: {text}",
            String::from_utf8_lossy(&body)
        );
    }
    // Accepted requests must be readable.
    cluster.crash_coordinator().await?;
    cluster.client.jobs().await?;
    Ok(())
}
