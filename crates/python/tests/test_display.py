"""The display of results."""

from __future__ import annotations

import sys
import xml.etree.ElementTree
from typing import Any

import carlo
import matplotlib
import pytest
import typed
from carlo.models import SimulationParams

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def results() -> carlo.JobResults:
    return carlo.run(carlo.EXAMPLE, simulations=20_000, seed=1)


def answers(results: carlo.JobResults) -> list[Any]:
    return [
        results,
        results.sensitivity,
        carlo.compare([carlo.EXAMPLE, carlo.EXAMPLE], simulations=1_000, seed=1),
        carlo.solve(carlo.EXAMPLE, "maxTarget", 0.9, simulations=5_000, seed=1),
        carlo.replay(results, 5),
        carlo.sweep(carlo.EXAMPLE, {"/goal/timelineMonths": [24, 36, 48]}, simulations=1_000, seed=1),
        carlo.sweep(carlo.EXAMPLE, {"/goal/timelineMonths": [24, 36], "/goal/targetAmount": [60_000, 70_000, 80_000]}, simulations=1_000, seed=1),
    ]


def test_every_answer_is_a_page_that_is_well_formed_and_a_plot(results: carlo.JobResults) -> None:
    for answer in answers(results):
        page = answer._repr_html_()
        xml.etree.ElementTree.fromstring(page)
        assert "carlo" in page and "NaN" not in page and "nan" not in page
        assert answer.plot() is not None
        assert type(answer).__name__ in repr(answer)
    page = results._repr_html_()
    assert page.count("<svg") == 3 and f"{100 * results.success_probability:.1f}" in page and results.digest[:16] in page


def test_texts_are_escaped(results: carlo.JobResults) -> None:
    evil = "<script>alert(1)</script>"
    job = carlo.Job.from_dict({**{name: 1 for name in ("progress", "allocatedNodes", "simulationsTotal", "simulationsComplete", "priority")}, "id": evil, "status": "failed", "createdAt": evil, "seed": evil, "error": evil})
    assert "<script" not in job._repr_html_() and "&lt;script" in job._repr_html_()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_tables(results: carlo.JobResults, library: str) -> None:
    def columns(table: str | None, answer: Any = results) -> Any:
        frame = answer.to_frame(table, library=library)
        assert type(frame).__module__.startswith(library)
        return {str(name): frame[name].to_list() for name in frame.columns}

    summary = columns(None)
    assert summary["success_probability"] == [results.success_probability]
    assert summary["confidence_interval_95_high"] == [results.confidence_interval_95[1]]
    assert sum(columns("histogram")["simulations"]) == results.simulations_run
    assert columns("trajectory")["p50"][-1] == results.trajectory[-1].p50
    assert columns("percentiles")["percentile"] == [5, 10, 25, 50, 75, 90, 95]
    assert len(columns("sensitivity")["change"]) == 7
    assert columns(None, carlo.replay(results, 1))["month"] == list(range(1, 37))
    with pytest.raises(ValueError, match="it has 'summary'"):
        results.to_frame("nonsense")
    with pytest.raises(ValueError, match="pandas, polars"):
        results.to_frame(library="excel")


def test_a_missing_library_is_said(results: carlo.JobResults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert type(results.to_frame()).__module__.startswith("polars")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ModuleNotFoundError, match="pandas or polars"):
        results.to_frame()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match="matplotlib"):
        results.plot()


def test_builders_are_requests() -> None:
    plan = typed.couple()
    assert 0 < typed.probability(plan) < 1
    values = plan.to_dict()
    assert values["plan"]["spendingRule"]["rule"] == "guardrails" and values["plan"]["flows"][0]["from"] == 24
    assert carlo.SimulationRequest.from_dict(values) == plan
    # The assumptions of results are a request, too, which gives the same results.
    results = carlo.run(plan)
    assert isinstance(results.assumptions, carlo.SimulationRequest)
    assert carlo.run(results.assumptions).digest == results.digest
    assert carlo.run(values).digest == results.digest
    with pytest.raises(TypeError, match="no input 'seeds'"):
        SimulationParams.from_dict({"seeds": 3})
    with pytest.raises(TypeError):
        SimulationParams(seeds=3)  # type: ignore[call-arg]
    broken = carlo.SimulationRequest(financial_profile=carlo.FinancialProfile(liquid_assets=-1, monthly_spending=1), goal=carlo.Goal(timeline_months=0))
    with pytest.raises(carlo.InvalidRequest) as caught:
        carlo.run(broken)
    pointers = {fault.pointer for fault in caught.value.faults}
    assert {"/financialProfile/liquidAssets", "/goal/timelineMonths", "/goal/targetAmount"} <= pointers


def test_answers_cannot_be_changed(results: carlo.JobResults) -> None:
    with pytest.raises(AttributeError):
        results.mean = 0.0  # type: ignore[misc]
    results.to_dict()["mean"] = 0.0
    assert results.to_dict()["mean"] == results.mean
