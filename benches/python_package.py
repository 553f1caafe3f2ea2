"""The cost of the Python package compared with the command line, and of a sweep compared with single calls. See benches/python."""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import carlo

SIMULATIONS = 10_000_000
EXAMPLE = Path(__file__).parents[1] / "deploy" / "examples" / "house_deposit.json"
# The sweep: spending and target of the household.
POINTS, POINT_SIMULATIONS = (20, 10), 100_000


def measured(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds on the clock, processor seconds in this process and its children, and the returned value."""

    def processor() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime + usage.ru_stime for usage in used)

    before, began = processor(), time.perf_counter()
    answer = work()
    return time.perf_counter() - began, processor() - before, answer


def row(name: str, values: list[float], unit: str) -> None:
    print(f"{name:<44} {statistics.median(values):8.3f} {unit} ({min(values):.3f} to {max(values):.3f})")


def runs(program: str, rounds: int) -> None:
    """`carlo.run` in this process, the same in a process of its own, and `carlo run`."""
    command = [program, "run", str(EXAMPLE), "--simulations", str(SIMULATIONS), "--seed", "1", "--json"]
    script = f"import carlo, json; print(carlo.run(json.load(open({str(EXAMPLE)!r})), simulations={SIMULATIONS}, seed=1).digest)"
    request = json.loads(EXAMPLE.read_text())
    ways: dict[str, Callable[[], str]] = {
        "carlo run, the whole process": lambda: json.loads(subprocess.check_output(command, stderr=subprocess.DEVNULL))["results"]["digest"],
        "carlo.run, the call": lambda: carlo.run(request, simulations=SIMULATIONS, seed=1).digest,
        "carlo.run, the whole process": lambda: subprocess.check_output([sys.executable, "-c", script], text=True).strip(),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    digests = set()
    for _ in range(rounds + 1):
        for name, way in ways.items():
            clock, processor, digest = measured(way)
            found[name].append((clock, processor))
            digests.add(digest)
    assert len(digests) == 1, digests
    print(f"{SIMULATIONS:,} simulations, medians of {rounds} rounds after one that doesn't count")
    for name, rows in found.items():
        row(name, [clock for clock, _ in rows[1:]], "s")
        row("", [processor for _, processor in rows[1:]], "s of processor")
    base = statistics.median(clock for clock, _ in found["carlo run, the whole process"][1:])
    call = statistics.median(clock for clock, _ in found["carlo.run, the call"][1:])
    print(f"carlo.run costs {100 * (call / base - 1):+.1f} % of carlo run\n")


def processor_of(pid: int) -> float:
    """The processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sweeps(program: str, rounds: int) -> None:
    """The cost on a server of a plan of a sweep, and of a plan of `/api/simulate`."""
    rows, columns = POINTS
    axes = {
        "/financialProfile/monthlySpending": [3_000 + 10 * i for i in range(rows)],
        "/goal/targetAmount": [60_000 + 2_000 * i for i in range(columns)],
    }
    request = {**json.loads(EXAMPLE.read_text()), "simulationParams": {"nSimulations": POINT_SIMULATIONS, "seed": "1"}}
    plans = rows * columns
    with tempfile.TemporaryDirectory() as directory:
        command = [program, "up", "--listen", "127.0.0.1:0", "--data-dir", directory, "--json"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert server.stdout is not None
            with carlo.Client(json.loads(server.stdout.readline())["url"]) as client:
                client.run(request)
                swept: list[float] = []
                single: list[float] = []
                for _ in range(rounds):
                    before = processor_of(server.pid)
                    client.sweep(request, axes)
                    swept.append(1_000 * (processor_of(server.pid) - before) / plans)
                    before = processor_of(server.pid)
                    for spending in axes["/financialProfile/monthlySpending"]:
                        client.run({**request, "financialProfile": {**request["financialProfile"], "monthlySpending": spending}})
                    single.append(1_000 * (processor_of(server.pid) - before) / rows)
        finally:
            server.terminate()
            server.wait()
    print(f"{plans} plans of {POINT_SIMULATIONS:,} simulations on carlo up, medians of {rounds} rounds")
    row("a plan of a sweep", swept, "ms of processor")
    row("a plan by itself", single, "ms of processor")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("carlo", help="the program of the command line")
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    runs(given.carlo, given.rounds)
    sweeps(given.carlo, given.rounds)


if __name__ == "__main__":
    main()
