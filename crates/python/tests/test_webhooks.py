"""Webhooks of a live cluster, and the check of their signatures."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import carlo
import pytest
from carlo import errors, webhooks
from conftest import Cluster

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATIENCE_SECONDS = 60


class Receiver:
    """Keeps what it receives, and answers with 204."""

    def __init__(self) -> None:
        received: list[tuple[dict[str, str], bytes]] = []
        self.received = received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                received.append((dict(self.headers.items()), body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/carlo"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.received) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(self.received) >= count, self.received
        return self.received


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()


def test_a_job_tells_its_webhook_how_it_ended(client: carlo.Client, receiver: Receiver) -> None:
    webhook = carlo.Webhook(url=receiver.url, events=["job.running", "job.complete"])
    job = client.submit(carlo.EXAMPLE, simulations=20_000, name="Retire at 60", priority=70, webhook=webhook)
    assert job.webhook is not None and job.webhook.secret is not None
    shown = client.wait(job)
    assert (shown.name, shown.priority, shown.webhook_id) == ("Retire at 60", 70, job.webhook.id)
    bodies = [webhooks.verify(body, headers, job.webhook.secret) for headers, body in receiver.wait(2)]
    assert [body.type for body in bodies] == ["job.running", "job.complete"]
    data = bodies[-1].data
    assert isinstance(data, carlo.models.WebhookJob) and (data.job_id, data.name) == (job.job_id, "Retire at 60")
    again = client.submit(carlo.EXAMPLE, simulations=1_000, webhook=receiver.url)
    assert again.webhook is not None and (again.webhook.id, again.webhook.secret) == (job.webhook.id, None)


def test_deliveries_are_listed_and_repeated(client: carlo.Client, receiver: Receiver) -> None:
    batch = client.submit_batch([carlo.EXAMPLE] * 2, simulations=1_000, webhook={"url": receiver.url, "secret": SECRET})
    headers, body = receiver.wait(1)[0]
    assert webhooks.verify(body, headers, SECRET).type == "batch.completed"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (delivered := list(client.deliveries(batch, state="delivered"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    [delivery] = delivered
    assert (delivery.object_id, delivery.attempts, delivery.response_status) == (batch.batch_id, 1, 204)
    assert client.retry_delivery(delivery.id).state == "pending"
    headers, body = receiver.wait(2)[1]
    assert headers["webhook-id"] == delivery.id and body == receiver.received[0][1]
    [webhook] = [each for each in client.webhooks() if each.url == receiver.url]
    assert webhook.enabled and client.enable_webhook(webhook.id).failures == 0
    client.delete_webhook(webhook.id)
    assert list(client.deliveries(batch)) == []


def test_a_key_has_a_webhook(client: carlo.Client, receiver: Receiver) -> None:
    default = client.set_default_webhook(receiver.url)
    assert default.secret is not None and default.events == []
    try:
        job = client.submit(carlo.EXAMPLE, simulations=1_000)
        assert job.webhook is not None and job.webhook.id == default.id
        assert client.default_webhook().secret is None
        headers, body = receiver.wait(1)[0]
        assert webhooks.verify(body, headers, default.secret).type == "job.complete"
    finally:
        client.clear_default_webhook()
    with pytest.raises(errors.NotFound):
        client.default_webhook()


def test_faults_of_a_webhook_are_named(client: carlo.Client) -> None:
    with pytest.raises(carlo.InvalidRequest) as caught:
        client.submit(carlo.EXAMPLE, webhook={"url": "https://ada@example.org", "secret": "x", "events": ["job.complet"]})
    assert [fault.pointer for fault in caught.value.faults] == ["/webhook/url", "/webhook/secret", "/webhook/events/0"]
    with pytest.raises(carlo.InvalidRequest) as caught:
        client.sweep(carlo.EXAMPLE, {"/goal/timelineMonths": [12, 24]}, webhook="https://10.0.0.1/")
    assert [fault.pointer for fault in caught.value.faults] == ["/webhook/url"]


def test_it_is_the_same_with_asyncio(cluster: Cluster, receiver: Receiver) -> None:
    async def told() -> list[carlo.models.Delivery]:
        async with carlo.AsyncClient(cluster.url, cluster.key) as client:
            table = await client.sweep(carlo.EXAMPLE, {"/goal/timelineMonths": [12, 24]}, simulations=1_000, name="a sweep", webhook=receiver.url)
            assert len(table.points) == 2
            [webhook] = [each async for each in client.webhooks() if each.url == receiver.url]
            return [delivery async for delivery in client.deliveries(webhook=webhook.id)]

    [delivery] = asyncio.run(told())
    receiver.wait(1)
    assert json.loads(receiver.received[0][1])["data"]["name"] == "a sweep" and delivery.event == "job.complete"


def test_the_vector_of_the_specification() -> None:
    signature = webhooks.sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, '{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_not_genuine_is_refused() -> None:
    body = b'{"type": "batch.failed", "timestamp": "t", "data": {"batchId": "batch_1", "status": "failed", ' + (
        b'"totalJobs": 1, "completedJobs": 0, "failedJobs": 1, "cancelledJobs": 0}}'
    )
    headers = {"Webhook-Id": "msg_1", "Webhook-Timestamp": "1000", "Webhook-Signature": webhooks.sign(SECRET, "msg_1", 1_000, body)}
    assert isinstance(webhooks.verify(body, headers, SECRET, now=1_300).data, carlo.models.WebhookBatch)
    several = {**headers, "Webhook-Signature": "v1a,x v1,AAAA " + headers["Webhook-Signature"]}
    webhooks.verify(body, several, SECRET, now=1_000)
    other = "whsec_" + "A" * 32
    wrong: list[tuple[bytes, dict[str, str], str, float]] = [
        (body, headers, SECRET, 1_301),
        (body, headers, SECRET, 699),
        (body + b" ", headers, SECRET, 1_000),
        (body, headers, other, 1_000),
        (body, {**headers, "Webhook-Id": "msg_2"}, SECRET, 1_000),
        (body, {**headers, "Webhook-Timestamp": "1001"}, SECRET, 1_000),
        (body, {**headers, "Webhook-Timestamp": "x"}, SECRET, 1_000),
        (body, {**headers, "Webhook-Signature": "v1,\u00e9"}, SECRET, 1_000),
        (body, {}, SECRET, 1_000),
    ]
    for content, given, secret, now in wrong:
        with pytest.raises(errors.InvalidSignature):
            webhooks.verify(content, given, secret, now=now)
    with pytest.raises(ValueError, match="whsec_ and Base64"):
        webhooks.sign("whsec_?", "msg_1", 1, body)
