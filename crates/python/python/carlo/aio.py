"""The client of a cluster for asyncio. It makes the same calls as that of `client`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, TypeVar

import httpx

from . import _flows
from ._calls import BatchLike, Calls, JobLike, Told, WebhookLike, arguments, batch_path, job_path, labels, object_id
from ._flows import BatchEvent, Emit, Event, Flow, Line, Sleep, Step
from .local import Progress, Samples
from .models import (
    Batch,
    Cluster,
    Comparison,
    DefaultWebhook,
    Delivery,
    DeliveryState,
    Job,
    JobResults,
    JobStatus,
    Replay,
    Simulation,
    Solved,
    Submitted,
    Usage,
    WebhookState,
)
from .requests import PlanLike
from .sweeps import Axes, SweepTable

T = TypeVar("T")


class AsyncClient(Calls):
    """The client for asyncio: calls are awaited, and iterations use `async for`."""

    _http: httpx.AsyncClient | None = None
    _process: int | None = None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes all connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    def _connections(self) -> httpx.AsyncClient:
        if self._http is None or self._process != os.getpid():
            self._http, self._process = httpx.AsyncClient(**self._options()), os.getpid()
        return self._http

    async def run(
        self,
        plan: PlanLike,
        *,
        simulations: int | None = None,
        seed: int | None = None,
        progress: Progress = False,
    ) -> JobResults:
        """See `Client.run`. A task that is cancelled cancels its job."""
        made: list[Submitted] = []
        with Told(progress) as told:
            try:
                return await self._do(self._run(plan, simulations, seed, made.append, told))
            except asyncio.CancelledError:
                for job in made:
                    await asyncio.shield(self._give_up(job))
                raise

    async def sweep(
        self,
        plan: PlanLike,
        axes: Axes,
        *,
        simulations: int | None = None,
        seed: int | None = None,
        name: str | None = None,
        priority: int | None = None,
        webhook: WebhookLike | None = None,
        progress: Progress = False,
    ) -> SweepTable:
        """See `Client.sweep`. A task that is cancelled cancels its job."""
        made: list[Submitted] = []
        with Told(progress) as told:
            try:
                return await self._do(self._sweep(plan, axes, simulations, seed, made.append, told, labels(name, priority, webhook)))
            except asyncio.CancelledError:
                for job in made:
                    await asyncio.shield(self._give_up(job))
                raise

    async def _give_up(self, job: Submitted) -> None:
        try:
            await self._connections().delete(job_path(job), timeout=2.0)
        except httpx.HTTPError:
            pass

    async def wait(self, job: JobLike, *, timeout: float | None = None, progress: Progress = False) -> Job:
        """See `Client.wait`."""
        with Told(progress) as told:
            return await self._do(_flows.wait(self._settings, job_path(job), timeout, told))

    async def wait_batch(self, batch: BatchLike, *, timeout: float | None = None, progress: Progress = False) -> Batch:
        """See `Client.wait_batch`."""
        with Told(progress) as told:
            return await self._do(_flows.wait_batch(self._settings, batch_path(batch), timeout, told))

    async def submit(
        self,
        plan: PlanLike,
        *,
        simulations: int | None = None,
        seed: int | None = None,
        name: str | None = None,
        priority: int | None = None,
        webhook: WebhookLike | None = None,
        idempotency_key: str | None = None,
    ) -> Submitted:
        """See `Client.submit`."""
        return await self._do(self._submit(plan, simulations, seed, idempotency_key, labels(name, priority, webhook)))

    async def job(self, job: JobLike, *, wait: float = 0) -> Job:
        """See `Client.job`."""
        return await self._do(self._job(job, wait))

    async def results(self, job: JobLike, fields: Sequence[str]) -> dict[str, Any]:
        """See `Client.results`."""
        return await self._do(self._results(job, fields))

    def jobs(self, status: JobStatus | None = None) -> AsyncIterator[Job]:
        """See `Client.jobs`."""
        return self._each(self._jobs(status))

    def events(self, job: JobLike, *, last: str | None = None) -> AsyncIterator[Event]:
        """See `Client.events`."""
        return self._each(_flows.events(self._settings, f"{job_path(job)}/events", Event.read, last))

    async def cancel(self, job: JobLike) -> None:
        """See `Client.cancel`."""
        await self._do(self._cancel(job))

    async def replay(self, job: JobLike, index: int) -> Replay:
        """See `Client.replay`."""
        return await self._do(self._replay(job, index))

    async def samples(self, job: JobLike, first: int = 0, count: int = 100_000) -> Samples:
        """See `Client.samples`."""
        return await self._do(self._samples(job, first, count))

    async def compare(self, plans: Sequence[PlanLike], *, simulations: int | None = None, seed: int | None = None) -> Comparison:
        """See `Client.compare`."""
        return await self._do(self._compare(plans, simulations, seed))

    async def solve(self, plan: PlanLike, variable: str, probability: float, *, simulations: int | None = None, seed: int | None = None) -> Solved:
        """See `Client.solve`."""
        return await self._do(self._solve(plan, variable, probability, simulations, seed))

    async def submit_batch(
        self,
        plans: Sequence[PlanLike] | Mapping[str, PlanLike],
        *,
        simulations: int | None = None,
        seed: int | None = None,
        parallel_jobs: int | None = None,
        fail_fast: bool | None = None,
        budget_cap_usd: float | None = None,
        priority: int | None = None,
        metadata: Mapping[str, Any] | None = None,
        webhook: WebhookLike | None = None,
    ) -> Batch:
        """See `Client.submit_batch`."""
        options = {
            "parallel_jobs": parallel_jobs,
            "fail_fast": fail_fast,
            "budget_cap_usd": budget_cap_usd,
            "metadata": metadata,
            **labels(None, priority, webhook),
        }
        return await self._do(self._submit_batch(plans, simulations, seed, options))

    async def batch(self, batch: BatchLike) -> Batch:
        """See `Client.batch`."""
        return await self._do(self._batch(batch))

    def batch_events(self, batch: BatchLike, *, last: str | None = None) -> AsyncIterator[BatchEvent]:
        """See `Client.batch_events`."""
        return self._each(_flows.events(self._settings, f"{batch_path(batch)}/events", BatchEvent.read, last))

    def batches(self, status: str | None = None) -> AsyncIterator[Batch]:
        """See `Client.batches`."""
        return self._each(self._batches(status))

    def batch_results(self, batch: BatchLike) -> AsyncIterator[Simulation]:
        """See `Client.batch_results`."""
        return self._each(self._batch_results(batch))

    async def cancel_batch(self, batch: BatchLike, *, reason: str | None = None, cancel_running: bool = True) -> Batch:
        """See `Client.cancel_batch`."""
        return await self._do(self._cancel_batch(batch, reason, cancel_running))

    async def cluster(self) -> Cluster:
        """See `Client.cluster`."""
        return await self._do(self._cluster())

    async def usage(self) -> Usage:
        """See `Client.usage`."""
        return await self._do(self._usage())

    def deliveries(self, of: JobLike | Batch | None = None, *, webhook: str | None = None, state: DeliveryState | None = None) -> AsyncIterator[Delivery]:
        """See `Client.deliveries`."""
        return self._each(self._deliveries(object_id(of), webhook, state))

    async def retry_delivery(self, delivery: str) -> Delivery:
        """See `Client.retry_delivery`."""
        return await self._do(self._retry_delivery(delivery))

    def webhooks(self) -> AsyncIterator[WebhookState]:
        """See `Client.webhooks`."""
        return self._each(self._webhooks())

    async def enable_webhook(self, webhook: str) -> WebhookState:
        """See `Client.enable_webhook`."""
        return await self._do(self._enable_webhook(webhook))

    async def delete_webhook(self, webhook: str) -> None:
        """See `Client.delete_webhook`."""
        await self._do(self._delete_webhook(webhook))

    async def set_default_webhook(self, webhook: WebhookLike, *, key: str | None = None) -> DefaultWebhook:
        """See `Client.set_default_webhook`."""
        return await self._do(self._set_default_webhook(webhook, key))

    async def default_webhook(self, *, key: str | None = None) -> DefaultWebhook:
        """See `Client.default_webhook`."""
        return await self._do(self._default_webhook(key))

    async def clear_default_webhook(self, *, key: str | None = None) -> None:
        """See `Client.clear_default_webhook`."""
        await self._do(self._clear_default_webhook(key))

    async def drain(self, node: str) -> None:
        """See `Client.drain`."""
        await self._do(self._drain(node, False))

    async def undrain(self, node: str) -> None:
        """See `Client.undrain`."""
        await self._do(self._drain(node, True))

    async def lift_quarantine(self, node: str) -> None:
        """See `Client.lift_quarantine`."""
        await self._do(self._lift_quarantine(node))

    async def _do(self, flow: Flow[T]) -> T:
        driver = _AsyncDriver(self._connections, flow)
        async for _ in driver:
            pass
        result: T = driver.result
        return result

    async def _each(self, flow: Flow[None]) -> AsyncIterator[Any]:
        async for entry in _AsyncDriver(self._connections, flow):
            yield entry


class _AsyncDriver:
    """Like `_Driver`, for asyncio."""

    result: Any = None

    def __init__(self, connections: Callable[[], httpx.AsyncClient], flow: Flow[Any]) -> None:
        self.connections, self.flow = connections, flow

    async def __aiter__(self) -> AsyncIterator[Any]:
        stream: httpx.Response | None = None
        lines: AsyncIterator[str] | None = None
        try:
            step: Step = next(self.flow)
            while True:
                came: Any = None
                try:
                    if isinstance(step, Emit):
                        yield step.entry
                    elif isinstance(step, Sleep):
                        await asyncio.sleep(step.seconds)
                    elif isinstance(step, Line):
                        came = await anext(lines, None) if lines is not None else None
                    else:
                        if stream is not None:
                            await stream.aclose()
                        http = self.connections()
                        request = http.build_request(step.method, step.path, **arguments(step))
                        came = await http.send(request, stream=step.is_stream)
                        if step.is_stream:
                            stream, lines = came, came.aiter_lines()
                            if came.status_code >= 400:
                                await came.aread()
                except httpx.TransportError as error:
                    step = self.flow.throw(error)
                else:
                    step = self.flow.send(came)
        except StopIteration as end:
            self.result = end.value
        finally:
            if stream is not None:
                await stream.aclose()
