//! A worker whose messages the test chooses, connected directly to the coordinator's port.

use anyhow::Context as _;
use carlo_kernel::{Accumulator, Job, Level, Partial};
use carlo_tests::{Cluster, PATIENCE};
use carlo_types::{Draft, NodeFacts};
use carlo_wire::convert::{self, NodeSecret};
use carlo_wire::v1::coordinator_message::Message as FromCoordinator;
use carlo_wire::v1::worker_message::Message as FromWorker;
use carlo_wire::v1::workers_client::WorkersClient;
use carlo_wire::{Coordinators, PROTOCOL_VERSION, v1};
use tokio::sync::mpsc;
use tokio::time::{Duration, interval};
use tokio_stream::wrappers::ReceiverStream;

/// A greeting that every coordinator accepts.
pub(crate) fn hello(name: &str) -> v1::Hello {
    {
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
    }
}

/// One session of a puppet. It sends only heartbeats by itself.
pub(crate) struct Puppet {
    outbox: mpsc::Sender<v1::WorkerMessage>,
    inbox: tonic::Streaming<v1::CoordinatorMessage>,
    /// The leader's term.
    pub(crate) epoch: u64,
}

impl Puppet {
    /// Joins.
    pub(crate) async fn join(cluster: &Cluster, hello: v1::Hello) -> anyhow::Result<Self> {
        let coordinators = Coordinators::new(&[format!("http://{}", cluster.coordinator_address)])?;
        let (outbox, messages) = mpsc::channel(32);
        outbox.send(v1::WorkerMessage { message: Some(FromWorker::Hello(hello)) }).await?;
        let mut client = WorkersClient::new(coordinators.channel());
        let mut inbox = client.work(ReceiverStream::new(messages)).await?.into_inner();
        let welcome = inbox.message().await?.and_then(|message| message.message);
        let Some(FromCoordinator::Welcome(welcome)) = welcome else {
            anyhow::bail!("no welcome but {welcome:?}")
        };
        let beating = outbox.clone();
        tokio::spawn(async move {
            let mut beats = interval(Duration::from_millis(500));
            let beat =
                || v1::WorkerMessage { message: Some(FromWorker::Heartbeat(v1::Heartbeat::default())) };
            while beating.send(beat()).await.is_ok() {
                beats.tick().await;
            }
        });
        Ok(Self { outbox, inbox, epoch: welcome.epoch })
    }

    pub(crate) async fn say(&self, message: FromWorker) -> anyhow::Result<()> {
        Ok(self.outbox.send(v1::WorkerMessage { message: Some(message) }).await?)
    }

    /// Waits for the next message for which `wanted` returns a value.
    pub(crate) async fn hear<T>(
        &mut self,
        wanted: impl Fn(FromCoordinator) -> Option<T>,
    ) -> anyhow::Result<T> {
        let found = async {
            loop {
                let message = self.inbox.message().await?.context("the coordinator ended the session")?;
                if let Some(found) = message.message.and_then(&wanted) {
                    return anyhow::Ok(found);
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.context("the coordinator didn't say it")?
    }

    /// The next grant.
    pub(crate) async fn granted(&mut self) -> anyhow::Result<v1::Grant> {
        self.hear(|message| match message {
            FromCoordinator::Grant(grant) => Some(grant),
            _ => None,
        })
        .await
    }

    /// Waits for the acknowledgement of a lease. Returns whether the report was accepted.
    pub(crate) async fn acknowledged(&mut self, lease: &v1::Lease) -> anyhow::Result<bool> {
        let (epoch, id) = (lease.epoch, lease.id);
        self.hear(move |message| match message {
            FromCoordinator::Acknowledge(answer) if (answer.epoch, answer.lease_id) == (epoch, id) => {
                Some(answer.accepted)
            }
            _ => None,
        })
        .await
    }
}

/// The lease of a grant.
pub(crate) fn lease_of(grant: &v1::Grant) -> anyhow::Result<v1::Lease> {
    grant.lease.clone().context("a grant has a lease")
}

/// The correct report for a grant that came with its job's specification.
pub(crate) fn computed(grant: &v1::Grant) -> anyhow::Result<v1::Report> {
    let specification = grant.specification.clone().context("the first grant of a job has it")?;
    let spec = Draft::from(specification).check(0).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let job = Job::new(&spec, Level::detect()?);
    let lease = lease_of(grant)?;
    let mut accumulator = Accumulator::new(&job);
    for block in lease.start_block..lease.end_block {
        accumulator.block(&job, block);
    }
    let partial: Partial = accumulator.finish();
    Ok(v1::Report {
        lease: Some(lease),
        partial: partial.encode(),
        computed_in_us: 1_000,
        ..Default::default()
    })
}
