"""Clients when calls fail, with a fake server."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import carlo
import httpx
import pytest
from carlo import errors
from carlo._flows import Settings

Handler = Callable[[httpx.Request], httpx.Response]
SUBMITTED = {"jobId": "job_1", "status": "queued", "queuePosition": 1}
JOB: dict[str, Any] = {
    "id": "job_1",
    "status": "running",
    "progress": 1.0,
    "allocatedNodes": 1,
    "simulationsTotal": 10,
    "simulationsComplete": 1,
    "createdAt": "2026-11-28T12:00:00Z",
    "priority": 50,
    "seed": "1",
}


class Clock:
    """A clock that advances only during sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("carlo.client.time.sleep", clock.sleep)
    monkeypatch.setattr("carlo._calls.Settings", partial(Settings, clock=clock))
    return clock


class Server:
    """Sends the given responses in turn, and records the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.asked = list(answers), list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **options: Any) -> carlo.Client:
        return carlo.Client("http://carlo.test", "secret", transport=httpx.MockTransport(self), **options)


def refusal(status: int, detail: str = "no", retry_after: str | None = None, **more: Any) -> httpx.Response:
    headers = {"retry-after": retry_after} if retry_after else {}
    return httpx.Response(status, json={"detail": detail, **more}, headers={**headers, "x-request-id": "r1"})


def stream(*events: tuple[int, str, dict[str, Any]]) -> httpx.Response:
    text = "retry: 3000\n\n: still here\n\n" + "".join(f"id: {i}\nevent: {kind}\ndata: {json.dumps(job)}\n\n" for i, kind, job in events)
    return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})


def test_a_job_is_created_once_however_often_it_is_sent() -> None:
    server = Server(httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), refusal(503), refusal(429, retry_after="0"), httpx.Response(202, json=SUBMITTED))
    with server.client() as client:
        assert client.submit(carlo.EXAMPLE).job_id == "job_1"
    keys = {request.headers["idempotency-key"] for request in server.asked}
    assert len(server.asked) == 5 and len(keys) == 1
    assert {request.headers["x-api-key"] for request in server.asked} == {"secret"}
    # Another job has another key.
    server.answers.append(httpx.Response(202, json=SUBMITTED))
    with server.client() as client:
        client.submit(carlo.EXAMPLE)
    assert server.asked[-1].headers["idempotency-key"] not in keys


def test_retry_after_is_waited_for_and_bounded(clock: Clock) -> None:
    server = Server(refusal(429, retry_after="30"), httpx.Response(202, json=SUBMITTED))
    with server.client() as client:
        client.submit(carlo.EXAMPLE)
    assert len(clock.slept) == 1 and 30 <= clock.slept[0] < 31
    server = Server(refusal(429, "the month's quota is used up", retry_after="86400", quota="api_calls"))
    with server.client() as client, pytest.raises(errors.RateLimited, match="quota is used up") as caught:
        client.submit(carlo.EXAMPLE)
    assert len(clock.slept) == 1
    assert (caught.value.quota, caught.value.retry_after, caught.value.request_id) == ("api_calls", 86_400, "r1")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, errors.Unauthenticated), (402, errors.OverBudget), (403, errors.NotAllowed), (404, errors.NotFound), (409, errors.Conflict), (500, errors.ApiError)],
)
def test_what_would_not_help_is_not_tried_again(status: int, kind: type[errors.ApiError]) -> None:
    server = Server(refusal(status, "because"))
    with server.client() as client, pytest.raises(kind, match="because") as caught:
        client.cluster()
    assert len(server.asked) == 1 and caught.value.status == status


def test_pauses_grow_and_patience_ends(clock: Clock) -> None:
    server = Server(*[refusal(503, "there is no leader") for _ in range(100)])
    with server.client(patience=60) as client, pytest.raises(errors.Unavailable, match="there is no leader"):
        client.cluster()
    assert len(server.asked) == len(clock.slept) + 1 > 12
    assert all(0.05 * 2**i <= pause <= 0.1 * 2**i for i, pause in enumerate(clock.slept[:5]))
    assert max(clock.slept) <= 5 and 50 < clock.now <= 60


def test_a_long_answer_is_waited_for_with_the_same_key() -> None:
    goes_on = refusal(503, "takes longer than 30 s, and goes on", retry_after="0")
    goes_on.headers["x-job-id"] = "job_1"
    answer = carlo.compare([carlo.EXAMPLE] * 2, simulations=100, seed=1)
    server = Server(goes_on, goes_on, httpx.Response(200, json=answer.to_dict()))
    with server.client(patience=1.0) as client:
        assert client.compare([carlo.EXAMPLE] * 2) == answer
    assert len({request.headers["idempotency-key"] for request in server.asked}) == 1


def test_events_go_on_where_they_broke_off() -> None:
    server = Server(
        stream((1, "progress", JOB), (2, "progress", JOB)),
        refusal(503),
        httpx.ConnectError("refused"),
        stream((3, "progress", JOB), (4, "failed", {**JOB, "status": "failed", "error": "it broke"})),
        httpx.Response(204),
    )
    with server.client() as client:
        assert [event.id for event in client.events("job_1")] == ["1", "2", "3", "4"]
        assert list(client.events("job_1", last="4")) == []
    assert [request.headers.get("last-event-id") for request in server.asked] == [None, "2", "2", "2", "4"]


def test_events_that_nobody_wants_any_more_end() -> None:
    server = Server(stream((1, "progress", JOB), (2, "progress", JOB)))
    with server.client() as client:
        for event in client.events("job_1"):
            assert event.job.simulations_complete == 1
            break
    assert len(server.asked) == 1


def test_a_failed_job_is_an_exception() -> None:
    server = Server(httpx.Response(200, json={**JOB, "status": "failed", "error": "the range 3..4 failed"}))
    with server.client() as client, pytest.raises(errors.JobFailed, match="the range 3..4 failed") as caught:
        client.wait("job_1")
    assert caught.value.job.status == "failed"
    assert server.asked[0].headers["prefer"] == "wait=20"


def test_what_a_newer_server_says_is_kept() -> None:
    server = Server(httpx.Response(200, json={**JOB, "mood": "good"}))
    with server.client() as client:
        job = client.job("job_1")
    assert job.to_dict()["mood"] == "good" and not hasattr(job, "mood")


def test_ids_stay_within_their_path() -> None:
    server = Server(refusal(404))
    with server.client() as client, pytest.raises(errors.NotFound):
        client.job("../../admin/keys")
    assert server.asked[0].url.raw_path == b"/api/jobs/..%2F..%2Fadmin%2Fkeys"


def test_an_answer_that_is_no_problem_is_one_all_the_same() -> None:
    server = Server(httpx.Response(418, text="<html>teapot"))
    with server.client() as client, pytest.raises(errors.ApiError) as caught:
        client.cluster()
    assert caught.value.status == 418
