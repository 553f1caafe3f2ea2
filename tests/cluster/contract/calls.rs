//! Calls that are repeated until there is a response.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use carlo_tests::PATIENCE;
use reqwest::Method;
use serde_json::{Value, json};

/// A user with a key.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) key: String,
    pub(super) key_id: String,
}

/// A client of the gateway.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    url: String,
    http: reqwest::Client,
}

#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) body: Value,
}

impl Response {
    /// The id of the job or batch that was created.
    pub(super) fn id(&self) -> Option<&str> {
        self.body["jobId"].as_str().or(self.body["batch_id"].as_str())
    }
}

impl Calls {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), http: reqwest::Client::new() }
    }

    pub(super) async fn get(&self, user: &User, path: &str) -> anyhow::Result<Response> {
        self.make(user, Method::GET, path, None, None).await
    }

    /// Makes a call, and repeats it while no coordinator can respond.
    pub(super) async fn make(
        &self,
        user: &User,
        method: Method,
        path: &str,
        body: Option<&Value>,
        idempotency_key: Option<&str>,
    ) -> anyhow::Result<Response> {
        let once = async || -> anyhow::Result<Response> {
            let mut request = self.http.request(method.clone(), format!("{}{path}", self.url));
            request = request.header("x-api-key", &user.key);
            if let Some(key) = idempotency_key {
                request = request.header("idempotency-key", key);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let response = request.send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let location = headers.get("location").and_then(|value| Some(value.to_str().ok()?.to_owned()));
            Ok(Response { status, location, body: response.json().await? })
        };
        let answered = async {
            loop {
                match once().await {
                    // The first request with the key is still being handled.
                    Ok(response) if response.status == 409 && idempotency_key.is_some() => {}
                    // Nobody leads, or nobody can be reached.
                    Ok(response) if matches!(response.status, 502..=504) => {}
                    Ok(response) => {
                        ensure!(response.status != 500, "{method} {path}: {response:?}");
                        return Ok(response);
                    }
                    Err(_) => {}
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answered).await.with_context(|| format!("{method} {path}"))?
    }

    pub(super) async fn new_key(&self, admin: &User, name: &str) -> anyhow::Result<User> {
        let body = json!({"user_id": name, "tier": "enterprise"});
        let response = self.make(admin, Method::POST, "/api/admin/keys", Some(&body), None).await?;
        let text = |name: &str| response.body[name].as_str().map(str::to_owned);
        let (key, key_id) = text("secret").zip(text("id")).with_context(|| format!("{response:?}"))?;
        Ok(User { name: name.to_owned(), key, key_id })
    }

    /// The entries of all pages of a list.
    pub(super) async fn pages(
        &self,
        user: &User,
        path: &str,
        member: &str,
        size: usize,
    ) -> anyhow::Result<Vec<Value>> {
        let mut entries = Vec::new();
        for page in 1.. {
            let path = format!("{path}?page={page}&page_size={size}");
            let response = self.get(user, &path).await?;
            let found = response.body[member].as_array().with_context(|| format!("{path}: {response:?}"))?;
            ensure!(found.len() <= size, "{path} has {} entries", found.len());
            entries.extend(found.iter().cloned());
            let total = response.body["total"].as_u64().context("a list has a total")?;
            if found.len() < size {
                ensure!(entries.len() as u64 == total, "{} entries of {total}", entries.len());
                break;
            }
        }
        Ok(entries)
    }
}
