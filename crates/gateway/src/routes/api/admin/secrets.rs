//! What calls that make secrets have in common: keys, and tokens that workers join with.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use crate::entity;
use crate::problem::Failure;

/// The answer of a call that has made a secret, with the path of what was made. No cache may keep
/// it.
pub(super) fn made(path: String, made: &impl Serialize) -> Response {
    entity::no_store_if(true, entity::located(StatusCode::CREATED, path, made))
}

/// Everything in a list of messages, converted.
pub(super) fn each<M, T, E>(messages: Vec<M>, convert: fn(M) -> Result<T, E>) -> Result<Vec<T>, Failure>
where
    Failure: From<E>,
{
    Ok(messages.into_iter().map(convert).collect::<Result<_, E>>()?)
}
