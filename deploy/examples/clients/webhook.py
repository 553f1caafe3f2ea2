#!/usr/bin/env python3
"""A receiver of carlo's webhooks. It checks the signature of each request, ignores repetitions, and
prints the body as a line of JSON. It needs nothing but Python 3.9.

    CARLO_WEBHOOK_SECRET=whsec_... ./webhook.py [PORT]

Port 0 means any free one; the first line of the output has the URL. In production there is a proxy
with TLS in front of it, because carlo sends webhooks to https URLs only, unless its operators allow
http.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import time

# How far the sender's clock may differ, and how old a recorded request may be, in seconds.
TOLERANCE = 5 * 60
# The largest body that is read, in bytes.
BODY_MAX = 64 * 1024
# Deliveries of which repetitions are recognized.
SEEN_MAX = 10_000


def is_genuine(secret: str, headers, body: bytes, now: float) -> bool:
    """Whether a request was signed with this secret, and lately."""
    identity, sent, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not sent.isdigit() or abs(now - int(sent)) > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join([identity.encode(), sent.encode(), body])
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    # There may be several signatures, while a secret is replaced.
    return any(hmac.compare_digest(wanted.encode(), given.encode()) for given in signatures.split(" "))


class Receiver(http.server.BaseHTTPRequestHandler):
    seen: dict = {}

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length) if length <= BODY_MAX else b""
        if not is_genuine(os.environ["CARLO_WEBHOOK_SECRET"], self.headers, body, time.time()):
            return self.send_error(401)
        identity = self.headers["webhook-id"]
        if identity not in self.seen:
            print(json.dumps(json.loads(body)), flush=True)
            self.seen[identity] = True
            if len(self.seen) > SEEN_MAX:
                del self.seen[next(iter(self.seen))]
        # Only now, so that carlo sends it again if this program ends before.
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_) -> None:
        pass


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
