"""Plans over a lifetime in NumPy on all cores: a pool of processes, each with its shards."""

import measure  # First: it starts the clock.

import json
from contextlib import contextmanager
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from numpy_plan import count_successes

# The golden cases: requests, and the results of an independent program.
CASES = Path(__file__).resolve().parent.parent.parent / "crates/kernel/tests/golden/plan.json"


def request(name: str) -> dict:
    """The request of the golden case `name`."""
    return next(case["request"] for case in json.loads(CASES.read_text()) if case["name"] == name)


@contextmanager
def pool(plan, seed):
    seeds = np.random.SeedSequence(seed)
    with Pool(measure.CORES) as processes:

        def count(simulations):
            shards = [(request(plan), *shard) for shard in measure.shards(seeds, simulations)]
            return simulations, sum(processes.starmap(count_successes, shards, chunksize=1))

        yield count


if __name__ == "__main__":
    import argparse
    import sys

    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--plan", default="retire_real", help="the name of a golden case")
    given, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    measure.main("NumPy multiprocessing", np.__version__, partial(pool, given.plan))
