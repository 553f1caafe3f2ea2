//! Ids of another user, on every route that takes one. The routes come from the OpenAPI document,
//! so that none is forgotten.

use std::time::Duration;

use anyhow::Context as _;
use carlo_rest::Problem;
use carlo_tests::{Auth, Client, Cluster};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Ids of resources that belong to a user.
#[derive(Clone, Copy)]
struct Ids<'a> {
    job: &'a str,
    batch: &'a str,
    node: &'a str,
    key: &'a str,
    token: &'a str,
    webhook: &'a str,
    delivery: &'a str,
}

impl Ids<'_> {
    /// Fills the ids into a path of the document.
    fn fill(&self, path: &str) -> String {
        let id = match path {
            _ if path.starts_with("/api/jobs/") => self.job,
            _ if path.starts_with("/api/cluster/nodes/") => self.node,
            _ if path.starts_with("/api/admin/keys/") => self.key,
            _ if path.starts_with("/api/admin/tokens/") => self.token,
            _ if path.starts_with("/api/webhooks/deliveries/") => self.delivery,
            _ if path.starts_with("/api/webhooks/") => self.webhook,
            _ => "{id}",
        };
        let filled = path
            .replace("{id}", id)
            .replace("{job_id}", self.job)
            .replace("{batch_id}", self.batch)
            .replace("{index}", "0");
        assert!(!filled.contains('{'), "{path} has a parameter that this test doesn't know");
        filled
    }
}

/// Every call in the document that takes an id.
fn calls(description: &Value) -> Vec<(Method, String)> {
    let mut calls = Vec::new();
    let paths = description["paths"].as_object().expect("a description has paths");
    for (path, item) in paths.iter().filter(|(path, _)| path.contains('{')) {
        for method in item.as_object().expect("a path has methods").keys() {
            calls.push((method.to_uppercase().parse().expect("a method"), path.clone()));
        }
    }
    calls
}

/// Creates a new user's key.
async fn user(admin: &Client, user: &str) -> anyhow::Result<(Client, String)> {
    let body = json!({"user_id": user, "tier": "enterprise"});
    let answer = admin.call(Method::POST, "/api/admin/keys", Some(&body)).await?.json::<Value>().await?;
    let secret = answer["secret"].as_str().with_context(|| format!("{answer} has no secret"))?;
    let id = answer["id"].as_str().with_context(|| format!("{answer} has no id"))?;
    Ok((admin.with_key(secret), id.to_owned()))
}

#[tokio::test]
async fn another_users_ids_are_403_and_unknown_ones_404_on_every_route() -> anyhow::Result<()> {
    let cluster = Cluster::with(Auth::On).await?;
    let (ann, key) = user(&cluster.client, "ann").await?;
    let (bob, _) = user(&cluster.client, "bob").await?;
    let job = ann.submit(&Client::request(1_000, 1)).await?;
    let body = json!({"simulations": [Client::request(1_000, 1)]});
    let batch = ann.call(Method::POST, "/simulations/batch", Some(&body)).await?.json::<Value>().await?;
    let batch = batch["batch_id"].as_str().context("a batch has an id")?;
    let of_batch = ann.call(Method::GET, &format!("/simulations/batch/{batch}/jobs"), None).await?;
    let of_batch = of_batch.json::<Value>().await?["jobs"][0]["job_id"].as_str().context("a job")?.to_owned();
    let body = json!({"url": "https://webhooks.invalid/ann"});
    let webhook = ann.call(Method::PUT, "/api/webhooks/default", Some(&body)).await?.json::<Value>().await?;
    let webhook = webhook["id"].as_str().with_context(|| format!("{webhook} has no id"))?;

    let description = bob.call(Method::GET, "/openapi.json", None).await?.json::<Value>().await?;
    let calls = calls(&description);
    assert!(calls.len() >= 14, "{calls:?}");
    let nobodys = "00000000000040008000000000000000";
    let [no_job, no_batch, no_node, no_key, no_token, no_webhook, no_delivery] =
        ["job", "batch", "node", "key", "token", "hook", "msg"].map(|kind| format!("{kind}_{nobodys}"));
    let unknown = Ids {
        job: &no_job,
        batch: &no_batch,
        node: &no_node,
        key: &no_key,
        token: &no_token,
        webhook: &no_webhook,
        delivery: &no_delivery,
    };
    let nonsense = Ids { job: "7", batch: "x", node: "-", key: "-", token: "-", webhook: "-", delivery: "-" };
    for (method, path) in &calls {
        for job in [&job, &of_batch] {
            let anns = Ids { job, batch, key: &key, webhook, ..unknown };
            // Webhooks of others are nobody's business: it isn't even said that they exist.
            let status = if path.starts_with("/api/webhooks/") { 404 } else { 403 };
            is_refused(&bob, method, &anns.fill(path), status).await?;
        }
        // Calls that only administrators may make don't reveal to others what exists.
        let is_admins = path.starts_with("/api/admin/") || path.starts_with("/api/cluster/");
        for ids in [&unknown, &nonsense] {
            is_refused(&bob, method, &ids.fill(path), if is_admins { 403 } else { 404 }).await?;
            is_refused(&cluster.client, method, &ids.fill(path), 404).await?;
        }
    }
    // Nothing was changed.
    for id in [&job, &of_batch] {
        assert_eq!(ann.job(id).await?.status, carlo_rest::job::JobStatus::Queued);
    }
    let kept = ann.call(Method::GET, "/api/webhooks", None).await?.json::<Value>().await?;
    assert_eq!(kept["webhooks"][0]["id"], webhook, "{kept}");
    Ok(())
}

async fn is_refused(client: &Client, method: &Method, path: &str, status: u16) -> anyhow::Result<()> {
    let mut answer = client.call(method.clone(), path, None).await?;
    // The calls come faster than the rate limit of a user.
    while answer.status() == StatusCode::TOO_MANY_REQUESTS {
        tokio::time::sleep(Duration::from_secs(1)).await;
        answer = client.call(method.clone(), path, None).await?;
    }
    let found = answer.status();
    let text = answer.text().await?;
    assert_eq!(found, status, "{method} {path}: {text}");
    let problem: Problem = serde_json::from_str(&text).with_context(|| format!("{method} {path}: {text}"))?;
    assert_eq!(problem.status, status, "{problem:?}");
    Ok(())
}

/// Methods of HTTP and `WebDAV`, and some that are none.
const METHODS: [&str; 24] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "SEARCH",
    "REPORT",
    "PURGE",
    "LINK",
    "UNLINK",
    "NOTIFY",
    "BREW",
    "get",
    "Post",
];

#[tokio::test]
async fn a_wrong_credential_opens_no_route_with_any_method() -> anyhow::Result<()> {
    let cluster = Cluster::with(Auth::On).await?;
    let (ann, revoked) = user(&cluster.client, "ann").await?;
    let path = format!("/api/admin/keys/{revoked}");
    cluster.client.call(Method::DELETE, &path, None).await?.error_for_status()?;
    let admin = cluster.client.key().context("the cluster has keys")?.to_owned();
    let revoked = ann.key().context("it was made")?.to_owned();
    let token = std::fs::read_to_string(cluster.data().join("join-token"))?.trim().to_owned();
    let unknown = format!("carlo_{}", "0".repeat(64));
    let cut = admin[..admin.len() - 1].to_owned();
    let wrong: [(&str, &[u8]); 9] = [
        ("x-api-key", unknown.as_bytes()),
        ("x-api-key", revoked.as_bytes()),
        ("x-api-key", token.as_bytes()),
        ("x-api-key", cut.as_bytes()),
        ("x-api-key", b""),
        ("x-api-key", b"\xff\xfe"),
        ("authorization", b"Basic YWRtaW46YWRtaW4="),
        ("authorization", b"Bearer"),
        ("x-api-key", &[b'x'; 5_000]),
    ];
    let description = ann.call(Method::GET, "/openapi.json", None).await?.json::<Value>().await?;
    let paths = description["paths"].as_object().context("a description has paths")?;
    let [job, batch, node, key, token, webhook, delivery] =
        ["job", "batch", "node", "key", "token", "hook", "msg"]
            .map(|kind| format!("{kind}_00000000000040008000000000000000"));
    let ids = Ids {
        job: &job,
        batch: &batch,
        node: &node,
        key: &key,
        token: &token,
        webhook: &webhook,
        delivery: &delivery,
    };
    let http = reqwest::Client::new();
    let mut refused = 0;
    for (number, (path, item)) in paths.iter().enumerate() {
        let url = format!("{}{}", cluster.client.url(), ids.fill(path));
        for method in METHODS {
            let is_call = item.get(method.to_lowercase()).is_some();
            // Every credential for the calls that there are, one of them in turn for the others.
            let tried = if is_call { &wrong[..] } else { &wrong[number % wrong.len()..][..1] };
            for (name, value) in tried {
                let request = http.request(method.parse()?, &url).header(*name, *value);
                let status = request.send().await?.status().as_u16();
                let expected: &[u16] = if is_call { &[401] } else { &[401, 405] };
                assert!(expected.contains(&status), "{method} {path} with {name}: {status}");
                refused += 1;
            }
        }
    }
    assert!(refused > 30 * METHODS.len(), "{refused}");
    // The right ones are as good as before.
    cluster.client.call(Method::GET, "/api/jobs", None).await?.error_for_status()?;
    Ok(())
}

#[tokio::test]
async fn a_probe_is_nobodys_call() -> anyhow::Result<()> {
    let cluster = Cluster::start().await?;
    let used = async || {
        let usage = cluster.client.call(Method::GET, "/simulations/batch/usage", None).await?;
        usage.json::<Value>().await?["api_calls_used"].as_u64().context("a number of calls")
    };
    let before = used().await?;
    for _ in 0..3 {
        cluster.client.call(Method::GET, "/readyz", None).await?.error_for_status()?;
    }
    assert_eq!(used().await?, before + 1);
    Ok(())
}
