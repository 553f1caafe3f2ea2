//! A simulation request: every input with its documentation, unit, range, default and example.
//! Nothing of an input is said anywhere else; see [`crate::definition`] for what follows from it.
//!
//! The sections are those of the JSON body. [`plan`] has what goes beyond one savings goal,
//! [`rules`] the rules that concern several fields, and what a field that is absent takes from
//! others.

pub mod envelope;
mod idle;
pub mod plan;
mod rules;

use std::collections::BTreeMap;

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
    /// A household, its goal, and how to simulate it. Money is in dollars, rates are fractions a
    /// year (0.07 is 7 %) except `apr` and `interestRate`, which are percent a year. Every name may
    /// be written in `snake_case`, too.
    pub Request / RequestDraft as "SimulationRequest" with rules::request {
        /// What the household has, owes and spends.
        profile as "financial_profile": FinancialProfile = part().required();
        /// What the person says of themselves.
        inputs as "user_inputs": UserInputs = part();
        /// What is to be reached, and when.
        goal: Goal = part().required();
        /// How to simulate it.
        params as "simulation_params": SimulationParams = part();
        /// What goes beyond one savings goal: dated incomes and spendings, prices, a portfolio,
        /// lifetimes.
        plan: Plan = part();
    }
}

section! {
    /// What the household has, owes and spends.
    pub FinancialProfile / ProfileDraft as "FinancialProfile" {
        /// What can be spent at the start. What exceeds the reserve is invested.
        liquid_assets: f64 = MONEY.required().example(13_500.0);
        /// What is spent at the start, before prices rise.
        monthly_spending: f64 = MONTHLY.required().example(3_200.0);
        /// Debt on cards as one sum, taken off the balance at the start. Not used by account-aware
        /// simulation.
        credit_debt: f64 = MONEY.default(0.0).example(1_200.0);
        /// What is owed on loans: stored and echoed, not simulated.
        loan_debt: f64 = MONEY.default(0.0).example(18_000.0).outside_digest();
        /// What loans take each month, for the whole timeline. Not used by account-aware
        /// simulation.
        monthly_loan_payments: f64 = MONTHLY.default(0.0).example(350.0);
        /// How much monthly spending varies, relative to itself, where `expenseVolatility` is
        /// absent.
        spending_volatility: Option<f64> = number(0.0, 2.0).example(0.12).outside_digest();
        /// Income, where `userInputs` has none.
        monthly_income: Option<f64> = MONTHLY.example(5_000.0).outside_digest();
        /// Fixed bills: stored and echoed, not simulated.
        monthly_bills: Option<f64> = MONTHLY.example(1_400.0).outside_digest();
        /// Spending by category: stored and echoed, not simulated.
        spending_by_category: BTreeMap<String, f64> = items(MONTHLY.outside_digest(), CATEGORIES_MAX);
    }
}

label! {
    /// How much risk a person accepts. It implies the market's mean and spread where a request
    /// doesn't give them.
    pub RiskTolerance {
        Medium = "medium",
        Low = "low",
        High = "high",
    }
}

section! {
    /// What the person says of themselves.
    pub UserInputs / InputsDraft as "UserInputs" {
        /// Income at the start, before raises.
        monthly_income: f64 = MONTHLY.implied("`financialProfile.monthlyIncome`; one of them is required").example(5_000.0);
        /// What the market's mean and spread follow from: low is 0.04 and 0.08 a year, medium 0.07
        /// and 0.15, high 0.10 and 0.20.
        risk_tolerance: RiskTolerance =
            word().default(RiskTolerance::Medium).example(RiskTolerance::High).outside_digest();
        /// Age in years: stored and echoed, not simulated.
        age: Option<f64> = number(0.0, 130.0).example(41.0).outside_digest();
    }
}

label! {
    /// What success means.
    pub Success {
        /// The final balance is at least the target.
        FinalBalance = "finalBalance",
        /// That, and the balance was at least the floor after every month.
        NeverShort = "neverShort",
    }
}

label! {
    /// The dollars that balances are compared and reported in.
    pub Dollars {
        /// As they will be counted.
        Nominal = "nominal",
        /// Divided by the price level of their month: in today's dollars.
        Real = "real",
    }
}

section! {
    /// What is to be reached, and when.
    pub Goal / GoalDraft as "Goal" with rules::goal {
        /// The balance to be reached after the last month: above 0, unless `success` is
        /// `neverShort`.
        target_amount: f64 = MONEY.implied("0 with `success: neverShort`; otherwise it is required").example(70_000.0);
        /// The months that are simulated.
        timeline_months: u32 = whole(1, TIMELINE_MONTHS_MAX as u64).required().unit("months").example(36);
        /// The kind of goal: stored and echoed.
        goal_type: String = text(TEXT_CHARS_MAX).default("custom").example("house").outside_digest();
        /// The goal in the person's own words: stored and echoed.
        goal_text: Option<String> = text(TEXT_CHARS_MAX).example("A deposit on a house").outside_digest();
        /// What success means.
        success: Success = word().default(Success::FinalBalance).example(Success::NeverShort);
        /// The balance below which a month is short.
        floor: f64 = number(-NUMBER_MAX, NUMBER_MAX).unit("dollars").default(0.0).example(-6_000.0);
        /// The dollars of every balance that is compared or reported. `real` divides each by the
        /// price level of its month.
        dollars: Dollars = word().default(Dollars::Nominal).example(Dollars::Real);
    }
}

section! {
    /// How to simulate it. An explicit parameter goes before the one that `riskTolerance` implies.
    pub SimulationParams / ParamsDraft as "SimulationParams" with rules::params {
        /// How many simulations.
        n_simulations: u64 = whole(1, SIMULATIONS_MAX).default(100_000).example(1_000_000);
        /// What every draw follows from: the same seed gives the same answer. A number, or its
        /// digits in a text; drawn at random where absent.
        seed: Option<Seed> = word().example(Seed(42));
        /// Mean yearly return, arithmetic: a geometric mean would count volatility twice.
        annual_return_mean: f64 = MEAN.implied("by `riskTolerance`").example(0.06);
        /// Standard deviation of yearly returns.
        annual_return_std: f64 = number(0.0, 2.0).unit("fractions a year").implied("by `riskTolerance`").example(0.12);
        /// Mean inflation.
        inflation_rate: f64 = number(-0.5, 1.0).unit("fractions a year").default(0.025).example(0.03);
        /// Standard deviation of inflation.
        inflation_volatility: f64 = SPREAD.default(0.01).example(0.02);
        /// How much income varies from month to month, relative to itself.
        income_volatility: f64 = number(0.0, 2.0).default(0.05).example(0.1);
        /// How much spending varies from month to month, relative to itself.
        expense_volatility: f64 = number(0.0, 2.0).implied("`financialProfile.spendingVolatility`, else 0.15").example(0.2);
        /// The probability of an emergency in a month.
        emergency_probability: f64 = SHARE.default(0.08).example(0.05);
        /// The least that an emergency costs.
        emergency_min: f64 = MONEY.default(500.0).example(400.0);
        /// The most that an emergency costs: at least `emergencyMin`.
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
        /// Whether the scenarios of the sensitivity are simulated.
        sensitivity: bool = flag().default(true).example(false);
        /// Whether cards and loans are simulated account by account, in place of `creditDebt` and
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
        /// A name for it.
        id: Option<String> = text(TEXT_CHARS_MAX).example("visa").outside_digest();
        /// What is owed at the start.
        balance: f64 = MONEY.required().example(2_500.0);
        /// Interest.
        apr: f64 = MONEY.unit("percent a year").required().example(24.9);
        /// What is paid each month, while so much is owed.
        minimum_payment: f64 = MONTHLY.required().example(75.0);
    }
}

section! {
    /// A loan.
    pub Loan / LoanDraft as "Loan" {
        /// A name for it.
        id: Option<String> = text(TEXT_CHARS_MAX).example("car").outside_digest();
        /// What is owed at the start.
        balance: f64 = MONEY.required().example(14_000.0);
        /// Interest.
        interest_rate: f64 = MONEY.unit("percent a year").required().example(5.9);
        /// What is paid each month, while so much is owed.
        monthly_payment: f64 = MONTHLY.required().example(280.0);
    }
}

impl<'de> serde::Deserialize<'de> for Request {
    /// Reads a request of an answer. It was checked by whoever gave the answer, perhaps by other
    /// rules than today's: values are kept as they are, and members that are not known are left
    /// out.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(crate::definition::read(&value, &mut Faults::of_checked()))
    }
}

impl Request {
    /// The same with every end in so many words, also where it is the timeline: what a digest
    /// covers.
    pub(crate) fn with_ends(&self) -> Self {
        let mut request = self.clone();
        let timeline = request.goal.timeline_months;
        request.plan.income_until.get_or_insert(timeline);
        for flow in &mut request.plan.flows {
            flow.until.get_or_insert(timeline);
        }
        request
    }

    /// A sentence for each input that has no effect beside the others.
    pub fn idle_inputs(&self) -> Vec<String> {
        idle::inputs(self)
    }

    /// Whether it says anything of a plan, or of a goal that needs one.
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

/// The rule of a short name: 1 to so many characters, nothing that a terminal would obey.
pub(crate) const SHORT_NAME: Input<String> = name(NAME_CHARS_MAX);
