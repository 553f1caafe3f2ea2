use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::RETRY_AFTER;
use axum::response::Response;
use carlo_rest::Problem;
use tokio::sync::Notify;
use tower::ServiceExt;

use super::*;

async fn ask(router: Router, path: &str) -> Response {
    router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
}

async fn problem(response: Response) -> Problem {
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn a_panic_is_a_500_with_the_request_id_and_without_internals() {
    async fn panics() -> &'static str {
        panic!("the secret is {}", 42)
    }
    let routes = Router::new().route("/panics", get(panics));
    let response = ask(with_layers(routes, ConcurrencyLimit::new(1, 1)), "/panics").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem = problem(response).await;
    assert!(problem.detail.ends_with(&format!("under the request id {id}")), "{problem:?}");
    assert!(!format!("{problem:?}").contains("secret"), "{problem:?}");
}

#[tokio::test]
async fn one_request_too_many_is_a_503_but_health_is_still_answered() {
    let (begun, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (in_handler, until) = (Arc::clone(&begun), Arc::clone(&end));
    let slow = async move || {
        in_handler.notify_one();
        until.notified().await;
    };
    let router = with_layers(Router::new().route("/slow", get(slow)), ConcurrencyLimit::new(1, 1));
    let first = tokio::spawn(ask(router.clone(), "/slow"));
    begun.notified().await;

    let second = ask(router.clone(), "/slow").await;
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(second.headers().contains_key(RETRY_AFTER));
    assert_eq!(problem(second).await.instance, "/slow");
    assert_eq!(ask(router.clone(), "/healthz").await.status(), StatusCode::OK);

    end.notify_one();
    assert_eq!(first.await.unwrap().status(), StatusCode::OK);
    end.notify_one();
    assert_eq!(ask(router, "/slow").await.status(), StatusCode::OK, "the permit is free again");
}

#[tokio::test]
async fn what_a_library_refuses_is_a_problem_too() {
    let teapot = || async { (StatusCode::IM_A_TEAPOT, [("x-kept", "yes")], "plain text") };
    let response =
        ask(with_layers(Router::new().route("/", get(teapot)), ConcurrencyLimit::new(1, 1)), "/").await;
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["x-kept"], "yes");
    let problem = problem(response).await;
    assert_eq!((problem.status, problem.detail.as_str()), (418, "i'm a teapot"));
}
