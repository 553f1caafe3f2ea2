//! Which request something was asked in: its id, its place in a trace, and the key that it came
//! with. Log lines and spans have them.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use carlo_schedule::{JobRecord, JobState};
use carlo_service::trace::{Kind, Span, TRACEPARENT, TraceContext};
use carlo_tenancy::{Caller, KeyId};
use carlo_types::{JobId, Lease, NodeId};
use tonic::codegen::http::HeaderMap;

/// The metadata with the id of a request, which gateways pass on.
const REQUEST_ID: &str = "x-request-id";
/// The longest id that is taken over.
const REQUEST_ID_BYTES_MAX: usize = 128;
/// Open jobs whose origin is known. Of further ones the lines and spans have the job's id alone.
const JOBS_MAX: usize = 10_000;
/// Leases of one job that are recorded: enough to see how it went, and a trace that can be shown.
const LEASES_MAX: u32 = 256;

/// The request that something was asked in.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) request_id: Arc<str>,
    /// Whether the caller has named the request. Only such an id is stored with a job.
    is_named: bool,
    pub(crate) trace: Option<TraceContext>,
}

impl Origin {
    /// The id of the request, or a new one if the caller names none, and its trace.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let is_id = |id: &&str| {
            (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let named = text(REQUEST_ID).filter(is_id);
        // Only the log shows a new id, so a simulation needs no control over it.
        let request_id = named.map_or_else(|| format!("{:032x}", rand::random::<u128>()).into(), Arc::from);
        let trace = text(TRACEPARENT).and_then(|text| text.parse().ok());
        Self { request_id, is_named: named.is_some(), trace }
    }

    /// The origin of a job that is stored in its entry in the ledger.
    pub(crate) fn stored(request_id: &str, traceparent: &str) -> Option<Self> {
        let named = Some(request_id).filter(|id| !id.is_empty())?;
        Some(Self { request_id: named.into(), is_named: true, trace: traceparent.parse().ok() })
    }

    /// The id and the trace to be stored with a job; empty if there are none.
    pub(crate) fn to_store(&self) -> (String, String) {
        if !self.is_named {
            return (String::new(), String::new());
        }
        (self.request_id.to_string(), self.trace.as_ref().map(ToString::to_string).unwrap_or_default())
    }

    /// The id of the trace, for log lines.
    pub(crate) fn trace_id(&self) -> Option<String> {
        self.trace.as_ref().map(TraceContext::trace_id)
    }
}

/// What is known of a call, in the extensions of its request.
#[derive(Debug, Clone)]
pub(crate) struct CallOrigin {
    pub(crate) origin: Origin,
    /// The caller's key, once the core has seen it. Absent in it without authentication.
    pub(crate) key: Arc<OnceLock<Option<KeyId>>>,
}

impl CallOrigin {
    pub(crate) fn new(origin: Origin) -> Self {
        Self { origin, key: Arc::default() }
    }

    pub(crate) fn record(&self, caller: &Caller) {
        // A call has one caller.
        let _ = self.key.set(caller.key);
    }
}

/// The origins of open jobs.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    jobs: BTreeMap<JobId, JobOrigin>,
    /// The call that is being carried out.
    call: Option<Origin>,
}

#[derive(Debug)]
struct JobOrigin {
    origin: Origin,
    /// How many of its leases were recorded.
    leases: u32,
}

impl Origins {
    /// Until the next call of this, everything happens because of this request.
    pub(crate) fn set_call(&mut self, origin: Option<Origin>) {
        self.call = origin;
    }

    /// Logs the new state of a job, with the request that ended it, or else the one that the job
    /// came from.
    pub(crate) fn log(&mut self, job: &JobRecord) {
        if job.state == JobState::Queued
            && self.jobs.len() < JOBS_MAX
            && let Some(origin) = self.call.clone()
        {
            self.jobs.entry(job.id).or_insert(JobOrigin { origin, leases: 0 });
        }
        // A call may start other jobs than its own, but it ends only what it names.
        let caller = self.call.as_ref().filter(|_| job.state.is_ended());
        let origin = caller.or_else(|| self.of(job.id));
        let since = job.started_at.unwrap_or(job.created_at);
        let seconds = job.ended_at.map(|ended| ended.0.saturating_sub(since.0) as f64 / 1e3);
        tracing::info!(
            job = %job.id,
            state = job.state.as_str(),
            owner = %job.owner,
            simulations = job.spec.simulations(),
            seconds,
            error = job.error,
            request_id = origin.map(|origin| &*origin.request_id),
            trace_id = origin.and_then(Origin::trace_id),
            "job"
        );
        if job.state.is_ended() {
            self.jobs.remove(&job.id);
        }
    }

    /// Takes up the origin of an open job that was stored with it.
    pub(crate) fn restore(&mut self, job: JobId, origin: Origin) {
        if self.jobs.len() < JOBS_MAX {
            self.jobs.insert(job, JobOrigin { origin, leases: 0 });
        }
    }

    /// Where a job came from, if that is known.
    pub(crate) fn of(&self, job: JobId) -> Option<&Origin> {
        self.jobs.get(&job).map(|known| &known.origin)
    }

    /// Begins the span of a lease.
    pub(crate) fn begin_lease(&mut self, node: NodeId, lease: &Lease) -> Span {
        let Some(known) = self.jobs.get_mut(&lease.job) else { return Span::none() };
        let Some(parent) = known.origin.trace.filter(|_| known.leases < LEASES_MAX) else {
            return Span::none();
        };
        let mut span = Span::begin("lease", Kind::Producer, Some(parent));
        if span.is_recorded() {
            known.leases += 1;
            span.set("carlo.job", lease.job);
            span.set("carlo.node", node);
            span.set_number("carlo.lease", lease.id.0);
            span.set_number("carlo.attempt", lease.attempt.into());
            span.set_number("carlo.blocks", lease.range.len());
        }
        span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &str)]) -> Origin {
        let headers = headers.iter().map(|(name, value)| {
            (tonic::codegen::http::HeaderName::from_static(name), value.parse().unwrap())
        });
        Origin::of(&headers.collect())
    }

    #[test]
    fn a_sane_request_id_is_taken_over_and_any_other_is_replaced() {
        assert_eq!(&*of(&[("x-request-id", "id-7")]).request_id, "id-7");
        for other in [&[][..], &[("x-request-id", "a b")], &[("x-request-id", &"a".repeat(129))]] {
            let id = of(other).request_id;
            assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        }
    }

    #[test]
    fn a_trace_is_continued_and_nonsense_is_none() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let origin = of(&[("traceparent", text)]);
        assert_eq!(origin.trace_id().as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        assert_eq!(of(&[("traceparent", "nonsense")]).trace, None);
        assert_eq!(of(&[]).trace_id(), None);
    }
}
