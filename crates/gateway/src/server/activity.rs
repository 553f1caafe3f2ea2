//! The current stage of a connection, and whether it takes too long. A connection waits for its
//! first request, receives a request's head, is idle between two requests, or sends responses to
//! the client. There is no deadline only while the gateway itself works or waits for something to
//! send.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use carlo_service::pacing::Responses;

use super::Deadlines;

/// The first bytes of an HTTP/2 client.
const HTTP2_PREFACE: &[u8] = b"PRI ";
/// How long a connection may be idle while others wait to be accepted.
const IDLE_WHEN_CROWDED_MAX: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    /// The responses that wait for the client.
    responses: Arc<Responses>,
}

#[derive(Debug)]
struct State {
    /// The first bytes that arrived, enough to distinguish HTTP/1.1 from HTTP/2.
    beginning: Vec<u8>,
    has_asked: bool,
    /// Requests whose response has not ended.
    open: usize,
    /// When the connection was made, or when the last response ended.
    idle_since: Instant,
    /// When the first byte of an HTTP/1.1 request arrived whose head is not complete.
    head_since: Option<Instant>,
}

impl Activity {
    pub(super) fn new(responses: Arc<Responses>, now: Instant) -> Self {
        let state =
            State { beginning: Vec::new(), has_asked: false, open: 0, idle_since: now, head_since: None };
        Self { state: Mutex::new(state), responses }
    }

    /// Records that bytes arrived.
    pub(super) fn received(&self, bytes: &[u8], now: Instant) {
        let mut state = self.lock();
        let missing = HTTP2_PREFACE.len() - state.beginning.len();
        state.beginning.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        // In HTTP/2, frames other than requests may arrive at any time.
        let is_http2 = HTTP2_PREFACE.starts_with(&state.beginning);
        if state.open == 0 && !is_http2 && state.head_since.is_none() {
            state.head_since = Some(now);
        }
    }

    /// Records that a request begins.
    pub(super) fn begin(&self, now: Instant) {
        let mut state = self.lock();
        state.has_asked = true;
        state.open += 1;
        state.head_since = None;
        state.idle_since = now;
    }

    /// Records that the response has ended or was dropped.
    pub(super) fn end(&self, now: Instant) {
        let mut state = self.lock();
        state.open = state.open.saturating_sub(1);
        state.idle_since = now;
    }

    /// The reason to close the connection, if there is one.
    pub(super) fn overdue(
        &self,
        deadlines: &Deadlines,
        is_crowded: bool,
        now: Instant,
    ) -> Option<&'static str> {
        if self.responses.are_overdue(deadlines.write, now) {
            return Some("the client doesn't take the response");
        }
        let state = self.lock();
        let passed = |since: Instant, max: Duration| now.saturating_duration_since(since) >= max;
        if state.open > 0 {
            return None;
        }
        if !state.has_asked && passed(state.idle_since, deadlines.head) {
            return Some("the client asked for nothing");
        }
        if state.head_since.is_some_and(|since| passed(since, deadlines.head)) {
            return Some("the client doesn't complete its request");
        }
        let idle_max = if is_crowded { deadlines.idle.min(IDLE_WHEN_CROWDED_MAX) } else { deadlines.idle };
        (state.has_asked && passed(state.idle_since, idle_max)).then_some("it was idle")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic can't leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use carlo_service::pacing::Pacing;

    use super::*;

    const DEADLINES: Deadlines = Deadlines {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(90),
        write: Duration::from_secs(30),
    };

    /// Whether a connection is closed at each of these seconds.
    fn closed(activity: &Activity, began: Instant, seconds: [u64; 2]) -> [bool; 2] {
        seconds.map(|at| activity.overdue(&DEADLINES, false, began + Duration::from_secs(at)).is_some())
    }

    #[test]
    fn every_stage_has_its_deadline() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let responses = Pacing::default().connection();
        let activity = Activity::new(Arc::clone(&responses), began);
        assert_eq!(closed(&activity, began, [9, 10]), [false, true], "nothing was asked for");
        activity.received(b"GE", at(9));
        activity.received(b"T / HTTP/1.1\r\n\r\n", at(9));
        activity.begin(at(9));
        assert_eq!(closed(&activity, began, [10, 10_000]), [false, false], "the gateway works");
        let response = responses.begin(at(100));
        assert_eq!(closed(&activity, began, [129, 130]), [false, true], "the client doesn't read");
        response.proceed();
        assert_eq!(closed(&activity, began, [131, 10_000]), [false, false], "there is nothing to send yet");
        activity.end(at(200));
        assert_eq!(closed(&activity, began, [289, 290]), [false, true], "it is idle");
        assert!(activity.overdue(&DEADLINES, true, at(201)).is_some(), "idle, and others wait");
        activity.received(b"G", at(250));
        assert_eq!(closed(&activity, began, [259, 260]), [false, true], "the next head is not complete");
    }

    #[test]
    fn frames_of_http2_are_no_beginning_of_a_request() {
        let began = Instant::now();
        let activity = Activity::new(Pacing::default().connection(), began);
        activity.received(b"PR", began);
        activity.received(b"I * HTTP/2.0\r\n\r\nSM\r\n\r\n", began);
        activity.begin(began);
        activity.end(began);
        activity.received(b"pong", began);
        assert_eq!(closed(&activity, began, [89, 90]), [false, true]);
    }
}
