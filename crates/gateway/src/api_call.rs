//! What a handler of the contract's calls gets: the gateway's state and the context of the request.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;
use crate::coordinator::Rpcs;
use crate::problem::Failure;
use crate::request_context::RequestContext;

/// A call of the API.
pub(crate) struct ApiCall {
    pub(crate) app: App,
    pub(crate) context: RequestContext,
}

impl ApiCall {
    /// RPCs that are answered at once.
    pub(crate) fn rpcs(&self) -> Rpcs<'_> {
        self.app.coordinator.call(&self.context)
    }

    /// RPCs that may be answered after `wait`, when something has changed.
    pub(crate) fn long_poll(&self, wait: Duration) -> Rpcs<'_> {
        self.app.coordinator.long_poll(&self.context, wait)
    }

    /// RPCs that are answered by a stream.
    pub(crate) fn streaming(&self) -> Rpcs<'_> {
        self.app.coordinator.stream(&self.context)
    }
}

impl FromRequestParts<App> for ApiCall {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let context = parts.extensions.get::<RequestContext>().cloned();
        let missing = || Failure::internal("a route asks for the request's context, but no layer has set it");
        Ok(Self { app: app.clone(), context: context.ok_or_else(missing)? })
    }
}
