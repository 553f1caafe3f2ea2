//! `GET /api/jobs/{id}/events` and long polls.

use std::time::Duration;

use carlo_gateway::Config;
use carlo_wire::v1;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::broadcast;

use crate::coordinator::{self, Coordinator};
use crate::{Gateway, refused};

fn event(id: u64, job: v1::Job) -> v1::JobEvent {
    v1::JobEvent { id, job: Some(job) }
}

/// Name, id and data of every event of a whole stream.
fn events(stream: &str) -> Vec<(String, String, Value)> {
    let field = |event: &str, name: &str| {
        event.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim_start().to_owned())
    };
    let read = |event: &str| {
        let data = serde_json::from_str(&field(event, "data:")?).unwrap();
        Some((field(event, "event:")?, field(event, "id:")?, data))
    };
    stream.split("\n\n").filter_map(read).collect()
}

#[tokio::test]
async fn a_job_is_told_until_its_end() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::queued());
    for (status, last) in [
        (v1::JobStatus::Complete, "complete"),
        (v1::JobStatus::Failed, "failed"),
        (v1::JobStatus::Cancelled, "cancelled"),
    ] {
        let end = v1::Job { status: status.into(), ..coordinator::complete() };
        // Events after the last one are not passed on.
        *coordinator.state.events.lock().unwrap() = vec![
            event(4, coordinator::queued()),
            event(5, coordinator::running()),
            event(6, end),
            event(7, coordinator::running()),
        ];
        let request = gateway.get(&format!("/api/jobs/{id}/events")).header("accept-encoding", "gzip");
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        assert!(!response.headers().contains_key("content-encoding"));
        let text = response.text().await.unwrap();
        assert!(text.starts_with("retry: 3000\n"), "{text}");
        let told = events(&text);
        let names: Vec<_> = told.iter().map(|(name, id, _)| (name.as_str(), id.as_str())).collect();
        assert_eq!(names, [("progress", "4"), ("progress", "5"), (last, "6")]);
        assert_eq!((&told[0].2["status"], &told[1].2["progress"]), (&"queued".into(), &33.3.into()));
        assert_eq!((told[1].2.get("results"), &told[2].2["id"]), (None, &id.clone().into()));
        assert!(told[2].2["results"].is_object());
        // 204 makes a browser stop reconnecting after the last event.
        let again = gateway.get(&format!("/api/jobs/{id}/events")).header("last-event-id", "6");
        let again = again.send().await.unwrap();
        assert_eq!(again.status(), 204);
        assert_eq!(again.text().await.unwrap(), "");
    }
}

#[tokio::test]
async fn a_batch_is_told_until_its_last_job_has_ended() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let path = format!("/simulations/batch/{}/events", coordinator::batch().id);
    for (status, last) in [
        (v1::BatchStatus::Completed, "completed"),
        (v1::BatchStatus::Partial, "partial"),
        (v1::BatchStatus::Failed, "failed"),
        (v1::BatchStatus::Cancelled, "cancelled"),
    ] {
        let open = v1::Batch { status: v1::BatchStatus::Cancelled.into(), ..coordinator::batch() };
        let end = v1::Batch { status: status.into(), completed_at_ms: Some(2_000), ..coordinator::batch() };
        let event = |id, batch| v1::BatchEvent { id, batch: Some(batch) };
        // What is told after the end is not passed on.
        *coordinator.state.batch_events.lock().unwrap() = vec![
            event(1, coordinator::batch()),
            event(2_000_001, open),
            event(3_000_001, end),
            event(4_000_001, coordinator::batch()),
        ];
        let response = gateway.get(&path).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let text = response.text().await.unwrap();
        assert!(text.starts_with("retry: 3000\n"), "{text}");
        let told = events(&text);
        let names: Vec<_> = told.iter().map(|(name, id, _)| (name.as_str(), id.as_str())).collect();
        let wanted = [("progress", "1"), ("progress", "2000001"), (last, "3000001")];
        assert_eq!(names, wanted, "a cancelled batch goes on while a job of it runs");
        assert_eq!(told[0].2["progress"]["completed_jobs"], 1);

        let again = gateway.get(&path).header("last-event-id", "2000001").send().await.unwrap();
        assert_eq!(events(&again.text().await.unwrap()).len(), 1);
        let over = gateway.get(&path).header("last-event-id", "4000001").send().await.unwrap();
        assert_eq!(over.status(), 204);
    }
    refused(gateway.get("/simulations/batch/batch_8/events"), 404).await;
}

#[tokio::test]
async fn a_client_that_comes_back_says_what_it_has_seen() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::queued());
    let path = format!("/api/jobs/{id}/events");
    for last in ["17", "", "x", "-1", "18446744073709551616", "9007199254740992"] {
        gateway.get(&path).header("last-event-id", last).send().await.unwrap().bytes().await.unwrap();
    }
    let watched: Vec<_> =
        coordinator.state.watched.lock().unwrap().iter().map(|asked| asked.last_event_id).collect();
    assert_eq!(watched, [Some(17), None, None, None, None, None], "an id that is none of ours is ignored");
    coordinator.refuse(tonic::Code::NotFound, "there is no such job");
    refused(gateway.get(&path), 404).await;
}

#[tokio::test]
async fn an_event_and_a_line_are_one_line_to_every_reader() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let reason = "a\u{2028}b\u{2029}c\u{85}d\ne";
    let job = v1::Job {
        error: Some(reason.to_owned()),
        status: v1::JobStatus::Failed.into(),
        ..coordinator::complete()
    };
    let id = coordinator.keep(job.clone());
    *coordinator.state.events.lock().unwrap() = vec![event(1, job)];
    let batch = coordinator::batch().id;
    for path in [format!("/api/jobs/{id}/events"), format!("/simulations/batch/{batch}/results")] {
        let text = gateway.get(&path).send().await.unwrap().text().await.unwrap();
        assert!(!text.contains(['\u{2028}', '\u{2029}', '\u{85}']), "{path}");
        let json = text.lines().find(|line| line.contains('{')).unwrap();
        let json: Value = serde_json::from_str(json.trim_start_matches("data:")).unwrap();
        let told = json.get("error").or(json.get("error_message"));
        assert_eq!(told.unwrap(), reason, "{path}");
    }
}

#[tokio::test]
async fn five_hundred_clients_follow_one_job_while_others_are_answered() {
    const CLIENTS: usize = 500;
    let coordinator = Coordinator::start().await;
    let mut config = Config::new(vec![coordinator.url.clone()]);
    config.requests_max = 1;
    config.streams_max = CLIENTS;
    let gateway = Gateway::start(config).await;
    let id = coordinator.keep(coordinator::queued());
    let (news, _) = broadcast::channel(64);
    *coordinator.state.news.lock().unwrap() = Some(news.clone());
    let path = format!("/api/jobs/{id}/events");
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let response = gateway.get(&path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        clients.push(tokio::spawn(response.text()));
    }
    // Streams have a limit of their own: one more is too many, but short requests are served.
    refused(gateway.get(&path), 503).await;
    assert_eq!(gateway.get(&format!("/api/jobs/{id}")).send().await.unwrap().status(), 200);
    assert_eq!(news.receiver_count(), CLIENTS);
    news.send(event(1, coordinator::running())).unwrap();
    news.send(event(2, coordinator::complete())).unwrap();
    for client in clients {
        let told = events(&client.await.unwrap().unwrap());
        let names: Vec<_> = told.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["progress", "complete"]);
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go_and_holds_nobody_up() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::queued());
    let (news, _) = broadcast::channel(4_096);
    *coordinator.state.news.lock().unwrap() = Some(news.clone());
    let mut deaf = TcpStream::connect(gateway.url.trim_start_matches("http://")).await.unwrap();
    let request = format!("GET /api/jobs/{id}/events HTTP/1.1\r\nhost: x\r\n\r\n");
    deaf.write_all(request.as_bytes()).await.unwrap();
    coordinator.state.asked.notified().await;
    while news.receiver_count() < 1 {
        tokio::task::yield_now().await;
    }
    let heavy = v1::Job { waiting_for: Some("x".repeat(100_000)), ..coordinator::running() };
    let until_let_go = async {
        let mut number = 0;
        while news.receiver_count() > 0 {
            number += 1;
            let _ = news.send(event(number, heavy.clone()));
            assert_eq!(gateway.get(&format!("/api/jobs/{id}")).send().await.unwrap().status(), 200);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), until_let_go).await.expect("it is let go");
}

#[tokio::test]
async fn a_shutdown_ends_the_streams() {
    let coordinator = Coordinator::start().await;
    let mut gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::queued());
    let (news, _) = broadcast::channel(4);
    *coordinator.state.news.lock().unwrap() = Some(news.clone());
    let response = gateway.get(&format!("/api/jobs/{id}/events")).send().await.unwrap();
    gateway.shutdown.cancel();
    assert_eq!(response.text().await.unwrap().trim(), "retry: 3000");
    (&mut gateway.running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_preferred_wait_is_passed_on_and_said_to_be_applied() {
    let coordinator = Coordinator::start().await;
    let gateway = Gateway::before(&coordinator).await;
    let id = coordinator.keep(coordinator::running());
    for (prefer, milliseconds, applied) in
        [("wait=5", 5_000, Some("wait=5")), ("wait=99", 30_000, Some("wait=30")), ("respond-async", 0, None)]
    {
        for path in [format!("/api/jobs/{id}"), format!("/simulations/{id}")] {
            let response = gateway.get(&path).header("prefer", prefer).send().await.unwrap();
            let said = response.headers().get("preference-applied").map(|value| value.to_str().unwrap());
            assert_eq!(said, applied, "{prefer}");
            assert_eq!(coordinator.state.got.lock().unwrap().pop().unwrap().wait_ms, milliseconds);
        }
    }
}
