//! carlo's messages and services, generated from `proto/`, and their conversions to and from the
//! domain's types. Only this crate converts.
//!
//! * [`v1`]: the generated code.
//! * [`convert`]: messages ↔ `carlo_types`, with errors that name the field. Nothing that was
//!   received is unwrapped.
//! * [`status`]: faults ↔ gRPC statuses, in one table.
//! * [`Coordinators`] (feature `client`): the coordinators that a client knows, and which of them
//!   it calls.
//!
//! This crate doesn't know what a message means for a queue or a store.

use std::ops::RangeInclusive;

#[expect(
    missing_docs,
    clippy::pedantic,
    clippy::large_enum_variant,
    reason = "generated from commented proto files"
)]
pub mod v1 {
    tonic::include_proto!("carlo.v1");
}

/// The files of `proto/`, as an encoded `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/carlo.v1.bin"));

#[cfg(feature = "client")]
mod client;
pub mod convert;
mod hidden;
pub mod status;

#[cfg(feature = "client")]
pub use carlo_service::tls::Trust;
#[cfg(feature = "client")]
pub use client::{AddressError, Coordinator, Coordinators};
pub use convert::FieldError;

/// The version of the protocol between the daemons. A coordinator refuses workers of another
/// version, and gateways of a version that is not in [`GATEWAY_PROTOCOLS`].
pub const PROTOCOL_VERSION: u32 = 2;

/// The protocol versions of the gateways that a coordinator serves: its own and the previous one, so
/// that coordinators can be upgraded first. Gateways before version 2 don't name theirs, and are
/// served.
pub const GATEWAY_PROTOCOLS: RangeInclusive<u32> = 2..=PROTOCOL_VERSION;

/// The metadata key with which a gateway names its protocol version. Other clients name none.
pub const PROTOCOL: &str = "carlo-protocol";
