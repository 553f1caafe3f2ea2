//! The durable records.

use carlo_types::webhook::WebhookEvent;
use carlo_types::{EndpointId, OwnerId};

use crate::delivery::Delivery;
use crate::endpoint::Endpoint;

/// Where the events of a job or a batch are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The endpoint. It may have been deleted since; then nothing is sent.
    pub endpoint: EndpointId,
    /// The events that are sent; empty means those at the end.
    pub events: Vec<WebhookEvent>,
}

/// The hook of jobs and batches that are submitted with a key and name none themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct DefaultHook {
    /// The id of the key.
    pub key: String,
    pub hook: Hook,
}

/// A durable record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the types say it")]
pub enum Record {
    Endpoint(Endpoint),
    Default(DefaultHook),
    Delivery(Delivery),
}

/// The identity of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordId {
    /// An endpoint.
    Endpoint(EndpointId),
    /// The default of the key with this id.
    Default(String),
    /// The delivery with this number.
    Delivery(u64),
}

/// A change of the durable state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Change {
    Put(Record),
    Delete(RecordId),
}

/// Whose endpoints or deliveries are meant; `None` for everybody's.
pub(crate) fn is_of(owner: &OwnerId, wanted: Option<&OwnerId>) -> bool {
    wanted.is_none_or(|wanted| wanted == owner)
}
