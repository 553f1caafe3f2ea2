//! What every daemon needs and no domain knows: how it logs ([`telemetry`], [`log_throttle`]), tells systemd of its state ([`notify`]),
//! ends ([`shutdown`]), listens ([`listen`]) and speaks TLS ([`tls`]).

pub mod listen;
pub mod log_throttle;
pub mod notify;
pub mod shutdown;
pub mod telemetry;
pub mod tls;

/// Asks whoever holds it to end.
pub use tokio_util::sync::CancellationToken;
