//! Calls to a coordinator: how long they may take, which of them go to another coordinator, and what is said when none answers.

use std::error::Error as _;
use std::time::Duration;

use carlo_types::limits::MESSAGE_BYTES_MAX;
use carlo_types::{Fault, FaultCode};
use carlo_wire::v1::cluster_client::ClusterClient;
use carlo_wire::v1::jobs_client::JobsClient;
use carlo_wire::{AddressError, Coordinators, status};
use tonic::transport::Channel;
use tonic::{ConnectError, Status};

use crate::Config;
use crate::problem::Failure;

const UNREACHABLE: &str = "no coordinator can be reached at the moment";

/// The jobs of the coordinator behind this channel.
pub(crate) fn jobs(channel: Channel) -> JobsClient<Channel> {
    JobsClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

/// The cluster of the coordinator behind this channel.
pub(crate) fn cluster(channel: Channel) -> ClusterClient<Channel> {
    ClusterClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

/// Makes the calls.
pub(crate) struct Calls {
    coordinators: Coordinators,
    timeout: Duration,
}

impl Calls {
    /// Calls to the coordinators of this configuration. Nothing is connected yet.
    pub(crate) fn new(config: &Config) -> Result<Self, AddressError> {
        Ok(Self { coordinators: Coordinators::new(&config.coordinators)?, timeout: config.call_timeout })
    }

    /// Makes a call that changes nothing: where one coordinator can't answer, another one is asked.
    pub(crate) async fn repeatable<T, F>(&self, mut call: impl FnMut(Channel) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        self.in_time(self.coordinators.call(|channel| {
            let answer = call(channel);
            async { answer.await.map_err(in_words) }
        }))
        .await
    }

    /// Makes a call that may change something: another coordinator is asked only where no connection could be made, or the first one
    /// doesn't lead, because otherwise it may have been done already.
    pub(crate) async fn once<T, F>(&self, call: impl FnMut(Channel) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let is_undone = |status: &Status| is_unconnected(status) || status::is_not_leading(status);
        self.in_time(async { self.coordinators.call_where(is_undone, call).await.map_err(in_words) }).await
    }

    async fn in_time<T>(
        &self,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(failure(&status)),
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
