//! Plans without chance against a ledger in decimal arithmetic, month by month.

use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

use carlo_kernel::{Job, Level, replay};
use carlo_types::JobSpec;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Plans that are tried.
const PLANS: u64 = 600;

/// A decimal number with twelve digits after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Decimal(i128);

const ONE: Decimal = Decimal(1_000_000_000_000);
const ZERO: Decimal = Decimal(0);

impl Decimal {
    fn thousandths(number: i64) -> Self {
        Self(i128::from(number) * 1_000_000_000)
    }

    fn whole(number: u32) -> Self {
        Self(i128::from(number) * ONE.0)
    }

    fn over(self, divisor: Self) -> Self {
        Self(self.0 * ONE.0 / divisor.0)
    }

    fn number(self) -> f64 {
        self.0 as f64 / ONE.0 as f64
    }
}

impl Add for Decimal {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Decimal {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Mul for Decimal {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0 / ONE.0)
    }
}

impl Neg for Decimal {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Decimal {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Decimal {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// A plan without chance. Rates are of a month unless they say otherwise.
#[derive(Debug)]
struct Plan {
    months: u32,
    assets: Decimal,
    income: Decimal,
    spending: Decimal,
    payment: Decimal,
    reserve_months: u32,
    income_until: u32,
    borrowing: Decimal,
    inflation: Decimal,
    raise: Decimal,
    promotion: Option<Decimal>,
    emergency: Option<Decimal>,
    market: Market,
    flows: Vec<Flow>,
    rule: Option<Rule>,
    /// The months that each person lives: one, or all.
    people: Vec<bool>,
    survivor_spending: Decimal,
    floor: Decimal,
}

/// The yearly return of each asset and its fee. Weights move from the first to the second asset, a
/// twentieth each month from this one on.
#[derive(Debug)]
struct Market {
    model: &'static str,
    returns: [Decimal; 2],
    fee: Decimal,
    from: Option<u32>,
}

#[derive(Debug)]
struct Flow {
    index: &'static str,
    /// Below 0 for spending.
    amount: Decimal,
    from: u32,
    until: u32,
    every: u32,
    person: Option<usize>,
    survivor_share: Decimal,
}

#[derive(Debug)]
enum Rule {
    Guardrails { up: Decimal, down: Decimal, cut: Decimal, raise: Decimal, no_cut_years: u32 },
    Percent { share: Decimal },
    Vpw { rate: Decimal },
}

/// What the end of a month shows.
#[derive(Debug, Clone, Copy)]
struct Month {
    balance: Decimal,
    prices: Decimal,
    multiplier: Decimal,
}

impl Market {
    fn weight(&self, month: u32) -> Decimal {
        let moved = self.from.map_or(0, |from| month.saturating_sub(from)).min(20);
        Decimal::thousandths(1_000 - 50 * i64::from(moved))
    }

    fn rate(&self, month: u32) -> Decimal {
        let first = self.weight(month);
        let year = self.returns[0] * first + self.returns[1] * (ONE - first) - self.fee;
        year.over(Decimal::whole(12))
    }
}

impl Rule {
    /// The multiplier after a month in which the rule acts.
    fn follow(
        &self,
        plan: &Plan,
        month: u32,
        balance: Decimal,
        yearly: Decimal,
        multiplier: Decimal,
        first_rate: &mut Option<Decimal>,
    ) -> Decimal {
        let (least, most) = (Decimal::thousandths(400), Decimal::thousandths(1_500));
        let wanted = match self {
            Self::Guardrails { .. } if month == 0 => {
                *first_rate = (balance > ZERO).then(|| yearly.over(balance));
                return multiplier;
            }
            Self::Guardrails { up, down, cut, raise, no_cut_years } => {
                let Some(first) = *first_rate else { return multiplier };
                let may_cut = month + 12 * no_cut_years < plan.months;
                let rate = (balance > ZERO).then(|| (yearly * multiplier).over(balance));
                if may_cut && rate.is_none_or(|rate| rate > first * (ONE + *up)) {
                    multiplier * (ONE - *cut)
                } else if rate.is_some_and(|rate| rate < first * (ONE - *down)) {
                    multiplier * (ONE + *raise)
                } else {
                    multiplier
                }
            }
            Self::Percent { share } => (*share * balance.max(ZERO)).over(yearly),
            Self::Vpw { rate } => {
                let years = (plan.months - month).div_ceil(12);
                let share = if *rate == ZERO {
                    ONE.over(Decimal::whole(years))
                } else {
                    let discount = (0..years).fold(ONE, |product, _| product.over(ONE + *rate));
                    rate.over(ONE - discount).over(ONE + *rate)
                };
                (share * balance.max(ZERO)).over(yearly)
            }
        };
        wanted.clamp(least, most)
    }
}

impl Plan {
    /// Every month, in the order of the model's description.
    fn ledger(&self) -> Vec<Month> {
        let (mut balance, mut income, mut spending) = (self.assets, self.income, self.spending);
        let (mut prices, mut multiplier, mut first_rate) = (ONE, ONE, None);
        let mut months = Vec::new();
        let lives = |person: usize, month: u32| self.people[person] || month == 0;
        let somebody =
            |month: u32| self.people.is_empty() || (0..self.people.len()).any(|person| lives(person, month));
        for m in (0..self.months).take_while(|&m| somebody(m)) {
            // 1. Prices.
            spending = spending * (ONE + self.inflation);
            prices = prices * (ONE + self.inflation);
            // 2. Raises.
            if m % 12 == 11 {
                income = income * (ONE + self.raise);
            }
            if let Some(promotion) = self.promotion.filter(|_| m % 6 == 5) {
                income = income * (ONE + promotion);
            }
            // 3. The spending rule.
            if let Some(rule) = self.rule.as_ref().filter(|_| m % 12 == 0) {
                let yearly = spending * Decimal::whole(12);
                multiplier = rule.follow(self, m, balance, yearly, multiplier, &mut first_rate);
            }
            // 4. Income.
            let mut cash = if m < self.income_until { income } else { ZERO };
            // 5. Spending.
            let is_left = self.people.len() == 2 && !(lives(0, m) && lives(1, m));
            cash -= multiplier * if is_left { self.survivor_spending } else { ONE } * spending;
            // 6. Loans.
            cash -= self.payment;
            // 7. Flows.
            for flow in &self.flows {
                if !(flow.from..flow.until).contains(&m) || !(m - flow.from).is_multiple_of(flow.every) {
                    continue;
                }
                let index = match flow.index {
                    "prices" => prices,
                    "wages" => income.over(self.income),
                    _ => ONE,
                };
                let is_mine = flow.person.is_none_or(|person| lives(person, m));
                cash += if is_mine { ONE } else { flow.survivor_share } * (flow.amount * index);
            }
            // 8. Emergencies.
            cash -= self.emergency.unwrap_or(ZERO);
            // 9. The market and debt.
            let reserve = Decimal::whole(self.reserve_months) * self.spending;
            cash += (balance - reserve).max(ZERO) * self.market.rate(m);
            cash += balance.min(ZERO) * self.borrowing;
            // 10. The balance.
            balance += cash;
            months.push(Month { balance, prices, multiplier });
        }
        months
    }

    fn request(&self) -> Value {
        let yearly = |rate: Decimal| rate.number() * 12.0;
        let person = |lives: bool| {
            let (age, modal_age) = if lives { (0, 120) } else { (120, 50) };
            json!({ "age": age, "modalAge": modal_age, "dispersion": 1 })
        };
        let flow = |flow: &Flow| {
            let mut json = json!({
                "kind": if flow.amount < ZERO { "spending" } else { "income" },
                "amount": flow.amount.max(-flow.amount).number(),
                "from": flow.from, "until": flow.until, "everyMonths": flow.every, "index": flow.index,
            });
            if let Some(person) = flow.person {
                json["person"] = person.into();
                json["survivorShare"] = flow.survivor_share.number().into();
            }
            json
        };
        let mut plan = json!({
            "reserveMonths": self.reserve_months, "incomeUntil": self.income_until,
            "borrowingRate": yearly(self.borrowing),
            "people": self.people.iter().map(|&lives| person(lives)).collect::<Vec<_>>(),
            "flows": self.flows.iter().map(flow).collect::<Vec<_>>(),
            "survivorSpending": self.survivor_spending.number(),
        });
        self.market.put(&mut plan, self.inflation);
        if let Some(rule) = &self.rule {
            let mut rule = match rule {
                Rule::Guardrails { up, down, cut, raise, no_cut_years } => json!({
                    "rule": "guardrails", "up": up.number(), "down": down.number(), "cut": cut.number(),
                    "raise": raise.number(), "noCutYears": no_cut_years,
                }),
                Rule::Percent { share } => json!({ "rule": "percent", "share": share.number() }),
                Rule::Vpw { rate } => json!({ "rule": "vpw", "rate": rate.number() }),
            };
            rule["floor"] = 0.4.into();
            rule["ceiling"] = 1.5.into();
            plan["spendingRule"] = rule;
        }
        let promotion = self.promotion.map_or(0.0, Decimal::number);
        let emergency = self.emergency.map_or(0.0, Decimal::number);
        json!({
            "financialProfile": {
                "liquidAssets": self.assets.number(), "monthlySpending": self.spending.number(),
                "monthlyLoanPayments": self.payment.number(),
            },
            "userInputs": { "monthlyIncome": self.income.number() },
            "goal": {
                "timelineMonths": self.months, "success": "neverShort", "dollars": "real",
                "floor": self.floor.number(),
            },
            "simulationParams": {
                "nSimulations": 40, "seed": 5, "inflationRate": yearly(self.inflation), "inflationVolatility": 0,
                "incomeVolatility": 0, "expenseVolatility": 0,
                "emergencyProbability": u8::from(self.emergency.is_some()),
                "emergencyMin": emergency, "emergencyMax": emergency,
                "annualRaiseMean": self.raise.number(), "annualRaiseVolatility": 0,
                "promotionProbability": u8::from(self.promotion.is_some()), "promotionRaiseMean": promotion,
                "promotionRaiseVolatility": 0,
                "annualReturnMean": self.market.returns[0].number(), "annualReturnStd": 0,
            },
            "plan": plan,
        })
    }
}

impl Market {
    /// Says it in a plan.
    fn put(&self, plan: &mut Value, inflation: Decimal) {
        let [first, second] = self.returns.map(Decimal::number);
        if let Some(from) = self.from {
            let asset = |id: &str, mean: f64| match self.model {
                "bootstrap" => json!({ "id": id }),
                _ => json!({ "id": id, "mean": mean, "std": 0 }),
            };
            plan["portfolio"] = json!({
                "assets": [asset("first", first), asset("second", second)],
                "annualFee": self.fee.number(),
                "glidePath": [
                    { "month": from, "weights": [1, 0] }, { "month": from + 20, "weights": [0, 1] },
                ],
            });
        }
        plan["returns"] = json!({ "model": self.model });
        let returns = &mut plan["returns"];
        match self.model {
            "studentT" => returns["degreesOfFreedom"] = 5.into(),
            "regimes" => {
                returns["calm"] = json!({ "mean": first, "std": 0 });
                returns["stress"] = json!({ "mean": 1, "std": 1 });
                returns["calmToStress"] = 0.into();
                returns["stressToCalm"] = 1.into();
            }
            "bootstrap" => {
                let row = [first / 12.0, second / 12.0];
                returns["rows"] = json!([row[..if self.from.is_some() { 2 } else { 1 }]]);
                returns["inflation"] = json!([inflation.number()]);
                returns["meanBlockMonths"] = 3.into();
            }
            _ => {}
        }
    }
}

/// Any plan without chance.
fn plan(rng: &mut ChaCha8Rng) -> Plan {
    let months = rng.random_range(1..200);
    let money = |rng: &mut ChaCha8Rng, most: i64| Decimal::thousandths(10 * rng.random_range(0..most * 100));
    let rate = |rng: &mut ChaCha8Rng, most: i64| Decimal::thousandths(rng.random_range(0..=most));
    let model = ["normal", "lognormal", "studentT", "regimes", "bootstrap"][rng.random_range(0..5)];
    let has_portfolio = model != "regimes" && rng.random();
    let people: Vec<bool> = (0..rng.random_range(0..3)).map(|_| rng.random()).collect();
    let people = if people.contains(&true) || rng.random_bool(0.2) { people } else { Vec::new() };
    let flows = (0..rng.random_range(0..4)).map(|_| {
        let from = rng.random_range(0..months);
        let amount = money(rng, 2_000);
        Flow {
            index: ["none", "prices", "wages"][rng.random_range(0..3)],
            amount: if rng.random() { amount } else { -amount },
            from,
            until: rng.random_range(from..months) + 1,
            every: rng.random_range(1..30),
            person: (!people.is_empty() && rng.random()).then(|| rng.random_range(0..people.len())),
            survivor_share: rate(rng, 1_000),
        }
    });
    let flows: Vec<Flow> = flows.collect();
    let rule = match rng.random_range(0..6) {
        0 => Some(Rule::Guardrails {
            up: rate(rng, 300),
            down: rate(rng, 300),
            cut: rate(rng, 200),
            raise: rate(rng, 200),
            no_cut_years: rng.random_range(0..4),
        }),
        1 => Some(Rule::Percent { share: rate(rng, 200) }),
        2 => Some(Rule::Vpw { rate: rate(rng, 80) }),
        _ => None,
    };
    Plan {
        months,
        assets: money(rng, 900_000),
        income: money(rng, 8_000) + ONE,
        spending: money(rng, 6_000) + ONE,
        payment: money(rng, 500),
        reserve_months: rng.random_range(0..8),
        income_until: rng.random_range(0..=months),
        borrowing: rate(rng, 12),
        inflation: rate(rng, 5) - Decimal::thousandths(1),
        raise: rate(rng, 80) - Decimal::thousandths(20),
        promotion: rng.random::<bool>().then(|| rate(rng, 50)),
        emergency: rng.random::<bool>().then(|| money(rng, 900)),
        market: Market {
            model,
            returns: [rate(rng, 120), rate(rng, 120)],
            fee: if has_portfolio { rate(rng, 10) } else { ZERO },
            from: has_portfolio.then(|| rng.random_range(0..100)),
        },
        flows,
        rule,
        people,
        survivor_spending: rate(rng, 1_000),
        floor: money(rng, 50_000) - Decimal::whole(25_000),
    }
}

/// How far a number may be from the ledger's: what rounding to single precision leaves of the
/// largest sums that went through it.
#[track_caller]
fn assert_near(what: &str, found: f64, expected: Decimal, size: f64) {
    assert!((found - expected.number()).abs() <= 1e-5 * size, "{what}: {found}, not {}", expected.number());
}

#[test]
fn a_plan_without_chance_is_its_ledger() {
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let (mut rules, mut models) = (0, std::collections::BTreeSet::new());
    for number in 0..PLANS {
        let plan = plan(&mut rng);
        rules += usize::from(plan.rule.is_some());
        models.insert(plan.market.model);
        let request = plan.request();
        let spec = JobSpec::read(&request).unwrap_or_else(|fault| panic!("{fault:?}: {request:#}"));
        let ledger = plan.ledger();
        let replay = replay(&spec, 3);
        let what = |m: usize, name: &str| format!("plan {number}, {name} after month {m} of\n{request:#}\n");
        let mut size = 1_000.0_f64;
        for (m, month) in ledger.iter().enumerate() {
            let found = &replay.months[m];
            size = size.max(month.balance.number().abs());
            assert_near(&what(m, "balance"), found.balance, month.balance, size);
            let real = month.balance.over(month.prices);
            assert_near(&what(m, "real balance"), found.real_balance.unwrap(), real, size);
            assert_near(&what(m, "price level"), found.price_level.unwrap(), month.prices, 1.0);
            if plan.rule.is_some() {
                let multiplier = found.spending_multiplier.unwrap();
                assert_near(&what(m, "multiplier"), multiplier, month.multiplier, 10.0);
            }
        }
        // Every simulation is the same one, on registers as in the replay.
        let last = *ledger.last().unwrap();
        let finals = Job::new(&spec, Level::available()[0]).final_balances(0);
        assert_eq!(finals.len(), 40);
        for balance in finals {
            let expected = last.balance.over(last.prices);
            assert_near(&what(ledger.len(), "final balance"), balance.into(), expected, size);
        }
    }
    assert!(rules > 100 && models.len() == 5, "{rules} rules, {models:?}");
}
