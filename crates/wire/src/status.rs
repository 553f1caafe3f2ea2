//! Faults as gRPC statuses and back: one table, and `google.rpc.BadRequest` for the fields.

use std::collections::HashMap;
use std::error::Error;

use carlo_types::fault::Limit;
use carlo_types::limits::FIELD_FAULTS_MAX;
use carlo_types::{Fault, FaultCode, FieldFault};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, ErrorInfo, StatusExt};

/// The domain of every `google.rpc.ErrorInfo` that carlo sends.
const DOMAIN: &str = "carlo";
/// The metadata key of the number of seconds after which to try again.
const RETRY_AFTER: &str = "retry-after";

/// Metadata keys of `google.rpc.ErrorInfo`: the quota that is exceeded, and the budget cap.
const QUOTA: &str = "quota";
const BUDGET_CAP: &str = "budget_cap_nanodollars";

/// A fault's code, its gRPC code, and the reason in `google.rpc.ErrorInfo` if several faults share
/// the gRPC code.
type Row = (FaultCode, Code, Option<&'static str>);

/// Each fault code once.
const TABLE: [Row; 15] = [
    (FaultCode::Invalid, Code::InvalidArgument, None),
    (FaultCode::NotFound, Code::NotFound, None),
    (FaultCode::Conflict, Code::FailedPrecondition, None),
    (FaultCode::Exhausted, Code::ResourceExhausted, None),
    (FaultCode::Unauthenticated, Code::Unauthenticated, None),
    (FaultCode::Forbidden, Code::PermissionDenied, None),
    (FaultCode::RateLimited, Code::ResourceExhausted, Some("RATE_LIMITED")),
    (FaultCode::QuotaExceeded, Code::ResourceExhausted, Some("QUOTA_EXCEEDED")),
    (FaultCode::OverBudget, Code::FailedPrecondition, Some("OVER_BUDGET")),
    (FaultCode::KeyReused, Code::FailedPrecondition, Some("IDEMPOTENCY_KEY_REUSED")),
    (FaultCode::KeyInUse, Code::Aborted, Some("IDEMPOTENCY_KEY_IN_USE")),
    (FaultCode::Incompatible, Code::Unimplemented, None),
    (FaultCode::Unavailable, Code::Unavailable, None),
    (FaultCode::Timeout, Code::DeadlineExceeded, None),
    (FaultCode::Internal, Code::Internal, None),
];

/// Converts a fault to a status. The text of an internal fault is only for the log, so the status
/// doesn't contain it.
pub fn from_fault(fault: &Fault) -> Status {
    let row = TABLE.iter().find(|(kind, ..)| *kind == fault.code);
    let (code, reason) = row.map_or((Code::Internal, None), |(_, code, reason)| (*code, *reason));
    if fault.code == FaultCode::Internal {
        return Status::new(code, "an internal error, described in the coordinator's log");
    }
    let mut details = ErrorDetails::new();
    for field in fault.fields.iter().take(FIELD_FAULTS_MAX) {
        details.add_bad_request_violation(&field.pointer, &field.message);
    }
    if let Some(reason) = reason {
        details.set_error_info(reason, DOMAIN, fault.limit.iter().map(metadata).collect::<HashMap<_, _>>());
    }
    let mut status = if fault.fields.is_empty() && reason.is_none() {
        Status::new(code, &fault.message)
    } else {
        Status::with_error_details(code, &fault.message, details)
    };
    if let Some(seconds) = fault.retry_after_seconds {
        status.metadata_mut().insert(RETRY_AFTER, seconds.into());
    }
    status
}

/// A limit as metadata of `google.rpc.ErrorInfo`.
fn metadata(limit: &Limit) -> (String, String) {
    match limit {
        Limit::Quota(name) => (QUOTA.to_owned(), name.clone()),
        Limit::BudgetCap { nanodollars } => (BUDGET_CAP.to_owned(), nanodollars.to_string()),
    }
}

/// The limit in metadata of `google.rpc.ErrorInfo`.
fn limit(metadata: &HashMap<String, String>) -> Option<Limit> {
    let cap = || Some(Limit::BudgetCap { nanodollars: metadata.get(BUDGET_CAP)?.parse().ok()? });
    metadata.get(QUOTA).cloned().map(Limit::Quota).or_else(cap)
}

/// Whether the transport made this status because a connection broke or failed. Its text is for the
/// log.
pub fn is_from_transport(status: &Status) -> bool {
    let has_no_words = matches!(status.code(), Code::Unknown | Code::Cancelled | Code::Aborted);
    status.source().is_some() || has_no_words && reason(status).is_none()
}

/// How tonic's message begins for an HTTP response that isn't gRPC.
const NOT_GRPC: &str = "grpc-status header missing";

/// The metadata key, in a refusal, of the leader's URL; empty if no leader is known.
const LEADER: &str = "carlo-leader";
/// The metadata key of a stream that is empty because the caller has received the last event.
pub const STREAM_IS_OVER: &str = "carlo-stream-is-over";

/// The answer of a coordinator that doesn't lead, to every call. Nothing of the call was done.
pub fn not_leading(leader: Option<&str>) -> Status {
    let words = match leader {
        Some(leader) => format!("this coordinator doesn't lead; {leader} does"),
        None => "no coordinator leads at the moment".to_owned(),
    };
    let mut status = Status::unavailable(words);
    let leader = leader.and_then(|leader| leader.parse().ok()).unwrap_or(MetadataValue::from_static(""));
    status.metadata_mut().insert(LEADER, leader);
    status
}

/// Whether this status is [`not_leading`]: nothing of the call was done.
pub fn is_not_leading(status: &Status) -> bool {
    status.code() == Code::Unavailable && status.metadata().contains_key(LEADER)
}

/// The leader's URL in a [`not_leading`] status.
pub fn leader(status: &Status) -> Option<&str> {
    let leader = status.metadata().get(LEADER)?.to_str().ok()?;
    (is_not_leading(status) && !leader.is_empty()).then_some(leader)
}

/// Converts a status to a fault.
pub fn to_fault(status: &Status) -> Fault {
    if is_from_transport(status) {
        return Fault::new(FaultCode::Unavailable, "the coordinator can't be reached");
    }
    if status.message().starts_with(NOT_GRPC) {
        let message = format!("the server at this address is not a coordinator ({})", status.message());
        return Fault::new(FaultCode::Unavailable, message);
    }
    let reason = reason(status);
    let of_code = || TABLE.iter().filter(|(_, code, _)| *code == status.code());
    let row = of_code()
        .find(|(.., row)| row.is_some() && *row == reason.as_deref())
        .or_else(|| of_code().find(|(.., row)| row.is_none()));
    let code = row.map_or(FaultCode::Internal, |(kind, ..)| *kind);
    let fields = status.get_details_bad_request().map_or_else(Vec::new, |request| {
        request.field_violations.into_iter().map(|v| FieldFault::new(v.field, v.description)).collect()
    });
    let retry_after_seconds =
        status.metadata().get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok()?.parse().ok());
    let limit = info(status).and_then(|info| limit(&info.metadata));
    Fault { code, message: status.message().to_owned(), fields, retry_after_seconds, limit }
}

/// The reason in the status's `google.rpc.ErrorInfo`.
fn reason(status: &Status) -> Option<String> {
    info(status).map(|info| info.reason)
}

fn info(status: &Status) -> Option<ErrorInfo> {
    status.get_details_error_info().filter(|info| info.domain == DOMAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_but_an_internal_one_survives_the_wire() {
        for (code, ..) in TABLE {
            let retry_after_seconds = (code != FaultCode::Internal).then_some(7);
            let fault = Fault { retry_after_seconds, ..Fault::new(code, "words for a person") };
            let arrived = to_fault(&from_fault(&fault));
            assert_eq!(arrived.code, code);
            assert_eq!(arrived.retry_after_seconds, retry_after_seconds);
            assert_eq!(arrived.message == fault.message, code != FaultCode::Internal);
        }
    }

    #[test]
    fn the_limit_that_does_not_reach_survives_the_wire() {
        for (code, limit) in [
            (FaultCode::QuotaExceeded, Limit::Quota("simulations".to_owned())),
            (FaultCode::OverBudget, Limit::BudgetCap { nanodollars: u64::MAX }),
        ] {
            let fault = Fault { limit: Some(limit), ..Fault::new(code, "words for a person") };
            assert_eq!(to_fault(&from_fault(&fault)), fault);
        }
        let status = from_fault(&Fault {
            limit: Some(Limit::Quota("cost".to_owned())),
            ..Fault::new(FaultCode::QuotaExceeded, "")
        });
        let info = status.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.metadata["quota"].as_str()), ("QUOTA_EXCEEDED", "cost"));
    }

    #[test]
    fn a_refusal_tells_who_leads() {
        let told = not_leading(Some("http://127.0.0.1:7071"));
        assert_eq!(leader(&told), Some("http://127.0.0.1:7071"));
        assert!(is_not_leading(&told) && told.message().contains("http://127.0.0.1:7071 does"), "{told}");
        let untold = not_leading(None);
        assert_eq!((leader(&untold), is_not_leading(&untold)), (None, true));
        assert!(!is_not_leading(&Status::unavailable("the ledger is being loaded")));
    }

    #[test]
    fn fields_at_fault_survive_the_wire() {
        let fault = Fault::invalid(vec![
            FieldFault::new("/goal/targetAmount", "is required"),
            FieldFault::new("", "must be an object"),
        ]);
        assert_eq!(to_fault(&from_fault(&fault)), fault);
    }
}
