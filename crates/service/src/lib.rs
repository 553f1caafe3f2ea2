//! What every daemon needs and no domain knows: how it logs ([`telemetry`]), complains ([`complaints`]), ends ([`shutdown`]), listens ([`listen`]) and speaks TLS
//! ([`tls`]).

pub mod complaints;
pub mod listen;
pub mod shutdown;
pub mod telemetry;
pub mod tls;

/// Asks whoever holds it to end.
pub use tokio_util::sync::CancellationToken;
