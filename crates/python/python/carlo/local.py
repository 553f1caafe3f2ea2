"""The kernel in this process: functions that need no server.

Each computes on every core that this process may use, without the interpreter's lock. Ctrl-C ends it within a fraction of a second. No
threads are left between calls, so forking is safe. The same plan and seed give the same bits as `carlo run` and as any cluster.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

from . import _native, requests, sweeps
from .models import Comparison, JobResults, Replay, SensitivityResults, Solved
from .requests import PlanLike
from .sweeps import Axes, SweepTable

if TYPE_CHECKING:
    import numpy
    import numpy.typing

Progress = Union[bool, Callable[[int, int], object]]
"""`True` for a progress bar (if `tqdm` is installed), or a function of the numbers of finished and of all simulations."""


def run(
    plan: PlanLike,
    *,
    simulations: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    progress: Progress = False,
) -> JobResults:
    """Simulates a plan in this process.

    `simulations` (1 to 10^12) and `seed` (below 2^64) replace those of the plan. Without a seed a random one is used, which is in the results.
    `threads` is the number of cores by default. Money is in dollars, rates are fractions per year. An invalid plan raises an `InvalidRequest`
    that lists all faults.

    >>> import carlo
    >>> results = carlo.run(carlo.EXAMPLE, simulations=20_000, seed=7)
    >>> results.simulations_run, results.seed
    (20000, '7')
    >>> 0 < results.success_probability < 1
    True
    """
    text = requests.to_json(requests.body(plan, simulations, seed))
    with _told(progress) as told:
        return _results(_native.run(text, secrets.randbits(64), threads, told))


def compare(
    plans: Sequence[PlanLike],
    *,
    simulations: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    progress: Progress = False,
) -> Comparison:
    """Simulates up to eight plans with the same random numbers, so the differences to the first one have small errors.

    `simulations` and `seed` apply to all plans, and replace those of the first plan.

    >>> import carlo, copy
    >>> later = copy.deepcopy(carlo.EXAMPLE)
    >>> later["goal"]["timelineMonths"] += 12
    >>> comparison = carlo.compare([carlo.EXAMPLE, later], simulations=20_000, seed=7)
    >>> comparison.plans[1].delta > 0
    True
    """
    text = requests.to_json(comparison(plans, simulations, seed))
    with _told(progress) as told:
        return Comparison.from_dict(json.loads(_native.compare(text, secrets.randbits(64), threads, told)))


def comparison(plans: Sequence[PlanLike], simulations: int | None, seed: int | None) -> dict[str, Any]:
    """The body of a comparison."""
    if isinstance(plans, Mapping):
        raise TypeError("compare() takes a list of plans")
    first, *others = plans or [{}]
    if not plans:
        return {"requests": []}
    return {"requests": [requests.body(first, simulations, seed), *(_without_sampling(plan) for plan in others)]}


def _without_sampling(plan: PlanLike) -> dict[str, Any]:
    """The request of a plan without its own number of simulations and seed."""
    request = requests.body(plan)
    for spelling in ("simulationParams", "simulation_params"):
        given = request.get(spelling)
        if isinstance(given, Mapping):
            request[spelling] = {name: value for name, value in given.items() if name not in ("nSimulations", "n_simulations", "seed")}
    return request


def solve(
    plan: PlanLike,
    variable: str,
    probability: float,
    *,
    simulations: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    progress: Progress = False,
) -> Solved:
    """The value of one number of the plan that gives the wanted success probability.

    `variable` is "maxSpending", "minIncome", "maxTarget", "minLiquidAssets" (dollars), "earliestMonth", "earliestRetirement" (months) or
    "maxWithdrawal" (a factor).

    >>> import carlo
    >>> solved = carlo.solve(carlo.EXAMPLE, "maxTarget", 0.9, simulations=20_000, seed=7)
    >>> solved.interval_95[0] <= solved.value <= solved.interval_95[1]
    True
    """
    asked = {"request": requests.body(plan, simulations, seed), "for": variable, "probability": probability}
    with _told(progress) as told:
        return Solved.from_dict(json.loads(_native.solve(requests.to_json(asked), secrets.randbits(64), threads, told)))


def sweep(
    plan: PlanLike,
    axes: Axes,
    *,
    simulations: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    progress: Progress = False,
) -> SweepTable:
    """A plan at many values of one or two of its numbers, with the same random numbers: a point for each combination, at most 1,024.

    `axes` has the values by JSON pointer. `to_frame()` is a tidy table: a row for each point with its values, success probability, its difference to the plan
    itself, mean and median (dollars), each with its error. `plot()` draws a line or a heat map.

    >>> import carlo
    >>> table = carlo.sweep(carlo.EXAMPLE, {"/financialProfile/monthlySpending": range(3_000, 3_401, 100)}, simulations=20_000, seed=7)
    >>> len(table.points), table.points[0].success_probability > table.points[-1].success_probability
    (5, True)
    """
    text = requests.to_json(sweeps.body(plan, axes, simulations, seed))
    with _told(progress) as told:
        return SweepTable.of(_results(_native.sweep(text, secrets.randbits(64), threads, told)))


def replay(plan: PlanLike, index: int, *, seed: int | None = None) -> Replay:
    """Simulation `index` (below 10^12) of a plan, month by month. Without `seed`, the seed of the plan is used; results always have one.

    >>> import carlo
    >>> results = carlo.run(carlo.EXAMPLE, simulations=20_000, seed=7)
    >>> carlo.replay(results, results.notable.worst.index).final_balance == results.worst_case
    True
    """
    text = requests.to_json(requests.body(plan, None, seed))
    return Replay.from_dict(json.loads(_native.replay(text, secrets.randbits(64), index)))


def paths(
    plan: PlanLike, first: int = 0, count: int = 1_000, *, seed: int | None = None, threads: int | None = None
) -> numpy.typing.NDArray[numpy.float32]:
    """The balances of `count` consecutive simulations from index `first` on after every month, in dollars, with a row for each simulation.

    A new array of shape (count, months), single precision, of at most 10^9 numbers. Balances are in the dollars of the goal, less what is owed on
    cards; the last column is the final balance that the results of the same seed count.

    >>> import carlo
    >>> carlo.paths(carlo.EXAMPLE, 0, 1000, seed=7).shape
    (1000, 36)
    """
    text = requests.to_json(requests.body(plan, None, seed))
    return _native.paths(text, secrets.randbits(64), first, count, threads)


@dataclass(frozen=True, eq=False)
class Samples:
    """The outcomes of consecutive simulations, as NumPy arrays with one number per simulation."""

    first: int
    """The index of the first simulation."""

    final_balance: numpy.typing.NDArray[numpy.float32]
    """Final balances in the dollars of the goal, as they are counted in results."""

    succeeded: numpy.typing.NDArray[numpy.bool_]
    """Whether each simulation reached the goal."""

    first_short_month: numpy.typing.NDArray[numpy.uint16] | None
    """The first month below the floor, from 1; 0 if there was none. `None` unless the goal is never to be short."""

    horizon_months: numpy.typing.NDArray[numpy.uint16] | None
    """The number of months in which somebody was alive, at most the timeline. `None` in a plan without people."""

    lowest_multiplier: numpy.typing.NDArray[numpy.float32] | None
    """The lowest multipliers of planned spending. `None` in a plan without a spending rule."""

    def __len__(self) -> int:
        return len(self.final_balance)

    def to_frame(self, library: str | None = None) -> Any:
        """A data frame of pandas or polars, with the index of each simulation."""
        from . import _tables

        figures = ("final_balance", "succeeded", "first_short_month", "horizon_months", "lowest_multiplier")
        there = {name: getattr(self, name) for name in figures if getattr(self, name) is not None}
        return _tables.frame({"index": range(self.first, self.first + len(self)), **there}, library)


def samples(plan: PlanLike, first: int = 0, count: int = 100_000, *, seed: int | None = None, threads: int | None = None) -> Samples:
    """The outcomes of `count` consecutive simulations from index `first` on, at most 2 × 10^8, without copying them.

    >>> import carlo
    >>> samples = carlo.samples(carlo.EXAMPLE, 0, 20_000, seed=7)
    >>> float(samples.succeeded.mean()) == carlo.run(carlo.EXAMPLE, simulations=20_000, seed=7).success_probability
    True
    """
    text = requests.to_json(requests.body(plan, None, seed))
    return Samples(first, *_native.samples(text, secrets.randbits(64), first, count, threads))


@dataclass(frozen=True)
class Verification:
    """The outcome of a verification."""

    is_right: bool
    """Whether all results are the same to the last bit."""

    digest: str
    """The digest in the stored results."""

    recomputed_digest: str
    """The digest of the recomputed results."""

    different: list[str]
    """The names of the results that differ."""

    def __bool__(self) -> bool:
        return self.is_right


def verify(stored: JobResults | Mapping[str, Any], *, threads: int | None = None, progress: Progress = False) -> Verification:
    """Recomputes stored results from their own request, and compares them to the last bit.

    `stored` are results, or the dictionary of results or of a whole job, as a server or the command line wrote them.

    >>> import carlo
    >>> results = carlo.run(carlo.EXAMPLE, simulations=20_000, seed=7)
    >>> bool(carlo.verify(results))
    True
    >>> carlo.verify({**results.to_dict(), "mean": 1.0}).different
    ['mean']
    """
    values: Mapping[str, Any] = stored.to_dict() if isinstance(stored, JobResults) else stored
    values = values.get("results") or values
    with _told(progress) as told:
        recomputed, different = _native.verify(json.dumps(values), threads, told)
    return Verification(not different, values["digest"], recomputed, different)


def _results(text: str) -> JobResults:
    answer = json.loads(text)
    results = JobResults.from_dict(answer["results"])
    sensitivity = answer.get("sensitivityResults")
    results.__dict__["_sensitivity"] = sensitivity and SensitivityResults.from_dict(sensitivity)
    return results


@contextmanager
def _told(progress: Progress) -> Iterator[Callable[[int, int], object] | None]:
    """The function that gets the progress, if there is one."""
    if callable(progress):
        yield progress
        return
    bar = Bar() if progress else None
    try:
        yield bar.show if bar else None
    finally:
        if bar:
            bar.close()


class Bar:
    """A progress bar of `tqdm`, if it is installed."""

    def __init__(self) -> None:
        self.bar: Any = None
        try:
            from tqdm.auto import tqdm
        except ModuleNotFoundError:
            return
        self.bar = tqdm(unit=" simulations", unit_scale=True, leave=False)

    def show(self, done: int, total: int) -> None:
        if self.bar is not None:
            self.bar.total = total
            self.bar.update(max(done - self.bar.n, 0))

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
