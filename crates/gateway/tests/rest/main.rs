//! Tests of the gateway over real HTTP, with a fake coordinator.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod accounts;
mod batches;
mod bodies;
mod browsers;
mod callers;
mod coordinator;
mod coordinators;
mod events;
mod jobs;
mod operators;
mod protocol;
mod rude;
mod simulate;
mod sweeps;
mod tls;
mod web;
mod webhooks;

use std::time::Duration;

use carlo_gateway::Config;
use carlo_rest::Problem;
use carlo_service::CancellationToken;
use carlo_service::{listen, tls as service_tls};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use coordinator::Coordinator;

/// A gateway on a free port. It ends with the test.
struct Gateway {
    url: String,
    client: Client,
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), carlo_gateway::Error>>,
}

impl Gateway {
    async fn before(coordinator: &Coordinator) -> Self {
        Self::start(Config::new(vec![coordinator.url.clone()])).await
    }

    async fn start(config: Config) -> Self {
        Self::serve(config, listen::loopback(([127, 0, 0, 1], 0).into()).await.unwrap())
    }

    fn serve(config: Config, listener: TcpListener) -> Self {
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(carlo_gateway::run(config, listener, shutdown.clone()));
        // In a build together with the command line, reqwest has TLS and needs a provider.
        service_tls::install_provider();
        let client = Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        Self { url, client, shutdown, running }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    fn delete(&self, path: &str) -> RequestBuilder {
        self.client.delete(format!("{}{path}", self.url))
    }

    fn patch(&self, path: &str) -> RequestBuilder {
        self.client.patch(format!("{}{path}", self.url))
    }

    fn post_to(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    fn post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.client
            .post(format!("{}/api/jobs", self.url))
            .header("content-type", "application/json")
            .body(body)
    }

    fn submit(&self, body: &Value) -> RequestBuilder {
        self.post(body.to_string())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A valid request.
fn ready() -> Value {
    json!({
        "financialProfile": {"liquidAssets": 13_500, "monthlySpending": 3_200},
        "userInputs": {"monthlyIncome": 5_000},
        "goal": {"targetAmount": 70_000, "timelineMonths": 36},
        "simulationParams": {"seed": "18446744073709551615"}
    })
}

/// Sends a request that must be refused with `status` and a problem document.
async fn refused(request: RequestBuilder, status: u16) -> Problem {
    let response = request.send().await.unwrap();
    assert_eq!(response.status().as_u16(), status);
    problem(response).await
}

async fn problem(response: Response) -> Problem {
    let (status, path) = (response.status(), response.url().path().to_owned());
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert!(response.headers().contains_key("x-request-id"));
    let waits = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
    assert_eq!(response.headers().get_all("retry-after").iter().count(), usize::from(waits));
    let problem: Problem = response.json().await.unwrap();
    let is_plain = problem.kind == "about:blank";
    assert_eq!(Some(problem.title.as_str()) == status.canonical_reason(), is_plain, "{problem:?}");
    assert!(is_plain || problem.kind.starts_with("/problems/"), "{problem:?}");
    assert_eq!(problem.status, status.as_u16());
    assert_eq!(problem.instance, path);
    assert_eq!(problem.error, problem.detail);
    assert!(!problem.detail.is_empty());
    problem
}

fn pointers(problem: &Problem) -> Vec<&str> {
    problem.errors.iter().map(|error| error.pointer.as_str()).collect()
}
