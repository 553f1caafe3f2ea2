//! `GET /api/jobs/{id}/simulations/{index}`: one simulation of a job, replayed month by month.

use axum::http::HeaderMap;
use axum::response::Response;
use carlo_types::Replay;
use carlo_wire::v1;

use crate::api_call::ApiCall;
use crate::openapi::shared::{IfNoneMatch, JobId, NotModified};
use crate::problem::Failure;
use crate::{entity, path_ids};

#[utoipa::path(
    get,
    path = "/api/jobs/{id}/simulations/{index}",
    operation_id = "replaySimulation",
    tag = "jobs",
    summary = "One simulation of a job, month by month",
    description = "It is recomputed from the seed and the index, with the same bits. `results.notable` names notable simulations.",
    params(
        JobId,
        ("index" = u64, Path, description = "The index of the simulation, from 0", minimum = 0, maximum = 999_999_999_999_u64, format = Int64),
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "The simulation", body = Replay),
        NotModified,
    ),
)]
pub(crate) async fn replay(
    call: ApiCall,
    path_ids::Simulation(id, index): path_ids::Simulation,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let message = v1::ReplayRequest { id: id.to_string(), index };
    let replay = call.rpcs().replay(message).await?;
    entity::json_or_304(&headers, &Replay::from(replay))
}
