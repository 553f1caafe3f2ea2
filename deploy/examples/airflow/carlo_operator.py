"""A deferrable Airflow operator that runs one job on a cluster of carlo.

Copy this file into your plugins, `pip install carlo`, and make a connection of the type HTTP: its host is the gateway's URL, its password the API key.

    from carlo_operator import CarloOperator

    CarloOperator(
        task_id="retirement",
        carlo_conn_id="carlo",
        request="{{ var.json.household }}",     # or a dictionary; templated
        simulations=10_000_000,
    )

The task submits the job and defers: no worker is busy while the cluster computes. It returns the results as a dictionary, so that a later task reads
`ti.xcom_pull("retirement")["successProbability"]`. The job is created once for each try of the task, also where Airflow runs that try twice. Whoever
stops the task while it waits cancels its job.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

import carlo
from airflow.sdk import BaseHook, BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent
from carlo.errors import ApiError, CarloError, JobCancelled, JobFailed

# Histogram and trajectory are too large for XCom, and not needed in Airflow.
LEFT_OUT = ("histogram", "trajectory")


def options(conn_id: str) -> dict[str, Any]:
    """The arguments of a client, from a connection."""
    connection = BaseHook.get_connection(conn_id)
    host = connection.host or ""
    if "://" not in host:
        host = f"{connection.schema or 'http'}://{host}"
    url = f"{host}:{connection.port}" if connection.port else host
    return {"url": url, "key": connection.password}


class CarloOperator(BaseOperator):
    """Runs a job, and returns its results."""

    template_fields = ("request", "simulations", "seed")

    def __init__(
        self,
        *,
        request: Mapping[str, Any] | str,
        simulations: int | str | None = None,
        seed: int | str | None = None,
        carlo_conn_id: str = "carlo",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.request, self.simulations, self.seed, self.carlo_conn_id = request, simulations, seed, carlo_conn_id

    def execute(self, context: Mapping[str, Any]) -> None:
        request = json.loads(self.request) if isinstance(self.request, str) else self.request
        numbers = {
            name: int(value) for name, value in (("simulations", self.simulations), ("seed", self.seed)) if value not in (None, "")
        }
        task = context["ti"]
        key = f"airflow/{task.dag_id}/{task.task_id}/{task.run_id}/{task.map_index}/{task.try_number}"[-255:]
        with carlo.Client(**options(self.carlo_conn_id)) as client:
            job = client.submit(request, idempotency_key=key, **numbers)
        self.log.info("submitted the job %s", job.job_id)
        self.defer(
            trigger=CarloTrigger(job_id=job.job_id, carlo_conn_id=self.carlo_conn_id),
            method_name="resume",
            timeout=self.execution_timeout or timedelta(days=7),
        )

    def resume(self, context: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
        """Called when the trigger fires."""
        if event["status"] != "complete":
            raise RuntimeError(event["reason"])
        with carlo.Client(**options(self.carlo_conn_id)) as client:
            results = client.wait(event["job_id"]).results
        if results is None:
            raise RuntimeError(f"the job {event['job_id']} has no results")
        return {name: value for name, value in results.to_dict().items() if name not in LEFT_OUT}


class CarloTrigger(BaseTrigger):
    """Waits for the end of a job, with one connection and no thread."""

    def __init__(self, job_id: str, carlo_conn_id: str = "carlo") -> None:
        super().__init__()
        self.job_id, self.carlo_conn_id = job_id, carlo_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__name__}", {"job_id": self.job_id, "carlo_conn_id": self.carlo_conn_id}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        settings = await asyncio.to_thread(options, self.carlo_conn_id)
        async with carlo.AsyncClient(**settings, patience=600) as client:
            yield TriggerEvent(await self.outcome(client))

    async def outcome(self, client: carlo.AsyncClient) -> dict[str, Any]:
        try:
            await client.wait(self.job_id)
        except (JobFailed, JobCancelled) as ended:
            return {"status": ended.job.status, "job_id": self.job_id, "reason": str(ended)}
        except CarloError as error:
            return {"status": "unknown", "job_id": self.job_id, "reason": f"the job {self.job_id} can't be followed: {error}"}
        return {"status": "complete", "job_id": self.job_id}

    async def on_kill(self) -> None:
        """Called when somebody stops the task: the cluster needn't compute any further."""
        settings = await asyncio.to_thread(options, self.carlo_conn_id)
        async with carlo.AsyncClient(**settings) as client:
            with suppress(ApiError):
                await client.cancel(self.job_id)
