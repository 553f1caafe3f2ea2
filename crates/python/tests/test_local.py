"""The kernel in this process."""

from __future__ import annotations

import copy
import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import carlo
import numpy
import pytest
from conftest import golden

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"


@pytest.mark.parametrize("case", [*golden("model.json"), *golden("plan.json")])
def test_golden_cases_agree(case: dict[str, Any]) -> None:
    n = 200_000
    request = copy.deepcopy(case["request"])
    request.setdefault("simulationParams", {})["sensitivity"] = False
    results = carlo.run(request, simulations=n, seed=20_261_128)
    p, error = case["successProbability"], case["standardError"]
    assert abs(results.success_probability - p) <= 4 * math.sqrt(error**2 + p * (1 - p) / n)
    assert results.simulations_run == n


# All functions except sweeps.
SINGLE = sorted(path.name for path in EXAMPLES.glob("*.json") if "financialProfile" in json.loads(path.read_text()))


@pytest.mark.parametrize("example", SINGLE)
def test_digests_are_those_of_the_command_line(example: str, command_line: Any) -> None:
    path = EXAMPLES / example
    request = json.loads(path.read_text())
    job = command_line("run", str(path), "--simulations", "40000", "--seed", "5", "--json")
    results = carlo.run(request, simulations=40_000, seed=5)
    assert results.digest == job["results"]["digest"]
    assert carlo.models.JobResults.from_dict(job["results"]) == results
    assert results.to_dict() == job["results"]
    sensitivity = results.sensitivity
    assert (sensitivity and sensitivity.to_dict()) == job.get("sensitivityResults")


def test_comparisons_and_solutions_are_those_of_the_command_line(tmp_path: Path, command_line: Any) -> None:
    later = copy.deepcopy(carlo.EXAMPLE)
    later["goal"]["timelineMonths"] = 48
    paths = []
    for i, request in enumerate((carlo.EXAMPLE, later)):
        paths.append(str(tmp_path / f"{i}.json"))
        Path(paths[-1]).write_text(json.dumps(request))
    sampling = ("--simulations", "30000", "--seed", "9", "--json")
    assert carlo.compare([carlo.EXAMPLE, later], simulations=30_000, seed=9).to_dict() == command_line("compare", *paths, *sampling)
    solved = carlo.solve(carlo.EXAMPLE, "maxSpending", 0.9, simulations=30_000, seed=9)
    asked = ("solve", paths[0], "--for", "maxSpending", "--probability", "0.9")
    assert solved.to_dict() == command_line(*asked, *sampling)


AXES = {"/financialProfile/monthlySpending": [3_000, 3_100.5, 3_300], "/goal/timelineMonths": range(24, 49, 12)}


def test_a_sweep_is_a_tidy_table_of_plans_with_the_same_random_numbers(tmp_path: Path, command_line: Any) -> None:
    table = carlo.sweep(carlo.EXAMPLE, AXES, simulations=30_000, seed=9)
    frame = table.to_frame("points", library="polars")
    assert frame.shape[0] == 9 and frame.columns[:3] == ["monthlySpending", "timelineMonths", "success_probability"]
    for row in frame.iter_rows(named=True):
        request = copy.deepcopy(carlo.EXAMPLE)
        request["financialProfile"]["monthlySpending"] = row["monthlySpending"]
        request["goal"]["timelineMonths"] = int(row["timelineMonths"])
        single = carlo.run(request, simulations=30_000, seed=9)
        pair = carlo.compare([carlo.EXAMPLE, request], simulations=30_000, seed=9).plans[1]
        assert (row["success_probability"], row["standard_error"]) == (single.success_probability, single.standard_error)
        assert (row["delta"], row["delta_standard_error"]) == (pair.delta, pair.delta_standard_error)
        assert row["mean"] == pytest.approx(single.mean, rel=1e-6)
        spread = single.percentiles.p95 - single.percentiles.p5
        assert abs(row["median"] - single.median_outcome) < 0.02 * spread
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(carlo.EXAMPLE))
    over = [f"--over={pointer}={','.join(map(str, values))}" for pointer, values in AXES.items()]
    job = command_line("sweep", str(path), *over, "--simulations", "30000", "--seed", "9", "--format", "json")
    assert table.results.digest == job["results"]["digest"]
    assert table.to_dict()["sweep"] == job["results"]["sweep"]
    assert carlo.verify(table.to_dict())
    with pytest.raises(carlo.InvalidRequest, match="/axes/0/values/1"):
        carlo.sweep(carlo.EXAMPLE, {"/goal/timeline": [1, 2]})


def test_an_early_stop_is_that_of_the_command_line(tmp_path: Path, command_line: Any) -> None:
    request = {**carlo.EXAMPLE, "simulationParams": {"nSimulations": 5_000_000, "seed": "3", "targetStandardError": 0.0012}}
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(request))
    results = carlo.run(request)
    assert results.stopped_early and results.simulations_run < 5_000_000
    assert results.digest == command_line("run", str(path), "--json")["results"]["digest"]


def test_threads_and_instructions_cannot_be_seen() -> None:
    digests = {carlo.run(carlo.EXAMPLE, simulations=100_000, seed=1, threads=threads).digest for threads in (1, 2, 7)}
    code = "import carlo; print(carlo.run(carlo.EXAMPLE, simulations=100_000, seed=1).digest)"
    environment = {**os.environ, "CARLO_SIMD": "portable"}
    digests.add(subprocess.check_output([sys.executable, "-c", code], env=environment, text=True).strip())
    assert len(digests) == 1


def test_a_seed_is_drawn_where_none_is_given_and_repeats_the_answer() -> None:
    first, second = (carlo.run(carlo.EXAMPLE, simulations=1_000) for _ in range(2))
    assert first.seed != second.seed
    assert carlo.run(carlo.EXAMPLE, simulations=1_000, seed=int(first.seed)) == first
    assert carlo.run(first) == first


@pytest.mark.parametrize("fixture", ["example", "plan"])
def test_paths_end_as_results_count(fixture: str, plan: dict[str, Any]) -> None:
    request = plan if fixture == "plan" else {**carlo.EXAMPLE, "simulationParams": {"seed": "11"}}
    n = 20_000
    results = carlo.run(request, simulations=n)
    balances = carlo.paths(request, 0, n)
    months = request["goal"]["timelineMonths"]
    assert balances.shape == (n, months) and balances.dtype == numpy.float32 and balances.flags.c_contiguous
    final = balances[:, -1]
    assert (final.min(), final.max()) == (results.worst_case, results.best_case)
    assert results.notable is not None and final[results.notable.worst.index] == results.worst_case
    assert final.mean(dtype=float) == pytest.approx(results.mean, rel=1e-6)
    for point in results.trajectory[:: max(len(results.trajectory) // 5, 1)]:
        assert numpy.median(balances[:, point.month - 1]) == pytest.approx(point.p50, rel=2e-2)
    # The replay ends with the last death.
    months_lived = carlo.replay(results, 17).months
    shown = [month.balance if month.real_balance is None else month.real_balance for month in months_lived]
    assert numpy.allclose(shown, balances[17][: len(shown)], rtol=1e-6, atol=0.01)
    assert numpy.array_equal(carlo.paths(request, 17, 3), balances[17:20])
    assert carlo.paths(request, 5, 0).shape == (0, months)


@pytest.mark.parametrize("fixture", ["example", "plan"])
def test_samples_are_what_results_count(fixture: str, plan: dict[str, Any]) -> None:
    request = plan if fixture == "plan" else carlo.EXAMPLE
    n = 40_000
    results = carlo.run(request, simulations=n, seed=11)
    samples = carlo.samples(results, 0, n)
    assert len(samples) == n and samples.final_balance.dtype == numpy.float32
    assert samples.succeeded.mean() == results.success_probability
    edges, counts = results.histogram.edges, results.histogram.counts
    # The edge of a bar may be within a bin, which is then divided.
    assert numpy.abs(numpy.histogram(samples.final_balance, edges)[0] - counts).sum() <= n / 200
    if fixture == "plan":
        assert results.path is not None and results.horizon_months is not None
        assert samples.first_short_month is not None and samples.horizon_months is not None
        assert (samples.first_short_month > 0).mean() == results.path.short_probability
        short = samples.first_short_month[samples.first_short_month > 0]
        assert results.path.first_short_month is not None
        assert abs(int(numpy.median(short)) - results.path.first_short_month.p50) <= 1
        assert samples.horizon_months.mean() == pytest.approx(results.horizon_months.mean, rel=1e-6)
    else:
        assert samples.first_short_month is None and samples.horizon_months is None
    assert samples.lowest_multiplier is None
    frame = samples.to_frame("polars")
    assert frame["index"].to_list() == list(range(n)) and frame["final_balance"].to_numpy().tolist() == samples.final_balance.tolist()
    # The simulations don't depend on the first index, also beyond the job.
    part = carlo.samples(results, 16_000, 2_000)
    assert numpy.array_equal(part.final_balance, samples.final_balance[16_000:18_000])
    assert numpy.array_equal(part.final_balance, carlo.paths(results, 16_000, 2_000)[:, -1])
    assert len(carlo.samples(results, 10**12 - 5, 5)) == 5
    with pytest.raises(ValueError, match="at most"):
        carlo.samples(results, 10**12 - 5, 6)


def test_paths_take_over_the_memory_that_they_were_computed_in() -> None:
    balances = carlo.paths(carlo.EXAMPLE, 0, 1_000, seed=1)
    base: Any = balances
    while isinstance(base, numpy.ndarray) and base.base is not None:
        base = base.base
    assert not isinstance(base, numpy.ndarray)
    balances[0, 0] = 1.0


@pytest.mark.parametrize(("first", "count", "message"), [(10**12, 1, "at most"), (0, 10**9, "is more"), (-1, 1, "negative")])
def test_paths_that_are_too_many_are_refused(first: int, count: int, message: str) -> None:
    with pytest.raises((ValueError, OverflowError), match=message):
        carlo.paths(carlo.EXAMPLE, first, count, seed=1)


def test_every_fault_is_in_one_exception() -> None:
    wrong = {
        "financial_profile": {"liquid_assets": -1, "monthly_spending": math.nan},
        "goal": {"target_amount": numpy.float32(5.0), "timeline": 3},
        "user_inputs": {"monthly_income": numpy.int64(4_000)},
    }
    with pytest.raises(carlo.InvalidRequest) as caught:
        carlo.run(wrong)
    assert [fault.pointer for fault in caught.value.faults] == [
        "/financial_profile/liquid_assets",
        "/financial_profile/monthly_spending",
        "/goal/timeline_months",
        "/goal/timeline",
    ]
    assert "4 faults" in str(caught.value) and "/goal/timeline" in str(caught.value)
    for call in (
        lambda: carlo.compare([wrong, wrong]),
        lambda: carlo.solve(wrong, "maxSpending", 2.0),
        lambda: carlo.replay(wrong, 1),
        lambda: carlo.paths(wrong),
    ):
        with pytest.raises(carlo.InvalidRequest):
            call()
    with pytest.raises(TypeError, match="/goal/targetAmount is of type complex"):
        carlo.run({"goal": {"targetAmount": 1j}})
    with pytest.raises(carlo.InvalidRequest, match="/requests"):
        carlo.compare([])


def test_an_answer_that_was_changed_is_found_out() -> None:
    results = carlo.run(carlo.EXAMPLE, simulations=20_000, seed=1)
    stored = results.to_dict()
    assert carlo.verify({"id": "job_1", "results": stored})
    assert carlo.verify({**stored, "mean": stored["mean"] + 1}).different == ["mean"]
    with pytest.raises(ValueError, match="no results"):
        carlo.verify({"mean": 3})
    with pytest.raises(ValueError, match="model version 1"):
        carlo.verify({**stored, "modelVersion": 1})


def test_ctrl_c_ends_a_run() -> None:
    code = (
        "import carlo, time\n"
        "print('begins', flush=True)\n"
        "try:\n"
        "    carlo.run(carlo.EXAMPLE, simulations=10**12)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', time.monotonic())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "begins\n"
    time.sleep(0.3)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    word, at = out.split()
    # A second on an idle machine; it would take hours.
    assert word == "interrupted" and float(at) - sent < 10


def test_what_a_progress_function_raises_ends_the_run() -> None:
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) == 3:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        carlo.run(carlo.EXAMPLE, simulations=10**11, progress=tell)
    assert told == sorted(told) and told[0][1] == 10**11


def test_other_threads_go_on_meanwhile() -> None:
    ticks = 0
    stop = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not stop.is_set():
            ticks += 1
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    carlo.run(carlo.EXAMPLE, simulations=4_000_000, seed=1, threads=1)
    stop.set()
    thread.join()
    assert ticks > 20


def test_32_threads_get_the_answers_of_one() -> None:
    alone = [carlo.run(carlo.EXAMPLE, simulations=20_000, seed=seed).digest for seed in range(4)]
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(lambda i: carlo.run(carlo.EXAMPLE, simulations=20_000, seed=i % 4).digest, range(64)))
    assert found == [alone[i % 4] for i in range(64)]


def digest(seed: int) -> str:
    return carlo.run(carlo.EXAMPLE, simulations=20_000, seed=seed).digest


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_compute_after(method: str) -> None:
    before = digest(3)
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map_async(digest, [3, 3, 3]).get(60) == [before] * 3
