//! The calls below `/api`.

pub(crate) mod admin;
pub(crate) mod cluster;
pub(crate) mod compare;
pub(crate) mod jobs;
pub(crate) mod sensitivity;
pub(crate) mod simulate;
pub(crate) mod solve;
pub(crate) mod sweep;
pub(crate) mod webhooks;
