"""The NumPy shards under Ray: a local instance with one worker process per core."""

import measure  # First: it starts the clock.

import logging
import os
from contextlib import contextmanager

import numpy as np

# Set before the import, which reads it. It disables usage reports.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray

from numpy_shard import count_successes


@contextmanager
def instance(seed):
    seeds = np.random.SeedSequence(seed)
    ray.init(
        num_cpus=measure.CORES,
        include_dashboard=False,
        logging_level=logging.ERROR,
        object_store_memory=100_000_000,
        _node_ip_address="127.0.0.1",
    )
    try:
        shard = ray.remote(num_cpus=1)(count_successes)

        def count(simulations):
            return simulations, sum(ray.get([shard.remote(*each) for each in measure.shards(seeds, simulations)]))

        yield count
    finally:
        ray.shutdown()


if __name__ == "__main__":
    measure.main("Ray", ray.__version__, instance)
