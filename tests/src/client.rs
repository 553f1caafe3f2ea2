//! A REST client that waits for results.

use anyhow::{Context, bail};
use carlo_rest::job::JobStatus;
use carlo_rest::{Cluster, Job, JobList, Label as _, Submitted};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::time::Duration;

use crate::PATIENCE;

/// The time between two polls.
const POLL: Duration = Duration::from_millis(20);

/// A client of one gateway.
#[derive(Debug, Clone)]
pub struct Client {
    url: String,
    http: reqwest::Client,
    key: Option<String>,
}

impl Client {
    /// A client of the gateway at `url`.
    pub fn new(url: String) -> Self {
        // Built with the command line's features, this client needs a TLS provider.
        carlo_service::tls::install_provider();
        Self { url, http: reqwest::Client::new(), key: None }
    }

    /// The same client, with this key for every call.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    /// A client with a new key for this user. This client's key must be an administrator's.
    ///
    /// # Errors
    ///
    /// If the gateway makes no key.
    pub async fn of_new_user(&self, name: &str, tier: &str) -> anyhow::Result<Self> {
        let body = json!({"user_id": name, "tier": tier});
        let answer = self.call(Method::POST, "/api/admin/keys", Some(&body)).await?.json::<Value>().await?;
        Ok(self.with_key(answer["secret"].as_str().with_context(|| answer.to_string())?))
    }

    /// The key of every call.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The gateway's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A request for a house deposit in three years, the first of the golden cases.
    pub fn request(simulations: u64, seed: u64) -> Value {
        json!({
            "financialProfile": {"liquidAssets": 13500, "creditDebt": 1200, "monthlyLoanPayments": 350, "monthlySpending": 3200},
            "userInputs": {"monthlyIncome": 5000, "age": 30, "riskTolerance": "medium"},
            "goal": {"targetAmount": 70000, "timelineMonths": 36, "goalType": "savings"},
            "simulationParams": {"nSimulations": simulations, "seed": seed.to_string()},
        })
    }

    /// Makes a call and returns the response, whatever its status.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Response> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        Ok(request.send().await?)
    }

    /// The status and the text of the response at this path.
    pub async fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let answer = self.call(Method::GET, path, None).await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// Posts arbitrary bytes as JSON.
    pub async fn post_bytes(&self, path: &str, bytes: Vec<u8>) -> anyhow::Result<Response> {
        let request = self.http.post(format!("{}{path}", self.url));
        Ok(request.header("content-type", "application/json").body(bytes).send().await?)
    }

    /// Submits a job and returns its id.
    pub async fn submit(&self, request: &Value) -> anyhow::Result<String> {
        let answer = self.call(Method::POST, "/api/jobs", Some(request)).await?;
        if answer.status() != 202 {
            bail!("a job was refused: {}", answer.text().await?);
        }
        let submitted: Submitted = answer.json().await?;
        Ok(submitted.job_id)
    }

    /// Reads one job.
    pub async fn job(&self, id: &str) -> anyhow::Result<Job> {
        let answer = self.call(Method::GET, &format!("/api/jobs/{id}"), None).await?;
        if answer.status() != 200 {
            bail!("job {id} can't be read: {}", answer.text().await?);
        }
        Ok(answer.json().await?)
    }

    /// The newest hundred jobs.
    pub async fn jobs(&self) -> anyhow::Result<JobList> {
        Ok(self.call(Method::GET, "/api/jobs?page_size=100", None).await?.error_for_status()?.json().await?)
    }

    /// Waits until `enough` accepts the job. Repeats failed calls, because a daemon may just have
    /// been killed.
    pub async fn job_until(&self, id: &str, enough: impl Fn(&Job) -> bool) -> anyhow::Result<Job> {
        let wait = async {
            loop {
                match self.job(id).await {
                    Ok(job) if enough(&job) => return job,
                    _ => tokio::time::sleep(POLL).await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.with_context(|| format!("job {id} didn't come so far"))
    }

    /// Waits until the job is complete.
    pub async fn complete(&self, id: &str) -> anyhow::Result<Job> {
        let job = self.job_until(id, |job| job.status.has_ended()).await?;
        if job.status != JobStatus::Complete {
            bail!("job {id} ended as {}: {:?}", job.status.label(), job.error);
        }
        Ok(job)
    }

    /// Submits a job, waits until it is complete, and returns its digest.
    pub async fn digest(&self, request: &Value) -> anyhow::Result<carlo_types::results::Digest> {
        let id = self.submit(request).await?;
        let job = self.complete(&id).await?;
        Ok(job.results.context("a complete job has results")?.digest)
    }

    /// Waits until `enough` accepts the cluster's status.
    pub async fn cluster_until(&self, enough: impl Fn(&Cluster) -> bool) -> anyhow::Result<Cluster> {
        let wait = async {
            loop {
                let answer = self.call(Method::GET, "/api/cluster/status", None).await;
                if let Ok(answer) = answer
                    && let Ok(cluster) = answer.json::<Cluster>().await
                    && enough(&cluster)
                {
                    return cluster;
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.context("the cluster didn't come so far")
    }
}
