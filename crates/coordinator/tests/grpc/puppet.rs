//! A worker controlled by the test: it computes a lease, or reports a failure.

use std::collections::{BTreeMap, VecDeque};

use carlo_kernel::{Accumulator, Job, Level, Partial};
use carlo_types::{Draft, Fault, JobSpec, Merge, NodeFacts};
use carlo_wire::convert::{self, NodeSecret};
use carlo_wire::v1::coordinator_message::Message as FromCoordinator;
use carlo_wire::v1::worker_message::Message as FromWorker;
use carlo_wire::v1::workers_client::WorkersClient;
use carlo_wire::{PROTOCOL_VERSION, status, v1};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;

use crate::world::{PATIENCE, TOKEN, World};

/// One session of the worker.
pub(crate) struct Puppet {
    outbox: mpsc::Sender<v1::WorkerMessage>,
    inbox: tonic::Streaming<v1::CoordinatorMessage>,
    specs: BTreeMap<String, JobSpec>,
    leases: VecDeque<v1::Lease>,
    /// The id and the trace of the request of each job.
    pub(crate) origins: BTreeMap<String, (String, String)>,
}

impl Puppet {
    /// The first message of the session.
    pub(crate) fn hello() -> v1::WorkerMessage {
        Self::hello_as("puppet")
    }

    fn hello_as(name: &str) -> v1::WorkerMessage {
        let hello = {
            let facts = NodeFacts {
                hostname: "host".to_owned(),
                name: name.to_owned(),
                threads: 1,
                instruction_set: "portable".to_owned(),
                version: "0.0.0".to_owned(),
                model_version: carlo_kernel::MODEL_VERSION,
                protocol_version: PROTOCOL_VERSION,
            };
            convert::hello(&NodeSecret::from_random(rand::random(), rand::random()), &facts)
        };
        v1::WorkerMessage { message: Some(FromWorker::Hello(hello)) }
    }

    /// Joins with a token.
    pub(crate) async fn join(world: &World, token: Option<&str>) -> Result<Self, Fault> {
        Self::join_with(world, token, Self::hello()).await
    }

    /// Joins with a name.
    pub(crate) async fn join_as(world: &World, name: &str) -> Self {
        Self::join_with(world, Some(TOKEN), Self::hello_as(name)).await.unwrap()
    }

    async fn join_with(world: &World, token: Option<&str>, hello: v1::WorkerMessage) -> Result<Self, Fault> {
        let (outbox, messages) = mpsc::channel(32);
        outbox.send(hello).await.unwrap();
        let mut request = Request::new(ReceiverStream::new(messages));
        if let Some(token) = token {
            request.metadata_mut().insert("x-join-token", token.parse().unwrap());
        }
        let mut client = WorkersClient::new(world.channel.clone());
        let inbox = client.work(request).await.map_err(|status| status::to_fault(&status))?.into_inner();
        Ok(Self { outbox, inbox, specs: BTreeMap::new(), leases: VecDeque::new(), origins: BTreeMap::new() })
    }

    /// The next lease.
    async fn lease(&mut self) -> v1::Lease {
        while self.leases.is_empty() {
            let message = timeout(PATIENCE, self.inbox.message()).await.expect("a lease arrives").unwrap();
            match message.and_then(|message| message.message).expect("the session goes on") {
                FromCoordinator::Grant(grant) => {
                    let lease = grant.lease.unwrap();
                    if let Some(specification) = grant.specification {
                        let spec = Draft::from(specification).check(0).unwrap();
                        self.specs.insert(lease.job_id.clone(), spec);
                        self.origins.insert(lease.job_id.clone(), (grant.request_id, grant.traceparent));
                    }
                    self.leases.push_back(lease);
                }
                FromCoordinator::Revoke(revoke) => self.leases.retain(|lease| lease.id != revoke.lease_id),
                _ => {}
            }
        }
        self.leases.pop_front().unwrap()
    }

    /// Waits for the next lease without computing it. Returns its job.
    pub(crate) async fn granted(&mut self) -> String {
        let lease = self.lease().await;
        let job = lease.job_id.clone();
        self.leases.push_front(lease);
        job
    }

    /// Computes the next lease. Returns its job.
    pub(crate) async fn compute(&mut self) -> String {
        self.compute_with(|_| {}).await
    }

    /// Computes the next lease, with the change of a bit that is not noticed in the report alone.
    pub(crate) async fn compute_wrongly(&mut self) -> String {
        self.compute_with(|bytes| {
            let right = Partial::decode(bytes).unwrap();
            for place in (0..bytes.len()).rev() {
                bytes[place] ^= 1;
                let is_another = |other: Partial| {
                    other != right && other.fits(&right) && right.simulations() == other.simulations()
                };
                if Partial::decode(bytes).is_ok_and(is_another) {
                    return;
                }
                bytes[place] ^= 1;
            }
            panic!("no bit can change unnoticed");
        })
        .await
    }

    async fn compute_with(&mut self, change: impl FnOnce(&mut Vec<u8>)) -> String {
        let lease = self.lease().await;
        let job = Job::new(&self.specs[&lease.job_id], Level::Portable);
        let mut accumulator = Accumulator::new(&job);
        for block in lease.start_block..lease.end_block {
            accumulator.block(&job, block);
        }
        let mut partial = accumulator.finish().encode();
        change(&mut partial);
        let id = lease.job_id.clone();
        let report = v1::Report { lease: Some(lease), partial, computed_in_us: 1_000, ..Default::default() };
        self.say(FromWorker::Report(report)).await;
        id
    }

    /// Reports a failure for the next lease. Returns its job.
    pub(crate) async fn fail(&mut self) -> String {
        let lease = self.lease().await;
        let id = lease.job_id.clone();
        let fault = v1::LeaseFault { lease: Some(lease), message: "out of memory".to_owned() };
        self.say(FromWorker::Fault(fault)).await;
        id
    }

    async fn say(&self, message: FromWorker) {
        self.outbox.send(v1::WorkerMessage { message: Some(message) }).await.unwrap();
    }
}
