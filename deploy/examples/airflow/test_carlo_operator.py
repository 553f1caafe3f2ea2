"""Tests of the operator with a fake server. Run them with `pytest`; they need Airflow and carlo."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp())

import carlo
import carlo_operator
import httpx
import pytest
from airflow.sdk.exceptions import TaskDeferred
from carlo_operator import CarloOperator, CarloTrigger

RESULTS = carlo.run(carlo.EXAMPLE, simulations=1_000, seed=3)
CONTEXT: dict[str, Any] = {
    "ti": SimpleNamespace(dag_id="plans", task_id="retirement", run_id="manual__2026", map_index=-1, try_number=1)
}


class Server:
    """A gateway with one job, which is to end in a state."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, status: str) -> None:
        self.status, self.asked = status, list[httpx.Request]()
        transport = httpx.MockTransport(self)
        monkeypatch.setattr(carlo_operator, "options", lambda conn_id: {"url": f"http://{conn_id}.test", "key": "secret", "transport": transport})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.method == "POST":
            return httpx.Response(202, json={"jobId": "job_7", "status": "queued", "queuePosition": 1})
        if request.method == "DELETE":
            return httpx.Response(200, json={"success": True, "message": "cancelled"})
        job: dict[str, Any] = {"id": "job_7", "status": self.status, "createdAt": "2026-11-28T12:00:00Z", "seed": "3"}
        job |= {"progress": 100.0, "allocatedNodes": 0, "simulationsTotal": 1_000, "simulationsComplete": 1_000, "priority": 50}
        if self.status == "complete":
            job["results"] = RESULTS.to_dict()
        if self.status == "failed":
            job["error"] = "a range failed three times"
        return httpx.Response(200, json=job)


def deferred(**arguments: Any) -> tuple[CarloOperator, TaskDeferred]:
    operator = CarloOperator(task_id="retirement", request=carlo.EXAMPLE, **arguments)
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(CONTEXT)
    return operator, caught.value


def fired(trigger: Any) -> dict[str, Any]:
    # The trigger is created from its serialized form, as the triggerer does.
    path, arguments = trigger.serialize()
    assert path == "carlo_operator.CarloTrigger"

    async def first() -> dict[str, Any]:
        return (await anext(CarloTrigger(**json.loads(json.dumps(arguments))).run())).payload

    return asyncio.run(first())


def test_it_submits_defers_and_returns_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, "complete")
    operator, defer = deferred(simulations="1000", seed="3")
    assert defer.method_name == "resume"
    sent = json.loads(server.asked[0].content)
    assert sent["simulationParams"] == {"nSimulations": 1_000, "seed": "3"} and sent["goal"] == carlo.EXAMPLE["goal"]
    found = operator.resume(CONTEXT, fired(defer.trigger))
    assert found["digest"] == RESULTS.digest and found["successProbability"] == RESULTS.success_probability
    assert "histogram" not in found and len(json.dumps(found)) < 5_000
    assert {request.headers["x-api-key"] for request in server.asked} == {"secret"}


def test_the_same_try_makes_the_same_job(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, "complete")
    deferred()
    deferred()
    CONTEXT["ti"].try_number = 2
    deferred()
    CONTEXT["ti"].try_number = 1
    keys = [request.headers["idempotency-key"] for request in server.asked]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(("status", "reason"), [("failed", "a range failed three times"), ("cancelled", "was cancelled")])
def test_a_job_that_does_not_complete_fails_the_task(monkeypatch: pytest.MonkeyPatch, status: str, reason: str) -> None:
    Server(monkeypatch, status)
    operator, defer = deferred()
    event = fired(defer.trigger)
    assert event["status"] == status
    with pytest.raises(RuntimeError, match=reason):
        operator.resume(CONTEXT, event)


def test_a_request_may_be_a_template(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, "complete")
    operator = CarloOperator(task_id="retirement", request=json.dumps(carlo.EXAMPLE))
    with pytest.raises(TaskDeferred):
        operator.execute(CONTEXT)
    assert json.loads(server.asked[0].content) == carlo.EXAMPLE
    assert "request" in CarloOperator.template_fields


def test_a_task_that_is_stopped_cancels_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, "running")
    asyncio.run(CarloTrigger("job_7").on_kill())
    assert [(request.method, request.url.path) for request in server.asked] == [("DELETE", "/api/jobs/job_7")]


def test_a_connection_is_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    for url, expected in (
        ("http://:secret@gateway.example:3001", "http://gateway.example:3001"),
        ("http://:secret@gateway.example:3001/https", "https://gateway.example:3001"),
    ):
        monkeypatch.setenv("AIRFLOW_CONN_CARLO", url)
        assert carlo_operator.options("carlo") == {"url": expected, "key": "secret"}
