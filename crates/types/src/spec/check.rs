//! The rules of a request's fields, each stated once, where the field is read.

use std::ops::RangeInclusive;

use super::{Account, Goal, Household, Information, JobSpec, RiskTolerance, World};
use crate::draft::{CardDraft, Draft, LoanDraft, ProfileDraft, SolveDraft};
use crate::fault::FieldFault;
use crate::limits::{
    ACCOUNTS_MAX, CATEGORIES_MAX, NUMBER_MAX, SIMULATIONS_MAX, TEXT_BYTES_MAX, TIMELINE_MONTHS_MAX,
};
use crate::question::{Question, Solve, VARIANTS_MAX, Variable};

const MONEY: RangeInclusive<f64> = 0.0..=NUMBER_MAX;
const SHARE: RangeInclusive<f64> = 0.0..=1.0;
const SIMULATIONS_DEFAULT: u64 = 100_000;

impl Draft {
    /// Checks every rule of the model's inputs and fills in every default.
    ///
    /// `seed` is the job's seed where the draft gives none: the caller draws it, so that nothing here does.
    ///
    /// # Errors
    ///
    /// Every fault of the draft, in the order of the fields, at most one for a field.
    pub fn check(&self, seed: u64) -> Result<JobSpec, Vec<FieldFault>> {
        let mut rules = Rules { faults: Vec::new() };
        let spec = rules.job(self, seed);
        if rules.faults.is_empty() { Ok(spec) } else { Err(rules.faults) }
    }
}

/// Reads fields and collects what is wrong with them. A field at fault reads as some value within its range, so that the rest
/// can still be checked.
struct Rules {
    faults: Vec<FieldFault>,
}

impl Rules {
    fn job(&mut self, draft: &Draft, seed: u64) -> JobSpec {
        let household = self.household(draft);
        let information = self.information(draft);
        let goal = self.goal(draft);
        let world = self.world(draft, information.risk_tolerance);
        let params = &draft.params;
        let simulations = self.whole(
            "/simulationParams/nSimulations",
            params.simulations,
            1..=SIMULATIONS_MAX,
            Some(SIMULATIONS_DEFAULT),
        );
        let target_standard_error = params
            .target_standard_error
            .map(|target| self.number("/simulationParams/targetStandardError", target, 0.0..=0.5));
        JobSpec {
            household,
            goal,
            world,
            account_aware: params.use_account_aware_simulation.unwrap_or(false),
            cards: self.accounts("/simulationParams/creditCards", &params.credit_cards, Self::card),
            loans: self.accounts("/simulationParams/loans", &params.loans, Self::loan),
            simulations,
            seed: params.seed.unwrap_or(seed),
            target_standard_error,
            information,
            question: self.question(draft, simulations, params.seed.unwrap_or(seed)),
        }
    }

    fn question(&mut self, draft: &Draft, simulations: u64, seed: u64) -> Question {
        match (&draft.solve, draft.variants.as_slice()) {
            (None, []) => Question::None,
            (Some(solve), []) => Question::Solve(self.solve(solve)),
            (None, variants) => Question::Compare(self.variants(variants, simulations, seed)),
            (Some(_), _) => {
                self.fault("/solve", "can't be asked for together with variants");
                Question::None
            }
        }
    }

    fn solve(&mut self, solve: &SolveDraft) -> Solve {
        let variable: Result<Variable, _> = solve.variable.as_deref().unwrap_or_default().parse();
        if let Err(unknown) = variable {
            self.fault("/solve/for", unknown.to_string());
        }
        let pointer = "/solve/probability";
        let probability = self.required(pointer, solve.probability, SHARE);
        if solve.probability.is_some_and(|wanted| wanted == 0.0 || wanted == 1.0) {
            self.fault(pointer, "must be above 0 and below 1");
        }
        Solve { variable: variable.unwrap_or(Variable::MaxSpending), probability }
    }

    fn variants(&mut self, variants: &[Draft], simulations: u64, seed: u64) -> Vec<JobSpec> {
        if variants.len() > VARIANTS_MAX {
            self.fault(
                "/variants",
                format!("must have at most {VARIANTS_MAX} entries, not {}", variants.len()),
            );
            return Vec::new();
        }
        variants.iter().enumerate().map(|(i, variant)| self.variant(i, variant, simulations, seed)).collect()
    }

    fn variant(&mut self, i: usize, variant: &Draft, simulations: u64, seed: u64) -> JobSpec {
        let mut faults = Vec::new();
        let mut fault = |pointer: &str, message: &str| faults.push(FieldFault::new(pointer, message));
        if variant.params.simulations.is_some_and(|own| own != simulations) {
            fault("/simulationParams/nSimulations", "must be that of the plan that it is compared with");
        }
        if variant.params.seed.is_some_and(|own| own != seed) {
            fault("/simulationParams/seed", "must be that of the plan that it is compared with");
        }
        if !variant.variants.is_empty() || variant.solve.is_some() {
            fault("", "must not ask for variants or solve of its own");
        }
        let mut draft = Draft { variants: Vec::new(), solve: None, ..variant.clone() };
        draft.params.simulations = Some(simulations);
        let mut rules = Self { faults };
        let spec = rules.job(&draft, seed);
        self.faults.extend(
            rules
                .faults
                .into_iter()
                .map(|fault| FieldFault::new(format!("/variants/{i}{}", fault.pointer), fault.message)),
        );
        spec
    }

    fn household(&mut self, draft: &Draft) -> Household {
        let profile = &draft.profile;
        let monthly_income = draft.inputs.monthly_income.or(profile.monthly_income);
        Household {
            liquid_assets: self.required("/financialProfile/liquidAssets", profile.liquid_assets, MONEY),
            credit_debt: self.or("/financialProfile/creditDebt", profile.credit_debt, MONEY, 0.0),
            monthly_loan_payments: self.or(
                "/financialProfile/monthlyLoanPayments",
                profile.monthly_loan_payments,
                MONEY,
                0.0,
            ),
            monthly_income: self.required("/userInputs/monthlyIncome", monthly_income, MONEY),
            monthly_spending: self.required(
                "/financialProfile/monthlySpending",
                profile.monthly_spending,
                MONEY,
            ),
        }
    }

    fn information(&mut self, draft: &Draft) -> Information {
        let profile = &draft.profile;
        let risk_tolerance = match draft.inputs.risk_tolerance.as_deref().map(RiskTolerance::parse) {
            None => RiskTolerance::default(),
            Some(Some(tolerance)) => tolerance,
            Some(None) => {
                self.fault("/userInputs/riskTolerance", "must be one of low, medium, high");
                RiskTolerance::default()
            }
        };
        Information {
            risk_tolerance,
            age: draft.inputs.age.map(|age| self.number("/userInputs/age", age, 0.0..=130.0)),
            loan_debt: self.or("/financialProfile/loanDebt", profile.loan_debt, MONEY, 0.0),
            spending_volatility: profile
                .spending_volatility
                .map(|volatility| self.number("/financialProfile/spendingVolatility", volatility, 0.0..=2.0)),
            profile_monthly_income: profile
                .monthly_income
                .map(|income| self.number("/financialProfile/monthlyIncome", income, MONEY)),
            monthly_bills: profile
                .monthly_bills
                .map(|bills| self.number("/financialProfile/monthlyBills", bills, MONEY)),
            spending_by_category: self.categories(profile),
        }
    }

    fn categories(&mut self, profile: &ProfileDraft) -> std::collections::BTreeMap<String, f64> {
        let pointer = "/financialProfile/spendingByCategory";
        let categories = &profile.spending_by_category;
        if categories.len() > CATEGORIES_MAX {
            self.fault(
                pointer,
                format!("must have at most {CATEGORIES_MAX} entries, not {}", categories.len()),
            );
            return std::collections::BTreeMap::new();
        }
        categories
            .iter()
            .map(|(name, &amount)| {
                let entry = format!("{pointer}/{}", escape(name));
                let name = self.text(&entry, name);
                (name, self.number(&entry, amount, MONEY))
            })
            .collect()
    }

    fn goal(&mut self, draft: &Draft) -> Goal {
        let goal = &draft.goal;
        let pointer = "/goal/targetAmount";
        let target_amount = self.required(pointer, goal.target_amount, MONEY);
        if goal.target_amount == Some(0.0) {
            self.fault(pointer, "must be above 0");
        }
        let months =
            self.whole("/goal/timelineMonths", goal.timeline_months, 1..=TIMELINE_MONTHS_MAX.into(), None);
        Goal {
            target_amount,
            timeline_months: u32::try_from(months).unwrap_or(TIMELINE_MONTHS_MAX),
            goal_type: self.text("/goal/goalType", goal.goal_type.as_deref().unwrap_or("custom")),
            goal_text: goal.goal_text.as_deref().map(|text| self.text("/goal/goalText", text)),
        }
    }

    fn world(&mut self, draft: &Draft, risk_tolerance: RiskTolerance) -> World {
        let params = &draft.params;
        let (return_mean, return_std) = risk_tolerance.market();
        let expense_volatility = draft.profile.spending_volatility.unwrap_or(0.15);
        let mut rate = |name: &str, value, range, default| {
            self.or(&format!("/simulationParams/{name}"), value, range, default)
        };
        let mean = -1.0..=1.0;
        let wide = 0.0..=2.0;
        let world = World {
            annual_return_mean: rate(
                "annualReturnMean",
                params.annual_return_mean,
                mean.clone(),
                return_mean,
            ),
            annual_return_std: rate("annualReturnStd", params.annual_return_std, wide.clone(), return_std),
            inflation_rate: rate("inflationRate", params.inflation_rate, -0.5..=1.0, 0.025),
            inflation_volatility: rate("inflationVolatility", params.inflation_volatility, SHARE, 0.01),
            income_volatility: rate("incomeVolatility", params.income_volatility, wide.clone(), 0.05),
            expense_volatility: rate(
                "expenseVolatility",
                params.expense_volatility,
                wide,
                // Its own fault is reported at the field that it came from.
                expense_volatility.clamp(0.0, 2.0),
            ),
            emergency_probability: rate("emergencyProbability", params.emergency_probability, SHARE, 0.08),
            emergency_min: rate("emergencyMin", params.emergency_min, MONEY, 500.0),
            emergency_max: rate("emergencyMax", params.emergency_max, MONEY, 3000.0),
            annual_raise_mean: rate("annualRaiseMean", params.annual_raise_mean, mean.clone(), 0.03),
            annual_raise_volatility: rate(
                "annualRaiseVolatility",
                params.annual_raise_volatility,
                SHARE,
                0.015,
            ),
            promotion_probability: rate("promotionProbability", params.promotion_probability, SHARE, 0.15),
            promotion_raise_mean: rate("promotionRaiseMean", params.promotion_raise_mean, mean, 0.08),
            promotion_raise_volatility: rate(
                "promotionRaiseVolatility",
                params.promotion_raise_volatility,
                SHARE,
                0.03,
            ),
        };
        if world.emergency_min > world.emergency_max {
            self.fault(
                "/simulationParams/emergencyMax",
                format!("must be at least emergencyMin: {} < {}", world.emergency_max, world.emergency_min),
            );
        }
        world
    }

    fn accounts<D>(
        &mut self,
        pointer: &str,
        drafts: &[D],
        read: fn(&mut Self, &str, &D) -> Account,
    ) -> Vec<Account> {
        if drafts.len() > ACCOUNTS_MAX {
            self.fault(pointer, format!("must have at most {ACCOUNTS_MAX} entries, not {}", drafts.len()));
            return Vec::new();
        }
        drafts.iter().enumerate().map(|(i, draft)| read(self, &format!("{pointer}/{i}"), draft)).collect()
    }

    fn card(&mut self, pointer: &str, card: &CardDraft) -> Account {
        self.account(
            pointer,
            card.id.as_deref(),
            card.balance,
            ("apr", card.apr),
            ("minimumPayment", card.minimum_payment),
        )
    }

    fn loan(&mut self, pointer: &str, loan: &LoanDraft) -> Account {
        self.account(
            pointer,
            loan.id.as_deref(),
            loan.balance,
            ("interestRate", loan.interest_rate),
            ("monthlyPayment", loan.monthly_payment),
        )
    }

    fn account(
        &mut self,
        pointer: &str,
        id: Option<&str>,
        balance: Option<f64>,
        (rate_name, rate): (&str, Option<f64>),
        (payment_name, payment): (&str, Option<f64>),
    ) -> Account {
        Account {
            id: id.map(|id| self.text(&format!("{pointer}/id"), id)),
            balance: self.required(&format!("{pointer}/balance"), balance, MONEY),
            yearly_rate_percent: self.required(&format!("{pointer}/{rate_name}"), rate, MONEY),
            monthly_payment: self.required(&format!("{pointer}/{payment_name}"), payment, MONEY),
        }
    }

    fn required(&mut self, pointer: &str, value: Option<f64>, range: RangeInclusive<f64>) -> f64 {
        let Some(value) = value else {
            self.fault(pointer, "is required");
            return *range.start();
        };
        self.number(pointer, value, range)
    }

    fn or(&mut self, pointer: &str, value: Option<f64>, range: RangeInclusive<f64>, default: f64) -> f64 {
        value.map_or(default, |value| self.number(pointer, value, range))
    }

    fn number(&mut self, pointer: &str, value: f64, range: RangeInclusive<f64>) -> f64 {
        if range.contains(&value) {
            // Minus zero would be another request with the same meaning.
            return value + 0.0;
        }
        let (low, high) = range.into_inner();
        self.fault(
            pointer,
            if value.is_finite() {
                format!("must be between {low} and {high}, not {value}")
            } else {
                "must be a finite number".to_owned()
            },
        );
        low
    }

    fn whole(
        &mut self,
        pointer: &str,
        value: Option<u64>,
        range: RangeInclusive<u64>,
        default: Option<u64>,
    ) -> u64 {
        match value.or(default) {
            Some(value) if range.contains(&value) => return value,
            Some(value) => self.fault(
                pointer,
                format!("must be between {} and {}, not {value}", range.start(), range.end()),
            ),
            None => self.fault(pointer, "is required"),
        }
        *range.start()
    }

    fn text(&mut self, pointer: &str, text: &str) -> String {
        if text.len() > TEXT_BYTES_MAX {
            self.fault(pointer, format!("must have at most {TEXT_BYTES_MAX} bytes, not {}", text.len()));
            return String::new();
        }
        text.to_owned()
    }

    fn fault(&mut self, pointer: &str, message: impl Into<String>) {
        self.faults.push(FieldFault::new(pointer, message));
    }
}

/// A name as one step of a JSON pointer (RFC 6901, section 3).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
