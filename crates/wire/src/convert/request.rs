//! A simulation request, as the draft of a job. If a field is missing here, the code doesn't
//! compile.

use carlo_types::Draft;
use carlo_types::analysis::SolveDraft;
use carlo_types::request::plan::{
    AssetDraft, BootstrapReturnsDraft, FlowDraft, GlidePointDraft, GuardrailsDraft, LognormalReturnsDraft,
    NormalReturnsDraft, PercentRuleDraft, PersonDraft, PlanDraft, PortfolioDraft, PricesDraft, RegimeDraft,
    RegimeReturnsDraft, ReturnsDraft, SpendingRuleDraft, StudentTReturnsDraft, VpwRuleDraft,
};
use carlo_types::request::{
    CardDraft, GoalDraft, InputsDraft, LoanDraft, ParamsDraft, ProfileDraft, RequestDraft,
};
use carlo_types::sweep::SweepAxisDraft;

use crate::v1;

/// Converts both ways between a message and a draft whose fields have the same names. Fields of
/// `plain` have the same types, those of `part` are messages that a draft always has, those of
/// `optional` messages that it may have, those of `lists` lists of messages, and those of `rows`
/// lists of lists of numbers.
macro_rules! same_fields {
    (
        $message:ident, $draft:ident { $($plain:ident),* $(,)? }
        $(part { $($part:ident),* })?
        $(optional { $($optional:ident),* })?
        $(lists { $($list:ident),* })?
        $(rows { $($rows:ident),* })?
    ) => {
        impl From<v1::$message> for $draft {
            fn from(message: v1::$message) -> Self {
                let v1::$message {
                    $($plain,)* $($($part,)*)? $($($optional,)*)? $($($list,)*)? $($($rows,)*)?
                } = message;
                Self {
                    $($plain,)*
                    $($($part: $part.unwrap_or_default().into(),)*)?
                    $($($optional: $optional.and_then(present),)*)?
                    $($($list: $list.into_iter().map(Into::into).collect(),)*)?
                    $($($rows: $rows.into_iter().map(|row| row.values).collect(),)*)?
                }
            }
        }

        impl From<$draft> for v1::$message {
            fn from(draft: $draft) -> Self {
                let $draft {
                    $($plain,)* $($($part,)*)? $($($optional,)*)? $($($list,)*)? $($($rows,)*)?
                } = draft;
                Self {
                    $($plain,)*
                    $($($part: Some($part.into()),)*)?
                    $($($optional: $optional.map(Into::into),)*)?
                    $($($list: $list.into_iter().map(Into::into).collect(),)*)?
                    $($($rows: $rows.into_iter().map(|values| v1::Row { values }).collect(),)*)?
                }
            }
        }
    };
}

/// The draft of a message; `None` if the message is empty.
fn present<M: IntoDraft<D>, D>(message: M) -> Option<D> {
    message.into_draft()
}

/// Messages that may be empty.
trait IntoDraft<D> {
    fn into_draft(self) -> Option<D>;
}

/// For messages that are never empty.
macro_rules! always {
    ($($message:ident => $draft:ident),*) => { $(
        impl IntoDraft<$draft> for v1::$message {
            fn into_draft(self) -> Option<$draft> {
                Some(self.into())
            }
        }
    )* };
}
always!(Prices => PricesDraft, Portfolio => PortfolioDraft);

/// Converts both ways between the message of a `oneof` and the draft of an object with a tag.
macro_rules! same_choices {
    ($message:ident $oneof:ident $module:ident::$choice:ident, $draft:ident { $($variant:ident),* $(,)? }) => {
        impl IntoDraft<$draft> for v1::$message {
            fn into_draft(self) -> Option<$draft> {
                Some(match self.$oneof? {
                    $( v1::$module::$choice::$variant(message) => $draft::$variant(message.into()), )*
                })
            }
        }

        impl From<$draft> for v1::$message {
            fn from(draft: $draft) -> Self {
                Self { $oneof: Some(match draft {
                    $( $draft::$variant(draft) => v1::$module::$choice::$variant(draft.into()), )*
                }) }
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
same_fields!(
    Goal,
    GoalDraft { target_amount, timeline_months, goal_type, goal_text, success, floor, dollars }
);
same_fields!(CreditCard, CardDraft { id, balance, apr, minimum_payment });
same_fields!(Loan, LoanDraft { id, balance, interest_rate, monthly_payment });
same_fields!(
    SimulationParams,
    ParamsDraft {
        n_simulations,
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
        sensitivity,
        use_account_aware_simulation,
    }
    lists { credit_cards, loans }
);
same_fields!(
    Plan,
    PlanDraft { reserve_months, income_until, borrowing_rate, survivor_spending }
    optional { prices, portfolio, returns, spending_rule }
    lists { flows, people }
);
same_fields!(
    Flow,
    FlowDraft { id, kind, amount, from, until, every_months, index, annual_growth, person, survivor_share }
);
same_fields!(Prices, PricesDraft { mean, std, persistence, start });
same_fields!(Portfolio, PortfolioDraft { annual_fee } lists { assets, glide_path } rows { correlation });
same_fields!(Asset, AssetDraft { id, mean, std });
same_fields!(GlidePoint, GlidePointDraft { month, weights });
same_fields!(NormalReturns, NormalReturnsDraft {});
same_fields!(LognormalReturns, LognormalReturnsDraft {});
same_fields!(StudentTReturns, StudentTReturnsDraft { degrees_of_freedom });
same_fields!(RegimeReturns, RegimeReturnsDraft { calm_to_stress, stress_to_calm } part { calm, stress });
same_fields!(Regime, RegimeDraft { mean, std });
same_fields!(BootstrapReturns, BootstrapReturnsDraft { inflation, mean_block_months } rows { rows });
same_choices!(Returns model returns::Model, ReturnsDraft { Normal, Lognormal, StudentT, Regimes, Bootstrap });
same_choices!(SpendingRule rule spending_rule::Rule, SpendingRuleDraft { Guardrails, Percent, Vpw });
same_fields!(Guardrails, GuardrailsDraft { from, floor, ceiling, up, down, cut, raise, no_cut_years });
same_fields!(PercentRule, PercentRuleDraft { from, floor, ceiling, share });
same_fields!(VpwRule, VpwRuleDraft { from, floor, ceiling, rate });
same_fields!(Person, PersonDraft { age, modal_age, dispersion });
same_fields!(SolveFor, SolveDraft { variable, probability });
same_fields!(SweepAxis, SweepAxisDraft { pointer, values });

impl From<v1::SimulationRequest> for Draft {
    fn from(message: v1::SimulationRequest) -> Self {
        let v1::SimulationRequest {
            financial_profile,
            user_inputs,
            goal,
            simulation_params,
            variants,
            solve,
            plan,
            sweep,
        } = message;
        Self {
            request: RequestDraft {
                profile: financial_profile.unwrap_or_default().into(),
                inputs: user_inputs.unwrap_or_default().into(),
                goal: goal.unwrap_or_default().into(),
                params: simulation_params.unwrap_or_default().into(),
                plan: plan.unwrap_or_default().into(),
            },
            variants: variants.into_iter().map(Into::into).collect(),
            solve: solve.map(Into::into),
            sweep: sweep.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Draft> for v1::SimulationRequest {
    fn from(draft: Draft) -> Self {
        let Draft { request, variants, solve, sweep } = draft;
        let RequestDraft { profile, inputs, goal, params, plan } = request;
        Self {
            financial_profile: Some(profile.into()),
            user_inputs: Some(inputs.into()),
            goal: Some(goal.into()),
            simulation_params: Some(params.into()),
            variants: variants.into_iter().map(Into::into).collect(),
            solve: solve.map(Into::into),
            plan: Some(plan.into()),
            sweep: sweep.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<&carlo_types::JobSpec> for v1::SimulationRequest {
    fn from(spec: &carlo_types::JobSpec) -> Self {
        spec.to_draft().into()
    }
}

#[cfg(test)]
mod tests;
