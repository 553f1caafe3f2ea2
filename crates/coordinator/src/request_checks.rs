//! Checks that several services apply to fields of requests, and the wait for a change that several
//! calls offer.

use std::sync::Arc;
use std::time::Duration;

use carlo_schedule::Page;
use carlo_types::definition::Faults;
use carlo_types::limits::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, PRIORITY_DEFAULT, PRIORITY_MAX, TEXT_BYTES_MAX};
use carlo_types::{Draft, Fault, FaultCode, FieldFault, JobId, JobSpec};
use carlo_wire::v1;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::core::NewJob;
use crate::environment::Environment;

/// The longest that a caller may wait for a change.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(30);

/// Whether what is waited for happened in time. Fails when the core ends.
pub(crate) async fn notified(change: oneshot::Receiver<()>, wait: Duration) -> Result<bool, Fault> {
    match timeout(wait, change).await {
        Ok(Ok(())) => Ok(true),
        Ok(Err(_)) => Err(Fault::new(FaultCode::Unavailable, "this coordinator is shutting down")),
        Err(_) => Ok(false),
    }
}

/// The job that a request asks for, under a fresh id and with a fresh seed where it gives none.
pub(crate) fn new_job(
    environment: &dyn Environment,
    simulation: Option<v1::SimulationRequest>,
    priority: Option<u32>,
) -> Result<NewJob, Fault> {
    let mut faults = Vec::new();
    let spec = check_simulation(environment, simulation, "", &mut faults);
    let priority = check_priority(priority, &mut faults);
    match (spec, priority) {
        (Some(spec), Some(priority)) if faults.is_empty() => {
            Ok(NewJob { id: JobId::from_random(environment.random()), spec: Arc::new(spec), priority })
        }
        _ => Err(Fault::invalid(faults)),
    }
}

/// The specification that a request asks for, or its faults, with `pointer` before theirs.
pub(crate) fn check_simulation(
    environment: &dyn Environment,
    simulation: Option<v1::SimulationRequest>,
    pointer: &str,
    faults: &mut Vec<FieldFault>,
) -> Option<JobSpec> {
    #[expect(clippy::cast_possible_truncation, reason = "64 of random bits are as random")]
    let seed = environment.random() as u64;
    let mut found = Faults::default();
    let spec = Draft::from(simulation.unwrap_or_default()).check_at(pointer, seed, &mut found);
    match found.none_or(spec) {
        Ok(spec) => Some(spec),
        Err(fault) => {
            faults.extend(fault.fields);
            None
        }
    }
}

/// The priority that a request asks for.
pub(crate) fn check_priority(priority: Option<u32>, faults: &mut Vec<FieldFault>) -> Option<u8> {
    let priority = priority.unwrap_or(PRIORITY_DEFAULT.into());
    let checked = u8::try_from(priority).ok().filter(|priority| *priority <= PRIORITY_MAX);
    if checked.is_none() {
        let message = format!("must be between 0 and {PRIORITY_MAX}, not {priority}");
        faults.push(FieldFault::new("/priority", message));
    }
    checked
}

/// Refuses a reason that is too long.
pub(crate) fn check_reason(reason: &str) -> Result<(), Fault> {
    if reason.len() <= TEXT_BYTES_MAX {
        return Ok(());
    }
    let message = format!("must have at most {TEXT_BYTES_MAX} bytes");
    Err(Fault::invalid(vec![FieldFault::new("/reason", message)]))
}

/// The part of a list that a request asks for. 0 is what protobuf says where a caller says nothing.
pub(crate) fn check_page(page: u32, page_size: u32, faults: &mut Vec<FieldFault>) -> Page {
    let page_size = if page_size == 0 { PAGE_SIZE_DEFAULT } else { page_size };
    if page_size > PAGE_SIZE_MAX {
        let message = format!("must be between 1 and {PAGE_SIZE_MAX}, not {page_size}");
        faults.push(FieldFault::new("/page_size", message));
    }
    let skip = usize::try_from(u64::from(page.max(1) - 1) * u64::from(page_size)).unwrap_or(usize::MAX);
    Page { skip, take: page_size as usize }
}
