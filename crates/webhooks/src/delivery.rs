//! An event on its way to an endpoint.

use carlo_types::webhook::WebhookEvent;
use carlo_types::{DeliveryId, EndpointId, OwnerId, Timestamp};

/// An event that is sent to an endpoint until it is confirmed or given up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct Delivery {
    /// The order of all deliveries, from 1. Those of one object are sent in this order.
    pub number: u64,
    /// The same in all attempts, so that a receiver can recognize a repetition.
    pub id: DeliveryId,
    pub owner: OwnerId,
    pub endpoint: EndpointId,
    /// The id of the job or the batch.
    pub object: String,
    pub event: WebhookEvent,
    /// When the event happened.
    pub created_at: Timestamp,
    /// The body of the request, the same in all attempts.
    pub body: String,
    pub state: DeliveryState,
    /// Since it was recorded, or was last asked for again.
    pub attempts: u32,
    /// When it is given up.
    pub until: Timestamp,
    /// The outcome of the last attempt, for people; empty before the first one.
    pub outcome: String,
    /// The HTTP status of the last attempt, if there was a response.
    pub status: Option<u16>,
}

/// The states of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// The next attempt is due at this time.
    Pending(Timestamp),
    /// The endpoint confirmed it at this time.
    Delivered(Timestamp),
    /// It was given up at this time.
    Failed(Timestamp),
}

impl DeliveryState {
    /// When it ended; `None` while it is pending.
    pub fn ended_at(self) -> Option<Timestamp> {
        match self {
            Self::Pending(_) => None,
            Self::Delivered(at) | Self::Failed(at) => Some(at),
        }
    }
}
