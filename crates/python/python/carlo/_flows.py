"""The logic of the clients without I/O: each call is a generator that yields steps and receives their results.

`client` carries the steps out, once with blocking calls and once with asyncio, so that both behave alike.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Optional, TypeVar, Union

import httpx

from . import errors
from .errors import ApiError, CarloError, Fault, InvalidRequest, JobCancelled, JobFailed, Unreachable, WaitTimeout
from .models import Batch, Job

T = TypeVar("T")

BACKOFF_SECONDS = (0.1, 5.0)
"""The pause before the second attempt, and the longest pause."""
SILENCE_SECONDS = 45.0
"""The timeout of a stream of events, which has a comment at least every 15 s."""
PROBLEM_BYTES_MAX = 1 << 20


@dataclass
class Send:
    """A request. Its response is read, unless it is a stream, which stays open until the next request or the end."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    content: str | None = None
    timeout: float | None = None
    is_stream: bool = False


@dataclass
class Line:
    """The next line of a stream, or `None` at its end."""

    response: httpx.Response


@dataclass
class Sleep:
    seconds: float


@dataclass
class Emit:
    """An item for the caller's iteration."""

    entry: Any


Step = Union[Send, Line, Sleep, Emit]
Flow = Generator[Step, Any, T]


@dataclass
class Settings:
    """How long a client keeps trying."""

    patience: float
    """How long a server may be unreachable, in seconds."""
    retry_after_max: float
    """The longest accepted `Retry-After`, in seconds."""
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class _Event:
    """The members that the events of jobs and of batches have in common."""

    id: str | None
    """Increases with every event; `None` if the server sent none."""

    kind: str
    """"progress", or for the last event the state: "failed", "cancelled", for a job "complete", for a batch "completed" or "partial"."""


@dataclass(frozen=True)
class Event(_Event):
    """An event of a job."""

    job: Job
    """The job, with its results if it is complete."""

    @classmethod
    def read(cls, id: str | None, kind: str, data: dict[str, Any]) -> Event:
        return cls(id, kind, Job.from_dict(data))


@dataclass(frozen=True)
class BatchEvent(_Event):
    """An event of a batch."""

    batch: Batch
    """The batch at the time of the event."""

    @classmethod
    def read(cls, id: str | None, kind: str, data: dict[str, Any]) -> BatchEvent:
        return cls(id, kind, Batch.from_dict(data))


E = TypeVar("E", Event, BatchEvent)
Read = Callable[[Optional[str], str, dict[str, Any]], E]
"""Makes an event from its id, its kind and its data."""


def problem(response: httpx.Response) -> Exception:
    """The exception for a refusal."""
    try:
        body = json.loads(response.text[:PROBLEM_BYTES_MAX])
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    listed = body.get("errors")
    if isinstance(listed, list) and listed and response.status_code in (400, 422):
        return InvalidRequest(Fault(str(fault.get("pointer", "")), str(fault.get("message", ""))) for fault in listed)
    kinds: dict[int, type[ApiError]] = {
        401: errors.Unauthenticated,
        402: errors.OverBudget,
        403: errors.NotAllowed,
        404: errors.NotFound,
        409: errors.Conflict,
        429: errors.RateLimited,
        502: errors.Unavailable,
        503: errors.Unavailable,
        504: errors.Unavailable,
    }
    return kinds.get(response.status_code, ApiError)(
        response.status_code,
        str(body.get("detail") or response.reason_phrase or "the server refused"),
        kind=str(body.get("type", "about:blank")),
        request_id=response.headers.get("x-request-id"),
        retry_after=seconds(response),
        quota=body.get("quota"),
    )


def seconds(response: httpx.Response) -> float | None:
    """The value of `Retry-After` in seconds. carlo never sends a date."""
    try:
        asked = float(response.headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return max(asked, 0.0)


class Patience:
    """The pauses between attempts, and their limit."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Takes note of a response."""
        self.attempts, self.since = 0, self.settings.clock()

    def after(self, error: Exception, asked: float | None) -> float:
        """The pause after a failure in seconds. Raises the failure if the limit is reached."""
        low, high = BACKOFF_SECONDS
        wait = min(low * 2.0**self.attempts, high) * random.uniform(0.5, 1.0)
        if asked is not None:
            if asked > self.settings.retry_after_max:
                raise error
            wait = asked + wait / 10
        self.attempts += 1
        if self.settings.clock() - self.since + wait > self.settings.patience:
            raise error
        return wait


def is_passing(response: httpx.Response) -> bool:
    """Whether the same call may succeed soon."""
    if response.status_code == 429:
        # With an exhausted monthly quota, Retry-After is too long to wait.
        return seconds(response) is not None
    if response.status_code == 409:
        return "idempotency-key-in-use" in response.text
    return response.status_code in (502, 503, 504)


def call(
    settings: Settings,
    method: str,
    path: str,
    *,
    content: str | None = None,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    creates: bool = False,
    idempotency_key: str | None = None,
    timeout: float | None = None,
) -> Flow[httpx.Response]:
    """A call, which is repeated while the server is unreachable or asks to wait. A call that creates something has an idempotency key, so
    that repetitions create nothing more."""
    send = Send(method, path, dict(headers or {}), {name: value for name, value in (params or {}).items() if value is not None}, content, timeout)
    if content is not None:
        send.headers["Content-Type"] = "application/json"
    if creates:
        send.headers["Idempotency-Key"] = idempotency_key or str(uuid.uuid4())
    patience = Patience(settings)
    while True:
        try:
            response: httpx.Response = yield send
        except httpx.TransportError as error:
            yield Sleep(patience.after(unreachable(error), None))
            continue
        if response.status_code < 400:
            return response
        refusal = problem(response)
        if not is_passing(response):
            raise refusal
        if "x-job-id" in response.headers:
            # The job takes longer than a call may. It continues, and the next call with the same key waits for it.
            patience.reset()
        yield Sleep(patience.after(refusal, seconds(response)))


def unreachable(error: Exception) -> Unreachable:
    found = Unreachable(f"no server answers: {str(error) or type(error).__name__}")
    found.__cause__ = error
    return found


def events(
    settings: Settings,
    path: str,
    read: Read[E],
    last: str | None = None,
    *,
    sink: Callable[[E], object] | None = None,
    deadline: float | None = None,
) -> Flow[None]:
    """Emits the events of a job or a batch up to the last one, or passes them to `sink`. A broken stream is continued without missing events."""
    patience = Patience(settings)
    while True:
        until(deadline, settings)
        headers = {"Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = last
        silence = SILENCE_SECONDS if deadline is None else min(SILENCE_SECONDS, deadline - settings.clock() + 0.1)
        try:
            response: httpx.Response = yield Send("GET", path, headers, timeout=silence, is_stream=True)
            if response.status_code == 204:
                return
            if response.status_code >= 400:
                refusal = problem(response)
                if not is_passing(response):
                    raise refusal
                yield Sleep(patience.after(refusal, seconds(response)))
                continue
            parser = EventParser(read)
            while (line := (yield Line(response))) is not None:
                until(deadline, settings)
                event = parser.line(line)
                if event is None:
                    continue
                patience.reset()
                last = event.id or last
                if sink is None:
                    yield Emit(event)
                else:
                    sink(event)
                if event.kind != "progress":
                    return
            yield Sleep(patience.after(Unreachable("the stream of events broke off"), None))
        except httpx.TransportError as error:
            until(deadline, settings)
            yield Sleep(patience.after(unreachable(error), None))


class EventParser(Generic[E]):
    """Server-sent events, line by line.

    >>> parser = EventParser(Event.read)
    >>> parser.line("event: progress"), parser.line(": a comment"), parser.line("")
    (None, None, None)
    """

    def __init__(self, read: Read[E]) -> None:
        self.read: Callable[[str | None, str, dict[str, Any]], E] = read
        self.id: str | None = None
        self.kind, self.data = "", list[str]()

    def line(self, line: str) -> E | None:
        """The event that ends with this line, if there is one."""
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                self.id = value
            elif name == "event":
                self.kind = value
            elif name == "data":
                self.data.append(value)
            return None
        kind, data, self.kind, self.data = self.kind, self.data, "", []
        if not data:
            return None
        return self.read(self.id, kind or "progress", json.loads("\n".join(data)))


def until(deadline: float | None, settings: Settings) -> None:
    """Raises an error after the deadline."""
    if deadline is not None and settings.clock() >= deadline:
        raise WaitTimeout("it has not ended within the timeout; it continues")


def ended(job: Job) -> Job:
    """Returns a complete job. Raises an exception for any other outcome."""
    if job.status == "failed":
        raise JobFailed(job)
    if job.status == "cancelled":
        raise JobCancelled(job)
    return job


def wait(settings: Settings, path: str, timeout: float | None, told: Callable[[int, int], object] | None) -> Flow[Job]:
    """Waits until the job is complete."""
    deadline = None if timeout is None else settings.clock() + timeout
    if told is not None:
        # The progress comes from the events.
        def show(event: Event) -> None:
            told(event.job.simulations_complete, event.job.simulations_total)

        yield from events(settings, f"{path}/events", Event.read, sink=show, deadline=deadline)
    while True:
        until(deadline, settings)
        left = 20.0 if deadline is None else min(max(deadline - settings.clock(), 0.0), 20.0)
        response = yield from call(settings, "GET", path, headers={"Prefer": f"wait={int(left)}"}, timeout=left + 15)
        job = Job.from_dict(response.json())
        if job.status not in ("queued", "running"):
            return ended(job)
        # In case the server doesn't support long polls.
        yield Sleep(0.05)


def wait_batch(settings: Settings, path: str, timeout: float | None, told: Callable[[int, int], object] | None) -> Flow[Batch]:
    """Waits until all jobs of the batch have ended, in any state, and returns the batch."""
    deadline = None if timeout is None else settings.clock() + timeout
    latest: list[BatchEvent] = []

    def heard(event: BatchEvent) -> None:
        latest[:] = [event]
        progress = event.batch.progress
        if told is not None:
            told(progress.total_jobs - progress.pending_jobs - progress.running_jobs, progress.total_jobs)

    yield from events(settings, f"{path}/events", BatchEvent.read, sink=heard, deadline=deadline)
    if not latest:
        raise CarloError("the server sent a stream without events")
    return latest[0].batch
