use axum::Router;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::any;
use serde_json::{Value, json};

use super::*;

/// A client of a server that gives this response to every request, with the path prefix `/base`.
async fn client<A: IntoResponse + Clone + Send + Sync + 'static>(answer: A) -> Client {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base/", listener.local_addr().unwrap());
    let app = Router::new().route("/base/{*path}", any(move || async move { answer }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Client::new(&url).unwrap()
}

fn problem(
    status: u16,
    errors: &Value,
) -> (axum::http::StatusCode, [(&'static str, &'static str); 1], String) {
    let body = json!({
        "type": "about:blank", "title": "t", "status": status, "detail": "no", "instance": "/", "errors": errors, "error": "no",
    });
    let status = axum::http::StatusCode::from_u16(status).unwrap();
    (status, [("content-type", carlo_rest::problem::CONTENT_TYPE)], body.to_string())
}

#[tokio::test]
async fn a_problem_is_its_detail_and_every_fault() {
    let faults = json!([
        {"pointer": "/goal/targetAmount", "message": "is required"},
        {"pointer": "", "message": "must be an object, not 3"},
    ]);
    let error = client(problem(422, &faults)).await.submit("3".to_owned()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no\n  /goal/targetAmount is required\n  the request must be an object, not 3"
    );
    assert!(!error.is_passing());
    let fault = json!([{"pointer": "/goal", "message": "must be an object"}]);
    let error = client(problem(400, &fault)).await.submit("3".to_owned()).await.unwrap_err();
    assert_eq!(error.to_string(), "the request has a fault\n  /goal must be an object");
}

#[tokio::test]
async fn only_unavailability_passes() {
    let id = JobId::from_random(1);
    let none = json!([]);
    assert!(client(problem(503, &none)).await.job(id).await.unwrap_err().is_passing());
    assert!(!client(problem(404, &none)).await.job(id).await.unwrap_err().is_passing());
    assert!(Client::new("http://127.0.0.1:1").unwrap().job(id).await.unwrap_err().is_passing());
}

#[tokio::test]
async fn an_unreachable_server_is_named_with_the_reason_and_what_to_do() {
    // The port was bound and released, so nothing listens there.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let words = Client::new(&url).unwrap().cluster().await.unwrap_err().to_string();
    assert!(words.starts_with(&format!("failed to reach {url}: connection refused")), "{words}");
    assert!(words.contains("`carlo up`") && words.contains("--url"), "{words}");
}

#[tokio::test]
async fn another_server_is_told_from_carlo() {
    for status in [axum::http::StatusCode::OK, axum::http::StatusCode::NOT_FOUND] {
        let error = client((status, "<html>hello</html>")).await.cluster().await.unwrap_err();
        assert!(matches!(error, ClientError::NotCarlo { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_request_goes_where_the_contract_says_and_the_answer_is_kept_as_written() {
    let echo = |request: Request| async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1_000).await.unwrap();
        let body = std::str::from_utf8(&body).unwrap();
        let kind = parts.headers.get(CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap());
        let seen = format!("{} {} {kind} {body}", parts.method, parts.uri);
        (HeaderMap::new(), json!({"success": true, "message": seen, "novelty": 1}).to_string())
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(echo)).await });

    let client = Client::new(&url).unwrap();
    let id = JobId::from_random(1);
    let answer = client.cancel(id).await.unwrap();
    assert_eq!(answer.value.message, format!("DELETE /api/jobs/{id}  "));
    assert!(answer.json.contains("\"novelty\":1"), "{}", answer.json);
    // The server echoes requests, which isn't a valid response, so the raw calls are used.
    let list = client.path(&["jobs"]);
    let posted: Answer<Cancelled> = client.call(Method::POST, list, Some("{}".to_owned())).await.unwrap();
    assert_eq!(posted.value.message, "POST /api/jobs application/json {}");
}

#[test]
fn what_is_no_url_of_a_gateway_is_refused() {
    for (url, reason) in [
        ("localhost:3001", "begins neither with http://"),
        ("", "relative URL"),
        ("http://", "empty host"),
        ("file:///x", "nor with https://"),
    ] {
        let words = Client::new(url).unwrap_err().to_string();
        assert!(words.contains(reason), "{words}");
    }
}
