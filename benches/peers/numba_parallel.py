"""Numba on all cores: `njit(parallel=True, fastmath=True)`, one simulation per iteration of the parallel loop.

float64, with the generator that Numba keeps for each thread behind `np.random`.
"""

import measure  # First: it starts the clock.

from contextlib import contextmanager

import numba
import numpy as np

import household as h


@numba.njit(parallel=True, fastmath=True)
def count_successes(simulations):
    successes = 0
    for _ in numba.prange(simulations):
        balance = h.BALANCE
        income = h.INCOME
        spending = h.SPENDING
        for month in range(h.MONTHS):
            spending *= 1 + np.random.normal(h.INFLATION_MEAN, h.INFLATION_STD)
            if month % 12 == 11:
                income *= 1 + np.random.normal(h.RAISE_MEAN, h.RAISE_STD)
            if month % 6 == 5 and np.random.random() < h.PROMOTION_PROBABILITY:
                income *= 1 + np.random.normal(h.PROMOTION_MEAN, h.PROMOTION_STD)
            cash = income * np.random.normal(1, h.INCOME_STD)
            cash -= spending * np.random.normal(1, h.SPENDING_STD) + h.LOAN_PAYMENT
            if np.random.random() < h.EMERGENCY_PROBABILITY:
                cash -= np.random.uniform(h.EMERGENCY_MIN, h.EMERGENCY_MAX)
            if balance > h.RESERVE:
                cash += (balance - h.RESERVE) * np.random.normal(h.RETURN_MEAN, h.RETURN_STD)
            balance += cash
        successes += balance >= h.TARGET
    return successes


@numba.njit(parallel=True)
def seed_threads(seed):
    for thread in numba.prange(numba.get_num_threads()):
        np.random.seed(seed + thread)


@contextmanager
def threads(seed):
    seed_threads(seed)
    yield lambda simulations: (simulations, count_successes(simulations))


if __name__ == "__main__":
    measure.main("Numba parallel", numba.__version__, threads)
