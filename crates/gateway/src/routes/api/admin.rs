//! The calls below `/api/admin`, for keys with the role admin.

pub(crate) mod keys;
pub(crate) mod tiers;
pub(crate) mod tokens;
