//! Request bodies: collected as one message within its limits, or limited while they stream.

use std::future::poll_fn;
use std::io::Read;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use flate2::read::GzDecoder;
use http_body::{Body as _, Frame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::HeaderValue;

/// The prefix of a gRPC message: a flag, and the length in four bytes.
const PREFIX_BYTES: usize = 5;

/// A message, and its share of the memory for messages in arrival.
pub(super) struct Budgeted {
    pub(super) message: Bytes,
    pub(super) budget: OwnedSemaphorePermit,
}

/// Reads the only message of a body.
///
/// # Errors
///
/// If the message is too long, has an unknown compression or is incomplete, or too many others are
/// in arrival.
pub(super) async fn collect(
    mut body: Body,
    bytes_max: usize,
    encoding: Option<&HeaderValue>,
    arriving: &Arc<Semaphore>,
) -> Result<Budgeted, Status> {
    let too_large = || Status::resource_exhausted(format!("the message has more than {bytes_max} bytes"));
    let (mut received, mut budget) = (BytesMut::new(), None);
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame?.into_data() else { continue };
        received.extend_from_slice(&data);
        if budget.is_none() && received.len() >= PREFIX_BYTES {
            let length = length(&received);
            if length > bytes_max {
                return Err(too_large());
            }
            let permits = u32::try_from(bytes_max.min(length.saturating_mul(2)).max(1)).unwrap_or(u32::MAX);
            let taken = Arc::clone(arriving).try_acquire_many_owned(permits);
            budget = Some(taken.map_err(|_| Status::resource_exhausted("too many messages are arriving"))?);
        }
        if received.len() > PREFIX_BYTES + bytes_max {
            return Err(too_large());
        }
    }
    let Some(budget) = budget.filter(|_| received.len() == PREFIX_BYTES + length(&received)) else {
        return Err(Status::invalid_argument("the body is not one whole message"));
    };
    let is_compressed = received[0] != 0;
    received.advance(PREFIX_BYTES);
    if !is_compressed {
        return Ok(Budgeted { message: received.freeze(), budget });
    }
    if encoding.is_none_or(|encoding| encoding != "gzip") {
        return Err(Status::unimplemented("messages may be compressed with gzip only"));
    }
    let mut message = Vec::new();
    let read = GzDecoder::new(&received[..]).take(bytes_max as u64 + 1).read_to_end(&mut message);
    read.map_err(|_| Status::invalid_argument("the message is not what gzip makes"))?;
    if message.len() > bytes_max {
        Err(too_large())
    } else {
        Ok(Budgeted { message: message.into(), budget })
    }
}

/// The length in the prefix.
fn length(received: &[u8]) -> usize {
    let Some((_, length)) = received.split_first_chunk::<1>() else { return 0 };
    length.first_chunk().map_or(0, |length| u32::from_be_bytes(*length) as usize)
}

/// A body with one message that has arrived.
pub(super) struct Whole {
    framed: Option<Bytes>,
    _budget: OwnedSemaphorePermit,
}

impl Whole {
    pub(super) fn new(message: &Bytes, budget: OwnedSemaphorePermit) -> Self {
        let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
        framed.put_u8(0);
        framed.put_u32(u32::try_from(message.len()).expect("a message is far shorter than 4 GiB"));
        framed.extend_from_slice(message);
        Self { framed: Some(framed.freeze()), _budget: budget }
    }
}

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.framed.take().map(|framed| Ok(Frame::data(framed))))
    }

    fn is_end_stream(&self) -> bool {
        self.framed.is_none()
    }
}

/// A body that fails after a number of bytes or a time.
pub(super) struct Limited {
    body: Body,
    bytes_left: usize,
    deadline: Pin<Box<Sleep>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Limited {
    pub(super) fn new(body: Body, bytes_max: usize, life_max: Duration) -> Self {
        Self { body, bytes_left: bytes_max, deadline: Box::pin(tokio::time::sleep(life_max)), _permit: None }
    }

    /// Keeps the permit until the body is dropped.
    pub(super) fn with_permit(self, permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: Some(permit), ..self }
    }
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(Status::deadline_exceeded("the stream took too long"))));
        }
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            let Some(left) = self.bytes_left.checked_sub(data.len()) else {
                return Poll::Ready(Some(Err(Status::resource_exhausted("the stream is too long"))));
            };
            self.bytes_left = left;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tonic::Code;

    use super::*;

    const BYTES_MAX: usize = 1_000;

    fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[flag][..], &length, message].concat()
    }

    fn zipped(message: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(message).unwrap();
        encoder.finish().unwrap()
    }

    async fn read(body: Vec<u8>, encoding: Option<&'static str>) -> Result<Bytes, Code> {
        let arriving = Arc::new(Semaphore::new(10 * BYTES_MAX));
        let whole = Arc::clone(&arriving).try_acquire_many_owned(1).unwrap();
        let body = Body::new(Whole { framed: Some(body.into()), _budget: whole });
        let encoding = encoding.map(HeaderValue::from_static);
        let read = collect(body, BYTES_MAX, encoding.as_ref(), &arriving).await;
        read.map(|read| read.message).map_err(|status| status.code())
    }

    #[tokio::test]
    async fn a_message_is_read_compressed_or_not_within_the_same_limit() {
        let message = [7; BYTES_MAX];
        assert_eq!(read(framed(0, &message), None).await.unwrap()[..], message);
        assert_eq!(read(framed(1, &zipped(&message)), Some("gzip")).await.unwrap()[..], message);
        assert_eq!(read(framed(0, &[7; BYTES_MAX + 1]), None).await, Err(Code::ResourceExhausted));
        let bomb = framed(1, &zipped(&vec![7; 100 * BYTES_MAX]));
        assert!(bomb.len() < BYTES_MAX);
        assert_eq!(read(bomb, Some("gzip")).await, Err(Code::ResourceExhausted));
    }

    #[tokio::test]
    async fn what_is_not_one_message_is_refused() {
        let two = [framed(0, b"a"), framed(0, b"b")].concat();
        for body in [vec![], vec![0; 4], framed(0, b"abc")[..7].to_vec(), two] {
            assert_eq!(read(body, None).await, Err(Code::InvalidArgument));
        }
        assert_eq!(read(framed(1, b"abc"), Some("gzip")).await, Err(Code::InvalidArgument));
        assert_eq!(read(framed(1, b"abc"), Some("zstd")).await, Err(Code::Unimplemented));
    }
}
