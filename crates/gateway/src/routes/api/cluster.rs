//! `/api/cluster`: the status, history and events of the cluster, draining its nodes, and the end
//! of quarantines.

use axum::Json;
use carlo_rest::Cluster;
use carlo_rest::cluster::{ClusterEvents, ClusterHistory, Node};
use carlo_wire::v1;

use crate::api_call::ApiCall;
use crate::problem::Failure;
use crate::{convert, path_ids};

#[utoipa::path(
    get,
    path = "/api/cluster/status",
    operation_id = "getCluster",
    tag = "cluster",
    summary = "The cluster and its nodes",
    description = "The nodes with their speed and load, and the numbers of queued and running jobs.",
    responses(
        (status = 200, description = "The cluster", body = Cluster),
    ),
)]
pub(crate) async fn status(call: ApiCall) -> Result<Json<Cluster>, Failure> {
    let status = call.rpcs().cluster_status(v1::ClusterStatusRequest {}).await?;
    Ok(Json(convert::cluster::cluster(status)?))
}

#[utoipa::path(
    get,
    path = "/api/cluster/history",
    operation_id = "getClusterHistory",
    tag = "cluster",
    summary = "Samples of the last hour and day",
    description = "Since the current coordinator has led.",
    responses(
        (status = 200, description = "The samples", body = ClusterHistory),
    ),
)]
pub(crate) async fn history(call: ApiCall) -> Result<Json<ClusterHistory>, Failure> {
    let history = call.rpcs().cluster_history(v1::ClusterHistoryRequest {}).await?;
    Ok(Json(convert::cluster::history(history)?))
}

#[utoipa::path(
    get,
    path = "/api/cluster/events",
    operation_id = "getClusterEvents",
    tag = "cluster",
    summary = "The events of the cluster: nodes that joined, were lost or quarantined, changes of the leader, keys",
    description = "At most 500 events since the current coordinator has led. Those of keys, tokens and tiers are for administrators.",
    responses(
        (status = 200, description = "The events, latest first", body = ClusterEvents),
    ),
)]
pub(crate) async fn events(call: ApiCall) -> Result<Json<ClusterEvents>, Failure> {
    let events = call.rpcs().cluster_events(v1::ClusterEventsRequest {}).await?;
    Ok(Json(convert::cluster::events(events)?))
}

#[utoipa::path(
    post,
    path = "/api/cluster/nodes/{id}/drain",
    operation_id = "drainNode",
    tag = "cluster",
    summary = "Drains a node",
    description = "For administrators. The node finishes its leases and gets no more. This applies to all workers with its name, also after restarts.",
    params(
        ("id" = String, Path, description = "A node's id, `node_…`"),
    ),
    responses(
        (status = 200, description = "The node", body = Node),
    ),
)]
pub(crate) async fn drain(call: ApiCall, path_ids::Node(id): path_ids::Node) -> Result<Json<Node>, Failure> {
    let node = call.rpcs().drain_node(v1::DrainRequest { node_id: id }).await?;
    Ok(Json(convert::cluster::node(node)?))
}

#[utoipa::path(
    post,
    path = "/api/cluster/nodes/{id}/undrain",
    operation_id = "undrainNode",
    tag = "cluster",
    summary = "Ends the drain of a node",
    description = "For administrators. The nodes with its name get leases again.",
    params(
        ("id" = String, Path, description = "A node's id, `node_…`, or the name of drained nodes"),
    ),
    responses(
        (status = 200, description = "The node", body = Node),
    ),
)]
pub(crate) async fn undrain(
    call: ApiCall,
    path_ids::Node(id): path_ids::Node,
) -> Result<Json<Node>, Failure> {
    let node = call.rpcs().undrain_node(v1::DrainRequest { node_id: id }).await?;
    Ok(Json(convert::cluster::node(node)?))
}

#[utoipa::path(
    post,
    path = "/api/cluster/nodes/{id}/lift-quarantine",
    operation_id = "liftQuarantine",
    tag = "cluster",
    summary = "Ends the quarantine of a node",
    description = "For administrators, once the machine is repaired. The nodes with its name get leases again.",
    params(
        ("id" = String, Path, description = "A node's id, `node_…`, or the name of quarantined nodes"),
    ),
    responses(
        (status = 200, description = "The node", body = Node),
    ),
)]
pub(crate) async fn lift_quarantine(
    call: ApiCall,
    path_ids::Node(id): path_ids::Node,
) -> Result<Json<Node>, Failure> {
    let node = call.rpcs().lift_quarantine(v1::LiftQuarantineRequest { node_id: id }).await?;
    Ok(Json(convert::cluster::node(node)?))
}
