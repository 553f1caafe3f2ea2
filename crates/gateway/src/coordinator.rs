//! gRPC calls to a coordinator: their time limits, which of them may go to another coordinator, and
//! what the caller hears when none answers. [`rpcs`] lists the calls.

mod rpcs;

use std::error::Error as _;
use std::time::Duration;

use carlo_types::{Fault, FaultCode};
use carlo_wire::{AddressError, Coordinators, status};
use tonic::transport::{Channel, Endpoint};
use tonic::{ConnectError, Status};

use crate::Config;
use crate::caller::Caller;
use crate::problem::Failure;

const UNREACHABLE: &str = "no coordinator can be reached at the moment";
/// Flow-control window of one stream, bytes.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// Flow-control window of a connection, bytes: as much as all the streams that a coordinator takes on
/// it, so that a client that doesn't read its stream never stops the others.
const CONNECTION_WINDOW_BYTES: u32 = 1_000 * STREAM_WINDOW_BYTES;

/// The coordinators, as the gateway calls them.
pub(crate) struct Coordinator {
    /// Connections for calls that are answered at once.
    short: Coordinators,
    /// Separate connections for long polls and streams, so that these never delay the short calls.
    long: Coordinators,
    timeout: Duration,
}

impl Coordinator {
    /// Prepares calls to the coordinators of this configuration. The first call connects.
    pub(crate) fn new(config: &Config) -> Result<Self, AddressError> {
        let coordinators = |connect: fn(&Endpoint) -> Channel| {
            Coordinators::trusting(&config.coordinators, config.trust.clone(), connect)
        };
        let (short, long) = (coordinators(Endpoint::connect_lazy)?, coordinators(connect_long)?);
        Ok(Self { short, long, timeout: config.call_timeout })
    }

    /// A call that is answered at once.
    pub(crate) fn call<'a>(&'a self, caller: &'a Caller) -> Call<'a> {
        Call { coordinators: &self.short, timeout: self.timeout, caller }
    }

    /// A call that the coordinator may hold back for `wait`, until something changes. Without a
    /// wait it is an ordinary call.
    pub(crate) fn long_poll<'a>(&'a self, caller: &'a Caller, wait: Duration) -> Call<'a> {
        if wait.is_zero() {
            return self.call(caller);
        }
        Call { coordinators: &self.long, timeout: self.timeout + wait, caller }
    }

    /// A call that is answered by a stream. The time limit ends with the stream's beginning.
    pub(crate) fn stream<'a>(&'a self, caller: &'a Caller) -> Call<'a> {
        Call { coordinators: &self.long, timeout: self.timeout, caller }
    }
}

fn connect_long(endpoint: &Endpoint) -> Channel {
    let endpoint = endpoint.clone().initial_stream_window_size(STREAM_WINDOW_BYTES);
    endpoint.initial_connection_window_size(CONNECTION_WINDOW_BYTES).connect_lazy()
}

/// One call for one caller.
pub(crate) struct Call<'a> {
    coordinators: &'a Coordinators,
    timeout: Duration,
    caller: &'a Caller,
}

impl Call<'_> {
    /// Makes a call that may be made twice. If one coordinator can't answer, the next one is asked.
    async fn idempotent<M, T, F>(
        &self,
        message: M,
        mut call: impl FnMut(Channel, tonic::Request<M>) -> F,
    ) -> Result<T, Failure>
    where
        M: Clone,
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let response = self.coordinators.call(|channel| {
            let response = call(channel, self.caller.request(message.clone()));
            async { response.await.map_err(for_caller) }
        });
        self.in_time(response).await
    }

    /// Makes a call that must not be made twice. Another coordinator is asked only if the first one
    /// never got the call or says that it doesn't lead; otherwise it may have carried the call out.
    async fn once<M, T, F>(
        &self,
        message: M,
        mut call: impl FnMut(Channel, tonic::Request<M>) -> F,
    ) -> Result<T, Failure>
    where
        M: Clone,
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let call = |channel| call(channel, self.caller.request(message.clone()));
        let is_undone = |status: &Status| is_unconnected(status) || status::is_not_leading(status);
        let response = async { self.coordinators.call_where(is_undone, call).await.map_err(for_caller) };
        self.in_time(response).await
    }

    async fn in_time<T>(
        &self,
        response: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(self.timeout, response).await {
            Ok(Ok(response)) => {
                self.caller.record_limits(response.metadata());
                Ok(response.into_inner())
            }
            Ok(Err(status)) => {
                self.caller.record_limits(status.metadata());
                Err(failure(&status))
            }
            Err(_) => Err(failure(&Status::deadline_exceeded(""))),
        }
    }
}

/// Replaces an error of the transport, whose text is for the log, by one that a caller may read.
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
