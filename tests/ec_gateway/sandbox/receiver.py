"""Mamori's ear for tests: takes webhooks, verifies them, answers as told."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from standardwebhooks import Webhook

from tests.ec_gateway.sandbox.stage import SECRET


class Receiver:
    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.refused = 0
        self.answers: list[int] = []
        self.news = threading.Condition()
        self.address = ""

    def forget(self) -> None:
        with self.news:
            self.taken, self.refused, self.answers = [], 0, []

    def hear(self, path: str, headers: dict[str, str], body: bytes) -> int:
        with self.news:
            status = self.answers.pop(0) if self.answers else 200
            if path.startswith("/webhooks/"):
                Webhook(SECRET).verify(body, headers)
            if status == 200:
                names = ("webhook-id", "authorization")
                self.taken.append({"path": path, **{n: headers.get(n) for n in names}, "body": json.loads(body)})
            else:
                self.refused += 1
            self.news.notify_all()
            return status

    def wait_for(self, count: int, *, timeout_s: float = 20) -> list[dict[str, Any]]:
        with self.news:
            assert self.news.wait_for(lambda: len(self.taken) >= count, timeout_s), self.taken
            return list(self.taken)

    def types(self) -> list[str]:
        return [message["body"]["type"] for message in self.taken]


@contextmanager
def listening() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.hear(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
