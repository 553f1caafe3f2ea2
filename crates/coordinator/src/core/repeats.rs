//! Requests with an idempotency key: served once, and from then on answered as they were.

use carlo_tenancy::Caller;
use carlo_types::Fault;
use prost::Message;

use super::Core;
use crate::entries;
use crate::entries::idempotency::RepeatId;
use crate::idempotency::Repeatable;

/// What came of a request that may have come before.
#[derive(Debug)]
pub(crate) enum Once<T> {
    /// It was served now.
    Served(T),
    /// It had been; its answer is in the ledger.
    Repeated(RepeatId),
}

impl Core {
    /// Serves a request unless it was served before. `told` is the part of the answer that is told again; its entry is in the commit of
    /// whatever the request led to.
    pub(crate) fn once<T, M: Message>(
        &mut self,
        caller: &Caller,
        request: Option<&Repeatable>,
        serve: impl FnOnce(&mut Self) -> Result<T, Fault>,
        told: impl FnOnce(&T) -> M,
    ) -> Result<Once<T>, Fault> {
        let Some(request) = request else { return serve(self).map(Once::Served) };
        let now = self.clock.now().wall;
        if self.repeats.was_answered(&caller.user, request, now)? {
            return Ok(Once::Repeated(request.id(&caller.user)));
        }
        let served = serve(self)?;
        let (stored, forgotten) = self.repeats.answered(&caller.user, request, now);
        self.writes.extend(forgotten.iter().map(entries::idempotency::delete));
        self.writes.push(entries::idempotency::write(&stored, told(&served).encode_to_vec()));
        Ok(Once::Served(served))
    }

    /// A request is being handled from now on: until [`Core::end_repeat`] others with its key are refused.
    pub(crate) fn begin_repeat(&mut self, id: RepeatId) {
        self.repeats.begin(id);
    }

    /// A request has been handled; with `forget` as if it had never come.
    pub(crate) fn end_repeat(&mut self, id: &RepeatId, forget: bool) {
        self.repeats.end(id);
        if forget {
            self.repeats.remove(id);
            self.writes.push(entries::idempotency::delete(id));
        }
    }

    /// Forgets keys whose day is over.
    pub(super) fn forget_repeats(&mut self) {
        let over = self.repeats.expire(self.clock.now().wall);
        self.writes.extend(over.iter().map(entries::idempotency::delete));
    }
}
