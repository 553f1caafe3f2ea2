"""Everything that this package raises of its own."""

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
    """What all errors of this package are."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a request."""

    pointer: str
    """Where, as a JSON pointer (RFC 6901) in the spelling of the request; empty for the request as a whole."""

    message: str
    """What, as the end of a sentence that begins with the field."""

    def __str__(self) -> str:
        return f"{self.pointer or 'the request'} {self.message}"


class InvalidRequest(CarloError, ValueError):
    """A request that breaks rules. `faults` lists all that it breaks.

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
    """No server answers, after all attempts."""


class WaitTimeout(CarloError, TimeoutError):
    """The job or batch has not ended within the time that was given to it; it goes on."""


class JobFailed(CarloError):
    """The job that was waited for failed. `job` is what has become of it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"the job {job.id} failed: {job.error or 'no reason is known'}")


class JobCancelled(CarloError):
    """The job that was waited for was cancelled by somebody else. `job` is what has become of it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"the job {job.id} was cancelled")


class ApiError(CarloError):
    """The server refused a call. Its subclasses say why."""

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
        """What is wrong, for a person."""
        self.kind = kind
        """The kind of problem, as the server's URI reference: RFC 9457's `type`."""
        self.request_id = request_id
        """What the server's log calls the request."""
        self.retry_after = retry_after
        """Seconds after which it is worth trying again, where the server said so."""
        self.quota = quota
        """The month's quota that doesn't reach: `api_calls`, `simulations` or `cost`."""

    def __str__(self) -> str:
        return f"{self.detail} (HTTP {self.status}{f', request {self.request_id}' if self.request_id else ''})"


class Unauthenticated(ApiError):
    """There was no key, or none that is known: 401."""


class OverBudget(ApiError):
    """A budget doesn't reach: 402."""


class NotAllowed(ApiError):
    """The key has no right to it: 403."""


class NotFound(ApiError):
    """There is no such job, batch or node: 404."""


class Conflict(ApiError):
    """Its state doesn't allow it, for example cancelling a job that has ended: 409."""


class RateLimited(ApiError):
    """Too many calls in a short time, after all attempts, or more than a month's quota allows: 429."""


class Unavailable(ApiError):
    """The server can't answer now, after all attempts: 502, 503 or 504."""
