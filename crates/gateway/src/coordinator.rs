//! gRPC calls to a coordinator: their time limits, which of them may go to another coordinator, and
//! the caller's error if none answers. [`rpcs`] lists the calls.

mod rpcs;

use std::error::Error as _;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use carlo_service::CancellationToken;
use carlo_types::{Fault, FaultCode};
use carlo_wire::{AddressError, Coordinators, status};
use tonic::transport::{Channel, Endpoint};
use tonic::{ConnectError, Status};

use crate::Config;
use crate::problem::Failure;
use crate::request_context::RequestContext;

const UNREACHABLE: &str = "no coordinator can be reached at the moment";
/// Flow-control window of one stream, bytes.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// Flow-control window of a connection, bytes: enough for all streams that a coordinator accepts on
/// it, so that a client that doesn't read its stream never stops the others.
const CONNECTION_WINDOW_BYTES: u32 = 1_000 * STREAM_WINDOW_BYTES;

/// The coordinators, as the gateway calls them.
pub(crate) struct Coordinator {
    /// Connections for calls that are answered at once.
    short: Coordinators,
    /// Separate connections for long polls and streams, so that these never delay the short calls.
    long: Coordinators,
    timeout: Duration,
    shutdown: CancellationToken,
}

impl Coordinator {
    /// Prepares calls to the configured coordinators. The first call connects. Long polls end with
    /// `shutdown`.
    pub(crate) fn new(config: &Config, shutdown: CancellationToken) -> Result<Self, AddressError> {
        let coordinators = |configure: fn(Endpoint) -> Endpoint| {
            Coordinators::trusting(&config.coordinators, config.trust.clone(), configure)
        };
        let (short, long) = (coordinators(|endpoint| endpoint)?, coordinators(with_small_windows)?);
        Ok(Self { short, long, timeout: config.call_timeout, shutdown })
    }

    /// A call that is answered at once.
    pub(crate) fn call<'a>(&'a self, context: &'a RequestContext) -> Rpcs<'a> {
        Rpcs { coordinators: &self.short, timeout: self.timeout, context, shutdown: None }
    }

    /// A long poll: the coordinator may delay the answer for `wait`, until something changes.
    /// Without a wait it is an ordinary call.
    pub(crate) fn long_poll<'a>(&'a self, context: &'a RequestContext, wait: Duration) -> Rpcs<'a> {
        if wait.is_zero() {
            return self.call(context);
        }
        let (timeout, shutdown) = (self.timeout + wait, Some(&self.shutdown));
        Rpcs { coordinators: &self.long, timeout, context, shutdown }
    }

    /// Why coordinators can't be reached, for operators.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.short.trouble()
    }

    /// A call that is answered by a stream. The time limit only applies until the stream begins.
    pub(crate) fn stream<'a>(&'a self, context: &'a RequestContext) -> Rpcs<'a> {
        Rpcs { coordinators: &self.long, timeout: self.timeout, context, shutdown: None }
    }
}

fn with_small_windows(endpoint: Endpoint) -> Endpoint {
    let endpoint = endpoint.initial_stream_window_size(STREAM_WINDOW_BYTES);
    endpoint.initial_connection_window_size(CONNECTION_WINDOW_BYTES)
}

/// The RPCs on behalf of one request, with a time limit.
pub(crate) struct Rpcs<'a> {
    coordinators: &'a Coordinators,
    timeout: Duration,
    context: &'a RequestContext,
    /// Ends a long poll.
    shutdown: Option<&'a CancellationToken>,
}

impl Rpcs<'_> {
    /// Makes a call that may be repeated. If a coordinator can't answer, the next one is called.
    async fn idempotent<M, T, F>(
        &self,
        message: M,
        mut call: impl FnMut(Channel, tonic::Request<M>) -> F,
    ) -> Result<T, Failure>
    where
        M: Clone,
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let call = |channel| call(channel, self.context.request(message.clone()));
        let response = async { self.coordinators.call(call).await.map_err(for_caller) };
        self.in_time(response).await
    }

    /// Makes a call that must not be repeated. Another coordinator is called only if the first one
    /// never received the call or doesn't lead; otherwise it may have carried the call out.
    async fn once<M, T, F>(
        &self,
        message: M,
        mut call: impl FnMut(Channel, tonic::Request<M>) -> F,
    ) -> Result<T, Failure>
    where
        M: Clone,
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let call = |channel| call(channel, self.context.request(message.clone()));
        let is_undone = |status: &Status| is_unconnected(status) || status::is_not_leading(status);
        let response = async { self.coordinators.call_where(is_undone, call).await.map_err(for_caller) };
        self.in_time(response).await
    }

    async fn in_time<T>(
        &self,
        response: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, Failure> {
        let shutdown = async {
            match self.shutdown {
                Some(shutdown) => shutdown.cancelled().await,
                None => std::future::pending().await,
            }
        };
        let response = tokio::select! {
            response = Box::pin(tokio::time::timeout(self.timeout, response)) => response,
            () = shutdown => return Err(shutting_down()),
        };
        match response {
            Ok(Ok(response)) => {
                self.context.record_limits(response.metadata());
                Ok(response.into_inner())
            }
            Ok(Err(status)) => {
                self.context.record_limits(status.metadata());
                Err(failure(&status))
            }
            Err(_) => Err(failure(&Status::deadline_exceeded(""))),
        }
    }
}

/// The error for a client that waits while the gateway shuts down: another gateway, or this one
/// after a restart, will answer.
fn shutting_down() -> Failure {
    let detail = "the gateway is shutting down; the same request may be sent again";
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(RETRY_AFTER, "1")
}

/// Replaces a transport error, whose text is for the log, by an error for the caller.
fn for_caller(status: Status) -> Status {
    if status::is_from_transport(&status) {
        tracing::debug!(%status, "failed to call a coordinator");
        return Status::unavailable(UNREACHABLE);
    }
    status
}

/// Whether the call was never sent, because no connection could be made.
fn is_unconnected(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.is::<ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn failure(status: &Status) -> Failure {
    let mut fault: Fault = status::to_fault(status);
    match fault.code {
        FaultCode::Timeout => "the coordinator took too long to answer".clone_into(&mut fault.message),
        FaultCode::Incompatible => {
            tracing::warn!(%status, "a coordinator doesn't understand this gateway");
            "the coordinator has a version that this gateway can't talk to".clone_into(&mut fault.message);
        }
        FaultCode::Internal => fault.message = format!("the coordinator answered {status}"),
        _ => {}
    }
    fault.into()
}
