"""The display of results: tables, HTML for notebooks, plots. The classes of `carlo.models` inherit from these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import _html, _svg, _tables
from ._model import Answer

if TYPE_CHECKING:
    from . import models

Self = TypeVar("Self", bound=Answer)

FAN = ("p10", "p25", "p50", "p75", "p90")


def axes_of(count: int, axes: Any) -> Any:
    """Axes of matplotlib: the given ones, or new ones side by side."""
    if axes is not None:
        return axes if count > 1 else [axes]
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("plot() needs matplotlib: install it, or show the answer in a notebook as it is") from error
    _, made = pyplot.subplots(1, count, figsize=(5.5 * count, 3.6), squeeze=False, layout="constrained")
    return made[0]


class ResultsDisplay(Answer):
    """The results of a job."""

    @property
    def sensitivity(self) -> models.SensitivityResults | None:
        """The effects of changes of the plan on the success probability; `None` if the request disables them."""
        return cast("models.SensitivityResults | None", self.__dict__.get("_sensitivity"))

    def _tables(self) -> dict[str, _tables.Columns]:
        results = cast("models.JobResults", self)
        percentiles, intervals = results.percentiles.to_dict(), results.percentile_intervals_95.to_dict()
        bars = results.histogram
        found: dict[str, _tables.Columns] = {
            "summary": _tables.rows([results]),
            "percentiles": {
                "percentile": [int(name[1:]) for name in percentiles],
                "balance": list(percentiles.values()),
                "low": [intervals[name][0] for name in percentiles],
                "high": [intervals[name][1] for name in percentiles],
            },
            "trajectory": _tables.rows(list(results.trajectory)),
            "histogram": {"low": bars.edges[:-1], "high": bars.edges[1:], "simulations": bars.counts},
        }
        if self.sensitivity is not None:
            found["sensitivity"] = self.sensitivity._tables()["sensitivity"]
        if results.path is not None:
            found["short"] = _tables.rows(list(results.path.curve))
        return found

    def _repr_html_(self) -> str:
        results = cast("models.JobResults", self)
        low, high = results.confidence_interval_95
        error = results.standard_error
        numbers = [
            ("success probability", f"{_html.percent(results.success_probability, error)} (95 %: {_html.percent(low, error)} to {_html.percent(high, error)})"),
            ("median balance", _html.dollars(results.median_outcome)),
            ("90 % of balances", f"{_html.dollars(results.percentiles.p5)} to {_html.dollars(results.percentiles.p95)}"),
            ("mean, standard deviation", f"{_html.dollars(results.mean)}, {_html.dollars(results.std)}"),
            ("worst, best of all", f"{_html.dollars(results.worst_case)}, {_html.dollars(results.best_case)}"),
            ("simulations", f"{results.simulations_run:,}{' (stopped early)' if results.stopped_early else ''}"),
            ("seed, digest", f"{results.seed}, {results.digest[:16]}…"),
        ]
        drawn: list[Any] = [_histogram(results), _fan(results)]
        if self.sensitivity is not None:
            drawn.append(self.sensitivity._chart())
        warnings = [_html.table([("warning", sentence) for sentence in results.warnings])] if results.warnings else []
        return _html.page("carlo: will the goal be reached?", *warnings, _html.table(numbers), _html.charts(*drawn))

    def plot(self, axes: Any = None) -> Any:
        """Plots the final balances and the balance over time with matplotlib, on two `axes` if given. Returns the axes."""
        results = cast("models.JobResults", self)
        axes = axes_of(2, axes)
        edges, counts = results.histogram.edges, results.histogram.counts
        widths = [right - left for left, right in zip(edges, edges[1:])]
        axes[0].bar(edges[:-1], counts, width=widths, align="edge")
        axes[0].set(xlabel="final balance, dollars", ylabel="simulations", title=f"success {_html.percent(results.success_probability, results.standard_error)}")
        if results.assumptions.goal.target_amount is not None:
            axes[0].axvline(results.assumptions.goal.target_amount, color="tab:red", linestyle="--")
        months = [point.month for point in results.trajectory]
        band = {name: [getattr(point, name) for point in results.trajectory] for name in FAN}
        axes[1].fill_between(months, band["p10"], band["p90"], alpha=0.25)
        axes[1].fill_between(months, band["p25"], band["p75"], alpha=0.35)
        axes[1].plot(months, band["p50"])
        axes[1].set(xlabel="month", ylabel="balance, dollars", title="10 to 90 % and 25 to 75 % of balances")
        return axes


def _histogram(results: models.JobResults) -> _svg.Chart:
    edges, counts = results.histogram.edges, results.histogram.counts
    chart = _svg.Chart("Final balances", (edges[0], edges[-1]) if edges else (0, 1), (0, max(counts, default=1)))
    target = results.assumptions.goal.target_amount
    for left, right, count in zip(edges, edges[1:], counts):
        chart.bar(left, right, count, _svg.RED if target is not None and right <= target else _svg.BLUE)
    chart.below("dollars", is_money=True)
    if target is not None and edges and edges[0] <= target <= edges[-1]:
        chart.upright(target, "goal")
    return chart


def _fan(results: models.JobResults) -> _svg.Chart:
    points = results.trajectory
    months = [float(point.month) for point in points] or [0.0]
    band = {name: [getattr(point, name) for point in points] or [0.0] for name in FAN}
    chart = _svg.Chart("Balance by month", (months[0], months[-1]), (min(band["p10"]), max(band["p90"])), y_money=True)
    chart.band(months, band["p10"], band["p90"], 0.25)
    chart.band(months, band["p25"], band["p75"], 0.35)
    chart.line(months, band["p50"])
    chart.below("month")
    return chart


class SensitivityDisplay(Answer):
    """The effects of changes of a plan."""

    def _bars(self) -> list[tuple[str, float, float]]:
        changes = cast("models.SensitivityResults", self).sensitivities.items()
        bars = [(name, change.delta, change.standard_error) for name, change in changes]
        return sorted(bars, key=lambda bar: -abs(bar[1]))

    def _tables(self) -> dict[str, _tables.Columns]:
        changes = cast("models.SensitivityResults", self).sensitivities
        return {"sensitivity": _tables.rows([{"change": name, **_tables.scalars(change)} for name, change in changes.items()])}

    def _chart(self) -> str:
        return _svg.tornado("Change of the probability, points", self._bars())

    def _repr_html_(self) -> str:
        sentences = cast("models.SensitivityResults", self).recommendations
        return _html.page("carlo: what would change it?", self._chart(), _html.table([[sentence] for sentence in sentences]))

    def plot(self, axes: Any = None) -> Any:
        """Plots the effect of each change with its 95 % interval, with matplotlib. Returns the axes."""
        bars = self._bars()[::-1]
        axes = axes_of(1, axes)[0]
        axes.barh([bar[0] for bar in bars], [100 * bar[1] for bar in bars], xerr=[196 * bar[2] for bar in bars])
        axes.set(xlabel="change of the success probability, points")
        return axes


class ComparisonDisplay(Answer):
    """A comparison of plans with the same random numbers."""

    def _tables(self) -> dict[str, _tables.Columns]:
        plans = cast("models.Comparison", self).plans
        return {"plans": _tables.rows([{"plan": i, **_tables.scalars(plan)} for i, plan in enumerate(plans)])}

    def _repr_html_(self) -> str:
        comparison = cast("models.Comparison", self)
        rows = [
            (i, _html.percent(plan.success_probability, plan.standard_error), f"{100 * plan.delta:+.2f} ± {196 * plan.delta_standard_error:.2f}" if i else "")
            for i, plan in enumerate(comparison.plans)
        ]
        return _html.page(
            f"carlo: {len(rows)} plans, {comparison.simulations_run:,} simulations each, with the same random numbers",
            _html.table(rows, ("plan", "success probability", "points beside the first, 95 %")),
        )

    def plot(self, axes: Any = None) -> Any:
        """Plots the success probability of each plan with its 95 % interval, with matplotlib. Returns the axes."""
        plans = cast("models.Comparison", self).plans
        axes = axes_of(1, axes)[0]
        axes.bar([str(i) for i in range(len(plans))], [100 * plan.success_probability for plan in plans], yerr=[196 * plan.standard_error for plan in plans])
        axes.set(xlabel="plan", ylabel="success probability, percent")
        return axes


class SolvedDisplay(Answer):
    """A solution with its candidates."""

    def _tables(self) -> dict[str, _tables.Columns]:
        return {"tried": _tables.rows(list(cast("models.Solved", self).tried))}

    def _repr_html_(self) -> str:
        solved = cast("models.Solved", self)
        value = "no value reaches it" if solved.value is None else f"{solved.value:,.2f}"
        if solved.value is not None and solved.interval_95:
            value += f" (95 %: {solved.interval_95[0]:,.2f} to {solved.interval_95[1]:,.2f})"
        drawn = []
        if len(solved.tried) > 1:
            values = [plan.value for plan in solved.tried]
            shares = [100 * plan.success_probability for plan in solved.tried]
            chart = _svg.Chart("Success probability of the plans that were tried, percent", (min(values), max(values)), (min(shares), max(shares)))
            chart.line(values, shares)
            if chart.y[0] <= 100 * solved.probability <= chart.y[1]:
                chart.level(100 * solved.probability)
            chart.below(solved.for_)
            drawn.append(chart)
        return _html.page(f"carlo: {solved.for_} with probability {_html.percent(solved.probability)}: {value}", _html.charts(*drawn))

    def plot(self, axes: Any = None) -> Any:
        """Plots the success probabilities of the candidates with matplotlib. Returns the axes."""
        solved = cast("models.Solved", self)
        axes = axes_of(1, axes)[0]
        axes.plot([plan.value for plan in solved.tried], [100 * plan.success_probability for plan in solved.tried], marker="o")
        axes.axhline(100 * solved.probability, color="tab:red", linestyle="--")
        axes.set(xlabel=solved.for_, ylabel="success probability, percent")
        return axes


class ReplayDisplay(Answer):
    """One simulation, month by month."""

    def _tables(self) -> dict[str, _tables.Columns]:
        return {"months": _tables.rows(list(cast("models.Replay", self).months))}

    def _repr_html_(self) -> str:
        replay = cast("models.Replay", self)
        months = [0.0, *(float(month.month) for month in replay.months)]
        balances = [replay.starting_balance, *(month.balance for month in replay.months)]
        chart = _svg.Chart("Balance by month", (0, months[-1]), (min(balances), max(balances)), y_money=True)
        chart.line(months, balances)
        chart.below("month")
        ending = "reaches the goal" if replay.succeeded else "misses the goal"
        return _html.page(f"carlo: simulation {replay.index:,} {ending} with {_html.dollars(replay.final_balance)}", _html.charts(chart))

    def plot(self, axes: Any = None) -> Any:
        """Plots the balance by month with matplotlib. Returns the axes."""
        replay = cast("models.Replay", self)
        axes = axes_of(1, axes)[0]
        axes.plot([month.month for month in replay.months], [month.balance for month in replay.months])
        axes.set(xlabel="month", ylabel="balance, dollars", title=f"simulation {replay.index:,}")
        return axes


class JobDisplay(Answer):
    """A job. Its results include the sensitivity."""

    @classmethod
    def from_dict(cls: type[Self], values: Mapping[str, Any]) -> Self:
        job = super().from_dict(values)
        results = getattr(job, "results", None)
        if results is not None:
            results.__dict__["_sensitivity"] = getattr(job, "sensitivity_results", None)
        return job


class BatchDisplay(Answer):
    """A batch of jobs."""

    def _repr_html_(self) -> str:
        batch = cast("models.Batch", self)
        counts = _tables.scalars(batch.progress) | _tables.scalars(batch.cost)
        return _html.page(f"carlo: {batch.batch_id} is {batch.status}", _html.table(counts.items()))


class ClusterDisplay(Answer):
    """The cluster and its nodes."""

    def _tables(self) -> dict[str, _tables.Columns]:
        cluster = cast("models.Cluster", self)
        return {"nodes": _tables.rows(list(cluster.nodes)), "summary": _tables.rows([cluster])}

    def _repr_html_(self) -> str:
        nodes = _tables.rows(list(cast("models.Cluster", self).nodes))
        return _html.page("carlo: the cluster", _html.table(_tables.scalars(self).items()), _html.table(zip(*nodes.values()), list(nodes)))
