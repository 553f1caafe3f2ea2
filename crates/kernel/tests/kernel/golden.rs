//! The cases of `tests/golden/model.json`: requests, with the answers of an independent program in
//! double precision on another generator, 10⁷ simulations each. The file came with the model's
//! description.

use carlo_types::results::PERCENTILES;
use carlo_types::{Draft, JobSpec};
use serde_json::Value;

/// A request and its answer.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) draft: Draft,
    pub(crate) simulations: f64,
    pub(crate) success_probability: f64,
    pub(crate) standard_error: f64,
    pub(crate) mean: f64,
    pub(crate) std: f64,
    pub(crate) percentiles: [f64; 7],
}

impl Case {
    /// The case's job, with this many simulations and this seed.
    pub(crate) fn spec(&self, simulations: u64, seed: u64) -> JobSpec {
        let mut draft = self.draft.clone();
        draft.params.n_simulations = Some(simulations);
        draft.check(seed).unwrap()
    }
}

/// Every case.
pub(crate) fn cases() -> Vec<Case> {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../golden/model.json")).unwrap();
    cases.iter().map(case).collect()
}

fn case(case: &Value) -> Case {
    let number = |name: &str| case[name].as_f64().unwrap();
    let draft = JobSpec::read(&case["request"]).unwrap().to_draft();
    Case {
        name: case["name"].as_str().unwrap().to_owned(),
        draft,
        simulations: number("n"),
        success_probability: number("successProbability"),
        standard_error: number("standardError"),
        mean: number("mean"),
        std: number("std"),
        percentiles: PERCENTILES.map(|percent| case["percentiles"][format!("p{percent}")].as_f64().unwrap()),
    }
}
