"""The common part of all peers' scripts: arguments, clock, and the line of output.

It is imported first, so that `startup_seconds` includes the libraries' imports, the workers' start and the warm-up, in which
code is compiled. `seconds` is compared: the time of one call after the start.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

STARTED = time.perf_counter()

CORES = len(os.sched_getaffinity(0))
WARM_UP_SIMULATIONS = 200_000

# Runs at least this number of simulations. Returns their number and the number of those that reached the target.
Count = Callable[[int], tuple[int, int]]


def main(peer: str, version: str, opened: Callable[[int], AbstractContextManager[Count]]) -> None:
    """Measures the function of `opened(seed)`."""
    arguments = argparse.ArgumentParser(description=f"Simulates the example household with {peer}.")
    arguments.add_argument("--simulations", type=int, default=1_000_000, metavar="N")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--json", action="store_true", help="print one line of JSON")
    given = arguments.parse_args()

    with opened(given.seed) as count:
        count(WARM_UP_SIMULATIONS)
        startup = time.perf_counter() - STARTED
        start = time.perf_counter()
        simulations, successes = count(given.simulations)
        seconds = time.perf_counter() - start

    answer = {
        "peer": peer,
        "simulations": simulations,
        "seconds": seconds,
        "startup_seconds": startup,
        "successProbability": successes / simulations,
        "version": version,
    }
    if given.json:
        print(json.dumps(answer))
    else:
        rate = simulations / seconds / 1e6
        print(f"{peer} {version}: {rate:.2f} million simulations/s, success {answer['successProbability']:.4f}")


def shards(seeds, simulations: int, per_core: int = 8) -> Iterator[tuple]:
    """Divides `simulations` into equal shards with their own seeds from the SeedSequence `seeds`. Each core gets several
    shards, so that none waits long for the last one."""
    number = CORES * per_core
    sizes = [simulations // number + (index < simulations % number) for index in range(number)]
    return zip(seeds.spawn(number), sizes, strict=True)
