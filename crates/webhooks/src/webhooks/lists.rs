//! What is shown of the endpoints and deliveries.

use carlo_types::{DeliveryId, EndpointId, OwnerId};

use super::Webhooks;
use crate::delivery::{Delivery, DeliveryState};
use crate::endpoint::Endpoint;
use crate::records::is_of;
use crate::refusal::Refusal;

/// Deliveries that a page looks at.
const LOOKED_AT_MAX: usize = 20_000;

/// Which deliveries a list is of; `None` for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Whose.
    pub owner: Option<OwnerId>,
    /// To which endpoint.
    pub endpoint: Option<EndpointId>,
    /// The id of a job or a batch.
    pub object: Option<String>,
    /// In which state; the time in it doesn't matter.
    pub state: Option<DeliveryState>,
}

impl Filter {
    fn admits(&self, delivery: &Delivery) -> bool {
        let is_in =
            |state: &DeliveryState| std::mem::discriminant(state) == std::mem::discriminant(&delivery.state);
        is_of(&delivery.owner, self.owner.as_ref())
            && self.endpoint.is_none_or(|endpoint| endpoint == delivery.endpoint)
            && self.object.as_ref().is_none_or(|object| *object == delivery.object)
            && self.state.as_ref().is_none_or(is_in)
    }
}

impl Webhooks {
    /// The endpoints of `owner`, or everybody's, in the order of their ids, each with the number of
    /// its pending deliveries.
    pub fn endpoints(&self, owner: Option<&OwnerId>) -> impl Iterator<Item = (&Endpoint, usize)> {
        let nodes = self.endpoints.values().filter(move |node| is_of(&node.endpoint.owner, owner));
        nodes.map(|node| (&node.endpoint, node.pending))
    }

    /// An endpoint of `owner`, or of anybody.
    ///
    /// # Errors
    ///
    /// If there is none with this id.
    pub fn endpoint(&self, id: EndpointId, owner: Option<&OwnerId>) -> Result<&Endpoint, Refusal> {
        let node = self.endpoints.get(&id).filter(|node| is_of(&node.endpoint.owner, owner));
        node.map(|node| &node.endpoint).ok_or(Refusal::NoSuchEndpoint(id))
    }

    /// The number of pending deliveries to an endpoint.
    pub fn pending_of(&self, id: EndpointId) -> usize {
        self.endpoints.get(&id).map_or(0, |node| node.pending)
    }

    /// The number of pending deliveries to all endpoints.
    pub fn pending(&self) -> usize {
        self.by_end.len()
    }

    /// The number of endpoints that are disabled.
    pub fn disabled(&self) -> usize {
        self.endpoints.values().filter(|node| node.endpoint.disabled.is_some()).count()
    }

    /// A delivery of `owner`, or of anybody.
    ///
    /// # Errors
    ///
    /// If there is none with this id.
    pub fn delivery(&self, id: DeliveryId, owner: Option<&OwnerId>) -> Result<&Delivery, Refusal> {
        let delivery = self.numbers.get(&id).and_then(|number| self.deliveries.get(number));
        delivery.filter(|delivery| is_of(&delivery.owner, owner)).ok_or(Refusal::NoSuchDelivery(id))
    }

    /// A page of deliveries with numbers below `before`, the latest first, and the number before
    /// which the next page begins, if there may be one. The page may have fewer than `most`
    /// deliveries although there is a next one, because only so many are looked at.
    pub fn page(&self, filter: &Filter, before: Option<u64>, most: usize) -> (Vec<&Delivery>, Option<u64>) {
        let before = before.unwrap_or(u64::MAX);
        // The most selective index first.
        let object = filter.object.as_ref().map(|object| self.objects.get(object));
        let endpoint = filter.endpoint.map(|id| self.endpoints.get(&id).map(|node| &node.deliveries));
        let mut page = Vec::new();
        let numbers: Box<dyn Iterator<Item = u64>> = match object.or(endpoint) {
            Some(index) => Box::new(index.into_iter().flat_map(|index| index.range(..before).rev().copied())),
            None => Box::new(self.deliveries.range(..before).rev().map(|(number, _)| *number)),
        };
        for (looked_at, number) in numbers.enumerate() {
            if page.len() == most || looked_at == LOOKED_AT_MAX {
                return (page, Some(number + 1));
            }
            page.extend(self.deliveries.get(&number).filter(|delivery| filter.admits(delivery)));
        }
        (page, None)
    }
}
