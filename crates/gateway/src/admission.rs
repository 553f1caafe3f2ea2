//! The admission of requests: their key is checked, they count against the limits of their sender,
//! and their responses say what is left of these.
//!
//! The coordinator knows the keys and counts the calls. A request that the gateway refuses by
//! itself is counted by an RPC of its own. So an unknown key gets 401 before anything is said about
//! the body, and every response has the limit headers.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use carlo_service::pacing::KeepingBody;
use carlo_wire::v1;

use crate::app::App;
use crate::key_cache::Accepted;
use crate::request_context::RequestContext;

/// Identifies the caller, admits them, and adds the limit headers to the response. If no handler
/// called a coordinator, the request is counted here.
pub(crate) async fn admit(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let context = match RequestContext::of(request.headers(), request.extensions().get().cloned()) {
        Ok(context) => context,
        Err(failure) => return failure.into_response(),
    };
    // Without a valid key nothing more of the request is read.
    let Accepted { user, key_id, .. } = match app.key_cache.check(&context).await {
        Ok(accepted) => accepted,
        Err(failure) => return failure.into_response(),
    };
    context.record_key(&key_id);
    request.extensions_mut().insert(context.clone());
    let mut response = match app.concurrency.permit(&request, context.has_key().then_some(user)) {
        Ok(permit) => {
            request.extensions_mut().insert(permit.clone());
            // A response counts until its client has read it.
            next.run(request).await.map(|body| Body::new(KeepingBody::new(body, permit)))
        }
        Err(failure) => return failure.into_response(),
    };
    if !context.is_counted()
        && let Err(failure) = app.coordinator.call(&context).count_call(v1::CountCallRequest {}).await
    {
        response = failure.into_response();
    }
    context.add_limits(response.headers_mut());
    response
}
