use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use carlo_rest::Problem;
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
    let response = ask(with_layers(routes), "/panics").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem = problem(response).await;
    assert!(problem.detail.ends_with(&format!("under the request id {id}")), "{problem:?}");
    assert!(!format!("{problem:?}").contains("secret"), "{problem:?}");
}

#[tokio::test]
async fn what_a_library_refuses_is_a_problem_too() {
    let teapot = || async { (StatusCode::IM_A_TEAPOT, [("x-kept", "yes")], "plain text") };
    let response = ask(with_layers(Router::new().route("/", get(teapot))), "/").await;
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["x-kept"], "yes");
    let problem = problem(response).await;
    assert_eq!((problem.status, problem.detail.as_str()), (418, "i'm a teapot"));
}
