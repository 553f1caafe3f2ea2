//! Responses at the pace of their clients. A response is sent in parts of a bounded size, and each
//! part waits until the client has accepted the one before it. So it is known which clients don't
//! read, and since when: a server can close their connections.
//!
//! Over all connections together the number of responses that wait, and their bytes, have a
//! threshold. Above it, every client has very little time, so that what clients hold by not reading
//! stays bounded, however many connections they open.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http_body::{Body, Frame, SizeHint};
use hyper::body::Bytes;

/// The largest part. HTTP/2 buffers a part as a whole, whatever the client's window is.
const PART_BYTES_MAX: usize = 16 * 1024;
/// The thresholds over all connections: responses that wait for their clients, and their bytes.
const WAITING_MAX: usize = 4_096;
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a client may take to accept a part once a threshold is reached.
const WAIT_WHEN_CROWDED_MAX: Duration = Duration::from_secs(1);

/// What waits for the clients of one server.
#[derive(Debug, Clone, Default)]
pub struct Pacing(Arc<Totals>);

#[derive(Debug, Default)]
struct Totals {
    responses: AtomicUsize,
    bytes: AtomicUsize,
}

impl Pacing {
    /// For a new connection.
    pub fn connection(&self) -> Arc<Responses> {
        Arc::new(Responses { totals: Arc::clone(&self.0), waiting: Mutex::default() })
    }
}

/// The responses of one connection that wait for the client.
#[derive(Debug)]
pub struct Responses {
    totals: Arc<Totals>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By the number of the response: since when it waits, and how many bytes.
    by_number: BTreeMap<u64, (Instant, usize)>,
    last_number: u64,
}

impl Responses {
    /// Whether the client hasn't accepted a part of a response for `wait_max`, or for a much
    /// shorter time where all clients together leave too much waiting.
    pub fn are_overdue(&self, wait_max: Duration, now: Instant) -> bool {
        let is_crowded = self.totals.responses.load(Ordering::Relaxed) > WAITING_MAX
            || self.totals.bytes.load(Ordering::Relaxed) > WAITING_BYTES_MAX;
        let wait_max = if is_crowded { wait_max.min(WAIT_WHEN_CROWDED_MAX) } else { wait_max };
        let waiting = self.lock();
        waiting.by_number.values().any(|(since, _)| now.saturating_duration_since(*since) >= wait_max)
    }

    /// A response begins. It waits from now on.
    pub fn begin(self: &Arc<Self>, now: Instant) -> Response {
        let number = {
            let mut waiting = self.lock();
            waiting.last_number += 1;
            waiting.last_number
        };
        let response = Response { connection: Arc::clone(self), number };
        response.wait(0, now);
        response
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A panic can't leave the state half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One response. It ends when this is dropped.
#[derive(Debug)]
pub struct Response {
    connection: Arc<Responses>,
    number: u64,
}

impl Response {
    /// The response waits for the client to accept what was given of it. So many bytes are left of
    /// what is held for it.
    pub fn wait(&self, bytes: usize, now: Instant) {
        let totals = &self.connection.totals;
        totals.bytes.fetch_add(bytes, Ordering::Relaxed);
        match self.connection.lock().by_number.insert(self.number, (now, bytes)) {
            Some((_, before)) => totals.bytes.fetch_sub(before, Ordering::Relaxed),
            None => totals.responses.fetch_add(1, Ordering::Relaxed),
        };
    }

    /// The client asks for the next part.
    pub fn proceed(&self) {
        let totals = &self.connection.totals;
        if let Some((_, bytes)) = self.connection.lock().by_number.remove(&self.number) {
            totals.bytes.fetch_sub(bytes, Ordering::Relaxed);
            totals.responses.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        self.proceed();
    }
}

/// A body in parts, each of which waits until the client has accepted the one before it.
#[derive(Debug)]
pub struct PacedBody<B> {
    body: B,
    /// The rest of the last frame of `body`.
    rest: Bytes,
    response: Response,
}

impl<B> PacedBody<B> {
    /// The body of this response.
    pub fn new(body: B, response: Response) -> Self {
        Self { body, rest: Bytes::new(), response }
    }

    fn next_part<E>(&mut self) -> Option<Result<Frame<Bytes>, E>> {
        if self.rest.is_empty() {
            return None;
        }
        let part = self.rest.split_to(self.rest.len().min(PART_BYTES_MAX));
        self.response.wait(part.len() + self.rest.len(), Instant::now());
        Some(Ok(Frame::data(part)))
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for PacedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if let Some(part) = this.next_part() {
            return Poll::Ready(Some(part));
        }
        this.response.proceed();
        match ready!(Pin::new(&mut this.body).poll_frame(context)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if data.is_empty() => Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(data) => {
                    this.rest = data;
                    Poll::Ready(this.next_part())
                }
                Err(frame) => Poll::Ready(Some(Ok(frame))),
            },
            other => Poll::Ready(other),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(rest));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

/// A body that keeps something, such as a permit, until it is dropped.
#[derive(Debug)]
pub struct KeepingBody<B, T> {
    body: B,
    _kept: T,
}

impl<B, T> KeepingBody<B, T> {
    /// The same body, which keeps `kept`.
    pub fn new(body: B, kept: T) -> Self {
        Self { body, _kept: kept }
    }
}

impl<B: Body + Unpin, T: Unpin> Body for KeepingBody<B, T> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    const MAX: Duration = Duration::from_secs(30);

    fn overdue(connection: &Responses, began: Instant, seconds: [u64; 2]) -> [bool; 2] {
        seconds.map(|at| connection.are_overdue(MAX, began + Duration::from_secs(at)))
    }

    #[test]
    fn a_client_has_its_time_for_every_part() {
        let (began, pacing) = (Instant::now(), Pacing::default());
        let (connection, other) = (pacing.connection(), pacing.connection());
        let response = connection.begin(began);
        assert_eq!(overdue(&connection, began, [29, 30]), [false, true], "it doesn't take the head");
        response.wait(100, began + Duration::from_secs(20));
        assert_eq!(overdue(&connection, began, [49, 50]), [false, true]);
        response.proceed();
        assert_eq!(overdue(&connection, began, [51, 10_000]), [false, false], "there is nothing to send");
        response.wait(100, began);
        assert_eq!(overdue(&other, began, [0, 10_000]), [false, false], "the others' are their own");
        drop(response);
        assert_eq!(overdue(&connection, began, [0, 10_000]), [false, false]);
        assert_eq!(pacing.0.responses.load(Ordering::Relaxed), 0);
        assert_eq!(pacing.0.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn when_too_much_waits_of_all_clients_everybody_has_little_time() {
        let (began, pacing) = (Instant::now(), Pacing::default());
        let own = pacing.connection();
        let _response = own.begin(began);
        let other = pacing.connection();
        let many: Vec<_> = (0..WAITING_MAX).map(|_| other.begin(began)).collect();
        assert_eq!(overdue(&own, began, [0, 1]), [false, true]);
        drop(many);
        assert_eq!(overdue(&own, began, [1, 29]), [false, false]);
        let large = other.begin(began);
        large.wait(WAITING_BYTES_MAX + 1, began);
        assert_eq!(overdue(&own, began, [0, 1]), [false, true]);
    }

    #[tokio::test]
    async fn a_body_is_sent_in_parts_and_unchanged() {
        let connection = Pacing::default().connection();
        let bytes: Bytes = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let body = Full::new(bytes.clone());
        let mut paced = PacedBody::new(body, connection.begin(Instant::now()));
        assert_eq!(paced.size_hint().exact(), Some(400_000));
        let mut received = Vec::new();
        while let Some(frame) = paced.frame().await {
            let part = frame.unwrap().into_data().unwrap();
            assert!(part.len() <= PART_BYTES_MAX);
            received.extend(part);
        }
        assert!(received == bytes && paced.is_end_stream());
    }
}
