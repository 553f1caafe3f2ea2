"""The NumPy shards under Dask distributed: a local cluster with one worker process per core."""

import measure  # First: it starts the clock.

from contextlib import contextmanager

import distributed
import numpy as np

from numpy_shard import count_successes


@contextmanager
def cluster(seed):
    seeds = np.random.SeedSequence(seed)
    workers = distributed.LocalCluster(
        n_workers=measure.CORES, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    )
    with workers, distributed.Client(workers) as client:
        client.wait_for_workers(measure.CORES)

        def count(simulations):
            shards = zip(*measure.shards(seeds, simulations), strict=True)
            return simulations, sum(client.gather(client.map(count_successes, *shards, pure=False)))

        yield count


if __name__ == "__main__":
    measure.main("Dask distributed", distributed.__version__, cluster)
