use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use carlo_types::definition::Leaf as _;
use carlo_types::webhook::WebhookSecret;
use carlo_types::{DeliveryId, EndpointId, OwnerId};
use carlo_webhooks::Verdict;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const BODY: &str = r#"{"type":"job.complete"}"#;
const FAILED: Verdict = Verdict::Failed { retry_after: None };

fn attempt(url: &str) -> Attempt {
    Attempt {
        id: DeliveryId::from_random(1),
        endpoint: EndpointId::from_random(2),
        owner: OwnerId::local(),
        url: HttpUrl::judge(url.to_owned(), &()).unwrap(),
        secret: WebhookSecret::from_random([3; 32]),
        body: BODY.to_owned(),
    }
}

fn reach(allowed: &[&str]) -> Reach {
    Reach { allows_http: true, allowed: allowed.iter().map(|text| text.parse().unwrap()).collect() }
}

fn sender(allowed: &[&str]) -> Arc<Sender> {
    Arc::new(Sender::new(reach(allowed), Trust::system()))
}

/// A resolver with these answers, one after the other. The last one stays.
#[derive(Clone)]
struct Script(Arc<Mutex<VecDeque<Vec<IpAddr>>>>, Arc<AtomicUsize>);

impl Script {
    fn new(answers: &[&[&str]]) -> Self {
        let parsed = answers.iter().map(|answer| answer.iter().map(|text| text.parse().unwrap()).collect());
        Self(Arc::new(Mutex::new(parsed.collect())), Arc::default())
    }

    fn sender(&self, allowed: &[&str]) -> Arc<Sender> {
        let resolver = Box::new(self.clone());
        Arc::new(Sender { resolver, ..Sender::new(reach(allowed), Trust::system()) })
    }
}

#[async_trait]
impl Resolver for Script {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.0.lock().unwrap();
        Ok(if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() })
    }
}

/// A receiver on a free port that answers every request with this text.
struct Receiver {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::serving(move |mut stream| {
            let answer = answer.clone();
            async move { drop(stream.write_all(&answer).await) }
        })
        .await
    }

    /// `answer` is called once the whole request has been read.
    async fn serving<F, A>(answer: F) -> Self
    where
        F: Fn(TcpStream) -> A + Send + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(BODY.as_bytes()) {
                    let mut buffer = [0; 1024];
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => break,
                        Ok(bytes) => request.extend(&buffer[..bytes]),
                    }
                }
                seen.lock().unwrap().push(String::from_utf8(request).unwrap());
                tokio::spawn(answer(stream));
            }
        });
        Self { port, requests }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn the_request_is_signed_and_has_nothing_else() {
    let receiver = Receiver::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let attempt = attempt(&receiver.url("/a/b?c=%20d"));
    let outcome = sender(&["127.0.0.1"]).send(&attempt, 1_614_265_330).await;
    assert_eq!((outcome.verdict, outcome.status), (Verdict::Delivered, Some(204)));
    let signature = sign(&attempt.secret, &attempt.id.to_string(), 1_614_265_330, BODY);
    let wanted = format!(
        "POST /a/b?c=%20d HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nuser-agent: {AGENT}\r\ncontent-type: application/json\r\n\
         connection: close\r\nwebhook-id: {}\r\nwebhook-timestamp: 1614265330\r\nwebhook-signature: {signature}\r\n\
         content-length: {}\r\n\r\n{BODY}",
        receiver.port,
        attempt.id,
        BODY.len(),
    );
    assert_eq!(receiver.requests(), [wanted]);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let head = format!("HTTP/1.1 {status}\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", other.url("/"));
        let receiver = Receiver::answering(head).await;
        let outcome = sender(&["127.0.0.1"]).send(&attempt(&receiver.url("/")), 1).await;
        assert_eq!(outcome.verdict, FAILED, "{outcome:?}");
        assert!(outcome.words.contains("redirects are not followed"), "{outcome:?}");
    }
    assert_eq!(other.requests(), [""; 0]);
}

#[tokio::test]
async fn a_name_that_changes_its_meaning_is_refused() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let script = Script::new(&[&["127.0.0.1"], &["127.0.0.2"], &["169.254.169.254"], &["::ffff:10.0.0.1"]]);
    let sender = script.sender(&["127.0.0.1"]);
    let attempt = attempt(&format!("http://rebinding.example:{}/", receiver.port));
    assert_eq!(sender.send(&attempt, 1).await.verdict, Verdict::Delivered);
    for (lookups, kind) in [(2, "loopback"), (3, "link-local"), (4, "private")] {
        let outcome = sender.send(&attempt, 1).await;
        assert_eq!((outcome.verdict, outcome.status), (FAILED, None), "{outcome:?}");
        assert!(outcome.words.contains(&format!("an address that is {kind}")), "{outcome:?}");
        // The address is a secret of the network.
        assert!(!outcome.words.contains("127.") && !outcome.words.contains("10."), "{outcome:?}");
        // What was judged is what is connected to: there is no second lookup.
        assert_eq!(script.1.load(Ordering::SeqCst), lookups);
    }
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn of_several_addresses_only_those_that_may_be_reached_are_tried() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let script = Script::new(&[&["127.0.0.2", "127.0.0.1"], &[]]);
    let sender = script.sender(&["127.0.0.1"]);
    let attempt = attempt(&format!("http://several.example:{}/", receiver.port));
    assert_eq!(sender.send(&attempt, 1).await.verdict, Verdict::Delivered);
    assert_eq!(sender.send(&attempt, 1).await.words, "several.example has no address");
}

#[tokio::test]
async fn literal_addresses_are_judged_at_every_attempt() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let outcome = sender(&[]).send(&attempt(&receiver.url("/")), 1).await;
    assert!(outcome.words.contains("must not lead to 127.0.0.1, which is loopback"), "{outcome:?}");
    let encrypted_only = Reach { allows_http: false, ..reach(&["127.0.0.1"]) };
    let sender = Arc::new(Sender::new(encrypted_only, Trust::system()));
    let outcome = sender.send(&attempt(&receiver.url("/")), 1).await;
    assert!(outcome.words.contains("must begin with https"), "{outcome:?}");
    assert_eq!(receiver.requests(), [""; 0]);
}

#[tokio::test]
async fn an_answer_that_never_ends_is_cut_off() {
    let receiver = Receiver::serving(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
    })
    .await;
    let outcome = sender(&["127.0.0.1"]).send(&attempt(&receiver.url("/")), 1).await;
    assert_eq!(outcome.verdict, Verdict::Delivered, "the status counts");
}

#[tokio::test]
async fn an_answer_with_too_large_a_head_is_none() {
    for line in ["a".repeat(HEAD_BYTES_MAX), "a: b\r\n".repeat(HEADERS_MAX + 1)] {
        let receiver = Receiver::answering(format!("HTTP/1.1 200 OK\r\nx: {line}\r\n\r\n")).await;
        let outcome = sender(&["127.0.0.1"]).send(&attempt(&receiver.url("/")), 1).await;
        assert_eq!((outcome.verdict, outcome.status), (FAILED, None), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_given_up() {
    let receiver = Receiver::serving(async |stream: TcpStream| {
        tokio::time::sleep(Duration::from_hours(1)).await;
        drop(stream);
    })
    .await;
    let slow = Arc::new(Sender {
        timeout: Duration::from_millis(100),
        ..Sender::new(reach(&["127.0.0.1"]), Trust::system())
    });
    let outcome = slow.send(&attempt(&receiver.url("/")), 1).await;
    assert_eq!((outcome.verdict, outcome.words.as_str()), (FAILED, "no answer within 0.1 s"));
}

#[tokio::test]
async fn what_is_no_answer_is_a_failure() {
    for answer in ["", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 abc\r\n\r\n"] {
        let receiver = Receiver::answering(answer).await;
        let outcome = sender(&["127.0.0.1"]).send(&attempt(&receiver.url("/")), 1).await;
        assert_eq!((outcome.verdict, outcome.status), (FAILED, None), "{answer:?}: {outcome:?}");
    }
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let outcome = sender(&["127.0.0.1"]).send(&attempt(&format!("http://127.0.0.1:{unused}/")), 1).await;
    assert!(outcome.words.starts_with("failed to connect: "), "{outcome:?}");
}

#[tokio::test]
async fn a_receiver_may_ask_to_wait() {
    let head = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n";
    let receiver = Receiver::answering(head).await;
    let outcome = sender(&["127.0.0.1"]).send(&attempt(&receiver.url("/")), 1).await;
    assert_eq!(outcome.verdict, Verdict::Failed { retry_after: Some(Duration::from_mins(2)) });
}

#[tokio::test]
async fn an_https_receiver_must_have_a_trusted_certificate() {
    let made = rcgen::generate_simple_self_signed(["hooks.example".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let identity = carlo_service::tls::Identity::from_files(&certificate, &key, &["http/1.1"]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = identity.accept(stream).await else { continue };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    let attempt = |name: &str| attempt(&format!("https://{name}:{port}/"));
    let script = Script::new(&[&["127.0.0.1"]]);
    let with = |trust| {
        Arc::new(Sender {
            resolver: Box::new(script.clone()),
            ..Sender::new(Reach { allows_http: false, ..reach(&["127.0.0.1"]) }, trust)
        })
    };
    let trusting = with(Trust::in_authorities(made.cert.pem().as_bytes()).unwrap());
    assert_eq!(trusting.send(&attempt("hooks.example"), 1).await.verdict, Verdict::Delivered);
    for (sender, name) in [(trusting, "other.example"), (with(Trust::system()), "hooks.example")] {
        let outcome = sender.send(&attempt(name), 1).await;
        assert!(outcome.words.starts_with("failed to connect by TLS: "), "{outcome:?}");
    }
}
