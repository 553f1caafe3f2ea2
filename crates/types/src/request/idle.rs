//! Warnings about inputs that have no effect because of other inputs. Only inputs that differ from
//! their defaults are considered.

use super::plan::{Plan, Returns};
use super::{Request, Success};

/// A sentence for each input without effect.
pub(super) fn inputs(request: &Request) -> Vec<String> {
    let Request { profile, inputs, goal, params, plan } = request;
    let mut idle = Vec::new();
    let mut note = |is_idle: bool, sentence: &str| {
        if is_idle {
            idle.push(sentence.to_owned());
        }
    };
    note(
        profile.loan_debt != 0.0,
        "financialProfile.loanDebt has no effect: loans count by monthlyLoanPayments, or as simulationParams.loans \
         with useAccountAwareSimulation",
    );
    note(
        profile.monthly_bills.is_some_and(|bills| bills != 0.0),
        "financialProfile.monthlyBills has no effect: what is spent is monthlySpending",
    );
    note(
        !profile.spending_by_category.is_empty(),
        "financialProfile.spendingByCategory has no effect: what is spent is monthlySpending",
    );
    note(
        profile.monthly_income.is_some_and(|income| income != inputs.monthly_income),
        "financialProfile.monthlyIncome has no effect: userInputs.monthlyIncome is given",
    );
    note(
        profile.spending_volatility.is_some_and(|volatility| volatility != params.expense_volatility),
        "financialProfile.spendingVolatility has no effect: simulationParams.expenseVolatility is given",
    );
    if params.use_account_aware_simulation {
        note(
            profile.credit_debt != 0.0 && params.credit_cards.is_empty(),
            "financialProfile.creditDebt has no effect with useAccountAwareSimulation: debts on cards are \
             simulationParams.creditCards",
        );
        note(
            profile.monthly_loan_payments != 0.0,
            "financialProfile.monthlyLoanPayments has no effect with useAccountAwareSimulation: loans are \
             simulationParams.loans",
        );
    } else {
        note(
            !params.credit_cards.is_empty(),
            "simulationParams.creditCards has no effect without useAccountAwareSimulation",
        );
        note(
            !params.loans.is_empty(),
            "simulationParams.loans has no effect without useAccountAwareSimulation",
        );
    }
    note(
        goal.floor != 0.0 && goal.success != Success::NeverShort,
        "goal.floor has no effect without goal.success neverShort",
    );
    idle.extend(of_plan(request, plan));
    idle
}

/// The same of a plan's members, and of those that they stand in place of.
fn of_plan(request: &Request, plan: &Plan) -> Vec<String> {
    let params = &request.params;
    let mut idle = Vec::new();
    let (mean, std) = request.inputs.risk_tolerance.market();
    let is_market_given = params.annual_return_mean != mean || params.annual_return_std != std;
    let market = match (&plan.portfolio, &plan.returns) {
        (_, Some(Returns::Bootstrap(_))) => Some("plan.returns has the rows of a bootstrap"),
        (_, Some(Returns::Regimes(_))) => Some("plan.returns has regimes with returns of their own"),
        (Some(_), _) => Some("plan.portfolio has returns of its own"),
        (None, _) => None,
    };
    if let Some(reason) = market.filter(|_| is_market_given) {
        let names = "simulationParams.annualReturnMean and annualReturnStd";
        idle.push(format!("{names} have no effect: {reason}"));
    }
    let is_bootstrapped = |returns: &Returns| matches!(returns, Returns::Bootstrap(_));
    if plan.returns.as_ref().is_some_and(is_bootstrapped)
        && plan.portfolio.as_ref().is_some_and(|portfolio| {
            portfolio.assets.iter().any(|asset| asset.mean.is_some() || asset.std.is_some())
                || !portfolio.correlation.is_empty()
        })
    {
        let names = "plan.portfolio's means, standard deviations and correlation";
        idle.push(format!("{names} have no effect: plan.returns has the rows of a bootstrap"));
    }
    let moves_prices =
        |returns: &Returns| matches!(returns, Returns::Bootstrap(rows) if !rows.inflation.is_empty());
    let prices = if plan.prices.is_some() {
        Some("plan.prices says how prices rise")
    } else if plan.returns.as_ref().is_some_and(moves_prices) {
        Some("the bootstrapped rows say how prices rise")
    } else {
        None
    };
    let is_inflation_given = params.inflation_rate != 0.025 || params.inflation_volatility != 0.01;
    if let Some(reason) = prices.filter(|_| is_inflation_given) {
        let names = "simulationParams.inflationRate and inflationVolatility";
        idle.push(format!("{names} have no effect: {reason}"));
    }
    if plan.people.len() < 2 {
        if plan.survivor_spending != 1.0 {
            idle.push("plan.survivorSpending has no effect without two people".to_owned());
        }
        if plan.flows.iter().any(|flow| flow.survivor_share != 0.0) {
            idle.push("survivorShare of plan.flows has no effect without two people".to_owned());
        }
    } else if plan.flows.iter().any(|flow| flow.survivor_share != 0.0 && flow.person.is_none()) {
        idle.push("survivorShare of plan.flows has no effect without person".to_owned());
    }
    idle
}
