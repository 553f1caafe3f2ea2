//! A job that may run: a [`Draft`] of which every rule holds and every default is filled in.
//!
//! A [`JobSpec`] is made by [`Draft::check`] alone, which reports every fault of the draft at once. [`JobSpec::to_draft`] is
//! its inverse: it gives a draft with nothing left to default, which checks to the same specification. That is how a
//! specification travels to workers and into the ledger.

mod check;

use std::collections::BTreeMap;

use crate::draft::{
    CardDraft, Draft, GoalDraft, InputsDraft, LoanDraft, ParamsDraft, ProfileDraft, SolveDraft,
};
use crate::question::{CANDIDATES, Question, Solve};

/// A checked job: every number finite and within its range.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct JobSpec {
    /// What the household has, earns and spends.
    pub household: Household,
    /// What is to be reached, and when.
    pub goal: Goal,
    /// How prices, income and markets move.
    pub world: World,
    /// Whether cards and loans are simulated account by account.
    pub account_aware: bool,
    /// Credit cards, simulated only when `account_aware`.
    pub cards: Vec<Account>,
    /// Loans, simulated only when `account_aware`.
    pub loans: Vec<Account>,
    /// How many simulations: 1 to 10¹².
    pub simulations: u64,
    /// The seed that every draw follows from.
    pub seed: u64,
    /// Stop at the first checkpoint at which the standard error of the success probability is at most this.
    pub target_standard_error: Option<f64>,
    /// What is stored and echoed, but not simulated.
    pub information: Information,
    /// What else is asked.
    pub question: Question,
}

/// What the household has, earns and spends. Dollars, and dollars a month.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the model's inputs, described there")]
pub struct Household {
    pub liquid_assets: f64,
    pub credit_debt: f64,
    pub monthly_loan_payments: f64,
    pub monthly_income: f64,
    pub monthly_spending: f64,
}

/// The goal: a balance of `target_amount` dollars after `timeline_months` months.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the model's inputs, described there")]
pub struct Goal {
    pub target_amount: f64,
    pub timeline_months: u32,
    pub goal_type: String,
    pub goal_text: Option<String>,
}

/// How prices, income and markets move: fractions a year unless the name says otherwise.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are the model's inputs, described there")]
pub struct World {
    pub annual_return_mean: f64,
    pub annual_return_std: f64,
    pub inflation_rate: f64,
    pub inflation_volatility: f64,
    pub income_volatility: f64,
    pub expense_volatility: f64,
    /// A month.
    pub emergency_probability: f64,
    /// Dollars.
    pub emergency_min: f64,
    /// Dollars.
    pub emergency_max: f64,
    pub annual_raise_mean: f64,
    pub annual_raise_volatility: f64,
    /// A half year.
    pub promotion_probability: f64,
    pub promotion_raise_mean: f64,
    pub promotion_raise_volatility: f64,
}

/// A credit card or a loan.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The name that the request gives it.
    pub id: Option<String>,
    /// Dollars owed at the start.
    pub balance: f64,
    /// Yearly interest in percent.
    pub yearly_rate_percent: f64,
    /// Dollars paid each month, while so much is owed.
    pub monthly_payment: f64,
}

/// How much risk a person accepts; it implies the market's mean and spread where the request doesn't give them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the words are the model's")]
pub enum RiskTolerance {
    Low,
    #[default]
    Medium,
    High,
}

impl RiskTolerance {
    const ALL: [(&'static str, Self); 3] =
        [("low", Self::Low), ("medium", Self::Medium), ("high", Self::High)];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(name, tolerance)| (name == text).then_some(tolerance))
    }

    /// Its word in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The yearly market return's mean and standard deviation.
    fn market(self) -> (f64, f64) {
        match self {
            Self::Low => (0.04, 0.08),
            Self::Medium => (0.07, 0.15),
            Self::High => (0.10, 0.20),
        }
    }
}

/// What a request says beyond what is simulated.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "the fields are the model's inputs, described there")]
pub struct Information {
    pub risk_tolerance: RiskTolerance,
    pub age: Option<f64>,
    pub loan_debt: f64,
    pub spending_volatility: Option<f64>,
    pub profile_monthly_income: Option<f64>,
    pub monthly_bills: Option<f64>,
    pub spending_by_category: BTreeMap<String, f64>,
}

impl JobSpec {
    /// The request that says all of this in so many words: nothing is left to a default.
    pub fn to_draft(&self) -> Draft {
        let Self { household, goal, world, information, .. } = self;
        Draft {
            profile: ProfileDraft {
                liquid_assets: Some(household.liquid_assets),
                monthly_spending: Some(household.monthly_spending),
                credit_debt: Some(household.credit_debt),
                loan_debt: Some(information.loan_debt),
                monthly_loan_payments: Some(household.monthly_loan_payments),
                spending_volatility: information.spending_volatility,
                monthly_income: information.profile_monthly_income,
                monthly_bills: information.monthly_bills,
                spending_by_category: information.spending_by_category.clone(),
            },
            inputs: InputsDraft {
                monthly_income: Some(household.monthly_income),
                risk_tolerance: Some(information.risk_tolerance.as_str().to_owned()),
                age: information.age,
            },
            goal: GoalDraft {
                target_amount: Some(goal.target_amount),
                timeline_months: Some(goal.timeline_months.into()),
                goal_type: Some(goal.goal_type.clone()),
                goal_text: goal.goal_text.clone(),
            },
            params: ParamsDraft {
                simulations: Some(self.simulations),
                seed: Some(self.seed),
                annual_return_mean: Some(world.annual_return_mean),
                annual_return_std: Some(world.annual_return_std),
                inflation_rate: Some(world.inflation_rate),
                inflation_volatility: Some(world.inflation_volatility),
                income_volatility: Some(world.income_volatility),
                expense_volatility: Some(world.expense_volatility),
                emergency_probability: Some(world.emergency_probability),
                emergency_min: Some(world.emergency_min),
                emergency_max: Some(world.emergency_max),
                annual_raise_mean: Some(world.annual_raise_mean),
                annual_raise_volatility: Some(world.annual_raise_volatility),
                promotion_probability: Some(world.promotion_probability),
                promotion_raise_mean: Some(world.promotion_raise_mean),
                promotion_raise_volatility: Some(world.promotion_raise_volatility),
                target_standard_error: self.target_standard_error,
                use_account_aware_simulation: Some(self.account_aware),
                credit_cards: self.cards.iter().map(Account::to_card).collect(),
                loans: self.loans.iter().map(Account::to_loan).collect(),
            },
            variants: match &self.question {
                Question::Compare(variants) => variants.iter().map(Self::to_draft).collect(),
                Question::None | Question::Solve(_) => Vec::new(),
            },
            solve: match self.question {
                Question::Solve(Solve { variable, probability }) => Some(SolveDraft {
                    variable: Some(variable.as_str().to_owned()),
                    probability: Some(probability),
                }),
                Question::None | Question::Compare(_) => None,
            },
        }
    }

    /// Months that are simulated for each of its simulations: those of its own plan and of its variants. Sensitivity doesn't count, and
    /// a plan that is tried while solving counts as long as the job's own.
    pub fn months(&self) -> u32 {
        let own = self.goal.timeline_months;
        match &self.question {
            Question::None => own,
            Question::Compare(variants) => {
                variants.iter().fold(own, |sum, variant| sum.saturating_add(variant.goal.timeline_months))
            }
            Question::Solve(_) => own * (1 + u32::from(CANDIDATES)),
        }
    }
}

impl Account {
    fn to_card(&self) -> CardDraft {
        CardDraft {
            id: self.id.clone(),
            balance: Some(self.balance),
            apr: Some(self.yearly_rate_percent),
            minimum_payment: Some(self.monthly_payment),
        }
    }

    fn to_loan(&self) -> LoanDraft {
        LoanDraft {
            id: self.id.clone(),
            balance: Some(self.balance),
            interest_rate: Some(self.yearly_rate_percent),
            monthly_payment: Some(self.monthly_payment),
        }
    }
}
