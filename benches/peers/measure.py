"""What every peer's script does besides simulating: its arguments, its clock and its one line of output.

Imported first, so that `startup_seconds` counts the libraries' imports, the workers' start and the warm-up, in which
compilers compile. `seconds` is what is compared: one call, on everything that is already up.
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

# Runs at least so many simulations; returns how many it ran, and how many of them reached the target.
Count = Callable[[int], tuple[int, int]]


def main(peer: str, version: str, opened: Callable[[int], AbstractContextManager[Count]]) -> None:
    """Measures what `opened(seed)` gives."""
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
    """Cuts `simulations` into equal shards, some for each core so that none waits long for the last one, each with a
    seed of its own from the SeedSequence `seeds`."""
    number = CORES * per_core
    sizes = [simulations // number + (index < simulations % number) for index in range(number)]
    return zip(seeds.spawn(number), sizes, strict=True)
