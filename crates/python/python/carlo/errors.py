"""The exceptions of this package."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models import Batch, Job

__all__ = [
    "ApiError",
    "CarloError",
    "Conflict",
    "Fault",
    "InvalidRequest",
    "InvalidSignature",
    "JobCancelled",
    "JobFailed",
    "NotAllowed",
    "NotFound",
    "OverBudget",
    "RateLimited",
    "Unauthenticated",
    "Unavailable",
    "Unreachable",
    "WaitTimeout",
]


class CarloError(Exception):
    """The base class of all exceptions of this package."""


@dataclass(frozen=True)
class Fault:
    """One fault of a request."""

    pointer: str
    """The JSON pointer (RFC 6901) of the field, in the spelling of the request; empty for the whole request."""

    message: str
    """The message, which continues a sentence that begins with the field."""

    def __str__(self) -> str:
        return f"{self.pointer or 'the request'} {self.message}"


class InvalidSignature(CarloError, ValueError):
    """A request to a webhook that the cluster did not send, or not lately."""


class InvalidRequest(CarloError, ValueError):
    """An invalid request. `faults` lists all of its faults.

    >>> error = InvalidRequest([Fault("/goal/timelineMonths", "is required"), Fault("/goal/targetAmount", "must be above 0")])
    >>> print(error)
    the request has 2 faults:
      /goal/timelineMonths is required
      /goal/targetAmount must be above 0
    """

    faults: tuple[Fault, ...]

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(self.faults)

    @classmethod
    def _of_pairs(cls, pairs: Iterable[tuple[str, str]]) -> InvalidRequest:
        return cls(Fault(pointer, message) for pointer, message in pairs)

    def __str__(self) -> str:
        if len(self.faults) == 1:
            return str(self.faults[0])
        return "\n  ".join([f"the request has {len(self.faults)} faults:", *map(str, self.faults)])


class Unreachable(CarloError, ConnectionError):
    """No server could be reached in all attempts."""


class WaitTimeout(CarloError, TimeoutError):
    """The job or batch has not ended before the timeout, and continues."""


class JobFailed(CarloError):
    """The job that was waited for failed. `job` is its final state."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"the job {job.id} failed: {job.error or 'no reason is known'}")


class JobCancelled(CarloError):
    """The job that was waited for was cancelled by somebody else. `job` is its final state."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"the job {job.id} was cancelled")


class ApiError(CarloError):
    """The server refused a call. The subclasses distinguish the reasons."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str = "about:blank",
        request_id: str | None = None,
        retry_after: float | None = None,
        quota: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        """The HTTP status."""
        self.detail = detail
        """The message, for people."""
        self.kind = kind
        """The kind of problem, as a URI reference: the `type` of RFC 9457."""
        self.request_id = request_id
        """The id of the request in the server's log."""
        self.retry_after = retry_after
        """The number of seconds after which to try again, if the server gave one."""
        self.quota = quota
        """The exhausted monthly quota: `api_calls`, `simulations` or `cost`."""

    def __str__(self) -> str:
        return f"{self.detail} (HTTP {self.status}{f', request {self.request_id}' if self.request_id else ''})"


class Unauthenticated(ApiError):
    """The key is missing or unknown: 401."""


class OverBudget(ApiError):
    """The budget is too small: 402."""


class NotAllowed(ApiError):
    """The key is not allowed to do this: 403."""


class NotFound(ApiError):
    """There is no such job, batch or node: 404."""


class Conflict(ApiError):
    """The state doesn't allow the call, for example the cancellation of an ended job: 409."""


class RateLimited(ApiError):
    """Too many calls in a short time, in all attempts, or an exhausted monthly quota: 429."""


class Unavailable(ApiError):
    """The server was unavailable in all attempts: 502, 503 or 504."""
