//! Reading what is sent to `/simulations/batch`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{BatchSimulation, Cancel, CreateBatch};
use crate::problem::FieldError;
use crate::reader::Object;
use crate::request;

/// The largest metadata, as JSON.
const METADATA_BYTES_MAX: usize = 16 * 1024;
/// The largest budget, dollars: beyond it, thousand-millionths don't fit into 64 bits.
const BUDGET_MAX: f64 = 1e10;
const CUSTOM_ID_BYTES_MAX: usize = 128;
const PARALLEL_JOBS_MAX: u64 = 100;
const PRIORITY_MAX: u64 = 100;

/// Reads the body of `POST /simulations/batch` and adds every fault of its names, types and own ranges to `faults`; those of the
/// simulations' ranges are for whoever owns the model's rules.
pub fn read(body: &Value, faults: &mut Vec<FieldError>) -> CreateBatch {
    let mut batch = Object::new(body, String::new(), "a batch", faults);
    let create = CreateBatch {
        simulations: Vec::new(),
        parallel_jobs: batch.within("parallelJobs", 1, PARALLEL_JOBS_MAX),
        fail_fast: batch.flag("failFast"),
        budget_cap_usd: batch.number("budgetCapUsd"),
        priority: batch.within("priority", 0, PRIORITY_MAX),
        metadata: batch.map("metadata").cloned(),
    };
    if create.budget_cap_usd.is_some_and(|cap| !(0.0..=BUDGET_MAX).contains(&cap)) {
        batch.fault("budgetCapUsd", format!("must be from 0 to {BUDGET_MAX}"));
    }
    let metadata = create.metadata.as_ref().map(|metadata| Value::Object(metadata.clone()).to_string());
    if metadata.is_some_and(|json| json.len() > METADATA_BYTES_MAX) {
        batch.fault("metadata", format!("has more than {METADATA_BYTES_MAX} bytes"));
    }
    let simulations = batch.list_of("simulations", "a simulation of a batch", |one| {
        let custom_id = one.text("customId");
        if custom_id.as_ref().is_some_and(|id| !(1..=CUSTOM_ID_BYTES_MAX).contains(&id.len())) {
            one.fault("customId", format!("must have 1 to {CUSTOM_ID_BYTES_MAX} bytes"));
        }
        BatchSimulation { simulation: request::sections(one), custom_id }
    });
    match &simulations {
        None if !batch.is_at_fault("simulations") => batch.fault("simulations", "is required".to_owned()),
        Some(none) if none.is_empty() => {
            batch.fault("simulations", "must have at least one entry".to_owned());
        }
        _ => {}
    }
    batch.refuse_others();
    let create = CreateBatch { simulations: simulations.unwrap_or_default(), ..create };
    refuse_twins(&create.simulations, faults);
    create
}

/// Names every `custom_id` that an earlier simulation has, too.
fn refuse_twins(simulations: &[BatchSimulation], faults: &mut Vec<FieldError>) {
    let mut first = BTreeMap::new();
    for (index, one) in simulations.iter().enumerate() {
        let Some(id) = &one.custom_id else { continue };
        let twin = *first.entry(id).or_insert(index);
        if twin != index {
            let message = format!("is the same as that of /simulations/{twin}");
            faults.push(FieldError::new(format!("/simulations/{index}/customId"), message));
        }
    }
}

/// Reads the body of a call that cancels: `whole` says what, as in "the cancellation of a batch".
pub fn read_cancel(
    body: &Value,
    whole: &'static str,
    of_batch: bool,
    faults: &mut Vec<FieldError>,
) -> Cancel {
    /// The longest reason.
    const REASON_BYTES_MAX: usize = 1_024;
    let mut object = Object::new(body, String::new(), whole, faults);
    let reason = object.text("reason");
    if reason.as_ref().is_some_and(|reason| reason.len() > REASON_BYTES_MAX) {
        object.fault("reason", format!("has more than {REASON_BYTES_MAX} bytes"));
    }
    let cancel_running = if of_batch { object.flag("cancelRunning") } else { None };
    object.refuse_others();
    Cancel { reason, cancel_running }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(body: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        read(body, &mut faults);
        faults.into_iter().map(|fault| format!("{} {}", fault.pointer, fault.message)).collect()
    }

    #[test]
    fn a_batch_is_read_with_its_defaults_left_open() {
        let mut none = Vec::new();
        let body = json!({"simulations": [{"goal": {"target_amount": 5}, "custom_id": "a"}, {}], "fail_fast": true, "budget_cap_usd": 0,
            "priority": 0, "metadata": {"a": 1}});
        let batch = read(&body, &mut none);
        assert_eq!(none, []);
        assert_eq!(
            (batch.parallel_jobs, batch.fail_fast, batch.budget_cap_usd),
            (None, Some(true), Some(0.0))
        );
        assert_eq!(batch.simulations[0].simulation.goal.target_amount, Some(5.0));
        assert_eq!(batch.simulations[0].custom_id.as_deref(), Some("a"));
        assert_eq!(batch.priority, Some(0));
    }

    #[test]
    fn every_fault_is_named_with_the_simulation_that_it_is_of() {
        let body = json!({
            "simulations": [{"custom_id": "a"}, {"goal": {"target": 1}}, {"custom_id": "a"}, 7, {"custom_id": ""}],
            "parallel_jobs": 101, "priority": -1, "budget_cap_usd": -0.5, "metadata": [], "budget": 3
        });
        assert_eq!(
            faults(&body),
            [
                "/parallelJobs must be a whole number from 1 to 100, not 101",
                "/priority must be a whole number from 0 to 100, not -1",
                "/metadata must be an object, not a list",
                "/budgetCapUsd must be from 0 to 10000000000",
                "/simulations/1/goal/target is not a field of a simulation of a batch",
                "/simulations/3 must be an object, not 7",
                "/simulations/4/customId must have 1 to 128 bytes",
                "/budget is not a field of a batch",
                "/simulations/2/customId is the same as that of /simulations/0",
            ]
        );
        assert_eq!(faults(&json!({})), ["/simulations is required"]);
        assert_eq!(faults(&json!({"simulations": []})), ["/simulations must have at least one entry"]);
        assert_eq!(faults(&json!({"simulations": 3})), ["/simulations must be a list, not 3"]);
        let metadata = json!({"simulations": [{}], "metadata": {"a": "x".repeat(16_400)}});
        assert_eq!(faults(&metadata), ["/metadata has more than 16384 bytes"]);
    }
}
