//! Deadlines of streams. tonic ends a unary call at its caller's deadline by dropping it, but a
//! stream whose headers were sent would continue. This layer ends every response with a status at
//! its caller's deadline, for all services. It also has responses sent at the pace of their peer,
//! so that a connection is closed whose peer doesn't read.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use carlo_service::pacing::PacedBody;
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep};
use tonic::Status;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tower::{Layer, Service};

use crate::incoming::{OpenCall, Peer};

/// A layer that ends every response at its caller's deadline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines;

impl<S> Layer<S> for Deadlines {
    type Service = InTime<S>;

    fn layer(&self, service: S) -> InTime<S> {
        InTime(service)
    }
}

/// A service whose responses end in time.
#[derive(Debug, Clone)]
pub(crate) struct InTime<S>(S);

impl<S, Q> Service<Request<Q>> for InTime<S>
where
    S: Service<Request<Q>, Response = Response<tonic::body::Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<tonic::body::Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let deadline = timeout(request.headers()).and_then(|timeout| Instant::now().checked_add(timeout));
        let peer = request.extensions().get::<Peer>().cloned();
        let call = peer.as_ref().map(Peer::call);
        let answer = self.0.call(request);
        Box::pin(async move {
            let deadline = deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline)));
            let bounded = |body| Bounded { body: Some(body), deadline, _call: call };
            Ok(answer.await?.map(|body| match peer {
                Some(peer) => tonic::body::Body::new(PacedBody::new(bounded(body), peer.response())),
                None => tonic::body::Body::new(bounded(body)),
            }))
        })
    }
}

/// A body that ends at the deadline. Its source is dropped, and so ends, too.
struct Bounded {
    body: Option<tonic::body::Body>,
    deadline: Option<Pin<Box<Sleep>>>,
    /// Marks its connection as in use.
    _call: Option<OpenCall>,
}

impl Body for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // Checked first, or a slow reader would forever receive what was due earlier.
        let is_over =
            self.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(context).is_ready());
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        if !is_over {
            return Pin::new(body).poll_frame(context);
        }
        self.body = None;
        let mut trailers = HeaderMap::new();
        let over = Status::deadline_exceeded("the call's deadline is over");
        Poll::Ready(Some(over.add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }
}

/// The caller's timeout, as the gRPC protocol encodes it: at most eight digits and a unit.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_read_in_every_unit() {
        for (value, wanted) in [
            ("2H", Some(7_200_000)),
            ("1M", Some(60_000)),
            ("3S", Some(3_000)),
            ("250m", Some(250)),
            ("5000u", Some(5)),
            ("7000000n", Some(7)),
            ("123456789S", None),
            ("5", None),
            ("S", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", value.parse().unwrap());
            assert_eq!(timeout(&headers), wanted.map(Duration::from_millis), "{value}");
        }
    }
}
