//! Response bodies, in parts of a bounded size. Each part waits until the client has accepted the
//! previous one, and [`activity`](super::activity) knows since when.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};

use super::activity::Activity;

/// The largest part. HTTP/2 buffers a part as a whole, whatever the client's window is.
const PART_BYTES_MAX: usize = 16 * 1024;

/// One response of a connection. It is open until this is dropped.
pub(super) struct OpenResponse {
    activity: Arc<Activity>,
    number: u64,
}

impl OpenResponse {
    pub(super) fn begin(activity: Arc<Activity>) -> Self {
        let number = activity.begin(Instant::now());
        Self { activity, number }
    }
}

impl Drop for OpenResponse {
    fn drop(&mut self) {
        self.activity.end(self.number, Instant::now());
    }
}

pub(super) struct PacedBody {
    body: Body,
    /// The rest of the last part of `body`.
    rest: Bytes,
    response: OpenResponse,
}

impl PacedBody {
    pub(super) fn new(body: Body, response: OpenResponse) -> Self {
        response.activity.wait_for_client(response.number, Instant::now());
        Self { body, rest: Bytes::new(), response }
    }

    fn next_part(&mut self) -> Option<Result<Frame<Bytes>, axum::Error>> {
        if self.rest.is_empty() {
            return None;
        }
        let part = self.rest.split_to(self.rest.len().min(PART_BYTES_MAX));
        self.response.activity.wait_for_client(self.response.number, Instant::now());
        Some(Ok(Frame::data(part)))
    }
}

impl http_body::Body for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if let Some(part) = this.next_part() {
            return Poll::Ready(Some(part));
        }
        this.response.activity.client_asks(this.response.number);
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
