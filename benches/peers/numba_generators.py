"""Numba on all cores with a NumPy Generator (SFC64) for each thread instead of Numba's own `np.random`.

Generators can't be shared by the iterations of a parallel loop, so the loop is over threads and each walks its
simulations one by one. Faster than numba_parallel.py, because the Generator draws normals by the ziggurat.
"""

import measure  # First: it starts the clock.

from contextlib import contextmanager

import numba
import numpy as np

import household as h


@numba.njit(fastmath=True)
def succeeds(random):
    balance = h.BALANCE
    income = h.INCOME
    spending = h.SPENDING
    for month in range(h.MONTHS):
        spending *= 1 + random.normal(h.INFLATION_MEAN, h.INFLATION_STD)
        if month % 12 == 11:
            income *= 1 + random.normal(h.RAISE_MEAN, h.RAISE_STD)
        if month % 6 == 5 and random.random() < h.PROMOTION_PROBABILITY:
            income *= 1 + random.normal(h.PROMOTION_MEAN, h.PROMOTION_STD)
        cash = income * random.normal(1, h.INCOME_STD)
        cash -= spending * random.normal(1, h.SPENDING_STD) + h.LOAN_PAYMENT
        if random.random() < h.EMERGENCY_PROBABILITY:
            cash -= random.uniform(h.EMERGENCY_MIN, h.EMERGENCY_MAX)
        if balance > h.RESERVE:
            cash += (balance - h.RESERVE) * random.normal(h.RETURN_MEAN, h.RETURN_STD)
        balance += cash
    return balance >= h.TARGET


@numba.njit(parallel=True, fastmath=True)
def count_successes(generators, simulations_each):
    successes = 0
    for thread in numba.prange(len(generators)):
        random = generators[thread]
        for _ in range(simulations_each):
            successes += succeeds(random)
    return successes


@contextmanager
def threads(seed):
    seeds = np.random.SeedSequence(seed).spawn(numba.get_num_threads())
    generators = tuple(np.random.Generator(np.random.SFC64(each)) for each in seeds)

    def count(simulations):
        each = -(-simulations // len(generators))
        return each * len(generators), count_successes(generators, each)

    yield count


if __name__ == "__main__":
    measure.main("Numba, a Generator a thread", numba.__version__, threads)
