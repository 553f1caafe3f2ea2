//! `/api/cluster/status`, and whether the gateway is of any use.

use axum::Json;
use axum::extract::State;
use carlo_rest::Cluster;
use carlo_wire::v1;

use crate::problem::Failure;
use crate::routes::App;
use crate::{calls, convert};

pub(crate) async fn status(State(app): State<App>) -> Result<Json<Cluster>, Failure> {
    Ok(Json(convert::cluster::cluster(ask(&app).await?)?))
}

/// 200 where a coordinator answers; 503 with the reason where none does.
pub(crate) async fn ready(State(app): State<App>) -> Result<&'static str, Failure> {
    ask(&app).await.map(|_| "ready\n").map_err(Failure::into_unready)
}

async fn ask(app: &App) -> Result<v1::ClusterStatus, Failure> {
    let message = v1::ClusterStatusRequest {};
    app.calls.repeatable(|channel| async { calls::cluster(channel).status(message).await }).await
}
