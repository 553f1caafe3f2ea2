//! Calls to a coordinator: how long they may take, which of them go to another coordinator, and what is said when none answers.

use std::error::Error as _;
use std::time::Duration;

use carlo_types::limits::MESSAGE_BYTES_MAX;
use carlo_types::{Fault, FaultCode};
use carlo_wire::v1::accounts_client::AccountsClient;
use carlo_wire::v1::batches_client::BatchesClient;
use carlo_wire::v1::cluster_client::ClusterClient;
use carlo_wire::v1::jobs_client::JobsClient;
use carlo_wire::{AddressError, Coordinators, status, v1};
use tonic::transport::{Channel, Endpoint};
use tonic::{ConnectError, Status};

use crate::Config;
use crate::caller::Caller;
use crate::problem::Failure;

const UNREACHABLE: &str = "no coordinator can be reached at the moment";
/// What one stream may have in flight unread.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// What a connection may have: as much as all streams that a coordinator takes on it together, so that a reader that doesn't read holds
/// nobody up.
const CONNECTION_WINDOW_BYTES: u32 = 1_000 * STREAM_WINDOW_BYTES;

/// The jobs of the coordinator behind this channel.
pub(crate) fn jobs(channel: Channel) -> JobsClient<Channel> {
    JobsClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

/// Its batches.
pub(crate) fn batches(channel: Channel) -> BatchesClient<Channel> {
    BatchesClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

/// Its keys, and what was used with them.
pub(crate) fn accounts(channel: Channel) -> AccountsClient<Channel> {
    AccountsClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

/// The cluster that it leads.
pub(crate) fn cluster(channel: Channel) -> ClusterClient<Channel> {
    ClusterClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

/// Makes the calls.
pub(crate) struct Calls {
    /// For calls that are answered at once.
    short: Coordinators,
    /// On connections of their own, for calls that are held or streamed: they never stand in the way of the others.
    held: Coordinators,
    timeout: Duration,
}

impl Calls {
    /// Calls to the coordinators of this configuration. Nothing is connected yet.
    pub(crate) fn new(config: &Config) -> Result<Self, AddressError> {
        let coordinators = |connect: fn(&Endpoint) -> Channel| {
            Coordinators::trusting(&config.coordinators, config.trust.clone(), connect)
        };
        let (short, held) = (coordinators(Endpoint::connect_lazy)?, coordinators(connect_held)?);
        Ok(Self { short, held, timeout: config.call_timeout })
    }

    /// A call that is answered at once.
    pub(crate) fn of<'a>(&'a self, caller: &'a Caller) -> Call<'a> {
        Call { coordinators: &self.short, timeout: self.timeout, caller }
    }

    /// A call that the coordinator may hold for so long, or that is answered by a stream.
    pub(crate) fn held<'a>(&'a self, caller: &'a Caller, longest: Duration) -> Call<'a> {
        Call { coordinators: &self.held, timeout: self.timeout + longest, caller }
    }

    /// Which of these answers their callers may be shown, in their order.
    pub(crate) async fn confirm(
        &self,
        jobs_kept: Vec<v1::KeptJob>,
    ) -> Result<Vec<v1::Confirmation>, Failure> {
        let message = v1::ConfirmRequest { jobs: jobs_kept };
        // The callers are in the message.
        let nobody = Caller::default();
        let call = self.of(&nobody);
        let call = call.repeatable(message, async |channel, request| jobs(channel).confirm(request).await);
        Ok(call.await?.confirmations)
    }

    /// Has a call counted that nothing else counts.
    pub(crate) async fn count(&self, caller: &Caller) -> Result<(), Failure> {
        let message = v1::CountCallRequest {};
        let call = self.of(caller);
        call.once(message, async |channel, request| accounts(channel).count_call(request).await).await?;
        Ok(())
    }
}

fn connect_held(endpoint: &Endpoint) -> Channel {
    let endpoint = endpoint.clone().initial_stream_window_size(STREAM_WINDOW_BYTES);
    endpoint.initial_connection_window_size(CONNECTION_WINDOW_BYTES).connect_lazy()
}

/// One call on its way.
pub(crate) struct Call<'a> {
    coordinators: &'a Coordinators,
    timeout: Duration,
    caller: &'a Caller,
}

impl Call<'_> {
    /// Makes a call that changes nothing: where one coordinator can't answer, another one is asked.
    pub(crate) async fn repeatable<M, T, F>(
        &self,
        message: M,
        mut call: impl FnMut(Channel, tonic::Request<M>) -> F,
    ) -> Result<T, Failure>
    where
        M: Clone,
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let answer = self.coordinators.call(|channel| {
            let answer = call(channel, self.caller.ask(message.clone()));
            async { answer.await.map_err(in_words) }
        });
        self.in_time(answer).await
    }

    /// Makes a call that may change something: another coordinator is asked only where no connection could be made, or the first one
    /// doesn't lead, because otherwise it may have been done already.
    pub(crate) async fn once<M, T, F>(
        &self,
        message: M,
        mut call: impl FnMut(Channel, tonic::Request<M>) -> F,
    ) -> Result<T, Failure>
    where
        M: Clone,
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let call = |channel| call(channel, self.caller.ask(message.clone()));
        let is_undone = |status: &Status| is_unconnected(status) || status::is_not_leading(status);
        let answer = async { self.coordinators.call_where(is_undone, call).await.map_err(in_words) };
        self.in_time(answer).await
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(answer)) => {
                self.caller.hear(answer.metadata());
                Ok(answer.into_inner())
            }
            Ok(Err(status)) => {
                self.caller.hear(status.metadata());
                Err(failure(&status))
            }
            Err(_) => Err(failure(&Status::deadline_exceeded(""))),
        }
    }
}

/// What the transport has to say is for the log; what a coordinator says is for the caller.
fn in_words(status: Status) -> Status {
    if status::is_from_transport(&status) {
        tracing::debug!(%status, "failed to call a coordinator");
        return Status::unavailable(UNREACHABLE);
    }
    status
}

/// Whether the call never left, because there was no connection to send it on.
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
            "the coordinator is of a version that this gateway can't talk to".clone_into(&mut fault.message);
        }
        FaultCode::Internal => fault.message = format!("the coordinator answered {status}"),
        _ => {}
    }
    fault.into()
}
