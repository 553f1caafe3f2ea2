//! The calls below `/api/admin`, for keys with the role admin.

pub(crate) mod audit;
pub(crate) mod keys;
mod secrets;
pub(crate) mod tiers;
pub(crate) mod tokens;
pub(crate) mod usage;
