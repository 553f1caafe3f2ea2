//! Faults as gRPC statuses and back: one table, and `google.rpc.BadRequest` for the fields.

use std::error::Error;

use carlo_types::limits::FIELD_FAULTS_MAX;
use carlo_types::{Fault, FaultCode, FieldFault};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Each kind of fault and its code. The first row of a code is what that code reads back as.
const TABLE: [(FaultCode, Code); 8] = [
    (FaultCode::Invalid, Code::InvalidArgument),
    (FaultCode::NotFound, Code::NotFound),
    (FaultCode::Conflict, Code::FailedPrecondition),
    (FaultCode::Exhausted, Code::ResourceExhausted),
    (FaultCode::Incompatible, Code::Unimplemented),
    (FaultCode::Unavailable, Code::Unavailable),
    (FaultCode::Timeout, Code::DeadlineExceeded),
    (FaultCode::Internal, Code::Internal),
];

/// The status that tells a caller of `fault`. What is internal stays inside: its text is for the log.
pub fn from_fault(fault: &Fault) -> Status {
    let code = TABLE.iter().find(|(kind, _)| *kind == fault.code).map_or(Code::Internal, |(_, code)| *code);
    if fault.code == FaultCode::Internal {
        return Status::new(code, "an internal error, described in the coordinator's log");
    }
    if fault.fields.is_empty() {
        return Status::new(code, &fault.message);
    }
    let mut details = ErrorDetails::new();
    for field in fault.fields.iter().take(FIELD_FAULTS_MAX) {
        details.add_bad_request_violation(&field.pointer, &field.message);
    }
    Status::with_error_details(code, &fault.message, details)
}

/// Whether the status is not an answer, but what the transport makes of a connection that broke or can't be made. Its text is for
/// the log.
pub fn is_from_transport(status: &Status) -> bool {
    status.source().is_some() || matches!(status.code(), Code::Unknown | Code::Cancelled | Code::Aborted)
}

/// In the metadata of a refusal: the URL of the coordinator that leads; empty where none is known.
const LEADER: &str = "carlo-leader";

/// What a coordinator that doesn't lead answers, to whatever it is asked. Nothing of the call has been done.
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

/// Whether this is the answer of a coordinator that [doesn't lead](not_leading): nothing of the call has been done.
pub fn is_not_leading(status: &Status) -> bool {
    status.code() == Code::Unavailable && status.metadata().contains_key(LEADER)
}

/// The URL of the coordinator that leads, as one that doesn't has told.
pub fn leader(status: &Status) -> Option<&str> {
    let leader = status.metadata().get(LEADER)?.to_str().ok()?;
    (is_not_leading(status) && !leader.is_empty()).then_some(leader)
}

/// The fault that a status tells of.
pub fn to_fault(status: &Status) -> Fault {
    if is_from_transport(status) {
        return Fault::new(FaultCode::Unavailable, "the coordinator can't be reached");
    }
    let row = TABLE.iter().find(|(_, row)| *row == status.code());
    let code = row.map_or(FaultCode::Internal, |(kind, _)| *kind);
    let fields = status.get_details_bad_request().map_or_else(Vec::new, |request| {
        request.field_violations.into_iter().map(|v| FieldFault::new(v.field, v.description)).collect()
    });
    Fault { code, message: status.message().to_owned(), fields }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_but_an_internal_one_survives_the_wire() {
        for (code, _) in TABLE {
            let fault = Fault::new(code, "words for a person");
            let arrived = to_fault(&from_fault(&fault));
            assert_eq!(arrived.code, code);
            assert_eq!(arrived.message == fault.message, code != FaultCode::Internal);
        }
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
