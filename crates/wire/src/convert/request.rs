//! A simulation request: the draft of a job, field by field.

use carlo_types::Draft;
use carlo_types::draft::{CardDraft, GoalDraft, InputsDraft, LoanDraft, ParamsDraft, ProfileDraft};

use crate::v1;

/// Converts both ways between two structs whose fields have the same names and types.
macro_rules! same_fields {
    ($message:ident, $draft:ident { $($field:ident),* $(,)? }) => {
        impl From<v1::$message> for $draft {
            fn from(message: v1::$message) -> Self {
                let v1::$message { $($field),* } = message;
                Self { $($field),* }
            }
        }

        impl From<$draft> for v1::$message {
            fn from(draft: $draft) -> Self {
                let $draft { $($field),* } = draft;
                Self { $($field),* }
            }
        }
    };
}

same_fields!(
    FinancialProfile,
    ProfileDraft {
        liquid_assets,
        monthly_spending,
        credit_debt,
        loan_debt,
        monthly_loan_payments,
        spending_volatility,
        monthly_income,
        monthly_bills,
        spending_by_category,
    }
);
same_fields!(UserInputs, InputsDraft { monthly_income, risk_tolerance, age });
same_fields!(Goal, GoalDraft { target_amount, timeline_months, goal_type, goal_text });
same_fields!(CreditCard, CardDraft { id, balance, apr, minimum_payment });
same_fields!(Loan, LoanDraft { id, balance, interest_rate, monthly_payment });

/// As [`same_fields`], for the parameters, of which three fields are not simply the same.
macro_rules! params {
    ($($field:ident),* $(,)?) => {
        impl From<v1::SimulationParams> for ParamsDraft {
            fn from(message: v1::SimulationParams) -> Self {
                Self {
                    simulations: message.n_simulations,
                    credit_cards: message.credit_cards.into_iter().map(Into::into).collect(),
                    loans: message.loans.into_iter().map(Into::into).collect(),
                    $($field: message.$field),*
                }
            }
        }

        impl From<ParamsDraft> for v1::SimulationParams {
            fn from(draft: ParamsDraft) -> Self {
                Self {
                    n_simulations: draft.simulations,
                    credit_cards: draft.credit_cards.into_iter().map(Into::into).collect(),
                    loans: draft.loans.into_iter().map(Into::into).collect(),
                    $($field: draft.$field),*
                }
            }
        }
    };
}

params!(
    seed,
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

impl From<v1::SimulationRequest> for Draft {
    fn from(message: v1::SimulationRequest) -> Self {
        Self {
            profile: message.financial_profile.unwrap_or_default().into(),
            inputs: message.user_inputs.unwrap_or_default().into(),
            goal: message.goal.unwrap_or_default().into(),
            params: message.simulation_params.unwrap_or_default().into(),
            variants: message.variants.into_iter().map(Into::into).collect(),
            solve: message.solve.map(Into::into),
        }
    }
}

impl From<Draft> for v1::SimulationRequest {
    fn from(draft: Draft) -> Self {
        Self {
            financial_profile: Some(draft.profile.into()),
            user_inputs: Some(draft.inputs.into()),
            goal: Some(draft.goal.into()),
            simulation_params: Some(draft.params.into()),
            variants: draft.variants.into_iter().map(Into::into).collect(),
            solve: draft.solve.map(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    use carlo_types::draft::SolveDraft;

    use super::*;

    #[test]
    fn a_draft_survives_the_wire() {
        let mut draft = Draft::default();
        draft.profile.liquid_assets = Some(1.5);
        draft.profile.spending_by_category.insert("food".to_owned(), 300.0);
        draft.inputs.risk_tolerance = Some("low".to_owned());
        draft.goal.timeline_months = Some(36);
        draft.params.simulations = Some(5);
        draft.params.seed = Some(u64::MAX);
        draft.params.promotion_raise_volatility = Some(0.25);
        draft.params.credit_cards = vec![CardDraft { apr: Some(20.0), ..Default::default() }];
        draft.params.loans = vec![LoanDraft { interest_rate: Some(4.0), ..Default::default() }];
        draft.variants = vec![draft.clone()];
        draft.solve = Some(SolveDraft { variable: Some("maxTarget".to_owned()), probability: Some(0.9) });
        assert_eq!(Draft::from(v1::SimulationRequest::from(draft.clone())), draft);
    }
}
