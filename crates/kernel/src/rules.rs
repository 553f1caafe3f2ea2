//! The rules of a month: what it does to a household, in each lane. The steps are numbered as in
//! the model's description.
//!
//! **Planned amounts and deviations.** Without chance, income, spending and payments of every month
//! are known before the first simulation; [`Plan`] has them in double precision. Chance adds a
//! factor on prices and one on wages ([`Factor`]), which start at 1. A month's cash is the planned
//! cash, plus planned income times the deviation of wages from 1, minus planned spending times that
//! of prices. This equals income minus spending, but rounding errors are relative to the deviations
//! instead of the whole amounts, and a plan without chance is exact.
//!
//! **The balance** is a compensated sum ([`Balance`]), so that cents aren't lost in a billion
//! dollars.
//!
//! A new rule is a step here. It reads chance from `shocks` and the request from `plan`. `pipeline`
//! calls the steps without knowing their contents.
#![expect(
    clippy::inline_always,
    reason = "a task must end up inside the function that has its level's instructions"
)]

use crate::lanes::Lanes;
use crate::plan::{Budget, MONEY_RANGE, Plan, Range};

/// What chance decides about a month's cash.
#[derive(Clone, Copy)]
pub(crate) struct Shocks<L: Lanes> {
    /// The cost of an emergency beyond the plan, in dollars; 0 if there is none.
    pub(crate) emergency: L::Float,
    /// The month's normal is √`square` · `direction`.
    pub(crate) square: L::Float,
    pub(crate) direction: L::Float,
}

/// The random factor on a planned level so far: 1 + `deviation`.
#[derive(Clone, Copy)]
pub(crate) struct Factor<L: Lanes> {
    pub(crate) deviation: L::Float,
}

impl<L: Lanes> Factor<L> {
    /// The factor at the start: 1.
    #[inline(always)]
    pub(crate) fn one(lanes: L) -> Self {
        Self { deviation: lanes.float(0.0) }
    }

    /// The square of the factor.
    #[inline(always)]
    pub(crate) fn square(self, lanes: L) -> L::Float {
        let factor = lanes.add(lanes.float(1.0), self.deviation);
        lanes.mul(factor, factor)
    }

    /// Grown by this rate: (1 + d)(1 + r) − 1 = d + (1 + d)·r.
    #[inline(always)]
    fn grown(self, lanes: L, rate: L::Float) -> Self {
        let factor = lanes.add(lanes.float(1.0), self.deviation);
        Self { deviation: lanes.fma(factor, rate, self.deviation) }
    }

    /// The factor with its deviation clamped to a range.
    #[inline(always)]
    fn within(self, lanes: L, range: Range) -> Self {
        Self { deviation: within(lanes, self.deviation, range) }
    }
}

/// The random factors on prices and wages: the same for every household of a simulation.
#[derive(Clone, Copy)]
pub(crate) struct Economy<L: Lanes> {
    pub(crate) prices: Factor<L>,
    pub(crate) wages: Factor<L>,
    /// The square of the factor on wages, which changes only twice a year.
    pub(crate) wages_square: L::Float,
}

impl<L: Lanes> Economy<L> {
    /// At the start.
    #[inline(always)]
    pub(crate) fn new(lanes: L) -> Self {
        let one = Factor::one(lanes);
        Self { prices: one, wages: one, wages_square: lanes.float(1.0) }
    }

    /// The factors in the order of their bounds.
    #[inline(always)]
    pub(crate) fn factors(&self) -> [Factor<L>; 2] {
        [self.prices, self.wages]
    }

    /// Step 1: prices grow by the deviation from the planned inflation.
    #[inline(always)]
    pub(crate) fn inflation(&mut self, lanes: L, rate: L::Float) {
        self.prices = self.prices.grown(lanes, rate);
    }

    /// Steps 2 and 3, before the last month of each half year: the promotion and, at the end of a
    /// year, the raise, by their deviations from the planned ones.
    #[inline(always)]
    pub(crate) fn raises(&mut self, lanes: L, raise: Option<L::Float>, promotion: L::Float) {
        if let Some(raise) = raise {
            self.wages = self.wages.grown(lanes, raise);
        }
        self.wages = self.wages.grown(lanes, promotion);
        self.wages_square = self.wages.square(lanes);
    }

    /// Clamps spending and income to their bounds, before the last month of each half year.
    #[inline(always)]
    pub(crate) fn bound(&mut self, lanes: L, [prices, wages]: [Range; 2]) {
        self.prices = self.prices.within(lanes, prices);
        self.wages = self.wages.within(lanes, wages);
        self.wages_square = self.wages.square(lanes);
    }
}

/// A balance as the sum of two numbers in each lane, to reduce rounding errors (W. Kahan, "Further
/// remarks on reducing truncation errors", 1965).
#[derive(Clone, Copy)]
pub(crate) struct Balance<L: Lanes> {
    /// Most of the balance, dollars.
    pub(crate) high: L::Float,
    /// The part of the balance that `high` leaves out.
    low: L::Float,
}

impl<L: Lanes> Balance<L> {
    #[inline(always)]
    pub(crate) fn new(lanes: L, [high, low]: [f32; 2]) -> Self {
        Self { high: lanes.float(high), low: lanes.float(low) }
    }

    /// The whole balance, to single precision.
    #[inline(always)]
    pub(crate) fn total(self, lanes: L) -> L::Float {
        lanes.add(self.high, self.low)
    }

    /// Step 7: adds the month's cash, and a part of it that is too small to be added to the cash
    /// first.
    #[inline(always)]
    pub(crate) fn plus(self, lanes: L, cash: L::Float, small: L::Float) -> Self {
        let carried = lanes.add(self.low, small);
        let change = lanes.add(cash, carried);
        let high = lanes.add(self.high, change);
        // The rounding errors of both sums.
        let first = lanes.sub(carried, lanes.sub(change, cash));
        let second = lanes.sub(change, lanes.sub(high, self.high));
        Self { high, low: lanes.add(second, first) }
    }

    /// Steps 4 to 7.
    #[inline(always)]
    pub(crate) fn month(
        self,
        lanes: L,
        plan: &Plan,
        budget: &Budget,
        economy: &Economy<L>,
        shocks: Shocks<L>,
    ) -> Self {
        // 4. Income less spending and payments.
        let Economy { prices, wages, wages_square } = economy;
        let cash = lanes.fma(wages.deviation, lanes.float(budget.income), lanes.float(budget.planned[0]));
        let cash = lanes.fma(prices.deviation, lanes.float(-budget.spending), cash);

        // 5. An emergency.
        let cash = lanes.sub(cash, shocks.emergency);

        // 6. The market's mean return on the balance above the reserve.
        let excess = lanes.sub(self.high, lanes.float(budget.reserve));
        let invested = lanes.larger(excess, lanes.float(0.0));
        let cash = lanes.fma(invested, lanes.float(plan.return_mean[0]), cash);
        let small = lanes.fma(invested, lanes.float(plan.return_mean[1]), lanes.float(budget.planned[1]));

        // 4 and 6: the random parts of income, spending and the market, as one normal.
        let income = lanes.mul(*wages_square, lanes.float(budget.income_variance));
        let variance = lanes.fma(prices.square(lanes), lanes.float(budget.spending_variance), income);
        let square = lanes.mul(variance, shocks.square);
        let noise = lanes.mul(shocks.square, lanes.float(plan.return_variance));
        let square = lanes.fma(lanes.mul(invested, invested), noise, square);
        let cash = lanes.fma(lanes.sqrt(square), shocks.direction, cash);

        // 7.
        self.plus(lanes, cash, small)
    }

    /// This balance in lanes where the mask is set, the other one elsewhere.
    #[inline(always)]
    pub(crate) fn select(self, lanes: L, mask: L::Mask, other: Self) -> Self {
        let high = lanes.select(mask, self.high, other.high);
        Self { high, low: lanes.select(mask, self.low, other.low) }
    }

    /// The balance clamped to [`MONEY_RANGE`].
    #[inline(always)]
    pub(crate) fn bounded(self, lanes: L) -> Self {
        Self { high: within(lanes, self.high, MONEY_RANGE), ..self }
    }
}

/// `x` clamped to the range.
#[inline(always)]
pub(crate) fn within<L: Lanes>(lanes: L, x: L::Float, range: Range) -> L::Float {
    lanes.smaller(lanes.larger(x, lanes.float(range.low)), lanes.float(range.high))
}
