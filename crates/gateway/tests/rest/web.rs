//! The web interface as files. Its behaviour is tested in a browser, in the tests of whole
//! clusters.

use crate::coordinator::Coordinator;
use crate::{Gateway, refused};
use carlo_gateway::Config;

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_may_not_be_framed() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    for path in ["/", "/jobs", "/jobs/job_1", "/batches", "/batches/batch_1", "/cluster", "/usage", "/docs"] {
        let response = gateway.get(path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let headers = response.headers();
        assert_eq!(headers["content-type"], "text/html; charset=utf-8");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        let page = response.text().await.unwrap();
        assert!(!page.contains("http:") && !page.contains("https:"), "nothing is loaded from elsewhere");
    }
}

#[tokio::test]
async fn files_are_sent_again_only_when_they_have_changed() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    for (path, content_type) in [
        ("/web/app/main.js", "text/javascript; charset=utf-8"),
        ("/web/styles/carlo.css", "text/css; charset=utf-8"),
        ("/favicon.ico", "image/svg+xml"),
        ("/web/plotly.min.js", "text/javascript; charset=utf-8"),
    ] {
        let get = || gateway.get(path).header("accept-encoding", "gzip");
        let response = get().send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], content_type);
        let etag = response.headers()["etag"].clone();
        let again = get().header("if-none-match", etag).send().await.unwrap();
        assert_eq!(again.status(), 304, "{path}");
    }
    let plotly = gateway.get("/web/plotly.min.js").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(plotly.headers()["content-encoding"], "gzip");
    let bytes = plotly.bytes().await.unwrap();
    assert!(bytes.starts_with(&[0x1f, 0x8b]) && (500_000..2_000_000).contains(&bytes.len()));
    refused(gateway.get("/web/plotly.min.js"), 406).await;
}

#[tokio::test]
async fn what_is_no_file_is_a_problem_like_any_other() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    for path in [
        "/web/app/none.js",
        "/web/",
        "/web/..%2fCargo.toml",
        "/web/app/..%2f..%2f..%2fsrc%2flib.rs",
        "/pages",
    ] {
        refused(gateway.get(path), 404).await;
    }
}

#[tokio::test]
async fn pages_can_be_left_out() {
    let coordinator = Coordinator::start().await;
    let config = Config { web: false, ..Config::new(vec![coordinator.url.clone()]) };
    let gateway = Gateway::start(config).await;
    for path in ["/", "/jobs", "/web/app/main.js"] {
        refused(gateway.get(path), 404).await;
    }
    assert_eq!(gateway.get("/openapi.json").send().await.unwrap().status(), 200);
}
