"""A live cluster for the tests, with the programs of the last build. `CARLO_PROGRAMS` is their directory."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import carlo
import pytest

# Loopback needs no proxy.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"

PROGRAMS = Path(os.environ["CARLO_PROGRAMS"]).resolve()
GOLDEN = Path(__file__).parents[2] / "kernel" / "tests" / "golden"
START_SECONDS = 30
# So that tests can receive webhooks.
WEBHOOKS = ("--webhook-allow-http", "--webhook-allow", "127.0.0.1")


class Daemon:
    """A process with its log."""

    def __init__(self, name: str, *arguments: str, log: Path) -> None:
        self.log = log
        environment = {**os.environ, "CARLO_LOG": "info", "CARLO_LOG_FORMAT": "json"}
        with log.open("wb") as file:
            self.process = subprocess.Popen([str(PROGRAMS / name), *arguments], stderr=file, env=environment)

    def said(self, message: str) -> dict[str, Any]:
        """Waits for the entry of the log with a message."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for line in self.log.read_text().splitlines():
                if f'"message":"{message}"' in line:
                    entry: dict[str, Any] = json.loads(line)
                    return entry
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no {message!r} in the log:\n{self.log.read_text()}")

    def end(self, how: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)


class Cluster:
    """A coordinator with authentication, a gateway and a worker."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.starts = directory, 0
        self.daemons: dict[str, Daemon] = {}
        self.coordinator_address = "127.0.0.1:0"
        try:
            self.start_coordinator()
            url = f"http://{self.coordinator_address}"
            gateway = self.start("carlo-gateway", "--listen", "127.0.0.1:0", "--coordinator", url)
            token = str(directory / "data" / "join-token")
            self.start("carlo-worker", "--coordinator", url, "--join-token-file", token, "--threads", "2", "--admin-listen", "127.0.0.1:0")
            self.url = f"http://{gateway.said('gateway serves')['address']}"
            self.key = (directory / "data" / "admin-key").read_text().strip()
        except BaseException:
            self.end()
            raise

    def start(self, name: str, *arguments: str) -> Daemon:
        self.starts += 1
        daemon = Daemon(name, *arguments, log=self.directory / f"{name}-{self.starts}.log")
        self.daemons[name] = daemon
        return daemon

    def start_coordinator(self) -> None:
        data, listen = str(self.directory / "data"), self.coordinator_address
        daemon = self.start("carlo-coordinator", "--listen", listen, "--admin-listen", "127.0.0.1:0", "--data-dir", data, *WEBHOOKS)
        self.coordinator_address = re.sub("^https?://", "", daemon.said("coordinator serves")["address"])

    def kill_coordinator(self) -> None:
        self.daemons["carlo-coordinator"].end(signal.SIGKILL)

    def client(self, **options: Any) -> carlo.Client:
        return carlo.Client(self.url, self.key, **options)

    def end(self) -> None:
        for name in ("carlo-gateway", "carlo-worker", "carlo-coordinator"):
            if name in self.daemons:
                self.daemons[name].end()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.end()


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that the test may damage."""
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.end()


@pytest.fixture
def client(cluster: Cluster) -> Iterator[carlo.Client]:
    with cluster.client() as client:
        yield client


@pytest.fixture(scope="session")
def command_line() -> Callable[..., Any]:
    """Runs `carlo` with these arguments, and returns its JSON output."""

    def run(*arguments: str) -> Any:
        done = subprocess.run([str(PROGRAMS / "carlo"), *arguments], capture_output=True, text=True, check=True, timeout=120)
        return json.loads(done.stdout)

    return run


def golden(name: str) -> list[Any]:
    """The cases of a golden file, with their names."""
    cases = json.loads((GOLDEN / name).read_text())
    return [pytest.param(case, id=case["name"]) for case in cases]


@pytest.fixture
def plan() -> dict[str, Any]:
    """A plan over a lifetime, small enough for a test."""
    return {
        "financialProfile": {"liquidAssets": 600_000, "monthlySpending": 3_000},
        "userInputs": {"monthlyIncome": 4_000},
        "goal": {"success": "neverShort", "timelineMonths": 360, "dollars": "real"},
        "simulationParams": {"nSimulations": 20_000, "seed": "11"},
        "plan": {"incomeUntil": 60, "people": [{"age": 60, "modalAge": 88, "dispersion": 10}]},
    }
