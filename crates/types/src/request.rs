//! A simulation request: all inputs with their documentation, units, ranges, defaults and examples.
//! This is the only definition of an input; [`crate::definition`] describes what is derived from
//! it.
//!
//! The sections are those of the JSON body. [`plan`] has everything beyond a savings goal.
//! [`rules`] has the rules that concern several fields, and the defaults that depend on other
//! fields.

pub mod envelope;
mod idle;
pub mod plan;
mod rules;
mod shared_plan;
pub mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::definition::kind::Seed;
use crate::definition::rule::{flag, items, list, name, number, part, text, whole, word};
use crate::definition::{Faults, Input, Section as _, label, section};
use crate::limits::{
    ACCOUNTS_MAX, CATEGORIES_MAX, NAME_CHARS_MAX, NUMBER_MAX, SIMULATIONS_MAX, TEXT_CHARS_MAX,
    TIMELINE_MONTHS_MAX,
};
use plan::{Plan, PlanDraft};

/// Dollars.
pub(crate) const MONEY: Input<f64> = number(0.0, NUMBER_MAX).unit("dollars");
/// Dollars a month.
pub(crate) const MONTHLY: Input<f64> = MONEY.unit("dollars a month");
/// A share or a probability.
pub(crate) const SHARE: Input<f64> = number(0.0, 1.0);
/// A mean of yearly rates.
const MEAN: Input<f64> = number(-1.0, 1.0).unit("fractions a year");
/// A standard deviation of yearly rates that are small.
const SPREAD: Input<f64> = SHARE.unit("fractions a year");

section! {
    /// A household, its goal, and parameters of the simulation. Money is in dollars. Rates are
    /// yearly fractions (0.07 is 7 %) except `apr` and `interestRate`, which are percent per year.
    /// Names may also be written in `snake_case`.
    pub Request / RequestDraft as "SimulationRequest" with rules::request {
        /// The household's assets, debts and spending.
        profile as "financial_profile": FinancialProfile = part().required();
        /// Information about the person.
        inputs as "user_inputs": UserInputs = part();
        /// The goal and its timeline.
        goal: Goal = part().required();
        /// The parameters of the model.
        params as "simulation_params": SimulationParams = part();
        /// Everything beyond a savings goal: dated incomes and spendings, prices, a portfolio,
        /// lifetimes.
        plan: Arc<Plan> = part();
    }
}

section! {
    /// The household's assets, debts and spending.
    pub FinancialProfile / ProfileDraft as "FinancialProfile" {
        /// The balance at the start. The part above the reserve is invested.
        liquid_assets: f64 = MONEY.required().example(13_500.0);
        /// Monthly spending at the start, before prices rise.
        monthly_spending: f64 = MONTHLY.required().example(3_200.0);
        /// Card debt as one sum, which is subtracted from the balance at the start. Not used by
        /// account-aware simulation.
        credit_debt: f64 = MONEY.default(0.0).example(1_200.0);
        /// Loan debt; stored and echoed, but not simulated.
        loan_debt: f64 = MONEY.default(0.0).example(18_000.0).outside_digest();
        /// Monthly payments for loans, for the whole timeline. Not used by account-aware
        /// simulation.
        monthly_loan_payments: f64 = MONTHLY.default(0.0).example(350.0);
        /// The relative standard deviation of monthly spending, if `expenseVolatility` is absent.
        spending_volatility: Option<f64> = number(0.0, 2.0).example(0.12).outside_digest();
        /// Monthly income, if `userInputs` has none.
        monthly_income: Option<f64> = MONTHLY.example(5_000.0).outside_digest();
        /// Fixed bills; stored and echoed, but not simulated.
        monthly_bills: Option<f64> = MONTHLY.example(1_400.0).outside_digest();
        /// Spending by category; stored and echoed, but not simulated.
        spending_by_category: BTreeMap<String, f64> = items(MONTHLY.outside_digest(), CATEGORIES_MAX);
    }
}

label! {
    /// The risk that a person accepts. It determines the defaults of the market's mean and standard
    /// deviation.
    pub RiskTolerance {
        Medium = "medium",
        Low = "low",
        High = "high",
    }
}

section! {
    /// Information about the person.
    pub UserInputs / InputsDraft as "UserInputs" {
        /// Monthly income at the start, before raises.
        monthly_income: f64 = MONTHLY.implied("`financialProfile.monthlyIncome`; one of them is required").example(5_000.0);
        /// Determines the defaults of the market's yearly mean and standard deviation: 0.04 and
        /// 0.08 for low, 0.07 and 0.15 for medium, 0.10 and 0.20 for high.
        risk_tolerance: RiskTolerance =
            word().default(RiskTolerance::Medium).example(RiskTolerance::High).outside_digest();
        /// Age in years; stored and echoed, but not simulated.
        age: Option<f64> = number(0.0, 130.0).example(41.0).outside_digest();
    }
}

label! {
    /// The criterion of success.
    pub Success {
        /// The final balance is at least the target.
        FinalBalance = "finalBalance",
        /// The final balance is at least the target, and the balance was at least the floor after
        /// every month.
        NeverShort = "neverShort",
    }
}

label! {
    /// The dollars that balances are compared and reported in.
    pub Dollars {
        /// Nominal dollars.
        Nominal = "nominal",
        /// Today's dollars: balances are divided by the price level of their month.
        Real = "real",
    }
}

section! {
    /// The goal and its timeline.
    pub Goal / GoalDraft as "Goal" with rules::goal {
        /// The balance to be reached after the last month. Must be above 0, unless `success` is
        /// `neverShort`.
        target_amount: f64 = MONEY.implied("0 with `success: neverShort`; otherwise it is required").example(70_000.0);
        /// The number of simulated months.
        timeline_months: u32 = whole(1, TIMELINE_MONTHS_MAX as u64).required().unit("months").example(36);
        /// The kind of goal; stored and echoed.
        goal_type: String = text(TEXT_CHARS_MAX).default("custom").example("house").outside_digest();
        /// The goal in the person's own words; stored and echoed.
        goal_text: Option<String> = text(TEXT_CHARS_MAX).example("A deposit on a house").outside_digest();
        /// The criterion of success.
        success: Success = word().default(Success::FinalBalance).example(Success::NeverShort);
        /// A month is short if its balance is below this.
        floor: f64 = number(-NUMBER_MAX, NUMBER_MAX).unit("dollars").default(0.0).example(-6_000.0);
        /// The dollars in which balances are compared and reported. `real` divides each balance by
        /// the price level of its month.
        dollars: Dollars = word().default(Dollars::Nominal).example(Dollars::Real);
    }
}

section! {
    /// The parameters of the model. Explicit parameters take precedence over the defaults of
    /// `riskTolerance`.
    pub SimulationParams / ParamsDraft as "SimulationParams" with rules::params {
        /// The number of simulations.
        n_simulations: u64 = whole(1, SIMULATIONS_MAX).default(100_000).example(1_000_000);
        /// The seed of the random numbers. The same seed gives the same results. A number, or its
        /// digits as a string; random by default.
        seed: Option<Seed> = word().example(Seed(42));
        /// The arithmetic mean of yearly returns. With a geometric mean, volatility would be
        /// counted twice.
        annual_return_mean: f64 = MEAN.implied("by `riskTolerance`").example(0.06);
        /// The standard deviation of yearly returns.
        annual_return_std: f64 = number(0.0, 2.0).unit("fractions a year").implied("by `riskTolerance`").example(0.12);
        /// Mean inflation.
        inflation_rate: f64 = number(-0.5, 1.0).unit("fractions a year").default(0.025).example(0.03);
        /// Standard deviation of inflation.
        inflation_volatility: f64 = SPREAD.default(0.01).example(0.02);
        /// The relative standard deviation of monthly income.
        income_volatility: f64 = number(0.0, 2.0).default(0.05).example(0.1);
        /// The relative standard deviation of monthly spending.
        expense_volatility: f64 = number(0.0, 2.0).implied("`financialProfile.spendingVolatility`, else 0.15").example(0.2);
        /// The probability of an emergency in a month.
        emergency_probability: f64 = SHARE.default(0.08).example(0.05);
        /// The lowest cost of an emergency.
        emergency_min: f64 = MONEY.default(500.0).example(400.0);
        /// The highest cost of an emergency; at least `emergencyMin`.
        emergency_max: f64 = MONEY.default(3_000.0).example(5_000.0);
        /// Mean yearly raise.
        annual_raise_mean: f64 = MEAN.default(0.03).example(0.02);
        /// Standard deviation of yearly raises.
        annual_raise_volatility: f64 = SPREAD.default(0.015).example(0.01);
        /// The probability of a promotion in half a year.
        promotion_probability: f64 = SHARE.default(0.15).example(0.1);
        /// Mean raise of a promotion, as a fraction of income.
        promotion_raise_mean: f64 = number(-1.0, 1.0).default(0.08).example(0.1);
        /// Standard deviation of a promotion's raise, as a fraction of income.
        promotion_raise_volatility: f64 = SHARE.default(0.03).example(0.02);
        /// Ends the job at the first checkpoint at which the standard error of the success
        /// probability is at most this.
        target_standard_error: Option<f64> = number(0.0, 0.5).example(0.001).outside_digest();
        /// Whether the sensitivity is computed.
        sensitivity: bool = flag().default(true).example(false);
        /// Whether cards and loans are simulated account by account, instead of `creditDebt` and
        /// `monthlyLoanPayments`.
        use_account_aware_simulation: bool = flag().default(false).example(true);
        /// Credit cards, for account-aware simulation.
        credit_cards: Vec<CreditCard> = list(ACCOUNTS_MAX);
        /// Loans, for account-aware simulation.
        loans: Vec<Loan> = list(ACCOUNTS_MAX);
    }
}

section! {
    /// A credit card.
    pub CreditCard / CardDraft as "CreditCard" {
        /// A name.
        id: Option<String> = text(TEXT_CHARS_MAX).example("visa").outside_digest();
        /// The debt at the start.
        balance: f64 = MONEY.required().example(2_500.0);
        /// Interest.
        apr: f64 = MONEY.unit("percent a year").required().example(24.9);
        /// The monthly payment, as long as there is enough debt.
        minimum_payment: f64 = MONTHLY.required().example(75.0);
    }
}

section! {
    /// A loan.
    pub Loan / LoanDraft as "Loan" {
        /// A name.
        id: Option<String> = text(TEXT_CHARS_MAX).example("car").outside_digest();
        /// The debt at the start.
        balance: f64 = MONEY.required().example(14_000.0);
        /// Interest.
        interest_rate: f64 = MONEY.unit("percent a year").required().example(5.9);
        /// The monthly payment, as long as there is enough debt.
        monthly_payment: f64 = MONTHLY.required().example(280.0);
    }
}

impl<'de> serde::Deserialize<'de> for Request {
    /// Reads the request in stored results. It was checked when the results were computed, perhaps
    /// with older rules, so values are not checked again and unknown members are ignored.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(crate::definition::read(&value, &mut Faults::of_checked()))
    }
}

impl Request {
    /// The same request with all ends made explicit, also those that are the timeline. Digests
    /// cover this form.
    pub(crate) fn with_ends(&self) -> Self {
        let mut request = self.clone();
        let timeline = request.goal.timeline_months;
        let plan = Arc::make_mut(&mut request.plan);
        plan.income_until.get_or_insert(timeline);
        for flow in &mut plan.flows {
            flow.until.get_or_insert(timeline);
        }
        request
    }

    /// A sentence for each input that has no effect beside the others.
    pub fn idle_inputs(&self) -> Vec<String> {
        idle::inputs(self)
    }

    /// Whether the request has a plan, or a goal that needs one.
    pub fn has_plan(&self) -> bool {
        let mut draft = self.to_draft();
        draft.plan = PlanDraft::default();
        (draft.goal.success, draft.goal.floor, draft.goal.dollars, draft.params.sensitivity) =
            (None, None, None, None);
        let mut faults = Faults::default();
        let plain: Self = crate::definition::check(draft, "", &mut faults);
        !faults.is_empty() || plain != *self
    }
}

impl RiskTolerance {
    /// The yearly market return's mean and standard deviation.
    pub fn market(self) -> (f64, f64) {
        match self {
            Self::Low => (0.04, 0.08),
            Self::Medium => (0.07, 0.15),
            Self::High => (0.10, 0.20),
        }
    }
}

/// The rule of a short name: 1 to this number of characters, without control characters.
pub(crate) const SHORT_NAME: Input<String> = name(NAME_CHARS_MAX);
