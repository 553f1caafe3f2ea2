//! `/api/cluster`: its status, draining its nodes; and whether the gateway is of any use.

use axum::Json;
use axum::extract::State;
use carlo_rest::Cluster;
use carlo_rest::cluster::Node;
use carlo_wire::v1;

use crate::caller::Caller;
use crate::problem::Failure;
use crate::routes::App;
use crate::{calls, convert, ids};

#[utoipa::path(
    get,
    path = "/api/cluster/status",
    operation_id = "getCluster",
    tag = "cluster",
    summary = "The cluster and its nodes",
    responses(
        (status = 200, description = "The cluster", body = Cluster),
    ),
)]
pub(crate) async fn status(State(app): State<App>, caller: Caller) -> Result<Json<Cluster>, Failure> {
    Ok(Json(convert::cluster::cluster(ask(&app, &caller).await?)?))
}

/// 200 where a leading coordinator answers, 503 with the reason where none does. It is nobody's call.
pub(crate) async fn ready(State(app): State<App>) -> Result<&'static str, Failure> {
    let (nobody, message) = (Caller::default(), v1::ReadyRequest {});
    let call = app.calls.of(&nobody);
    let call =
        call.repeatable(message, async |channel, request| calls::cluster(channel).ready(request).await);
    call.await.map_err(Failure::into_unready)?;
    Ok("ready\n")
}

#[utoipa::path(
    post,
    path = "/api/cluster/nodes/{id}/drain",
    operation_id = "drainNode",
    tag = "cluster",
    summary = "The node finishes what it holds and gets nothing more",
    params(
        ("id" = String, Path, description = "A node's id, `node_…`"),
    ),
    responses(
        (status = 200, description = "The node", body = Node),
    ),
)]
pub(crate) async fn drain(
    State(app): State<App>,
    caller: Caller,
    ids::Node(id): ids::Node,
) -> Result<Json<Node>, Failure> {
    let message = v1::DrainRequest { node_id: id };
    let call = app.calls.of(&caller);
    let call =
        call.repeatable(message, async |channel, request| calls::cluster(channel).drain(request).await);
    Ok(Json(convert::cluster::node(call.await?)?))
}

#[utoipa::path(
    post,
    path = "/api/cluster/nodes/{id}/undrain",
    operation_id = "undrainNode",
    tag = "cluster",
    summary = "The node gets work again",
    params(
        ("id" = String, Path, description = "A node's id, `node_…`, or the name that drained nodes had"),
    ),
    responses(
        (status = 200, description = "The node", body = Node),
    ),
)]
pub(crate) async fn undrain(
    State(app): State<App>,
    caller: Caller,
    ids::Node(id): ids::Node,
) -> Result<Json<Node>, Failure> {
    let message = v1::DrainRequest { node_id: id };
    let call = app.calls.of(&caller);
    let call =
        call.repeatable(message, async |channel, request| calls::cluster(channel).undrain(request).await);
    Ok(Json(convert::cluster::node(call.await?)?))
}

async fn ask(app: &App, caller: &Caller) -> Result<v1::ClusterStatus, Failure> {
    let message = v1::ClusterStatusRequest {};
    let call = app.calls.of(caller);
    call.repeatable(message, async |channel, request| calls::cluster(channel).status(request).await).await
}
