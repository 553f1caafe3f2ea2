"""Sweeps: a plan at many values of one or two of its numbers, with the same random numbers, as a tidy table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import _html, _svg, _tables, requests
from ._model import Answer
from .display import axes_of
from .errors import CarloError
from .models import Axis, JobResults, SweepPoint
from .requests import PlanLike

Axes = Mapping[str, Iterable[float]]
"""One or two JSON pointers into the request, each with its values; at most 1,024 points in all."""

COLUMNS = (
    "success_probability",
    "standard_error",
    "confidence_interval_95_low",
    "confidence_interval_95_high",
    "delta",
    "delta_standard_error",
    "mean",
    "median",
)
"""The columns of the table after those of the axes, as in the server's CSV."""
CELLS_WITH_TEXT = 150
"""The largest number of points for which a chart has a number in each cell."""


def body(plan: PlanLike, axes: Axes, simulations: int | None, seed: int | None) -> dict[str, Any]:
    """The body of a sweep.

    >>> body({}, {"/plan/incomeUntil": range(240, 265, 12)}, None, None)["axes"]
    [{'pointer': '/plan/incomeUntil', 'values': [240, 252, 264]}]
    """
    swept = [{"pointer": pointer, "values": list(values)} for pointer, values in axes.items()]
    return {"request": requests.body(plan, simulations, seed), "axes": swept}


@dataclass(frozen=True, repr=False)
class SweepTable(Answer):
    """The points of a sweep, and the plan with which they are compared."""

    results: JobResults
    """The results of the plan itself, with the digest of the whole sweep."""

    axes: list[Axis]
    """The axes, in the order of the request."""

    points: list[SweepPoint]
    """A point for each combination of values, with the last axis varying fastest."""

    @classmethod
    def of(cls, results: JobResults) -> SweepTable:
        if results.sweep is None:
            raise CarloError("these are no results of a sweep")
        return cls(results, results.sweep.axes, results.sweep.points)

    def to_dict(self) -> dict[str, Any]:
        """The results of the job with the JSON names. Its member `sweep` has the points."""
        return self.results.to_dict()

    def names(self) -> list[str]:
        """A short name for each axis: the last part of its pointer, or the whole pointer if both have the same last part."""
        short = [axis.pointer.rsplit("/", 1)[-1] for axis in self.axes]
        return short if len(set(short)) == len(short) else [axis.pointer for axis in self.axes]

    def _tables(self) -> dict[str, _tables.Columns]:
        flat = []
        for point in self.points:
            values = dict(zip(self.names(), point.values))
            figures = _tables.scalars(point)
            flat.append({**values, **{name: figures.get(name) for name in COLUMNS}})
        return {"points": _tables.rows(flat)}

    def _percent(self) -> list[float]:
        return [100 * point.success_probability for point in self.points]

    def __repr__(self) -> str:
        shape = " × ".join(f"{len(axis.values)} {name}" for axis, name in zip(self.axes, self.names()))
        return f"SweepTable({shape}, digest={self.results.digest!r})"

    def _repr_html_(self) -> str:
        results = self.results
        title = f"carlo: success probability at {len(self.points):,} points, {results.simulations_run:,} simulations each, with the same random numbers"
        numbers = [
            ("the plan itself", _html.percent(results.success_probability, results.standard_error)),
            ("seed, digest", f"{results.seed}, {results.digest[:16]}…"),
        ]
        chart: Any
        if len(self.axes) == 1:
            xs, ys = self.axes[0].values, self._percent()
            errors = [196 * point.standard_error for point in self.points]
            lows, highs = [y - e for y, e in zip(ys, errors)], [y + e for y, e in zip(ys, errors)]
            chart = _svg.Chart("Success probability, percent", (min(xs), max(xs)), (min(lows), max(highs)))
            chart.band(xs, lows, highs, 0.3)
            chart.line(xs, ys)
            chart.below(self.names()[0])
        else:
            rows, columns = (axis.values for axis in self.axes)
            first, second = self.names()
            chart = _svg.heat_map(f"Success probability, percent: {first} down, {second} across", rows, columns, self._percent(), CELLS_WITH_TEXT)
        return _html.page(title, _html.table(numbers), _html.charts(chart))

    def plot(self, axes: Any = None) -> Any:
        """Plots the success probability with matplotlib: a line with its 95 % interval for one axis, a heat map for two. Returns the axes."""
        drawn = axes_of(1, axes)[0]
        names, percent = self.names(), self._percent()
        if len(self.axes) == 1:
            drawn.errorbar(self.axes[0].values, percent, yerr=[196 * point.standard_error for point in self.points], marker="o", capsize=3)
            drawn.set(xlabel=names[0], ylabel="success probability, percent")
            return drawn
        rows, columns = (axis.values for axis in self.axes)
        grid = [percent[i * len(columns) : (i + 1) * len(columns)] for i in range(len(rows))]
        image = drawn.imshow(grid, aspect="auto", cmap="RdYlBu", vmin=0, vmax=100)
        drawn.set_xticks(range(len(columns)), [f"{value:,g}" for value in columns])
        drawn.set_yticks(range(len(rows)), [f"{value:,g}" for value in rows])
        drawn.set(xlabel=names[1], ylabel=names[0])
        if len(self.points) <= CELLS_WITH_TEXT:
            for i, row in enumerate(grid):
                for j, value in enumerate(row):
                    drawn.text(j, i, f"{value:.0f}", ha="center", va="center")
        drawn.figure.colorbar(image, ax=drawn, label="success probability, percent")
        return drawn
