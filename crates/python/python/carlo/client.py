"""The synchronous client of a cluster. `aio` has the same for asyncio.

A call is sent again, with growing pauses, while the server is away or asks to wait (`Retry-After`), for at most `patience` seconds. What creates
a job or a batch has an idempotency key by itself, so it is created once however often it is sent.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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


class Client(Calls):
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
        with Told(progress) as told:
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
        name: str | None = None,
        priority: int | None = None,
        webhook: WebhookLike | None = None,
        progress: Progress = False,
    ) -> SweepTable:
        """A sweep as one job of the cluster, like `carlo.sweep`. Ctrl-C cancels the job."""
        made: list[Submitted] = []
        with Told(progress) as told:
            try:
                return self._do(self._sweep(plan, axes, simulations, seed, made.append, told, labels(name, priority, webhook)))
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
        with Told(progress) as told:
            return self._do(_flows.wait(self._settings, job_path(job), timeout, told))

    def wait_batch(self, batch: BatchLike, *, timeout: float | None = None, progress: Progress = False) -> Batch:
        """Waits until all jobs of the batch have ended, in any state. `timeout` is in seconds."""
        with Told(progress) as told:
            return self._do(_flows.wait_batch(self._settings, batch_path(batch), timeout, told))

    def submit(
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
        """Queues a job and returns its id at once.

        `name` is for people, at most 128 characters. `priority` is from 0 to 100; higher goes first among your own jobs. The events of the job are
        sent to the `webhook`. If that makes a secret, only this answer has it: `submitted.webhook.secret`.

        With an `idempotency_key` of your own, the job is created only once across processes and restarts. The server repeats its response for a day.
        """
        return self._do(self._submit(plan, simulations, seed, idempotency_key, labels(name, priority, webhook)))

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

    def samples(self, job: JobLike, first: int = 0, count: int = 100_000) -> Samples:
        """The outcomes of `count` consecutive simulations of a job from index `first` on, at most 10^6, like `carlo.samples`.

        The cluster computes them again and bills them. If the job has fewer simulations, only those are sent.
        """
        return self._do(self._samples(job, first, count))

    def compare(self, plans: Sequence[PlanLike], *, simulations: int | None = None, seed: int | None = None) -> Comparison:
        """Up to eight plans with the same random numbers, like `carlo.compare`; at most 10^7 simulations."""
        return self._do(self._compare(plans, simulations, seed))

    def solve(self, plan: PlanLike, variable: str, probability: float, *, simulations: int | None = None, seed: int | None = None) -> Solved:
        """The value of one number of the plan that gives the wanted probability, like `carlo.solve`; at most 10^7 simulations."""
        return self._do(self._solve(plan, variable, probability, simulations, seed))

    def submit_batch(
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
        """Queues many jobs with one budget in dollars. The names of a dictionary become the `custom_id` of the jobs.

        The events of the batch, and of its jobs where its `events` name them, are sent to the `webhook`, as for `submit`.
        """
        options = {
            "parallel_jobs": parallel_jobs,
            "fail_fast": fail_fast,
            "budget_cap_usd": budget_cap_usd,
            "metadata": metadata,
            **labels(None, priority, webhook),
        }
        return self._do(self._submit_batch(plans, simulations, seed, options))

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

    def deliveries(self, of: JobLike | Batch | None = None, *, webhook: str | None = None, state: DeliveryState | None = None) -> Iterator[Delivery]:
        """The events that were and will be sent to webhooks, the latest first.

        Optionally only those of one job or batch, to one webhook (`hook_…`), or in one state.
        """
        return self._each(self._deliveries(object_id(of), webhook, state))

    def retry_delivery(self, delivery: str) -> Delivery:
        """Attempts a delivery again that has arrived or was given up, for another day. Raises `Conflict` while it is pending."""
        return self._do(self._retry_delivery(delivery))

    def webhooks(self) -> Iterator[WebhookState]:
        """The URLs to which events are sent, with their states."""
        return self._each(self._webhooks())

    def enable_webhook(self, webhook: str) -> WebhookState:
        """Enables a webhook that was disabled. What waits for it is attempted at once."""
        return self._do(self._enable_webhook(webhook))

    def delete_webhook(self, webhook: str) -> None:
        """Deletes a webhook with its deliveries. What names it sends nothing any more."""
        self._do(self._delete_webhook(webhook))

    def set_default_webhook(self, webhook: WebhookLike, *, key: str | None = None) -> DefaultWebhook:
        """Sets the webhook of what is submitted with a key and names none: the key of this client, or another one (`key_…`).

        If a secret is made, only this answer has it.
        """
        return self._do(self._set_default_webhook(webhook, key))

    def default_webhook(self, *, key: str | None = None) -> DefaultWebhook:
        """The webhook of a key. Raises `NotFound` if it has none."""
        return self._do(self._default_webhook(key))

    def clear_default_webhook(self, *, key: str | None = None) -> None:
        """Removes the webhook of a key."""
        self._do(self._clear_default_webhook(key))

    def drain(self, node: str) -> None:
        """Drains a node, until `undrain`. Needs the role admin."""
        self._do(self._drain(node, False))

    def undrain(self, node: str) -> None:
        """Ends the drain of a node. Needs the role admin."""
        self._do(self._drain(node, True))

    def lift_quarantine(self, node: str) -> None:
        """Ends the quarantine of a node, by its id or name, once its machine is repaired. Needs the role admin."""
        self._do(self._lift_quarantine(node))

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
                        request = http.build_request(step.method, step.path, **arguments(step))
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
