"""Clients of a cluster: `Client` is synchronous, `AsyncClient` is asynchronous. Otherwise they are the same.

A call is sent again, with growing pauses, while the server is away or asks to wait (`Retry-After`), for at most `patience` seconds. What creates
a job or a batch has an idempotency key by itself, so it is created once however often it is sent.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, Union

import httpx

from . import _flows, _native, requests, sweeps
from ._flows import BatchEvent, Emit, Event, Flow, Line, Send, Settings, Sleep, Step
from .errors import CarloError
from .local import Bar, Progress, comparison
from .models import (
    Batch,
    Cluster,
    Comparison,
    Job,
    JobResults,
    JobStatus,
    Replay,
    Simulation,
    Solved,
    Submitted,
    Usage,
)
from .requests import PlanLike
from .sweeps import Axes, SweepTable

__all__ = ["AsyncClient", "BatchEvent", "Client", "Event"]

T = TypeVar("T")

URL_DEFAULT = "http://127.0.0.1:3001"
JobLike = Union[str, Job, Submitted]
"""A job, or its id."""
BatchLike = Union[str, Batch]
"""A batch, or its id."""


def job_path(job: JobLike) -> str:
    name = job if isinstance(job, str) else job.job_id if isinstance(job, Submitted) else job.id
    return f"/api/jobs/{_segment(name)}"


def batch_path(batch: BatchLike) -> str:
    return f"/simulations/batch/{_segment(batch if isinstance(batch, str) else batch.batch_id)}"


def _segment(name: str) -> str:
    """A name as one segment of a path, with all special characters quoted."""
    from urllib.parse import quote

    return quote(name, safe="")


def _arguments(send: Send) -> dict[str, Any]:
    options: dict[str, Any] = {"headers": send.headers, "params": send.params, "content": send.content}
    return options if send.timeout is None else {**options, "timeout": send.timeout}


class _Calls:
    """The base of both clients: the settings, and all calls as flows."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 40.0,
        patience: float = 60.0,
        retry_after_max: float = 60.0,
        ca_file: str | None = None,
        headers: Mapping[str, str] | None = None,
        transport: Any = None,
    ) -> None:
        """
        `url` is where the gateway is: `CARLO_URL`, or http://127.0.0.1:3001 where nobody says. `key` is the API key: `CARLO_API_KEY` where nobody
        says. `timeout` is that of one call, `patience` how long a server may be away, `retry_after_max` the longest `Retry-After` that is waited for,
        all in seconds. With `ca_file` only the authorities in that file (PEM) are believed. `transport` is one of httpx, for tests.
        """
        self.url = (url or os.environ.get("CARLO_URL") or URL_DEFAULT).rstrip("/")
        self._key = key or os.environ.get("CARLO_API_KEY") or None
        self._timeout, self._ca_file, self._transport = timeout, ca_file, transport
        self._headers = dict(headers or {})
        self._settings = Settings(patience, retry_after_max)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def __getstate__(self) -> dict[str, Any]:
        # Connections are not pickled.
        return {**self.__dict__, "_http": None, "_process": None}

    def _options(self) -> dict[str, Any]:
        headers = {"User-Agent": f"carlo-python/{_native.VERSION}", "Accept": "application/json", **self._headers}
        if self._key:
            headers["X-API-Key"] = self._key
        options: dict[str, Any] = {"base_url": self.url, "headers": headers, "timeout": self._timeout}
        if self._ca_file:
            options["verify"] = ssl.create_default_context(cafile=self._ca_file)
        if self._transport is not None:
            options["transport"] = self._transport
        return options

    def _call(self, method: str, path: str, **options: Any) -> Flow[Any]:
        response = yield from _flows.call(self._settings, method, path, **options)
        return response.json()

    def _submit(self, plan: PlanLike, simulations: int | None, seed: int | None, key: str | None) -> Flow[Submitted]:
        content = requests.to_json(requests.body(plan, simulations, seed))
        return Submitted.from_dict((yield from self._call("POST", "/api/jobs", content=content, creates=True, idempotency_key=key)))

    def _run(self, plan: PlanLike, simulations: int | None, seed: int | None, submitted: Callable[[Submitted], object], told: Any) -> Flow[JobResults]:
        job = yield from self._submit(plan, simulations, seed, None)
        submitted(job)
        return found(job, (yield from _flows.wait(self._settings, job_path(job), None, told)))

    def _job(self, job: JobLike, wait: float) -> Flow[Job]:
        headers = {"Prefer": f"wait={int(wait)}"} if wait else {}
        timeout = max(self._timeout, wait + 15)
        return Job.from_dict((yield from self._call("GET", job_path(job), headers=headers, timeout=timeout)))

    def _results(self, job: JobLike, fields: Sequence[str]) -> Flow[dict[str, Any]]:
        found: dict[str, Any] = yield from self._call("GET", job_path(job), params={"fields": ",".join(fields)})
        return found.get("results") or {}

    def _jobs(self, status: JobStatus | None) -> Flow[None]:
        yield from self._pages("/api/jobs", status, "jobs", Job)

    def _batches(self, status: str | None) -> Flow[None]:
        yield from self._pages("/simulations/batch", status, "batches", Batch)

    def _pages(self, path: str, status: str | None, member: str, kind: Any) -> Flow[None]:
        page, size, seen = 1, 100, 0
        while True:
            params = {"page": page, "page_size": size, "status": status}
            body = yield from self._call("GET", path, params=params)
            for entry in body[member]:
                yield Emit(kind.from_dict(entry))
            page, seen = page + 1, seen + len(body[member])
            if not body[member] or seen >= body["total"]:
                return

    def _cancel(self, job: JobLike) -> Flow[None]:
        yield from self._call("DELETE", job_path(job))

    def _replay(self, job: JobLike, index: int) -> Flow[Replay]:
        return Replay.from_dict((yield from self._call("GET", f"{job_path(job)}/simulations/{index}")))

    def _compare(self, plans: Sequence[PlanLike], simulations: int | None, seed: int | None) -> Flow[Comparison]:
        content = requests.to_json(comparison(plans, simulations, seed))
        return Comparison.from_dict((yield from self._call("POST", "/api/compare", content=content, creates=True)))

    def _solve(self, plan: PlanLike, variable: str, probability: float, simulations: int | None, seed: int | None) -> Flow[Solved]:
        asked = {"request": requests.body(plan, simulations, seed), "for": variable, "probability": probability}
        return Solved.from_dict((yield from self._call("POST", "/api/solve", content=requests.to_json(asked), creates=True)))

    def _sweep(
        self,
        plan: PlanLike,
        axes: Axes,
        simulations: int | None,
        seed: int | None,
        submitted: Callable[[Submitted], object],
        told: Callable[[int, int], object] | None,
    ) -> Flow[SweepTable]:
        content = requests.to_json(sweeps.body(plan, axes, simulations, seed))
        job = Submitted.from_dict((yield from self._call("POST", "/api/sweep", content=content, creates=True)))
        submitted(job)
        return SweepTable.of(found(job, (yield from _flows.wait(self._settings, job_path(job), None, told))))

    def _submit_batch(
        self,
        plans: Sequence[PlanLike] | Mapping[str, PlanLike],
        simulations: int | None,
        seed: int | None,
        options: Mapping[str, Any],
    ) -> Flow[Batch]:
        named: list[tuple[str | None, PlanLike]] = [*plans.items()] if isinstance(plans, Mapping) else [(None, plan) for plan in plans]
        entries = []
        for name, plan in named:
            entry = requests.body(plan, simulations, seed)
            if name is not None:
                entry["custom_id"] = name
            entries.append(entry)
        body = {"simulations": entries, **{name: value for name, value in options.items() if value is not None}}
        content = requests.to_json(body)
        return Batch.from_dict((yield from self._call("POST", "/simulations/batch", content=content, creates=True)))

    def _batch(self, batch: BatchLike) -> Flow[Batch]:
        return Batch.from_dict((yield from self._call("GET", batch_path(batch))))

    def _batch_results(self, batch: BatchLike) -> Flow[None]:
        response = yield from _flows.call(self._settings, "GET", f"{batch_path(batch)}/results")
        for line in response.text.splitlines():
            if line.strip():
                yield Emit(Simulation.from_dict(json.loads(line)))

    def _cancel_batch(self, batch: BatchLike, reason: str | None, cancel_running: bool) -> Flow[Batch]:
        body: dict[str, Any] = {"cancel_running": cancel_running}
        if reason is not None:
            body["reason"] = reason
        content = requests.to_json(body)
        return Batch.from_dict((yield from self._call("POST", f"{batch_path(batch)}/cancel", content=content)))

    def _cluster(self) -> Flow[Cluster]:
        return Cluster.from_dict((yield from self._call("GET", "/api/cluster/status")))

    def _usage(self) -> Flow[Usage]:
        return Usage.from_dict((yield from self._call("GET", "/simulations/batch/usage")))

    def _drain(self, node: str, undrain: bool) -> Flow[None]:
        yield from self._call("POST", f"/api/cluster/nodes/{_segment(node)}/{'undrain' if undrain else 'drain'}")


def found(submitted: Submitted, job: Job) -> JobResults:
    """The results of a complete job."""
    if job.results is None:
        raise CarloError(f"the server sent the complete job {submitted.job_id} without results")
    return job.results


class _Told:
    """A progress bar, or the caller's function, during a wait."""

    def __init__(self, progress: Progress) -> None:
        self.bar = Bar() if progress is True else None
        self.tell: Callable[[int, int], object] | None = self.bar.show if self.bar else progress if callable(progress) else None

    def __enter__(self) -> Callable[[int, int], object] | None:
        return self.tell

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.close()


class Client(_Calls):
    """A synchronous client. Several threads may share it. After a fork, or when it was pickled, it reconnects.

    >>> client = Client("http://127.0.0.1:3001", patience=0)
    >>> client
    Client('http://127.0.0.1:3001')
    """

    _http: httpx.Client | None = None
    _process: int | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def _connections(self) -> httpx.Client:
        # After a fork, two processes would share the connections.
        if self._http is None or self._process != os.getpid():
            self._http, self._process = httpx.Client(**self._options()), os.getpid()
        return self._http

    def run(
        self,
        plan: PlanLike,
        *,
        simulations: int | None = None,
        seed: int | None = None,
        progress: Progress = False,
    ) -> JobResults:
        """Simulates a plan on the cluster, like `carlo.run`. Ctrl-C cancels the job."""
        made: list[Submitted] = []
        with _Told(progress) as told:
            try:
                return self._do(self._run(plan, simulations, seed, made.append, told))
            except KeyboardInterrupt:
                for job in made:
                    self._give_up(job)
                raise

    def sweep(
        self,
        plan: PlanLike,
        axes: Axes,
        *,
        simulations: int | None = None,
        seed: int | None = None,
        progress: Progress = False,
    ) -> SweepTable:
        """A sweep as one job of the cluster, like `carlo.sweep`. Ctrl-C cancels the job."""
        made: list[Submitted] = []
        with _Told(progress) as told:
            try:
                return self._do(self._sweep(plan, axes, simulations, seed, made.append, told))
            except KeyboardInterrupt:
                for job in made:
                    self._give_up(job)
                raise

    def _give_up(self, job: Submitted) -> None:
        try:
            self._connections().delete(job_path(job), timeout=2.0)
        except httpx.HTTPError:
            pass

    def wait(self, job: JobLike, *, timeout: float | None = None, progress: Progress = False) -> Job:
        """Waits until the job is complete, and returns it with its results. `timeout` is in seconds.

        A job that failed or was cancelled is a `JobFailed` or `JobCancelled`. A server that goes away meanwhile is waited for, for `patience`
        seconds at a time.
        """
        with _Told(progress) as told:
            return self._do(_flows.wait(self._settings, job_path(job), timeout, told))

    def wait_batch(self, batch: BatchLike, *, timeout: float | None = None, progress: Progress = False) -> Batch:
        """Waits until all jobs of the batch have ended, in any state. `timeout` is in seconds."""
        with _Told(progress) as told:
            return self._do(_flows.wait_batch(self._settings, batch_path(batch), timeout, told))

    def submit(self, plan: PlanLike, *, simulations: int | None = None, seed: int | None = None, idempotency_key: str | None = None) -> Submitted:
        """Queues a job and returns its id at once.

        With an `idempotency_key` of your own, the job is created only once across processes and restarts. The server repeats its response for a day.
        """
        return self._do(self._submit(plan, simulations, seed, idempotency_key))

    def job(self, job: JobLike, *, wait: float = 0) -> Job:
        """A job with its progress, and its results if it is complete.

        The server holds the answer for up to `wait` (0 to 30) seconds until the job's state changes.
        """
        return self._do(self._job(job, wait))

    def results(self, job: JobLike, fields: Sequence[str]) -> dict[str, Any]:
        """Only the given members of a job's results, by their JSON names. Empty while the job isn't complete."""
        return self._do(self._results(job, fields))

    def jobs(self, status: JobStatus | None = None) -> Iterator[Job]:
        """The caller's jobs without results, newest first, optionally only those in one state."""
        return self._each(self._jobs(status))

    def events(self, job: JobLike, *, last: str | None = None) -> Iterator[Event]:
        """The events of a job, as they happen, up to its end. After an interruption the events continue without gaps.

        `last` is the id of the last event that was received. Only later events follow.
        """
        return self._each(_flows.events(self._settings, f"{job_path(job)}/events", Event.read, last))

    def cancel(self, job: JobLike) -> None:
        """Cancels a queued or running job. Raises `Conflict` if it has ended."""
        self._do(self._cancel(job))

    def replay(self, job: JobLike, index: int) -> Replay:
        """Simulation `index` of a job, month by month."""
        return self._do(self._replay(job, index))

    def compare(self, plans: Sequence[PlanLike], *, simulations: int | None = None, seed: int | None = None) -> Comparison:
        """Up to eight plans with the same random numbers, like `carlo.compare`; at most 10^7 simulations."""
        return self._do(self._compare(plans, simulations, seed))

    def solve(self, plan: PlanLike, variable: str, probability: float, *, simulations: int | None = None, seed: int | None = None) -> Solved:
        """The value of one number of the plan that gives the wanted probability, like `carlo.solve`; at most 10^7 simulations."""
        return self._do(self._solve(plan, variable, probability, simulations, seed))

    def submit_batch(self, plans: Sequence[PlanLike] | Mapping[str, PlanLike], *, simulations: int | None = None, seed: int | None = None, parallel_jobs: int | None = None, fail_fast: bool | None = None, budget_cap_usd: float | None = None, priority: int | None = None, metadata: Mapping[str, Any] | None = None) -> Batch:
        """Queues many jobs with one budget in dollars. The names of a dictionary become the `custom_id` of the jobs."""
        return self._do(self._submit_batch(plans, simulations, seed, {"parallel_jobs": parallel_jobs, "fail_fast": fail_fast, "budget_cap_usd": budget_cap_usd, "priority": priority, "metadata": metadata}))

    def batch(self, batch: BatchLike) -> Batch:
        """A batch with its progress and cost."""
        return self._do(self._batch(batch))

    def batch_events(self, batch: BatchLike, *, last: str | None = None) -> Iterator[BatchEvent]:
        """The events of a batch, at most five per second, until all of its jobs have ended. See `events`."""
        return self._each(_flows.events(self._settings, f"{batch_path(batch)}/events", BatchEvent.read, last))

    def batches(self, status: str | None = None) -> Iterator[Batch]:
        """The caller's batches, newest first, optionally only those in one state."""
        return self._each(self._batches(status))

    def batch_results(self, batch: BatchLike) -> Iterator[Simulation]:
        """The ended jobs of a batch with their results, also while others are still running."""
        return self._each(self._batch_results(batch))

    def cancel_batch(self, batch: BatchLike, *, reason: str | None = None, cancel_running: bool = True) -> Batch:
        """Cancels a batch; with `cancel_running=False` its running jobs finish."""
        return self._do(self._cancel_batch(batch, reason, cancel_running))

    def cluster(self) -> Cluster:
        """The cluster and its nodes."""
        return self._do(self._cluster())

    def usage(self) -> Usage:
        """The calls, jobs and dollars of this month, with their limits."""
        return self._do(self._usage())

    def drain(self, node: str) -> None:
        """Drains a node, until `undrain`. Needs the role admin."""
        self._do(self._drain(node, False))

    def undrain(self, node: str) -> None:
        """Ends the drain of a node. Needs the role admin."""
        self._do(self._drain(node, True))

    def _do(self, flow: Flow[T]) -> T:
        for _ in (driver := _Driver(self._connections, flow)):
            pass
        result: T = driver.result
        return result

    def _each(self, flow: Flow[None]) -> Iterator[Any]:
        yield from _Driver(self._connections, flow)


class _Driver:
    """Carries out the steps of a flow, and iterates over what it emits."""

    result: Any = None

    def __init__(self, connections: Callable[[], httpx.Client], flow: Flow[Any]) -> None:
        self.connections, self.flow = connections, flow

    def __iter__(self) -> Iterator[Any]:
        stream: httpx.Response | None = None
        lines: Iterator[str] = iter(())
        try:
            step: Step = next(self.flow)
            while True:
                came: Any = None
                try:
                    if isinstance(step, Emit):
                        yield step.entry
                    elif isinstance(step, Sleep):
                        time.sleep(step.seconds)
                    elif isinstance(step, Line):
                        came = next(lines, None)
                    else:
                        if stream is not None:
                            stream.close()
                        http = self.connections()
                        request = http.build_request(step.method, step.path, **_arguments(step))
                        came = http.send(request, stream=step.is_stream)
                        if step.is_stream:
                            stream, lines = came, came.iter_lines()
                            if came.status_code >= 400:
                                came.read()
                except httpx.TransportError as error:
                    step = self.flow.throw(error)
                else:
                    step = self.flow.send(came)
        except StopIteration as end:
            self.result = end.value
        finally:
            if stream is not None:
                stream.close()



class AsyncClient(_Calls):
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
        with _Told(progress) as told:
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
        progress: Progress = False,
    ) -> SweepTable:
        """See `Client.sweep`. A task that is cancelled cancels its job."""
        made: list[Submitted] = []
        with _Told(progress) as told:
            try:
                return await self._do(self._sweep(plan, axes, simulations, seed, made.append, told))
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
        with _Told(progress) as told:
            return await self._do(_flows.wait(self._settings, job_path(job), timeout, told))

    async def wait_batch(self, batch: BatchLike, *, timeout: float | None = None, progress: Progress = False) -> Batch:
        """See `Client.wait_batch`."""
        with _Told(progress) as told:
            return await self._do(_flows.wait_batch(self._settings, batch_path(batch), timeout, told))

    async def submit(self, plan: PlanLike, *, simulations: int | None = None, seed: int | None = None, idempotency_key: str | None = None) -> Submitted:
        """See `Client.submit`."""
        return await self._do(self._submit(plan, simulations, seed, idempotency_key))

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

    async def compare(self, plans: Sequence[PlanLike], *, simulations: int | None = None, seed: int | None = None) -> Comparison:
        """See `Client.compare`."""
        return await self._do(self._compare(plans, simulations, seed))

    async def solve(self, plan: PlanLike, variable: str, probability: float, *, simulations: int | None = None, seed: int | None = None) -> Solved:
        """See `Client.solve`."""
        return await self._do(self._solve(plan, variable, probability, simulations, seed))

    async def submit_batch(self, plans: Sequence[PlanLike] | Mapping[str, PlanLike], *, simulations: int | None = None, seed: int | None = None, parallel_jobs: int | None = None, fail_fast: bool | None = None, budget_cap_usd: float | None = None, priority: int | None = None, metadata: Mapping[str, Any] | None = None) -> Batch:
        """See `Client.submit_batch`."""
        return await self._do(self._submit_batch(plans, simulations, seed, {"parallel_jobs": parallel_jobs, "fail_fast": fail_fast, "budget_cap_usd": budget_cap_usd, "priority": priority, "metadata": metadata}))

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

    async def drain(self, node: str) -> None:
        """See `Client.drain`."""
        await self._do(self._drain(node, False))

    async def undrain(self, node: str) -> None:
        """See `Client.undrain`."""
        await self._do(self._drain(node, True))

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
                        request = http.build_request(step.method, step.path, **_arguments(step))
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
