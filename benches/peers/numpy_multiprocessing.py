"""NumPy on all cores: a pool of processes, each with its shards."""

import measure  # First: it starts the clock.

from contextlib import contextmanager
from multiprocessing import Pool

import numpy as np

from numpy_shard import count_successes


@contextmanager
def pool(seed):
    seeds = np.random.SeedSequence(seed)
    with Pool(measure.CORES) as processes:

        def count(simulations):
            shards = list(measure.shards(seeds, simulations))
            return simulations, sum(processes.starmap(count_successes, shards, chunksize=1))

        yield count


if __name__ == "__main__":
    measure.main("NumPy multiprocessing", np.__version__, pool)
