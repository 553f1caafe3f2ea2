"""One shard of the simulation in NumPy, on one core, for the multiprocessing, Dask and Ray peers.

float64; vectorised over a chunk of simulations, month by month, in arrays that are made once and fit the core's own
cache. SFC64 is the fastest of NumPy's generators.
"""

import numpy as np

import household as h

# Simulations that are computed together. Six arrays of this length are 400 kB.
CHUNK = 8_192


def count_successes(seed: np.random.SeedSequence, simulations: int) -> int:
    """The number of `simulations` that reach the target."""
    random = np.random.Generator(np.random.SFC64(seed))
    successes = 0
    for start in range(0, simulations, CHUNK):
        successes += _march(random, min(CHUNK, simulations - start))
    return successes


def _march(random: np.random.Generator, n: int) -> int:
    """Simulates `n` households together, month by month."""
    balance = np.full(n, h.BALANCE)
    income = np.full(n, h.INCOME)
    spending = np.full(n, h.SPENDING)
    draw = np.empty(n)
    cash = np.empty(n)
    gain = np.empty(n)

    def normal(mean: float, std: float) -> np.ndarray:
        random.standard_normal(out=draw)
        np.multiply(draw, std, out=draw)
        return np.add(draw, mean, out=draw)

    for month in range(h.MONTHS):
        spending *= normal(1 + h.INFLATION_MEAN, h.INFLATION_STD)
        if month % 12 == 11:
            income *= normal(1 + h.RAISE_MEAN, h.RAISE_STD)
        if month % 6 == 5:
            promoted = np.flatnonzero(random.random(out=draw) < h.PROMOTION_PROBABILITY)
            income[promoted] *= random.normal(1 + h.PROMOTION_MEAN, h.PROMOTION_STD, promoted.size)

        np.multiply(income, normal(1, h.INCOME_STD), out=cash)
        cash -= h.LOAN_PAYMENT
        normal(1, h.SPENDING_STD)
        np.multiply(draw, spending, out=draw)
        cash -= draw

        hit = np.flatnonzero(random.random(out=draw) < h.EMERGENCY_PROBABILITY)
        cash[hit] -= random.uniform(h.EMERGENCY_MIN, h.EMERGENCY_MAX, hit.size)

        np.subtract(balance, h.RESERVE, out=gain)
        np.maximum(gain, 0, out=gain)
        gain *= normal(h.RETURN_MEAN, h.RETURN_STD)
        cash += gain
        balance += cash
    return int(np.count_nonzero(balance >= h.TARGET))
