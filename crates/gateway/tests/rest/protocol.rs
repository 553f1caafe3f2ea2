//! Routes, methods, headers, connections: what all calls have in common.

use std::time::Duration;

use carlo_gateway::Config;
use reqwest::{Client, Method, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::coordinator::{self, Coordinator};
use crate::{Gateway, problem, ready, refused};

#[tokio::test]
async fn an_unknown_route_is_a_404_problem() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    for path in ["/api", "/api/jobs/", "/api/jobs/a/b", "/API/jobs", "/nowhere"] {
        let problem = refused(gateway.get(path), 404).await;
        assert_eq!(problem.detail, format!("there is nothing at {path}"));
    }
}

#[tokio::test]
async fn a_wrong_method_is_a_405_problem_that_names_the_right_ones() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let cases = [
        (Method::PUT, "/api/jobs", "GET,HEAD,POST"),
        (Method::POST, "/api/jobs/7", "DELETE,GET,HEAD,PATCH"),
        (Method::DELETE, "/api/cluster/status", "GET,HEAD"),
        (Method::OPTIONS, "/api/jobs", "GET,HEAD,POST"),
        (Method::POST, "/healthz", "GET,HEAD"),
        (Method::from_bytes(b"BREW").unwrap(), "/readyz", "GET,HEAD"),
    ];
    for (method, path, allowed) in cases {
        let request = gateway.client.request(method.clone(), format!("{}{path}", gateway.url));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 405);
        let mut allow: Vec<_> = response.headers()["allow"].to_str().unwrap().split(',').collect();
        allow.sort_unstable();
        assert_eq!(allow.join(","), allowed, "{method} {path}");
        assert!(problem(response).await.detail.contains(method.as_str()));
    }
}

#[tokio::test]
async fn head_answers_as_get_does_without_the_body() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::complete());
    let http2 = Client::builder().http2_prior_knowledge().build().unwrap();
    for client in [&gateway.client, &http2] {
        for path in [&format!("/api/jobs/{id}"), "/api/jobs/7", "/healthz", "/nowhere"] {
            let url = format!("{}{path}", gateway.url);
            let get = client.get(&url).send().await.unwrap();
            let head = client.head(&url).send().await.unwrap();
            assert_eq!(head.status(), get.status(), "{path}");
            for name in ["content-type", "content-length", "etag"] {
                assert_eq!(head.headers().get(name), get.headers().get(name), "{name} of {path}");
            }
            assert!(!get.bytes().await.unwrap().is_empty());
            assert!(head.bytes().await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_a_sane_one_is_the_clients() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    for path in ["/healthz", "/api/jobs", "/nowhere"] {
        let response = gateway.get(path).header("x-request-id", "mine-7").send().await.unwrap();
        assert_eq!(response.headers()["x-request-id"], "mine-7");
    }
    let mut ids = std::collections::BTreeSet::new();
    for insane in ["", "two words", &"x".repeat(129), "\u{e4}"] {
        let response = gateway.get("/api/jobs").header("x-request-id", insane).send().await.unwrap();
        ids.insert(response.headers()["x-request-id"].to_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 4, "each request has its own: {ids:?}");
    assert!(ids.iter().all(|id| id.len() == 32), "{ids:?}");
}

#[tokio::test]
async fn what_a_client_holds_already_is_not_sent_again() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::queued());
    for path in [format!("/api/jobs/{id}"), "/api/jobs".to_owned()] {
        coordinator.keep(coordinator::queued());
        let first = gateway.get(&path).send().await.unwrap();
        let tag = first.headers()["etag"].to_str().unwrap().to_owned();
        let strong = tag.trim_start_matches("W/").to_owned();
        for cached in [tag.clone(), strong, format!("\"other\", {tag}"), "*".to_owned()] {
            let response = gateway.get(&path).header("if-none-match", &cached).send().await.unwrap();
            assert_eq!(response.status(), 304, "{cached}");
            assert_eq!(response.headers()["etag"], tag);
            assert_eq!(response.headers().get("vary"), first.headers().get("vary"), "what a cache goes by");
            assert!(response.bytes().await.unwrap().is_empty());
        }
        coordinator.keep(coordinator::running());
        let changed = gateway.get(&path).header("if-none-match", &tag).send().await.unwrap();
        assert_eq!(changed.status(), 200);
        assert_ne!(changed.headers()["etag"], tag);
    }
}

#[tokio::test]
async fn a_body_is_compressed_for_who_asks() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let response = gateway.get("/api/cluster/status").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert!(response.bytes().await.unwrap().starts_with(&[0x1f, 0x8b]));
    let plain = gateway.get("/api/cluster/status").send().await.unwrap();
    assert!(!plain.headers().contains_key("content-encoding"));
    // Static pages are compressed once for all responses.
    let page = gateway.get("/openapi.json").header("accept-encoding", "gzip").send().await.unwrap();
    let etag = page.headers()["etag"].clone();
    assert_eq!(
        (&page.headers()["content-encoding"], &page.headers()["vary"]),
        (&"gzip".parse().unwrap(), &"accept-encoding".parse().unwrap())
    );
    let zipped = page.bytes().await.unwrap();
    let plain = gateway.get("/openapi.json").send().await.unwrap().bytes().await.unwrap();
    assert!(plain.starts_with(b"{") && zipped.len() * 4 < plain.len());
    let again = gateway.get("/openapi.json").header("if-none-match", etag).send().await.unwrap();
    assert_eq!(again.status(), 304);
}

#[tokio::test]
async fn what_was_done_is_answered_also_where_no_encoding_is_accepted() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let response =
        gateway.submit(&ready()).header("accept-encoding", "identity;q=0, br").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.headers().contains_key("content-encoding")),
        (202, false)
    );
}

#[tokio::test]
async fn http_2_is_spoken_on_the_same_port() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let client = Client::builder().http2_prior_knowledge().build().unwrap();
    let response = client.get(format!("{}/api/cluster/status", gateway.url)).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
}

#[tokio::test]
async fn a_connection_that_never_asks_is_closed() {
    let coordinator = Coordinator::start().await;
    let mut config = Config::new(vec![coordinator.url.clone()]);
    config.header_timeout = Duration::from_millis(50);
    let gateway = Gateway::start(config).await;
    // The second one begins like HTTP/2, the third one like a request.
    for beginning in ["", "PRI * HTT", "GET / HTTP/1.1\r\nhost"] {
        let mut stream = TcpStream::connect(gateway.url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let closed = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await;
        assert!(closed.is_ok(), "after {beginning:?}");
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
}

#[tokio::test]
async fn odd_requests_do_no_harm() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let odd = ["OPTIONS * HTTP/1.1", "CONNECT there:1 HTTP/1.1", "GET http://else/where?x HTTP/1.1"];
    for line in odd {
        let mut stream = TcpStream::connect(gateway.url.trim_start_matches("http://")).await.unwrap();
        let request = format!("{line}\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{line}: {answer}");
    }
    assert_eq!(gateway.get("/healthz").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_shutdown_lets_requests_end_and_takes_no_new_ones() {
    let coordinator = Coordinator::start().await;
    let mut gateway = Gateway::before(&coordinator).await;
    *coordinator.state.delay.lock().unwrap() = Duration::from_millis(300);
    let request = tokio::spawn(gateway.get("/api/cluster/status").send());
    coordinator.state.asked.notified().await;
    gateway.shutdown.cancel();
    assert_eq!(request.await.unwrap().unwrap().status(), 200);
    (&mut gateway.running).await.unwrap().unwrap();
    assert!(gateway.get("/healthz").send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn a_request_that_does_not_end_holds_a_shutdown_up_for_three_seconds_at_most() {
    let coordinator = Coordinator::start().await;
    let mut gateway = Gateway::before(&coordinator).await;
    *coordinator.state.delay.lock().unwrap() = Duration::from_mins(1);
    let request = tokio::spawn(gateway.get("/api/cluster/status").send());
    coordinator.state.asked.notified().await;
    gateway.shutdown.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(5), &mut gateway.running).await;
    ended.expect("the drain has a deadline").unwrap().unwrap();
    assert!(request.await.unwrap().is_err());
}
