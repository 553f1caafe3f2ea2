//! Checks of fields that several requests have, and the wait for a change that several calls offer.

use std::sync::Arc;
use std::time::Duration;

use carlo_schedule::Page;
use carlo_tenancy::Unauthenticated;
use carlo_tenancy::keys::parse_user;
use carlo_types::definition::{self, Faults, Section};
use carlo_types::limits::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, PRIORITY_MAX};
use carlo_types::request::envelope::{JobOptions, JobOptionsDraft};
use carlo_types::{Draft, Fault, FaultCode, FieldFault, JobId};
use carlo_wire::v1;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::auth::refused;
use crate::core::{NewJob, OwnerFilter, StreamPermit};
use crate::environment::Environment;

/// The longest that a caller may wait for a change.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(30);

/// Waits for `change`. Returns whether it came in time. Fails if the core ends or the caller's key
/// is revoked.
pub(crate) async fn notified(
    change: oneshot::Receiver<()>,
    wait: Duration,
    permit: &StreamPermit,
) -> Result<bool, Fault> {
    let notified = tokio::select! {
        notified = timeout(wait, change) => notified,
        () = permit.revoked.cancelled() => return Err(refused(Unauthenticated::Revoked)),
    };
    match notified {
        Ok(Ok(())) => Ok(true),
        Ok(Err(_)) => Err(shutting_down()),
        Err(_) => Ok(false),
    }
}

/// The fault of calls that wait when this coordinator shuts down.
pub(crate) fn shutting_down() -> Fault {
    Fault::new(FaultCode::Unavailable, "this coordinator is shutting down")
}

/// The requested job with a fresh id, and a random seed if the request gives none.
pub(crate) fn new_job(
    environment: &dyn Environment,
    simulation: Option<v1::SimulationRequest>,
    options: JobOptionsDraft,
) -> Result<NewJob, Fault> {
    let mut faults = Faults::default();
    let seed = fresh_seed(environment);
    let spec = Draft::from(simulation.unwrap_or_default()).check_at("", seed, &mut faults);
    let JobOptions { name, priority, webhook } = definition::check(options, "", &mut faults);
    faults.none_or(NewJob {
        id: JobId::from_random(environment.random()),
        spec: Arc::new(spec),
        priority: rank(priority),
        name,
        is_preview: false,
        notify: webhook.into(),
    })
}

#[expect(clippy::cast_possible_truncation, reason = "64 of random bits are as random")]
pub(crate) fn fresh_seed(environment: &dyn Environment) -> u64 {
    environment.random() as u64
}

/// Whose jobs or batches a list is of.
pub(crate) fn check_owner_filter(all: bool, user: &str, faults: &mut Vec<FieldFault>) -> OwnerFilter {
    if !user.is_empty() {
        faults.extend(parse_user(user).err().map(|fault| FieldFault::new("/user", fault.message)));
    }
    OwnerFilter { all, user: user.to_owned() }
}

/// A checked priority in the scheduler's type.
pub(crate) fn rank(priority: u32) -> u8 {
    u8::try_from(priority).unwrap_or(PRIORITY_MAX)
}

/// The checked values of a draft, or all of its faults.
pub(crate) fn checked<S: Section>(draft: S::Draft) -> Result<S, Fault> {
    let mut faults = Faults::default();
    let section = definition::check(draft, "", &mut faults);
    faults.none_or(section)
}

/// The requested page of a list. 0 means that the request doesn't contain the number.
pub(crate) fn check_page(page: u32, page_size: u32, faults: &mut Vec<FieldFault>) -> Page {
    let page_size = if page_size == 0 { PAGE_SIZE_DEFAULT } else { page_size };
    if page_size > PAGE_SIZE_MAX {
        let message = format!("must be between 1 and {PAGE_SIZE_MAX}, not {page_size}");
        faults.push(FieldFault::new("/page_size", message));
    }
    let skip = usize::try_from(u64::from(page.max(1) - 1) * u64::from(page_size)).unwrap_or(usize::MAX);
    Page { skip, take: page_size as usize }
}
