//! Clients that don't finish their request, don't read their response, or have no key. None of them
//! uses the gateway's capacity for long or affects other clients.

use std::time::{Duration, Instant};

use carlo_gateway::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::coordinator::{self, Coordinator};
use crate::{Gateway, ready, refused};

const PATIENCE: Duration = Duration::from_secs(20);

async fn connect(gateway: &Gateway) -> TcpStream {
    TcpStream::connect(gateway.url.trim_start_matches("http://")).await.unwrap()
}

/// The remaining bytes, and how long the connection stays open.
async fn until_closed(stream: &mut TcpStream) -> (Vec<u8>, Duration) {
    let (began, mut rest) = (Instant::now(), Vec::new());
    // A reset also ends the connection.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the connection is closed");
    (rest, began.elapsed())
}

async fn gateway_with(coordinator: &Coordinator, change: impl FnOnce(&mut Config)) -> Gateway {
    let mut config = Config::new(vec![coordinator.url.clone()]);
    change(&mut config);
    Gateway::start(config).await
}

#[tokio::test]
async fn bodies_without_a_key_take_no_place_from_those_with_one() {
    let coordinator = Coordinator::start().await;
    *coordinator.state.key.lock().unwrap() = Some("carlo_k".to_owned());
    let gateway = gateway_with(&coordinator, |config| config.requests_max = 2).await;
    let head = "POST /api/jobs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{";
    let mut rude = Vec::new();
    for _ in 0..100 {
        let mut stream = connect(&gateway).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        rude.push(stream);
    }
    for _ in 0..5 {
        let request = gateway.submit(&ready()).header("x-api-key", "carlo_k");
        assert_eq!(request.send().await.unwrap().status(), 202);
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(gateway.get(path).send().await.unwrap().status(), 200, "{path}");
        }
    }
    // They get their responses without having sent their bodies.
    for stream in &mut rude {
        let mut status = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut status)).await.unwrap().unwrap();
        assert_eq!(&status, b"HTTP/1.1 401");
    }
    // Without a valid key a request is refused before its body is read.
    let problem = refused(gateway.post("{ this is no JSON").header("x-api-key", "other"), 401).await;
    assert_eq!(problem.detail, "the key is not one of ours");
}

#[tokio::test]
async fn one_user_does_not_take_every_place() {
    let coordinator = Coordinator::start().await;
    let gateway = gateway_with(&coordinator, |config| config.streams_max = 4).await;
    let id = coordinator.keep(coordinator::running());
    coordinator.state.holds_long_polls.store(true, std::sync::atomic::Ordering::Relaxed);
    let wait = |key: &str| {
        let request = gateway.get(&format!("/api/jobs/{id}")).header("prefer", "wait=30");
        request.header("x-api-key", key).timeout(Duration::from_secs(5))
    };
    let mut waiting = Vec::new();
    for _ in 0..2 {
        waiting.push(tokio::spawn(wait("ada").send()));
        coordinator.state.asked.notified().await;
    }
    let problem = refused(wait("ada"), 429).await;
    assert!(problem.detail.contains("2 long polls and streams"), "{}", problem.detail);
    let bob = tokio::spawn(wait("bob").send());
    coordinator.state.asked.notified().await;
    bob.abort();
    for request in waiting {
        request.abort();
    }
}

#[tokio::test]
async fn a_client_that_never_reads_is_closed() {
    let coordinator = Coordinator::start().await;
    let gateway =
        gateway_with(&coordinator, |config| config.write_timeout = Duration::from_millis(300)).await;
    let mut stream = connect(&gateway).await;
    let requests = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(500);
    // The gateway stops reading once its responses are not read.
    let sending = async { while stream.write_all(requests.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, sending).await.expect("the connection is closed");
    assert_eq!(gateway.get("/healthz").send().await.unwrap().status(), 200);
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The head of `GET path`, and nothing after it.
fn get_frame(stream: u32, path: &str) -> Vec<u8> {
    let literal = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    // :method GET and :scheme http are in the static table, :path and :authority by name.
    let head = [&[0x82, 0x86, 0x04][..], &literal(path), &[0x01], &literal("localhost")].concat();
    frame(1, 0x05, stream, &head)
}

#[tokio::test]
async fn a_client_with_a_closed_window_is_closed() {
    let coordinator = Coordinator::start().await;
    let gateway =
        gateway_with(&coordinator, |config| config.write_timeout = Duration::from_millis(300)).await;
    // A window of no bytes, and one of a single byte.
    for window in [0_u32, 1] {
        let mut stream = connect(&gateway).await;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let settings = [&[0, 4][..], &window.to_be_bytes()].concat();
        stream.write_all(&frame(4, 0, 0, &settings)).await.unwrap();
        for number in 0..100 {
            stream.write_all(&get_frame(2 * number + 1, "/openapi.json")).await.unwrap();
        }
        let (received, _) = until_closed(&mut stream).await;
        assert!(received.len() < 100_000, "{} bytes came through a closed window", received.len());
        assert_eq!(gateway.get("/healthz").send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_response_takes_its_place_until_it_is_read_or_given_up() {
    let coordinator = Coordinator::start().await;
    let change = |config: &mut Config| {
        config.requests_max = 1;
        config.write_timeout = Duration::from_secs(2);
    };
    let gateway = gateway_with(&coordinator, change).await;
    let mut stream = connect(&gateway).await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])).await.unwrap();
    stream.write_all(&get_frame(1, "/api/jobs")).await.unwrap();
    while gateway.get("/api/jobs").send().await.unwrap().status() != 503 {}
    let (_, open) = until_closed(&mut stream).await;
    assert!(open < PATIENCE);
    let free = async { while gateway.get("/api/jobs").send().await.unwrap().status() != 200 {} };
    timeout(PATIENCE, free).await.expect("the place is free again");
}

#[tokio::test]
async fn requests_that_are_reset_at_once_leave_their_connection_alone() {
    const RESET: u32 = 100;
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let mut stream = connect(&gateway).await;
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    sent.extend(frame(4, 0, 0, &[]));
    for number in 0..RESET {
        sent.extend(get_frame(2 * number + 1, "/healthz"));
        // CANCEL (RFC 9113, section 7).
        sent.extend(frame(3, 0, 2 * number + 1, &8_u32.to_be_bytes()));
    }
    let last = 2 * RESET + 1;
    sent.extend(get_frame(last, "/healthz"));
    stream.write_all(&sent).await.unwrap();
    let answered = async {
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.expect("the connection stays");
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let mut payload = vec![0; length];
            stream.read_exact(&mut payload).await.unwrap();
            assert_ne!(head[3], 7, "GOAWAY: {}", String::from_utf8_lossy(&payload));
            let number = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            if head[3] == 1 && number == last {
                return;
            }
        }
    };
    timeout(PATIENCE, answered).await.expect("the last request is answered");
}

#[tokio::test]
async fn an_idle_connection_stays_longer_than_a_head_may_take() {
    assert!(
        Config::new(Vec::new()).idle_timeout >= Duration::from_secs(75),
        "longer than load balancers pool"
    );
    let coordinator = Coordinator::start().await;
    let change = |config: &mut Config| {
        config.header_timeout = Duration::from_millis(100);
        config.idle_timeout = Duration::from_millis(1_500);
    };
    let gateway = gateway_with(&coordinator, change).await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut stream = connect(&gateway).await;
    let mut response = [0; 15];
    for _ in 0..2 {
        stream.write_all(request).await.unwrap();
        stream.read_exact(&mut response).await.unwrap();
        assert_eq!(&response, b"HTTP/1.1 200 OK");
        while !stream.read_u8().await.unwrap().is_ascii_control() {}
        sleep(Duration::from_millis(400)).await;
        let mut rest = [0; 4_096];
        let read = stream.try_read(&mut rest).unwrap();
        assert!(read > 0, "it is open");
    }
    let (_, open) = until_closed(&mut stream).await;
    assert!(open < PATIENCE, "it is closed after its time");
    // A connection with an incomplete head isn't idle.
    let mut stream = connect(&gateway).await;
    stream.write_all(request).await.unwrap();
    stream.read_exact(&mut response).await.unwrap();
    stream.write_all(b"GET /healthz HTT").await.unwrap();
    let (rest, _) = until_closed(&mut stream).await;
    assert!(!String::from_utf8_lossy(&rest).contains("HTTP/1.1 200"), "there was no second request");
}

#[tokio::test]
async fn idle_connections_make_room() {
    let coordinator = Coordinator::start().await;
    let gateway = gateway_with(&coordinator, |config| config.connections_max = 2).await;
    let mut idle = Vec::new();
    for _ in 0..2 {
        let mut stream = connect(&gateway).await;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        stream.read_u8().await.unwrap();
        idle.push(stream);
    }
    let mut stream = connect(&gateway).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let (response, _) = until_closed(&mut stream).await;
    assert!(response.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_a_problem() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let http2 = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    for client in [&gateway.client, &http2] {
        let get = |path: &str| client.get(format!("{}{path}", gateway.url));
        refused(get("/api/jobs").header("x-large", "x".repeat(65 * 1024)), 431).await;
        let many =
            (0..150).fold(get("/api/jobs"), |request, number| request.header(format!("x-{number}"), "1"));
        refused(many, 431).await;
        let response = get(&format!("/api/jobs?status={}", "x".repeat(9_000))).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (414, &"application/problem+json".parse().unwrap())
        );
    }
}
