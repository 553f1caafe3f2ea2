//! Plans over a lifetime: everything in a request beyond a savings goal. All of it is optional.
//!
//! Months are numbered from 0. An end that equals the timeline means the end of the plan, so it
//! moves with a changed timeline.

use super::{SHARE, SHORT_NAME, rules};
use crate::definition::rule::{items, list, number, part, rows, whole, word};
use crate::definition::{Input, label, section, tagged};
use crate::limits::{
    ASSETS_MAX, BOOTSTRAP_ROWS_MAX, FLOWS_MAX, GLIDE_POINTS_MAX, NUMBER_MAX, PEOPLE_MAX, TIMELINE_MONTHS_MAX,
};

/// A month of the timeline.
const MONTH: Input<u32> = whole(0, TIMELINE_MONTHS_MAX as u64 - 1).unit("months from the start");
/// An end: the first month after it.
const END: Input<u32> = whole(0, TIMELINE_MONTHS_MAX as u64).unit("months from the start");
/// A mean of yearly returns.
const MEAN: Input<f64> = number(-1.0, 1.0).unit("fractions a year");
/// A standard deviation of yearly returns.
const STD: Input<f64> = number(0.0, 2.0).unit("fractions a year");
/// A rate of inflation.
const INFLATION: Input<f64> = number(-0.2, 0.5).unit("fractions a year");

section! {
    /// Everything beyond a savings goal. All members are optional.
    pub Plan / PlanDraft as "Plan" {
        /// The reserve in months of spending, which is not invested. With 0, everything is
        /// invested.
        reserve_months: f64 = number(0.0, 120.0).unit("months of spending").default(6.0).example(3.0);
        /// The first month without `monthlyIncome`, that is, retirement. By default the end of the
        /// timeline.
        income_until: Option<u32> = END.implied("the timeline").example(300);
        /// Interest on a negative balance.
        borrowing_rate: f64 = number(0.0, 2.0).unit("fractions a year").default(0.0).example(0.12);
        /// Dated incomes and spendings.
        flows: Vec<Flow> = list(FLOWS_MAX);
        /// Autocorrelated yearly inflation, instead of `inflationRate` and `inflationVolatility`.
        prices: Option<Prices> = part();
        /// Several assets with a glide path, instead of `annualReturnMean` and `annualReturnStd`.
        portfolio: Option<Portfolio> = part();
        /// The distribution of monthly returns; by default normal.
        returns: Option<Returns> = part();
        /// A rule that adapts spending to the balance.
        spending_rule: Option<SpendingRule> = part();
        /// One or two people. The plan ends with the last death, or with the timeline.
        people: Vec<Person> = list(PEOPLE_MAX);
        /// The factor on spending while exactly one of two people is alive.
        survivor_spending: f64 = SHARE.default(1.0).example(0.7);
    }
}

label! {
    /// The kind of a flow.
    pub FlowKind {
        Income = "income",
        Spending = "spending",
    }
}

label! {
    /// The index with which a flow grows.
    pub FlowIndex {
        /// No index.
        None = "none",
        /// The price level.
        Prices = "prices",
        /// The household's income, relative to its start. Needs a positive income.
        Wages = "wages",
    }
}

section! {
    /// A dated income or spending: paid in month m when from ≤ m < until and (m − from) is a
    /// multiple of `everyMonths`, as amount × (1 + annualGrowth)^(m / 12) × index. A one-off flow
    /// has `until` = `from` + 1.
    pub Flow / FlowDraft as "Flow" {
        /// A name.
        id: Option<String> = SHORT_NAME.example("pension").outside_digest();
        /// Whether this is an income or a spending.
        kind: FlowKind = word().required().example(FlowKind::Income);
        /// The amount of each payment before growth.
        amount: f64 = number(0.0, NUMBER_MAX).unit("dollars").required().example(1_900.0);
        /// The first month.
        from: u32 = MONTH.required().example(330);
        /// The first month after the flow. By default the end of the timeline.
        until: Option<u32> = END.implied("the timeline").example(342);
        /// The number of months from one payment to the next.
        every_months: u32 = whole(1, TIMELINE_MONTHS_MAX as u64).unit("months").default(1).example(12);
        /// The index with which the amount grows.
        index: FlowIndex = word().default(FlowIndex::None).example(FlowIndex::Prices);
        /// Yearly growth in addition to the index.
        annual_growth: f64 = number(-1.0, 1.0).unit("fractions a year").default(0.0).example(0.04);
        /// The person to whom the flow belongs, 0 or 1 in the order of `people`. It is paid in full
        /// while that person is alive.
        person: Option<u32> = whole(0, PEOPLE_MAX as u64 - 1).example(0);
        /// The fraction that is paid while only the other person is alive.
        survivor_share: f64 = SHARE.default(0.0).example(0.5);
    }
}

section! {
    /// Yearly inflation as an AR(1) process: y(k) = mean + persistence · (y(k−1) − mean) + std ·
    /// √(1 − persistence²) · Z, at least −0.5. Each month of year k prices grow by (1 +
    /// y(k))^(1/12).
    pub Prices / PricesDraft as "Prices" {
        /// Mean inflation.
        mean: f64 = INFLATION.required().example(0.025);
        /// Standard deviation of one year's inflation.
        std: f64 = number(0.0, 0.5).unit("fractions a year").required().example(0.018);
        /// The fraction of a year's deviation from the mean that remains in the next year.
        persistence: f64 = number(0.0, 0.99).required().example(0.6);
        /// The inflation of the year before the first. By default the first year has the stationary
        /// distribution.
        start: Option<f64> = INFLATION.example(0.03);
    }
}

section! {
    /// Several assets, rebalanced every month: mean(m) = w · means − annualFee and std(m) =
    /// √(wᵀΣw), a year.
    pub Portfolio / PortfolioDraft as "Portfolio" with rules::portfolio {
        /// 1 to 8 assets.
        assets: Vec<Asset> = list(ASSETS_MAX).at_least(1).required();
        /// The correlations of yearly returns, with a row for each asset: symmetric, with ones on
        /// the diagonal, positive semidefinite. By default the identity.
        correlation: Vec<Vec<f64>> = rows(number(-1.0, 1.0), ASSETS_MAX, ASSETS_MAX);
        /// The yearly fee on invested money.
        annual_fee: f64 = number(0.0, 0.1).unit("fractions a year").default(0.0).example(0.002);
        /// Weights by month, with ascending months. Weights are interpolated linearly between these
        /// points and constant outside of them. By default equal weights.
        glide_path: Vec<GlidePoint> = list(GLIDE_POINTS_MAX);
    }
}

section! {
    /// An asset of a portfolio. With bootstrapped returns, mean and standard deviation are not
    /// needed.
    pub Asset / AssetDraft as "Asset" {
        /// A name.
        id: String = SHORT_NAME.required().example("stocks").outside_digest();
        /// The arithmetic mean of yearly returns. With a geometric mean, volatility would be
        /// counted twice.
        mean: Option<f64> = MEAN.example(0.075);
        /// The standard deviation of yearly returns.
        std: Option<f64> = STD.example(0.17);
    }
}

section! {
    /// The weights in a month.
    pub GlidePoint / GlidePointDraft as "GlidePoint" {
        /// The month.
        month: u32 = MONTH.required().example(240);
        /// One weight for each asset; they add up to 1.
        weights: Vec<f64> = items(SHARE, ASSETS_MAX).required();
    }
}

tagged! {
    /// The distribution of monthly returns. μ and σ are the year's mean and standard deviation in
    /// the month, of the portfolio or of `annualReturnMean` and `annualReturnStd`.
    pub Returns / ReturnsDraft as "Returns" by "model" {
        /// μ/12 + σ/√12 · Z, with Z a standard normal draw.
        Normal(NormalReturns / NormalReturnsDraft) = "normal",
        /// Log-normal with the same mean and variance: never below −100 %.
        Lognormal(LognormalReturns / LognormalReturnsDraft) = "lognormal",
        /// Student's t with the same mean and variance, at least −100 %: fat tails.
        StudentT(StudentTReturns / StudentTReturnsDraft) = "studentT",
        /// Two regimes with their own means and standard deviations. The regime of the month is a
        /// Markov chain.
        Regimes(RegimeReturns / RegimeReturnsDraft) = "regimes",
        /// Rows of a history, in blocks of random length (stationary bootstrap, Politis and Romano
        /// 1994).
        Bootstrap(BootstrapReturns / BootstrapReturnsDraft) = "bootstrap",
    }
}

section! {
    /// Normal monthly returns.
    pub NormalReturns / NormalReturnsDraft as "NormalReturns" {}
}

section! {
    /// Log-normal monthly returns.
    pub LognormalReturns / LognormalReturnsDraft as "LognormalReturns" {}
}

section! {
    /// Student's t.
    pub StudentTReturns / StudentTReturnsDraft as "StudentTReturns" {
        /// The degrees of freedom; fewer mean fatter tails. Draws have 28 bits, which truncates the
        /// tails: this removes 0.004 % of the variance for 4 degrees, 0.1 % for 3, and 38 % for
        /// 2.1.
        degrees_of_freedom: f64 = number(2.1, 100.0).required().example(4.0);
    }
}

section! {
    /// Two regimes.
    pub RegimeReturns / RegimeReturnsDraft as "RegimeReturns" with rules::regimes {
        /// The calm regime.
        calm: Regime = part().required();
        /// The stress regime. The first month is in it with the stationary probability.
        stress: Regime = part().required();
        /// The monthly probability of a change from calm to stress.
        calm_to_stress: f64 = SHARE.unit("probability a month").required().example(0.025);
        /// The monthly probability of a change from stress to calm. Must not be 0 together with
        /// `calmToStress`.
        stress_to_calm: f64 = SHARE.unit("probability a month").required().example(0.12);
    }
}

section! {
    /// The market in one regime.
    pub Regime / RegimeDraft as "Regime" {
        /// The arithmetic mean of yearly returns.
        mean: f64 = MEAN.required().example(0.11);
        /// The standard deviation of yearly returns.
        std: f64 = STD.required().example(0.11);
    }
}

section! {
    /// Bootstrapped returns.
    pub BootstrapReturns / BootstrapReturnsDraft as "BootstrapReturns" with rules::bootstrap {
        /// Monthly returns: a row for each month, with one number for each asset of the portfolio,
        /// or one number without a portfolio.
        rows: Vec<Vec<f64>> =
            rows(number(-1.0, 10.0).unit("fractions a month"), BOOTSTRAP_ROWS_MAX, ASSETS_MAX).required();
        /// The inflation of the same months, which then determines prices. Not together with
        /// `prices`.
        inflation: Vec<f64> = items(number(-0.5, 1.0).unit("fractions a month"), BOOTSTRAP_ROWS_MAX);
        /// The mean length of a block.
        mean_block_months: f64 = number(1.0, 1200.0).unit("months").required().example(24.0);
    }
}

tagged! {
    /// Spending that reacts to the balance. A rule acts in months from, from + 12, … and sets the
    /// multiple of planned spending, which stays between `floor` and `ceiling`.
    pub SpendingRule / SpendingRuleDraft as "SpendingRule" by "rule" {
        /// Cuts and raises at guardrails around the first year's rate of withdrawal (after Guyton
        /// and Klinger 2006).
        Guardrails(Guardrails / GuardrailsDraft) = "guardrails",
        /// A fixed fraction of the balance per year.
        Percent(PercentRule / PercentRuleDraft) = "percent",
        /// A fraction of the balance that depends on the remaining years, like the payment of an
        /// annuity.
        Vpw(VpwRule / VpwRuleDraft) = "vpw",
    }
}

/// The lowest multiplier of planned spending.
const RULE_FLOOR: Input<f64> = number(0.0, 10.0).default(0.0).example(0.5);
/// The highest multiplier of planned spending.
const RULE_CEILING: Input<f64> = number(0.0, 10.0).default(10.0).example(1.8);

section! {
    /// Guardrails.
    pub Guardrails / GuardrailsDraft as "Guardrails" with rules::guardrails {
        /// The first month in which the rule acts.
        from: u32 = MONTH.default(0).example(24);
        /// The lowest multiplier of planned spending.
        floor: f64 = RULE_FLOOR;
        /// The highest multiplier of planned spending.
        ceiling: f64 = RULE_CEILING;
        /// Spending is cut if the rate of withdrawal is above the first rate by this fraction of
        /// it.
        up: f64 = number(0.0, 10.0).required().example(0.2);
        /// Spending is raised if the rate of withdrawal is below the first rate by this fraction of
        /// it.
        down: f64 = SHARE.required().example(0.2);
        /// The fraction of a cut.
        cut: f64 = SHARE.required().example(0.1);
        /// The fraction of a raise.
        raise: f64 = number(0.0, 10.0).required().example(0.1);
        /// The years at the end of the timeline without cuts.
        no_cut_years: u32 = whole(0, TIMELINE_MONTHS_MAX as u64 / 12).unit("years").default(0).example(15);
    }
}

section! {
    /// A fixed fraction of the balance.
    pub PercentRule / PercentRuleDraft as "PercentRule" with rules::percent {
        /// The first month in which the rule acts.
        from: u32 = MONTH.default(0).example(24);
        /// The lowest multiplier of planned spending.
        floor: f64 = RULE_FLOOR;
        /// The highest multiplier of planned spending.
        ceiling: f64 = RULE_CEILING;
        /// The fraction of the balance that is spent per year.
        share: f64 = SHARE.unit("fractions a year").required().example(0.04);
    }
}

section! {
    /// Variable percentage withdrawal.
    pub VpwRule / VpwRuleDraft as "VpwRule" with rules::vpw {
        /// The first month in which the rule acts.
        from: u32 = MONTH.default(0).example(24);
        /// The lowest multiplier of planned spending.
        floor: f64 = RULE_FLOOR;
        /// The highest multiplier of planned spending.
        ceiling: f64 = RULE_CEILING;
        /// The rate of return that the payments assume.
        rate: f64 = number(0.0, 1.0).unit("fractions a year").required().example(0.02);
    }
}

section! {
    /// A person with a Gompertz lifetime from today.
    pub Person / PersonDraft as "Person" {
        /// Age today.
        age: f64 = number(0.0, 120.0).unit("years").required().example(65.0);
        /// The most likely age at death, seen from birth (the mode of the distribution).
        modal_age: f64 = number(50.0, 120.0).unit("years").required().example(88.0);
        /// The dispersion of the age at death: the larger it is, the more the ages differ.
        dispersion: f64 = number(1.0, 30.0).unit("years").required().example(10.0);
    }
}
