//! Request bodies: valid ones, and the messages for invalid ones.

use std::time::Duration;

use carlo_gateway::Config;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::coordinator::Coordinator;
use crate::{Gateway, pointers, ready, refused};

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_with_its_place() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let deep = "[".repeat(10_000);
    let closed = format!("{deep}{}", "]".repeat(10_000));
    let bodies: [&[u8]; 11] = [
        b"",
        b"[",
        b"{\"goal\": \xff}",
        b"{\"goal\": \"\xff\"}",
        b"{\"goal\": \"\\ud800\"}",
        b"{\"goal\": {\"targetAmount\": NaN}}",
        b"{\"goal\": {\"targetAmount\": 1e400}}",
        b"{\"goal\": {}} {}",
        b"\0",
        deep.as_bytes(),
        closed.as_bytes(),
    ];
    for body in bodies {
        let problem = refused(gateway.post(body.to_vec()), 400).await;
        let words = &problem.detail;
        assert!(words.starts_with("the body is not JSON: "), "{words}");
        assert!(words.contains(" at line 1 column "), "{words}");
    }
    let problem = refused(gateway.post("{\n  \"goal\": nan\n}"), 400).await;
    assert!(problem.detail.contains("at line 2 column 12"), "{}", problem.detail);
}

#[tokio::test]
async fn json_that_is_no_request_is_refused_by_field() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    for body in ["null", "3", "\"goal\"", "[]", "true"] {
        let problem = refused(gateway.post(body), 400).await;
        assert_eq!(pointers(&problem), [""], "{body}");
        assert!(problem.detail.starts_with("the request must be an object"), "{}", problem.detail);
    }
    assert!(coordinator.state.submitted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_name_that_is_given_twice_is_a_fault() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let body = ready().to_string().replace("\"targetAmount\"", "\"targetAmount\": 5, \"targetAmount\"");
    let problem = refused(gateway.post(body), 400).await;
    assert_eq!(problem.detail, "/goal/targetAmount is given twice");
    assert_eq!(pointers(&problem), ["/goal/targetAmount"]);
}

#[tokio::test]
async fn pointers_are_spelled_as_the_body_is() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let body = json!({
        "financial_profile": {"liquid_assets": "much"}, "user_inputs": {"monthly_income": 5_000}, "goal": {"target_amount": 0}
    });
    let problem = refused(gateway.submit(&body), 400).await;
    let expected = [
        "/financial_profile/liquid_assets",
        "/financial_profile/monthly_spending",
        "/goal/timeline_months",
        "/goal/target_amount",
    ];
    assert_eq!(pointers(&problem), expected);
}

#[tokio::test]
async fn every_fault_of_a_body_is_named_at_once() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let body = json!({
        "financialProfile": {"liquidAssets": "much", "monthlySpending": -5},
        "userInputs": {"monthlyIncome": 5000, "riskTolerance": "wild"},
        "goal": {"targetAmount": 1e13},
        "simulationParams": {"nSimulation": 5}
    });
    let problem = refused(gateway.submit(&body), 400).await;
    assert_eq!(
        pointers(&problem),
        [
            "/financialProfile/liquidAssets",
            "/financialProfile/monthlySpending",
            "/userInputs/riskTolerance",
            "/goal/targetAmount",
            "/goal/timelineMonths",
            "/simulationParams/nSimulation",
        ]
    );
    assert_eq!(problem.detail, "the request has 6 faults");
    assert!(coordinator.state.submitted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_single_fault_is_told_in_the_detail() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let mut body = ready();
    body["goal"]["targetAmount"] = json!(0);
    let problem = refused(gateway.submit(&body), 400).await;
    assert_eq!(problem.detail, "/goal/targetAmount must be above 0");
}

#[tokio::test]
async fn of_very_many_faults_the_first_hundred_are_listed() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let mut body = ready();
    for extra in 0..5_000 {
        body[format!("extra{extra}")] = json!(1);
    }
    let problem = refused(gateway.submit(&body), 400).await;
    assert_eq!(problem.errors.len(), 100);
    assert_eq!(problem.detail, "the request has 5000 faults, of which the first 100 are listed");
}

#[tokio::test]
async fn a_body_of_more_than_a_mebibyte_is_refused() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let padded = |bytes: usize| {
        let body = ready().to_string();
        " ".repeat(bytes - body.len()) + &body
    };
    assert_eq!(gateway.post(padded(1 << 20)).send().await.unwrap().status(), 202);
    for bytes in [(1 << 20) + 1, 10 << 20] {
        let problem = refused(gateway.post(padded(bytes)), 413).await;
        assert_eq!(problem.detail, "the body has more than 1048576 bytes");
    }
}

#[tokio::test]
async fn a_body_of_a_gigabyte_is_refused_before_it_is_sent() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let mut stream = TcpStream::connect(gateway.url.trim_start_matches("http://")).await.unwrap();
    let head = "POST /api/jobs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1073741824\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let post = |content_type: Option<&str>| {
        let request = gateway.client.post(format!("{}/api/jobs", gateway.url)).body(ready().to_string());
        content_type.map_or(request.try_clone().unwrap(), |value| request.header("content-type", value))
    };
    for content_type in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("json"), Some("")]
    {
        let problem = refused(post(content_type), 415).await;
        assert!(problem.detail.contains("application/json"), "{}", problem.detail);
    }
    for content_type in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.carlo+json"]
    {
        assert_eq!(post(Some(content_type)).send().await.unwrap().status(), 202, "{content_type}");
    }
}

#[tokio::test]
async fn a_compressed_body_is_refused_in_words() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let problem = refused(gateway.submit(&ready()).header("content-encoding", "gzip"), 415).await;
    assert_eq!(problem.detail, "the body must be sent as it is, without Content-Encoding");
    let plain = gateway.submit(&ready()).header("content-encoding", "identity").send().await.unwrap();
    assert_eq!(plain.status(), 202);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let coordinator = Coordinator::start().await;
    let mut config = Config::new(vec![coordinator.url.clone()]);
    config.body_timeout = Duration::from_millis(50);
    let gateway = Gateway::start(config).await;
    let mut stream = TcpStream::connect(gateway.url.trim_start_matches("http://")).await.unwrap();
    let head =
        "POST /api/jobs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("the body did not arrive within 0.05 s"), "{answer}");
}
