//! Requests with an idempotency key. They are carried out once; repetitions get the first response
//! again.

use carlo_tenancy::Caller;
use carlo_types::Fault;
use prost::Message;

use super::Core;
use crate::entries;
use crate::entries::idempotency::IdempotencyId;
use crate::idempotency::IdempotencyKey;

/// The outcome of a request that may be a repetition.
#[derive(Debug)]
pub(crate) enum IdempotentOutcome<T> {
    /// The request was carried out now.
    Served(T),
    /// The request was carried out before. The first response is in the ledger.
    Repeated(IdempotencyId),
}

impl Core {
    /// Carries out a request, unless that was done before. `repeated_part` extracts the part of the
    /// response that repetitions get. It is stored in the same commit as the request's changes.
    pub(crate) fn run_idempotent<T, M: Message>(
        &mut self,
        caller: &Caller,
        request: Option<&IdempotencyKey>,
        serve: impl FnOnce(&mut Self) -> Result<T, Fault>,
        repeated_part: impl FnOnce(&T) -> M,
    ) -> Result<IdempotentOutcome<T>, Fault> {
        let Some(request) = request else { return serve(self).map(IdempotentOutcome::Served) };
        let now = self.clock.now().wall;
        if self.idempotency.is_answered(&caller.user, request, now)? {
            return Ok(IdempotentOutcome::Repeated(request.id(&caller.user)));
        }
        let served = serve(self)?;
        let (stored, forgotten) = self.idempotency.answered(&caller.user, request, now);
        self.writes.extend(forgotten.iter().map(entries::idempotency::delete));
        self.writes.push(entries::idempotency::write(&stored, repeated_part(&served).encode_to_vec()));
        Ok(IdempotentOutcome::Served(served))
    }

    /// Marks a request as in progress. Until [`Core::end_idempotent`], other requests with its key
    /// are refused.
    pub(crate) fn begin_idempotent(&mut self, id: IdempotencyId) {
        self.idempotency.begin(id);
    }

    /// Removes the mark. With `forget` the key is deleted, so that the same request is carried out
    /// again.
    pub(crate) fn end_idempotent(&mut self, id: &IdempotencyId, forget: bool) {
        self.idempotency.end(id);
        if forget {
            self.idempotency.remove(id);
            self.writes.push(entries::idempotency::delete(id));
        }
    }

    /// Forgets keys that have expired.
    pub(super) fn expire_idempotency_keys(&mut self) {
        let over = self.idempotency.expire(self.clock.now().wall);
        self.writes.extend(over.iter().map(entries::idempotency::delete));
    }
}
