//! The cluster's service.

use carlo_wire::v1::cluster_server::Cluster;
use carlo_wire::{status, v1};
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
}
