//! The door that every call comes through: its key is taken from the metadata, the core admits and counts it together with what it asks
//! for, and the answer, also a refusal, says how the caller stands with their rates.

use carlo_tenancy::{Caller, RateStatus, Refusal};
use carlo_types::fault::Limit;
use carlo_types::{Fault, FaultCode};
use carlo_wire::status;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status};

use crate::core::{Core, CoreHandle};
use crate::lead::Leadership;

/// Where keys are looked for, the first first.
const KEY: &str = "x-api-key";
const AUTHORIZATION: &str = "authorization";
const BEARER: &str = "bearer ";
/// What answers carry, with the values of the HTTP headers of these names.
const RATE_POLICY: &str = "ratelimit-policy";
const RATE: &str = "ratelimit";

/// A call on its way.
pub(crate) struct Call {
    core: CoreHandle,
    key: Option<String>,
    rate: RateStatus,
}

impl Call {
    /// The call of a request, and what it says; refused where another coordinator leads.
    pub(crate) fn of<M>(leadership: &Leadership, request: Request<M>) -> Result<(Self, M), Status> {
        let core = leadership.term()?.core;
        let call = Self { core, key: key(request.metadata()), rate: RateStatus::default() };
        Ok((call, request.into_inner()))
    }

    /// The core that answers it.
    pub(crate) fn core(&self) -> &CoreHandle {
        &self.core
    }

    /// Lets the core admit the call and, for the caller that it is of, `serve` it; returns when both are durable. To be done once a call.
    pub(crate) async fn admit<T: Send + 'static>(
        &mut self,
        serve: impl FnOnce(&mut Core, &Caller) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let key = self.key.take();
        let (rate, answer) = self.core.ask(move |core| core.admit(key.as_deref(), serve)).await?;
        self.rate = rate;
        answer
    }

    /// The answer, with what it has to say of rates.
    pub(crate) fn answer<T>(self, answer: Result<T, Fault>) -> Result<Response<T>, Status> {
        match answer {
            Ok(answer) => {
                let mut response = Response::new(answer);
                self.tell_rate(response.metadata_mut());
                Ok(response)
            }
            Err(fault) => {
                if fault.code == FaultCode::Internal {
                    tracing::error!(%fault, "a call failed");
                }
                let mut status = status::from_fault(&fault);
                self.tell_rate(status.metadata_mut());
                Err(status)
            }
        }
    }

    fn tell_rate(&self, metadata: &mut MetadataMap) {
        for (name, value) in [(RATE_POLICY, self.rate.policy_header()), (RATE, self.rate.limit_header())] {
            if let Some(value) = value.and_then(|value| MetadataValue::try_from(value).ok()) {
                metadata.insert(name, value);
            }
        }
    }
}

/// The text that a caller shows as their key.
fn key(metadata: &MetadataMap) -> Option<String> {
    // What isn't text is no key, but it was shown as one.
    let text = |name| metadata.get(name).map(|value| value.to_str().unwrap_or_default());
    if let Some(key) = text(KEY) {
        return Some(key.to_owned());
    }
    let (scheme, key) = text(AUTHORIZATION)?.split_at_checked(BEARER.len())?;
    scheme.eq_ignore_ascii_case(BEARER).then(|| key.trim().to_owned())
}

/// A refusal, as doors tell it.
pub(crate) fn fault(refusal: Refusal) -> Fault {
    let (message, retry_after_seconds) = (refusal.to_string(), refusal.retry_after_seconds());
    let code = match refusal {
        Refusal::Invalid(fields) => return Fault::invalid(fields),
        Refusal::Unauthenticated(_) => FaultCode::Unauthenticated,
        Refusal::Forbidden(_) => FaultCode::Forbidden,
        Refusal::NoSuchKey => FaultCode::NotFound,
        Refusal::KeyExists => FaultCode::Conflict,
        Refusal::Full(_) => FaultCode::Exhausted,
        Refusal::RateLimited { .. } => FaultCode::RateLimited,
        Refusal::QuotaExceeded { .. } => FaultCode::QuotaExceeded,
        Refusal::OverBudget { .. } => FaultCode::OverBudget,
    };
    let limit = match refusal {
        Refusal::QuotaExceeded { quota, .. } => Some(Limit::Quota(quota.as_str().to_owned())),
        Refusal::OverBudget { cap, .. } => {
            Some(Limit::BudgetCap { nanodollars: u64::try_from(cap.nanos()).unwrap_or(u64::MAX) })
        }
        _ => None,
    };
    Fault { retry_after_seconds, limit, ..Fault::new(code, message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_either_place() {
        for (name, value, wanted) in [
            ("x-api-key", "carlo_1", Some("carlo_1")),
            ("authorization", "Bearer carlo_1", Some("carlo_1")),
            ("authorization", "bearer  carlo_1 ", Some("carlo_1")),
            ("authorization", "Basic carlo_1", None),
            ("authorization", "Bearer", None),
            ("x-api-key", "", Some("")),
        ] {
            let mut metadata = MetadataMap::new();
            metadata.insert(name, value.parse().unwrap());
            assert_eq!(key(&metadata).as_deref(), wanted, "{name}: {value}");
        }
        assert_eq!(key(&MetadataMap::new()), None);
    }
}
