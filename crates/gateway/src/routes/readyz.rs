//! `/readyz`: whether the gateway reaches a leading coordinator.

use axum::extract::State;

use crate::app::App;
use crate::problem::Failure;

/// 200 if a leading coordinator answers, 503 with the reason otherwise. It needs no key and is not
/// counted as a call.
pub(crate) async fn ready(State(app): State<App>) -> Result<&'static str, Failure> {
    let checked = app.readiness.check().await;
    checked.map_err(|failure| failure.into_unready(app.coordinator.trouble()))?;
    Ok("ready\n")
}
