//! Ids in paths. A malformed id gets 404 without a call to a coordinator.

use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use carlo_types::JobId;
use carlo_types::limits::NAME_BYTES_MAX;

use crate::problem::Failure;

pub(crate) struct Job(pub(crate) JobId);

/// One simulation of a job: the job, and the index from 0.
pub(crate) struct Simulation(pub(crate) JobId, pub(crate) u64);

pub(crate) struct Batch(pub(crate) String);

/// A node's id, or, to undrain every node of a name, that name.
pub(crate) struct Node(pub(crate) String);

pub(crate) struct Key(pub(crate) String);

pub(crate) struct JoinToken(pub(crate) String);

pub(crate) struct Webhook(pub(crate) String);

pub(crate) struct Delivery(pub(crate) String);

/// The longest id that is passed on.
const ID_BYTES_MAX: usize = 64;

async fn parse<S: Send + Sync, T>(
    parts: &mut Parts,
    state: &S,
    kind: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Failure> {
    let path = Path::<String>::from_request_parts(parts, state).await;
    path.ok()
        .and_then(|Path(id)| parse(&id))
        .ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, format!("there is no {kind} with this id")))
}

/// An id of letters, digits, underscores and hyphens.
fn opaque(id: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (id.len() <= ID_BYTES_MAX && id.bytes().all(is_plain)).then(|| id.to_owned())
}

impl<S: Send + Sync> FromRequestParts<S> for Simulation {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        path.ok()
            .and_then(|Path((id, index))| Some(Self(id.parse().ok()?, index.parse().ok()?)))
            .ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, "the job has no simulation with this index"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Job {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        parse(parts, state, "job", |id| id.parse().ok()).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Batch {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        parse(parts, state, "batch", opaque).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Node {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        parse(parts, state, "node", |id| (id.len() <= NAME_BYTES_MAX).then(|| id.to_owned())).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        parse(parts, state, "key", opaque).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for JoinToken {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        parse(parts, state, "join token", opaque).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Webhook {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        parse(parts, state, "webhook", opaque).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Delivery {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        parse(parts, state, "delivery", opaque).await.map(Self)
    }
}
