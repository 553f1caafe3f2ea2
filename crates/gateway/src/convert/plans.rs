//! Several plans on the same luck: their requests become one draft, whose faults are named where the body has them, and its results
//! the answer.

use std::collections::BTreeSet;

use carlo_rest::json::Document;
use carlo_rest::plans::{
    CompareRequest, ComparedPlan, Comparison, Solution, SolveRequest, Solved, TriedPlan,
};
use carlo_rest::pointer::{Spelling, spelled};
use carlo_rest::problem::FieldError;
use carlo_types::draft::SolveDraft;
use carlo_types::results::Variant;
use carlo_types::{Draft, Results};
use carlo_wire::{FieldError as MessageError, v1};

use super::request::{checked, is_within, pointers};

/// Reads the body of a comparison.
pub(crate) fn read_comparison(body: &Document) -> Result<Draft, Vec<FieldError>> {
    let mut faults = body.duplicates.clone();
    let requests = CompareRequest::read(&body.value, &mut faults).requests;
    let unread = pointers(&faults);
    let place = |index| format!("/requests/{index}");
    let drafts = requests.into_iter().enumerate();
    let mut drafts = drafts.map(|(index, request)| checked(request, &place(index), &unread, &mut faults));
    let (first, variants) = (drafts.next(), drafts.collect());
    let Some(first) = first else { return Err(spelled(faults, &body.value, Spelling::CamelCase)) };
    finish(body, Draft { variants, ..first }, faults, &unread, compared_pointer)
}

/// Reads the body of what is to be solved.
pub(crate) fn read_solve(body: &Document) -> Result<Draft, Vec<FieldError>> {
    let mut faults = body.duplicates.clone();
    let SolveRequest { request, variable, probability } = SolveRequest::read(&body.value, &mut faults);
    let unread = pointers(&faults);
    let draft = checked(request, "/request", &unread, &mut faults);
    let draft = Draft { solve: Some(SolveDraft { variable, probability }), ..draft };
    finish(body, draft, faults, &unread, solved_pointer)
}

/// Adds what only the whole draft can break. `place` is where the body has what a pointer into the draft leads to.
fn finish(
    body: &Document,
    draft: Draft,
    mut faults: Vec<FieldError>,
    unread: &BTreeSet<String>,
    place: fn(&str) -> String,
) -> Result<Draft, Vec<FieldError>> {
    for fault in draft.check(0).err().unwrap_or_default() {
        let pointer = place(&fault.pointer);
        if !is_within(unread, &pointer) && !faults.iter().any(|known| known.pointer == pointer) {
            faults.push(FieldError::new(pointer, fault.message));
        }
    }
    if faults.is_empty() { Ok(draft) } else { Err(spelled(faults, &body.value, Spelling::CamelCase)) }
}

/// Where the body of a comparison has what a pointer into its draft leads to.
pub(crate) fn compared_pointer(pointer: &str) -> String {
    let Some(variant) = pointer.strip_prefix("/variants") else { return format!("/requests/0{pointer}") };
    let mut steps = variant.splitn(3, '/').skip(1);
    let Some(index) = steps.next().and_then(|index| index.parse::<usize>().ok()) else {
        return "/requests".to_owned();
    };
    steps
        .next()
        .map_or_else(|| format!("/requests/{}", index + 1), |rest| format!("/requests/{}/{rest}", index + 1))
}

/// The same, of what is to be solved.
pub(crate) fn solved_pointer(pointer: &str) -> String {
    pointer.strip_prefix("/solve").map_or_else(|| format!("/request{pointer}"), str::to_owned)
}

/// The answer of a comparison.
pub(crate) fn comparison(job: v1::Job) -> Result<Comparison, MessageError> {
    let seed = job.seed;
    let results = results(job)?;
    let own = ComparedPlan::first(
        results.success_probability,
        results.standard_error,
        results.confidence_interval_95,
    );
    Ok(Comparison {
        plans: std::iter::once(own).chain(results.variants.iter().map(compared)).collect(),
        simulations_run: results.simulations_run,
        seed: seed.to_string(),
        model_version: results.model_version,
        digest: results.digest.to_string(),
    })
}

/// How a plan does beside the job's own.
pub(super) fn compared(variant: &Variant) -> ComparedPlan {
    ComparedPlan {
        success_probability: variant.success_probability,
        standard_error: variant.standard_error,
        confidence_interval_95: variant.confidence_interval_95,
        delta: variant.delta,
        delta_standard_error: variant.delta_standard_error,
    }
}

/// The answer of what was to be solved.
pub(crate) fn solved(job: v1::Job) -> Result<Solved, MessageError> {
    let seed = job.seed;
    let results = results(job)?;
    Ok(Solved {
        solution: solution(&results).ok_or_else(|| MessageError::new("results.solution", "is missing"))?,
        base_probability: results.success_probability,
        simulations_run: results.simulations_run,
        seed: seed.to_string(),
        model_version: results.model_version,
        digest: results.digest.to_string(),
    })
}

/// What was solved for, with the plans that were tried; nothing where nothing was.
pub(super) fn solution(results: &Results) -> Option<Solution> {
    let tried = |variant: &Variant| {
        let (success_probability, standard_error) = (variant.success_probability, variant.standard_error);
        variant.value.map(|value| TriedPlan { value, success_probability, standard_error })
    };
    results.solution.map(|solution| Solution {
        variable: solution.asked.variable.to_string(),
        probability: solution.asked.probability,
        value: solution.value,
        interval_95: solution.interval_95,
        tried: results.variants.iter().filter_map(tried).collect(),
    })
}

fn results(job: v1::Job) -> Result<Results, MessageError> {
    let results = job.results.and_then(|completed| completed.results);
    results.ok_or_else(|| MessageError::new("results", "is missing"))?.try_into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn plan() -> Value {
        json!({"financialProfile": {"liquidAssets": 1, "monthlySpending": 2}, "userInputs": {"monthlyIncome": 3},
            "goal": {"targetAmount": 4, "timelineMonths": 5}})
    }

    fn body(value: Value) -> Document {
        Document { value, duplicates: Vec::new() }
    }

    fn pointers<T>(read: Result<T, Vec<FieldError>>) -> Vec<String> {
        read.err().unwrap_or_default().into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn the_first_plan_is_the_one_that_the_others_are_compared_with() {
        let mut other = plan();
        other["goal"]["targetAmount"] = 9.into();
        let draft = read_comparison(&body(json!({"requests": [plan(), other]}))).unwrap();
        assert_eq!(draft.goal.target_amount, Some(4.0));
        assert_eq!(draft.variants[0].goal.target_amount, Some(9.0));
    }

    #[test]
    fn faults_are_named_where_the_body_has_them() {
        let mut other = plan();
        other["goal"] = json!({"targetAmount": -1, "timelineMonths": "long"});
        let faults = read_comparison(&body(json!({"requests": [{}, other]})));
        let faults = pointers(faults);
        assert!(faults.contains(&"/requests/0/goal/targetAmount".to_owned()), "{faults:?}");
        assert!(faults.contains(&"/requests/1/goal/targetAmount".to_owned()), "{faults:?}");
        let timeline = faults.iter().filter(|pointer| *pointer == "/requests/1/goal/timelineMonths");
        assert_eq!(timeline.count(), 1, "{faults:?}");

        let (mut first, mut second) = (plan(), plan());
        first["simulationParams"] = json!({"seed": 1});
        second["simulationParams"] = json!({"seed": 2, "nSimulations": 5});
        let faults = pointers(read_comparison(&body(json!({"requests": [first, plan(), second]}))));
        assert_eq!(
            faults,
            ["/requests/2/simulationParams/nSimulations", "/requests/2/simulationParams/seed"]
        );
        assert_eq!(pointers(read_comparison(&body(json!({"requests": []})))), ["/requests"]);
    }

    #[test]
    fn what_is_to_be_solved_has_its_faults_beside_those_of_the_plan() {
        let mut request = plan();
        request["goal"]["timelineMonths"] = 0.into();
        let faults = read_solve(&body(json!({"request": request, "for": "maxFun", "probability": 1})));
        assert_eq!(pointers(faults), ["/request/goal/timelineMonths", "/for", "/probability"]);
        assert_eq!(pointers(read_solve(&body(json!({"request": plan()})))), ["/for", "/probability"]);
        let draft = read_solve(&body(json!({"request": plan(), "for": "maxTarget", "probability": 0.5})));
        assert_eq!(draft.unwrap().solve.unwrap().variable.as_deref(), Some("maxTarget"));
    }
}
