//! The plan as a field of a request. Nearly every savings goal has the same one, without anything in
//! it. It is two fifths of a request, and a coordinator has many requests in memory, so they share
//! it.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::plan::{Plan, PlanDraft};
use crate::definition::kind::Kind;
use crate::definition::rule::Part;
use crate::definition::schema::Components;
use crate::definition::{self, At, Canonical, Faults, Name};

/// The plan of a request that has none.
static NOTHING: LazyLock<Arc<Plan>> =
    LazyLock::new(|| Arc::new(definition::check(PlanDraft::default(), "", &mut Faults::default())));

fn shared(plan: Plan) -> Arc<Plan> {
    if plan == **NOTHING { Arc::clone(&NOTHING) } else { Arc::new(plan) }
}

impl Kind for Arc<Plan> {
    type Draft = PlanDraft;
    type Rule = Part;

    fn read(rule: &Part, value: Option<&Value>, at: &At<'_>, faults: &mut Faults) -> Self {
        shared(Plan::read(rule, value, at, faults))
    }

    fn check(rule: &Part, draft: PlanDraft, at: &At<'_>, faults: &mut Faults) -> Self {
        shared(Plan::check(rule, draft, at, faults))
    }

    fn to_draft(&self) -> PlanDraft {
        Kind::to_draft(&**self)
    }

    fn canonical(&self, rule: &Part, name: &Name, canonical: &mut Canonical) {
        Kind::canonical(&**self, rule, name, canonical);
    }

    fn schema(rule: &Part) -> Value {
        <Plan as Kind>::schema(rule)
    }

    fn is_required(rule: &Part) -> bool {
        <Plan as Kind>::is_required(rule)
    }

    fn components(components: &mut Components) {
        <Plan as Kind>::components(components);
    }
}
