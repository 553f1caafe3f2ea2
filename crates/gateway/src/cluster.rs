//! `/api/cluster`: its status, draining its nodes; and whether the gateway is of any use.

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use carlo_rest::Cluster;
use carlo_rest::cluster::Node;
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

pub(crate) async fn drain(State(app): State<App>, Id(id): Id) -> Result<Json<Node>, Failure> {
    let call = app.calls.repeatable(|channel| {
        let message = v1::DrainRequest { node_id: id.clone() };
        async { calls::cluster(channel).drain(message).await }
    });
    Ok(Json(convert::cluster::node(call.await?)?))
}

pub(crate) async fn undrain(State(app): State<App>, Id(id): Id) -> Result<Json<Node>, Failure> {
    let call = app.calls.repeatable(|channel| {
        let message = v1::DrainRequest { node_id: id.clone() };
        async { calls::cluster(channel).undrain(message).await }
    });
    Ok(Json(convert::cluster::node(call.await?)?))
}

async fn ask(app: &App) -> Result<v1::ClusterStatus, Failure> {
    let message = v1::ClusterStatusRequest {};
    app.calls.repeatable(|channel| async { calls::cluster(channel).status(message).await }).await
}

/// The node that a path names, by its id or, to lift the drain of a name, by that.
pub(crate) struct Id(String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let none = || Failure::new(StatusCode::NOT_FOUND, "there is no node of this id");
        let Path(id) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| none())?;
        Ok(Self(id))
    }
}
