"""Checks the requests that a cluster sends to webhooks, as Standard Webhooks says.

>>> secret, at = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1_614_265_330
>>> body = b'{"type": "job.complete", "timestamp": "2021-02-25T15:02:10Z", "data": {"jobId": "job_1", "status": "complete", "simulationsComplete": 5}}'
>>> headers = {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": sign(secret, "msg_1", at, body)}
>>> verify(body, headers, secret, now=at).data.job_id
'job_1'
>>> verify(body + b" ", headers, secret, now=at)
Traceback (most recent call last):
carlo.errors.InvalidSignature: the request was not signed with this secret
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping

from .errors import InvalidSignature
from .models import WebhookBatch, WebhookBody, WebhookJob

__all__ = ["TOLERANCE_SECONDS", "sign", "verify"]

TOLERANCE_SECONDS = 300.0
"""How far the clock of the sender may differ, and how old a recorded request may be."""
_PREFIX = "whsec_"


def sign(secret: str, id: str, timestamp: int, body: bytes | str) -> str:
    """The header `webhook-signature` of a request with these headers `webhook-id` and `webhook-timestamp` (seconds since 1970)."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a secret is whsec_ and Base64") from None
    content = body.encode() if isinstance(body, str) else body
    signed = b".".join([id.encode(), str(timestamp).encode(), content])
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str,
    *,
    tolerance: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> WebhookBody:
    """The body of a request, after its signature and its time were checked. Raises `InvalidSignature`.

    `body` is exactly what was received, `headers` in any spelling, `secret` what the first submission with the URL showed. `tolerance` is how many
    seconds the time may be from `now` (seconds since 1970; by default the present). The same event may arrive twice: remember `webhook-id`.
    """
    given = {name.lower(): value for name, value in headers.items()}
    id, sent, signatures = (given.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (id and signatures and sent.isascii() and sent.isdigit()):
        raise InvalidSignature("the request has no signature")
    if abs((time.time() if now is None else now) - int(sent)) > tolerance:
        raise InvalidSignature(f"the request was not signed within {tolerance:g} s of now")
    wanted = sign(secret, id, int(sent), body).encode()
    # There may be several, while a secret is replaced.
    if not any(hmac.compare_digest(wanted, signature.encode()) for signature in signatures.split(" ")):
        raise InvalidSignature("the request was not signed with this secret")
    values = json.loads(body)
    kind = WebhookJob if values["type"].startswith("job.") else WebhookBatch
    return WebhookBody(type=values["type"], timestamp=values["timestamp"], data=kind.from_dict(values["data"]))
