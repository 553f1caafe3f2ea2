//! The cluster's service.

use carlo_tenancy::Caller;
use carlo_types::{Fault, FaultCode, NodeId};
use carlo_wire::v1::cluster_server::Cluster;
use carlo_wire::{convert, v1};
use tonic::{Request, Response, Status};

use crate::core::Core;
use crate::door::{self, Call};
use crate::lead::Leadership;
use crate::views;

/// The service.
#[derive(Debug)]
pub(crate) struct ClusterService {
    leadership: Leadership,
    /// The URL of this coordinator.
    address: String,
}

impl ClusterService {
    pub(crate) fn new(leadership: Leadership, address: String) -> Self {
        Self { leadership, address }
    }

    async fn set_draining(
        &self,
        request: Request<v1::DrainRequest>,
        draining: bool,
    ) -> Result<Response<v1::Node>, Status> {
        let (mut call, request) = Call::of(&self.leadership, request)?;
        let v1::DrainRequest { node_id } = request;
        let name = node_id.clone();
        let drain = move |core: &mut Core, caller: &Caller| {
            caller.require_admin().map_err(door::fault)?;
            match convert::id::<NodeId>("node_id", &node_id) {
                Ok(node) => core.drain(node, draining).map(Some),
                Err(_) if !draining => core.undrain_name(&node_id),
                // What is no id is the id of no node.
                Err(error) => Err(Fault::new(FaultCode::NotFound, error.to_string())),
            }
        };
        let view = call.admit(drain).await;
        let node = view.map(|view| view.map_or_else(|| views::unlisted(name), views::node));
        if let Ok(node) = &node {
            let told = if draining { "a node was told to drain" } else { "a node was told to work again" };
            tracing::info!(node = node.id, name = node.name, "{told}");
        }
        call.answer(node)
    }
}

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn status(
        &self,
        request: Request<v1::ClusterStatusRequest>,
    ) -> Result<Response<v1::ClusterStatus>, Status> {
        let (mut call, _) = Call::of(&self.leadership, request)?;
        let cluster = call.admit(|core, _| Ok(core.cluster())).await;
        call.answer(cluster.map(|cluster| views::cluster(cluster, &self.address)))
    }

    async fn ready(&self, request: Request<v1::ReadyRequest>) -> Result<Response<v1::ReadyResponse>, Status> {
        let (call, _) = Call::of(&self.leadership, request)?;
        // The core is asked, because one that has ended answers nobody else either.
        let answer = call.core().ask(|_| v1::ReadyResponse {}).await;
        call.answer(answer)
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::Node>, Status> {
        self.set_draining(request, true).await
    }

    async fn undrain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::Node>, Status> {
        self.set_draining(request, false).await
    }
}
