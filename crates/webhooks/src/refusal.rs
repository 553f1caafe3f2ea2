//! Why a call is refused.

use carlo_types::{DeliveryId, EndpointId, Fault, FaultCode};

use crate::limits::{ENDPOINTS_MAX, ENDPOINTS_PER_USER_MAX};

/// A refusal. Its text is for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants and their fields")]
pub enum Refusal {
    #[error("there is no webhook {0}")]
    NoSuchEndpoint(EndpointId),
    #[error("there is no delivery {0}")]
    NoSuchDelivery(DeliveryId),
    #[error("the key {0} has no webhook")]
    NoDefault(String),
    #[error("{0} is still being attempted")]
    IsPending(DeliveryId),
    #[error("a user can have webhooks at {ENDPOINTS_PER_USER_MAX} URLs: delete one that is no longer of use")]
    TooMany,
    #[error("the cluster has webhooks at {ENDPOINTS_MAX} URLs, and takes no more")]
    Full,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::NoSuchEndpoint(_) | Refusal::NoSuchDelivery(_) | Refusal::NoDefault(_) => {
                FaultCode::NotFound
            }
            Refusal::IsPending(_) | Refusal::TooMany => FaultCode::Conflict,
            Refusal::Full => FaultCode::Exhausted,
        };
        Self::new(code, refusal.to_string())
    }
}
