//! The cluster's service.

use carlo_types::{Fault, FaultCode, NodeId};
use carlo_wire::v1::cluster_server::Cluster;
use carlo_wire::{convert, status, v1};
use tonic::{Request, Response, Status};

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
        request: &v1::DrainRequest,
        draining: bool,
    ) -> Result<Response<v1::Node>, Status> {
        let core = self.leadership.term()?.core;
        let view = match convert::id::<NodeId>("node_id", &request.node_id) {
            Ok(node) => core.drain(node, draining).await.map(Some),
            Err(_) if !draining => core.undrain_name(request.node_id.clone()).await,
            // What is no id is the id of no node.
            Err(error) => Err(Fault::new(FaultCode::NotFound, error.to_string())),
        };
        let node = match view.map_err(|fault| status::from_fault(&fault))? {
            Some(view) => views::node(view),
            None => views::unlisted(request.node_id.clone()),
        };
        tracing::info!(node = node.id, name = node.name, draining, "a node was told");
        Ok(Response::new(node))
    }
}

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn status(
        &self,
        _request: Request<v1::ClusterStatusRequest>,
    ) -> Result<Response<v1::ClusterStatus>, Status> {
        let core = self.leadership.term()?.core;
        let cluster = core.cluster().await.map_err(|fault| status::from_fault(&fault))?;
        Ok(Response::new(views::cluster(cluster, &self.address)))
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::Node>, Status> {
        self.set_draining(&request.into_inner(), true).await
    }

    async fn undrain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::Node>, Status> {
        self.set_draining(&request.into_inner(), false).await
    }
}
