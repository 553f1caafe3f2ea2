"""What both clients have in common: their settings, and all calls as flows (see `_flows`)."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union
from urllib.parse import quote

from . import _flows, _native, _samples, requests, sweeps
from ._flows import Emit, Flow, Send, Settings
from .errors import CarloError
from .local import Bar, Progress, Samples, comparison
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
    Webhook,
    WebhookState,
)
from .requests import PlanLike
from .sweeps import Axes, SweepTable

URL_DEFAULT = "http://127.0.0.1:3001"
JobLike = Union[str, Job, Submitted]
"""A job, or its id."""
BatchLike = Union[str, Batch]
"""A batch, or its id."""
WebhookLike = Union[str, Webhook, Mapping[str, Any]]
"""Where events are sent: a URL, a `Webhook`, or its dictionary."""
WEBHOOK_DEFAULT = "/api/webhooks/default"


def job_path(job: JobLike) -> str:
    name = job if isinstance(job, str) else job.job_id if isinstance(job, Submitted) else job.id
    return f"/api/jobs/{segment(name)}"


def batch_path(batch: BatchLike) -> str:
    return f"/simulations/batch/{segment(batch if isinstance(batch, str) else batch.batch_id)}"


def segment(name: str) -> str:
    """A name as one segment of a path, with all special characters quoted."""
    return quote(name, safe="")


def arguments(send: Send) -> dict[str, Any]:
    options: dict[str, Any] = {"headers": send.headers, "params": send.params, "content": send.content}
    return options if send.timeout is None else {**options, "timeout": send.timeout}


_NO_LABELS: Mapping[str, Any] = {}


class Calls:
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

    def _submit(self, plan: PlanLike, simulations: int | None, seed: int | None, key: str | None, labels: Mapping[str, Any] = _NO_LABELS) -> Flow[Submitted]:
        content = requests.to_json({**requests.body(plan, simulations, seed), **labels})
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

    def _samples(self, job: JobLike, first: int, count: int) -> Flow[Samples]:
        params = {"first": first, "count": count}
        # A million simulations take some seconds.
        response = yield from _flows.call(self._settings, "GET", f"{job_path(job)}/samples", params=params, headers={"Accept": "text/csv"}, timeout=max(self._timeout, 120.0))
        assumptions = (yield from self._results(job, ["assumptions"])).get("assumptions")
        return _samples.read(response.text, first, assumptions)

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
        labels: Mapping[str, Any],
    ) -> Flow[SweepTable]:
        content = requests.to_json({**sweeps.body(plan, axes, simulations, seed), **labels})
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

    def _lift_quarantine(self, node: str) -> Flow[None]:
        yield from self._call("POST", f"/api/cluster/nodes/{segment(node)}/lift-quarantine")

    def _drain(self, node: str, undrain: bool) -> Flow[None]:
        yield from self._call("POST", f"/api/cluster/nodes/{segment(node)}/{'undrain' if undrain else 'drain'}")

    def _webhooks(self) -> Flow[None]:
        for entry in (yield from self._call("GET", "/api/webhooks"))["webhooks"]:
            yield Emit(WebhookState.from_dict(entry))

    def _enable_webhook(self, webhook: str) -> Flow[WebhookState]:
        return WebhookState.from_dict((yield from self._call("POST", f"/api/webhooks/{segment(webhook)}/enable")))

    def _delete_webhook(self, webhook: str) -> Flow[None]:
        yield from self._call("DELETE", f"/api/webhooks/{segment(webhook)}")

    def _set_default_webhook(self, webhook: WebhookLike, key: str | None) -> Flow[DefaultWebhook]:
        content = requests.to_json(webhook_body(webhook))
        return DefaultWebhook.from_dict((yield from self._call("PUT", WEBHOOK_DEFAULT, params={"key": key}, content=content)))

    def _default_webhook(self, key: str | None) -> Flow[DefaultWebhook]:
        return DefaultWebhook.from_dict((yield from self._call("GET", WEBHOOK_DEFAULT, params={"key": key})))

    def _clear_default_webhook(self, key: str | None) -> Flow[None]:
        yield from self._call("DELETE", WEBHOOK_DEFAULT, params={"key": key})

    def _deliveries(self, object_id: str | None, webhook: str | None, state: DeliveryState | None) -> Flow[None]:
        cursor: str | None = None
        while True:
            params = {"object": object_id, "webhook": webhook, "state": state, "cursor": cursor, "page_size": 100}
            body = yield from self._call("GET", "/api/webhooks/deliveries", params=params)
            for entry in body["deliveries"]:
                yield Emit(Delivery.from_dict(entry))
            cursor = body.get("nextCursor")
            if cursor is None:
                return

    def _retry_delivery(self, delivery: str) -> Flow[Delivery]:
        return Delivery.from_dict((yield from self._call("POST", f"/api/webhooks/deliveries/{segment(delivery)}/retry")))


def webhook_body(webhook: WebhookLike) -> dict[str, Any]:
    """The webhook of a request.

    >>> webhook_body("https://example.org/carlo")
    {'url': 'https://example.org/carlo'}
    """
    if isinstance(webhook, str):
        return {"url": webhook}
    return webhook.to_dict() if isinstance(webhook, Webhook) else dict(webhook)


def labels(name: str | None, priority: int | None, webhook: WebhookLike | None) -> dict[str, Any]:
    """Those members of a submission that are given.

    >>> labels("Retire at 60", None, "https://example.org/carlo")
    {'name': 'Retire at 60', 'webhook': {'url': 'https://example.org/carlo'}}
    """
    every = {"name": name, "priority": priority, "webhook": None if webhook is None else webhook_body(webhook)}
    return {label: value for label, value in every.items() if value is not None}


def object_id(of: JobLike | Batch | None) -> str | None:
    """The id of a job or a batch."""
    if isinstance(of, Batch):
        return of.batch_id
    return of.job_id if isinstance(of, Submitted) else of.id if isinstance(of, Job) else of


def found(submitted: Submitted, job: Job) -> JobResults:
    """The results of a complete job."""
    if job.results is None:
        raise CarloError(f"the server sent the complete job {submitted.job_id} without results")
    return job.results


class Told:
    """A progress bar, or the caller's function, during a wait."""

    def __init__(self, progress: Progress) -> None:
        self.bar = Bar() if progress is True else None
        self.tell: Callable[[int, int], object] | None = self.bar.show if self.bar else progress if callable(progress) else None

    def __enter__(self) -> Callable[[int, int], object] | None:
        return self.tell

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.close()
