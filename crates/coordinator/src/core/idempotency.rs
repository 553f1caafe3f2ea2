//! Requests with an idempotency key: served once, and from then on answered as they were.

use carlo_tenancy::Caller;
use carlo_types::Fault;
use prost::Message;

use super::Core;
use crate::entries;
use crate::entries::idempotency::IdempotencyId;
use crate::idempotency::IdempotencyKey;

/// What came of a request that may have come before.
#[derive(Debug)]
pub(crate) enum IdempotentOutcome<T> {
    /// It was served now.
    Served(T),
    /// It had been; its answer is in the ledger.
    Repeated(IdempotencyId),
}

impl Core {
    /// Serves a request unless it was served before. `told` is the part of the answer that is told
    /// again; its entry is in the commit of whatever the request led to.
    pub(crate) fn run_idempotent<T, M: Message>(
        &mut self,
        caller: &Caller,
        request: Option<&IdempotencyKey>,
        serve: impl FnOnce(&mut Self) -> Result<T, Fault>,
        told: impl FnOnce(&T) -> M,
    ) -> Result<IdempotentOutcome<T>, Fault> {
        let Some(request) = request else { return serve(self).map(IdempotentOutcome::Served) };
        let now = self.clock.now().wall;
        if self.idempotency.is_answered(&caller.user, request, now)? {
            return Ok(IdempotentOutcome::Repeated(request.id(&caller.user)));
        }
        let served = serve(self)?;
        let (stored, forgotten) = self.idempotency.answered(&caller.user, request, now);
        self.writes.extend(forgotten.iter().map(entries::idempotency::delete));
        self.writes.push(entries::idempotency::write(&stored, told(&served).encode_to_vec()));
        Ok(IdempotentOutcome::Served(served))
    }

    /// A request is being handled from now on: until [`Core::end_idempotent`] others with its key
    /// are refused.
    pub(crate) fn begin_idempotent(&mut self, id: IdempotencyId) {
        self.idempotency.begin(id);
    }

    /// A request has been handled; with `forget` as if it had never come.
    pub(crate) fn end_idempotent(&mut self, id: &IdempotencyId, forget: bool) {
        self.idempotency.end(id);
        if forget {
            self.idempotency.remove(id);
            self.writes.push(entries::idempotency::delete(id));
        }
    }

    /// Forgets keys whose day is over.
    pub(super) fn expire_idempotency_keys(&mut self) {
        let over = self.idempotency.expire(self.clock.now().wall);
        self.writes.extend(over.iter().map(entries::idempotency::delete));
    }
}
