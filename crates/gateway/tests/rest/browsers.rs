//! What pages in browsers may do with authentication off, and with configured origins.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use carlo_gateway::{Config, CorsOrigins};
use reqwest::{Method, RequestBuilder, StatusCode};
use tokio::net::TcpListener;

use crate::coordinator::{self, Coordinator};
use crate::{Gateway, ready, refused};

/// A coordinator without authentication.
async fn open_coordinator() -> Coordinator {
    let coordinator = Coordinator::start().await;
    coordinator.state.authentication_is_off.store(true, Ordering::Relaxed);
    coordinator
}

#[tokio::test]
async fn with_authentication_off_another_host_is_misdirected() {
    let coordinator = open_coordinator().await;
    let gateway = Gateway::before(&coordinator).await;
    let port = gateway.url.rsplit(':').next().unwrap();
    for path in ["/api/jobs", "/api/cluster/status", "/openapi.json", "/docs", "/problems"] {
        for host in ["evil.example", "localhost.evil.example", "10.0.0.1:3001", "127.0.0.1.evil.example"] {
            let problem = refused(gateway.get(path).header("host", host), 421).await;
            assert!(problem.detail.starts_with("authentication is off"), "{}", problem.detail);
        }
        for host in ["localhost", "LOCALHOST.", "[::1]:99"]
            .map(str::to_owned)
            .into_iter()
            .chain([format!("127.0.0.1:{port}")])
        {
            assert_eq!(gateway.get(path).header("host", &host).send().await.unwrap().status(), 200, "{host}");
        }
    }
    // A key makes no difference while authentication is off.
    refused(gateway.submit(&ready()).header("host", "evil.example").header("x-api-key", "carlo_k"), 421)
        .await;
    assert!(coordinator.state.submitted.lock().unwrap().is_empty());
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(gateway.get(path).header("host", "probe").send().await.unwrap().status(), 200, "{path}");
    }
}

#[tokio::test]
async fn with_authentication_off_a_page_elsewhere_changes_nothing() {
    let coordinator = open_coordinator().await;
    let mut config = Config::new(vec![coordinator.url.clone()]);
    config.cors_origins = "https://plans.example, *".parse().unwrap();
    let gateway = Gateway::start(config).await;
    let id = coordinator.keep(coordinator::running());
    let changes = || {
        [
            gateway.submit(&ready()),
            gateway.delete(&format!("/api/jobs/{id}")),
            gateway.post_to(&format!("/simulations/{id}/cancel")),
            gateway.post_to("/api/admin/keys"),
        ]
    };
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:1"),
        ("sec-fetch-site", "cross-site"),
    ] {
        for request in changes() {
            let problem = refused(request.header(name, value), 403).await;
            assert!(
                problem.detail.contains("pages of other origins can't change anything"),
                "{}",
                problem.detail
            );
        }
        assert_eq!(gateway.get("/api/jobs").header(name, value).send().await.unwrap().status(), 200);
    }
    assert!(coordinator.state.submitted.lock().unwrap().is_empty());
    // The gateway's own pages, those of configured origins, and programs.
    let accepted = async |request: RequestBuilder| request.send().await.unwrap().status();
    let own = gateway.submit(&ready()).header("origin", &gateway.url).header("sec-fetch-site", "same-origin");
    assert_eq!(accepted(own).await, 202);
    let named = gateway.submit(&ready()).header("origin", "https://plans.example");
    assert_eq!(accepted(named.header("sec-fetch-site", "cross-site")).await, 202);
    assert_eq!(accepted(gateway.submit(&ready())).await, 202);
}

#[tokio::test]
async fn with_authentication_on_hosts_and_origins_do_not_matter() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let request =
        gateway.submit(&ready()).header("host", "carlo.example").header("origin", "https://a.example");
    assert_eq!(request.header("sec-fetch-site", "cross-site").send().await.unwrap().status(), 202);
}

#[tokio::test]
async fn an_open_address_without_authentication_is_refused() {
    let coordinator = open_coordinator().await;
    let listener = TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], 0))).await.unwrap();
    let gateway = Gateway::serve(Config::new(vec![coordinator.url.clone()]), listener);
    let problem = refused(gateway.get("/api/jobs"), 403).await;
    assert!(
        problem.detail.contains("listens on an address that other machines can reach"),
        "{}",
        problem.detail
    );
    assert_eq!(gateway.get("/healthz").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn pages_of_other_origins_may_call_only_where_they_are_configured() {
    let coordinator = Coordinator::start().await;
    let with = async |origins: &str| {
        let mut config = Config::new(vec![coordinator.url.clone()]);
        config.cors_origins = origins.parse::<CorsOrigins>().unwrap();
        Gateway::start(config).await
    };
    let (open, any, closed) = (with("https://plans.example").await, with("*").await, with("").await);
    let from = |gateway: &Gateway, origin: &str| gateway.get("/api/jobs").header("origin", origin);
    let allowed = from(&open, "https://plans.example").send().await.unwrap();
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://plans.example");
    assert!(allowed.headers()["access-control-expose-headers"].to_str().unwrap().contains("ratelimit"));
    let allowed = from(&any, "https://other.example").send().await.unwrap();
    assert_eq!(allowed.headers()["access-control-allow-origin"], "*");
    for request in [from(&open, "https://other.example"), from(&closed, "https://plans.example")] {
        let response = request.send().await.unwrap();
        assert!(!response.headers().contains_key("access-control-allow-origin"));
    }
    let preflight = open.client.request(Method::OPTIONS, format!("{}/api/jobs", open.url));
    let preflight =
        preflight.header("origin", "https://plans.example").header("access-control-request-method", "POST");
    let response = preflight.header("access-control-request-headers", "x-api-key").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers()["access-control-allow-headers"].to_str().unwrap().contains("x-api-key"));
}
