//! Simulation requests: a body becomes a draft whose every fault is known, and a draft becomes the shape that is echoed.
//!
//! Names and types are `carlo_rest`'s business, ranges are `carlo_types`'; here their faults become one list.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use carlo_rest::json::Document;
use carlo_rest::pointer::{Spelling, spelled};
use carlo_rest::problem::FieldError;
use carlo_rest::{batch, request as rest};
use carlo_types::Draft;
use carlo_types::draft::{CardDraft, GoalDraft, InputsDraft, LoanDraft, ParamsDraft, ProfileDraft};

/// The sections of a request, in the order in which their faults are listed.
const SECTIONS: [&str; 4] = ["financialProfile", "userInputs", "goal", "simulationParams"];

/// Reads a body. The draft's rules hold: only its defaults are open.
///
/// # Errors
///
/// Every fault of the body, one for a field, in the order of the sections and then of the fields' names, and spelled as the body is.
pub(crate) fn read(body: &Document) -> Result<Draft, Vec<FieldError>> {
    let mut faults = body.duplicates.clone();
    let request = rest::read(&body.value, "", &mut faults);
    let unread = pointers(&faults);
    let draft = checked(request, "", &unread, &mut faults);
    if faults.is_empty() {
        return Ok(draft);
    }
    faults.sort_by(|a, b| in_order(&a.pointer, &b.pointer));
    Err(spelled(faults, &body.value, Spelling::CamelCase))
}

/// Reads the body of a batch, in the same way: each simulation's faults stand where the simulation does.
pub(crate) fn read_batch(body: &Document) -> Result<(batch::CreateBatch, Vec<Draft>), Vec<FieldError>> {
    let mut faults = body.duplicates.clone();
    let create = batch::read(&body.value, &mut faults);
    let unread = pointers(&faults);
    let requests = create.simulations.iter().enumerate();
    let drafts = requests
        .map(|(index, one)| {
            checked(one.simulation.clone(), &format!("/simulations/{index}"), &unread, &mut faults)
        })
        .collect();
    if faults.is_empty() {
        return Ok((create, drafts));
    }
    // What is of the batch as a whole comes first, then simulation by simulation.
    let place = |pointer: &str| -> Option<(usize, usize)> {
        let index = pointer.strip_prefix("/simulations/")?.split('/').next()?;
        Some((index.parse().ok()?, "/simulations/".len() + index.len()))
    };
    faults.sort_by(|a, b| match (place(&a.pointer), place(&b.pointer)) {
        (Some((first, at)), Some((second, end))) => {
            first.cmp(&second).then_with(|| in_order(&a.pointer[at..], &b.pointer[end..]))
        }
        (a, b) => a.is_some().cmp(&b.is_some()),
    });
    Err(spelled(faults, &body.value, Spelling::SnakeCase))
}

pub(super) fn pointers(faults: &[FieldError]) -> BTreeSet<String> {
    faults.iter().map(|fault| fault.pointer.clone()).collect()
}

/// The draft of a request that stands at `place`, and what its rules find. What could not be read is in `unread`.
pub(super) fn checked(
    request: rest::SimulationRequest,
    place: &str,
    unread: &BTreeSet<String>,
    faults: &mut Vec<FieldError>,
) -> Draft {
    let mut draft = draft(request);
    let is_unread = |pointer: &str| is_within(unread, &format!("{place}{pointer}"));
    // Two rules look at a second field. Where that one could not be read, its stand-in offends neither of them.
    if is_unread("/financialProfile/monthlyIncome") {
        draft.profile.monthly_income = Some(0.0);
    }
    if is_unread("/simulationParams/emergencyMin") {
        draft.params.emergency_min = Some(0.0);
    }
    // The seed is only checked here, not drawn: any will do.
    if let Err(broken) = draft.check(0) {
        // A field that could not be read counts as absent, which is not its fault.
        let own = broken.into_iter().filter(|fault| !is_unread(&fault.pointer));
        faults.extend(own.map(|fault| FieldError::new(format!("{place}{}", fault.pointer), fault.message)));
    }
    draft
}

/// Whether `pointer`, or anything that it lies in, is among `pointers`.
pub(super) fn is_within(pointers: &BTreeSet<String>, pointer: &str) -> bool {
    let ancestors = pointer.match_indices('/').map(|(end, _)| &pointer[..end]);
    ancestors.chain([pointer]).any(|ancestor| pointers.contains(ancestor))
}

/// By section, then name by name; entries of a list by their number.
fn in_order(a: &str, b: &str) -> Ordering {
    fn section(pointer: &str) -> usize {
        let name = pointer.split('/').nth(1);
        // A fault of the body as a whole comes first, what is in no section last.
        name.map_or(0, |name| SECTIONS.iter().position(|known| *known == name).map_or(5, |rank| rank + 1))
    }
    fn steps(pointer: &str) -> impl Iterator<Item = (u64, &str)> {
        pointer.split('/').map(|step| (step.parse().unwrap_or(u64::MAX), step))
    }
    section(a).cmp(&section(b)).then_with(|| steps(a).cmp(steps(b)))
}

fn draft(request: rest::SimulationRequest) -> Draft {
    let rest::SimulationRequest { financial_profile: profile, user_inputs: inputs, goal, simulation_params } =
        request;
    Draft {
        profile: ProfileDraft {
            liquid_assets: profile.liquid_assets,
            monthly_spending: profile.monthly_spending,
            credit_debt: profile.credit_debt,
            loan_debt: profile.loan_debt,
            monthly_loan_payments: profile.monthly_loan_payments,
            spending_volatility: profile.spending_volatility,
            monthly_income: profile.monthly_income,
            monthly_bills: profile.monthly_bills,
            spending_by_category: profile.spending_by_category.unwrap_or_default(),
        },
        inputs: InputsDraft {
            monthly_income: inputs.monthly_income,
            risk_tolerance: inputs.risk_tolerance,
            age: inputs.age,
        },
        goal: GoalDraft {
            target_amount: goal.target_amount,
            timeline_months: goal.timeline_months,
            goal_type: goal.goal_type,
            goal_text: goal.goal_text,
        },
        params: params_draft(simulation_params),
        ..Draft::default()
    }
}

/// The shape of a draft.
pub(crate) fn write(draft: Draft) -> rest::SimulationRequest {
    // A question about other plans is told where its answer is.
    let Draft { profile, inputs, goal, params, variants: _, solve: _ } = draft;
    rest::SimulationRequest {
        financial_profile: rest::FinancialProfile {
            liquid_assets: profile.liquid_assets,
            monthly_spending: profile.monthly_spending,
            credit_debt: profile.credit_debt,
            loan_debt: profile.loan_debt,
            monthly_loan_payments: profile.monthly_loan_payments,
            spending_volatility: profile.spending_volatility,
            monthly_income: profile.monthly_income,
            monthly_bills: profile.monthly_bills,
            spending_by_category: Some(profile.spending_by_category).filter(|amounts| !amounts.is_empty()),
        },
        user_inputs: rest::UserInputs {
            monthly_income: inputs.monthly_income,
            risk_tolerance: inputs.risk_tolerance,
            age: inputs.age,
        },
        goal: rest::Goal {
            target_amount: goal.target_amount,
            timeline_months: goal.timeline_months,
            goal_type: goal.goal_type,
            goal_text: goal.goal_text,
        },
        simulation_params: params_shape(params),
    }
}

/// Converts the parameters both ways; all but a few fields have the same name and type.
macro_rules! params {
    ($($field:ident),* $(,)?) => {
        fn params_draft(params: rest::SimulationParams) -> ParamsDraft {
            let card = |card: rest::CreditCard| CardDraft {
                id: card.id,
                balance: card.balance,
                apr: card.apr,
                minimum_payment: card.minimum_payment,
            };
            let loan = |loan: rest::Loan| LoanDraft {
                id: loan.id,
                balance: loan.balance,
                interest_rate: loan.interest_rate,
                monthly_payment: loan.monthly_payment,
            };
            ParamsDraft {
                simulations: params.n_simulations,
                seed: params.seed.map(|rest::Seed(seed)| seed),
                credit_cards: params.credit_cards.into_iter().flatten().map(card).collect(),
                loans: params.loans.into_iter().flatten().map(loan).collect(),
                $($field: params.$field),*
            }
        }

        fn params_shape(params: ParamsDraft) -> rest::SimulationParams {
            let card = |card: CardDraft| rest::CreditCard {
                id: card.id,
                balance: card.balance,
                apr: card.apr,
                minimum_payment: card.minimum_payment,
            };
            let loan = |loan: LoanDraft| rest::Loan {
                id: loan.id,
                balance: loan.balance,
                interest_rate: loan.interest_rate,
                monthly_payment: loan.monthly_payment,
            };
            let cards: Vec<_> = params.credit_cards.into_iter().map(card).collect();
            let loans: Vec<_> = params.loans.into_iter().map(loan).collect();
            rest::SimulationParams {
                n_simulations: params.simulations,
                seed: params.seed.map(rest::Seed),
                credit_cards: Some(cards).filter(|cards| !cards.is_empty()),
                loans: Some(loans).filter(|loans| !loans.is_empty()),
                $($field: params.$field),*
            }
        }
    };
}

params!(
    annual_return_mean,
    annual_return_std,
    inflation_rate,
    inflation_volatility,
    income_volatility,
    expense_volatility,
    emergency_probability,
    emergency_min,
    emergency_max,
    annual_raise_mean,
    annual_raise_volatility,
    promotion_probability,
    promotion_raise_mean,
    promotion_raise_volatility,
    target_standard_error,
    use_account_aware_simulation,
);

#[cfg(test)]
mod tests;
