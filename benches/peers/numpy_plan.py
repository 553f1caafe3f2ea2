"""One shard of a plan over a lifetime in NumPy, on one core. `numpy_plans.py` gives shards to processes.

It supports the members of a request that the plans of `benches/compare` use: `neverShort` in real dollars, prices with
memory, a portfolio with a glide path or a bootstrap, guardrails, two people, flows indexed to prices. float64; vectorised
over a chunk of simulations, month by month, in arrays that fit the core's own cache. Values that
depend on no random number are computed once. It only counts successes.
"""

from math import exp, sqrt

import numpy as np

# Simulations that are computed together. Ten arrays of this length are 640 kB.
CHUNK = 8_192

EXPENSE_STD = 0.15
INFLATION_MEAN = 0.025 / 12
INFLATION_STD = 0.01 / 12
EMERGENCY_MIN = 500.0
EMERGENCY_MAX = 3_000.0


class Household:
    """A request with the computed amounts and moments of every month."""

    def __init__(self, request: dict):
        profile, goal, plan = request["financialProfile"], request["goal"], request["plan"]
        if goal["success"] != "neverShort" or goal["dollars"] != "real" or request["userInputs"]["monthlyIncome"] != 0:
            raise ValueError("this program knows retired households that must never be short in real dollars")
        if plan["reserveMonths"] != 0:
            raise ValueError("this program invests everything")
        self.months = goal["timelineMonths"]
        self.target = goal["targetAmount"]
        self.balance = float(profile["liquidAssets"])
        self.spending = float(profile["monthlySpending"])
        self.emergency = request["simulationParams"]["emergencyProbability"]
        self.prices = plan.get("prices")
        self.rule = plan.get("spendingRule")
        self.people = plan.get("people", [])
        self.survivor_spending = plan.get("survivorSpending", 1.0)
        self.flows = plan.get("flows", [])
        self._portfolio(plan["portfolio"], plan.get("returns", {}))

    def _portfolio(self, portfolio: dict, returns: dict) -> None:
        glide = portfolio["glidePath"]
        months = [point["month"] for point in glide]
        weights = np.array([point["weights"] for point in glide])
        self.weights = np.array([np.interp(np.arange(self.months), months, asset) for asset in weights.T]).T
        self.fee = portfolio["annualFee"] / 12
        self.rows = None
        if returns.get("model") == "bootstrap":
            self.rows = np.array(returns["rows"])
            self.row_inflation = np.array(returns["inflation"])
            self.next_block = 1 / returns["meanBlockMonths"]
        else:
            means = np.array([asset["mean"] for asset in portfolio["assets"]])
            stds = np.array([asset["std"] for asset in portfolio["assets"]])
            covariance = np.array(portfolio["correlation"]) * np.outer(stds, stds)
            self.means = self.weights @ means / 12 - self.fee
            self.stds = np.sqrt(np.einsum("mi,ij,mj->m", self.weights, covariance, self.weights) / 12)


def count_successes(request: dict, seed: np.random.SeedSequence, simulations: int) -> int:
    """The number of `simulations` that are never short and end with the target."""
    household = Household(request)
    random = np.random.Generator(np.random.SFC64(seed))
    sizes = [min(CHUNK, simulations - start) for start in range(0, simulations, CHUNK)]
    return sum(_march(household, random, size) for size in sizes)


def _march(h: Household, random: np.random.Generator, n: int) -> int:
    """Simulates `n` households together, month by month."""
    balance = np.full(n, h.balance)
    planned = np.full(n, h.spending)
    prices = np.ones(n)
    multiplier = np.ones(n)
    succeeds = np.ones(n, dtype=bool)
    draw = np.empty(n)
    lives = [_months_lived(person, random, n) for person in h.people]
    ends = np.maximum.reduce(lives) if lives else np.full(n, h.months)
    if h.prices:
        mean, std, persistence = (h.prices[name] for name in ("mean", "std", "persistence"))
        inflation = None
    if h.rows is not None:
        row = random.integers(len(h.rows), size=n)
    rate_at_start = None

    for month in range(min(h.months, int(ends.max()))):
        living = month < ends
        if h.rows is not None:
            if month:
                row += 1
                row[row == len(h.rows)] = 0
                jump = np.flatnonzero(random.random(out=draw) < h.next_block)
                row[jump] = random.integers(len(h.rows), size=jump.size)
            growth = 1 + h.row_inflation[row]
        elif h.prices:
            if month % 12 == 0:
                random.standard_normal(out=draw)
                if inflation is None:
                    inflation = mean + std * draw
                else:
                    inflation = mean + persistence * (inflation - mean) + std * sqrt(1 - persistence**2) * draw
                growth = (1 + np.maximum(inflation, -0.5)) ** (1 / 12)
        else:
            growth = 1 + INFLATION_MEAN + INFLATION_STD * random.standard_normal(out=draw)
        planned *= growth
        np.multiply(prices, growth, out=prices, where=living)

        if h.rule and month % 12 == 0:
            rate_at_start = _guardrails(h, month, balance, planned, multiplier, rate_at_start)

        random.standard_normal(out=draw)
        draw *= EXPENSE_STD
        draw += 1
        draw *= planned
        if h.rule:
            draw *= multiplier
        if len(lives) == 2:
            draw[(month < lives[0]) != (month < lives[1])] *= h.survivor_spending
        cash = -draw

        for flow in h.flows:
            if flow["from"] <= month:
                amount = flow["amount"] * prices
                person = flow["person"]
                amount *= np.where(month < lives[person], 1, flow["survivorShare"] * (month < lives[1 - person]))
                cash += amount

        if h.emergency:
            hit = np.flatnonzero(random.random(out=draw) < h.emergency)
            cash[hit] -= random.uniform(EMERGENCY_MIN, EMERGENCY_MAX, hit.size)

        if h.rows is not None:
            gain = (h.rows @ h.weights[month] - h.fee)[row]
        else:
            gain = random.standard_normal(out=draw)
            gain *= h.stds[month]
            gain += h.means[month]
        cash += gain * np.maximum(balance, 0)
        if lives:
            cash *= living
        balance += cash
        # Real dollars: the sign of a balance is that of its value at today's prices.
        succeeds &= (balance >= 0) | ~living
    return int(np.count_nonzero(succeeds & (balance >= h.target * prices)))


def _guardrails(h, month, balance, planned, multiplier, rate_at_start):
    """Guyton and Klinger's guardrails, once a year: sets `multiplier`."""
    with np.errstate(divide="ignore"):
        rate = np.where(balance > 0, 12 * multiplier * planned / balance, np.inf)
    if rate_at_start is None:
        return rate
    rule = h.rule
    if month < h.months - 12 * rule["noCutYears"]:
        multiplier[rate > rate_at_start * (1 + rule["up"])] *= 1 - rule["cut"]
    multiplier[rate < rate_at_start * (1 - rule["down"])] *= 1 + rule["raise"]
    np.clip(multiplier, rule["floor"], rule["ceiling"], out=multiplier)
    return rate_at_start


def _months_lived(person: dict, random: np.random.Generator, n: int) -> np.ndarray:
    """Gompertz lifetimes from today, in months."""
    b = person["dispersion"]
    years = b * np.log1p(-np.log(1 - random.random(n)) * exp((person["modalAge"] - person["age"]) / b))
    return np.maximum(np.ceil(12 * years), 1)
