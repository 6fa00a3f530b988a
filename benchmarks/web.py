"""The API as a site calls it: the project's own web server on loopback, and a client that keeps its connection."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import itertools
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.stage import AT, CHANNEL

ADDRESS, KEY = "MAMORI_BENCH_ADDRESS", "MAMORI_BENCH_KEY"
STARTS_WITHIN_S = 60.0


@contextlib.contextmanager
def web_server() -> Iterator[None]:
    """Granian as ``make run`` starts it, on the cluster of the stage. The crew finds address and key in the environment."""
    from erp.runtime import valkey

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "2", "--blocking-threads", "4", "benchmarks.served:application"]
    with valkey.throw_away_broker() as broker, tempfile.TemporaryFile() as log:
        environment = {**os.environ, "REDIS_URL": broker.url, "DATABASE_POOL_SIZE": "4", "HTTPS": "false"}
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(port, server)
            os.environ[ADDRESS], os.environ[KEY] = f"127.0.0.1:{port}", _make_key()
            yield
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the web server did not start")
        time.sleep(0.1)


def _make_key() -> str:
    from ec_gateway.models import ApiKey, EcSite
    from erp.core.models import Channel

    site = EcSite.objects.create(channel=Channel.objects.get(code=CHANNEL))
    made, secret = ApiKey.objects.create_key(
        name="bench", site=site, scopes=list(ApiKey.Scope.values), requests_per_minute=2_000_000_000
    )
    assert made.pk
    return secret


class HttpClient:
    """One site's connection. Every answer is read and must say that the order was placed."""

    def __init__(self, seed: int, skus: int) -> None:
        self.random = random.Random(seed)
        self.keys = itertools.count()
        self.prefix = f"http-{os.getpid()}-{seed}"
        self.skus = skus
        self.connection: http.client.HTTPConnection | None = None

    def place(self) -> int:
        answer = self._post("/api/v1/orders", self._order(3))
        assert answer["outcome"] == "placed"
        return 1

    def place_bulk(self) -> int:
        results = self._post("/api/v1/orders/bulk", {"orders": [self._order(3) for _number in range(500)]})["results"]
        assert all(item["status"] == 201 for item in results)
        return len(results)

    def stock(self) -> int:
        answer = self._call("GET", f"/api/v1/stock/B-{self.random.randint(1, self.skus):04d}")
        assert answer["available"] > 0
        return 1

    def empty(self) -> int:
        assert self._call("GET", "/api/v1/bench-empty") == {}
        return 1

    def _post(self, path: str, body: Any) -> Any:
        return self._call("POST", path, json.dumps(body))

    def _call(self, method: str, path: str, body: str | None = None) -> Any:
        try:
            answer, text = self._exchange(method, path, body)
        except (http.client.RemoteDisconnected, ConnectionError):
            # The server lets go of a connection that was idle while the other side ran. Nothing was read, so it is sent anew.
            self.connection = None
            answer, text = self._exchange(method, path, body)
        assert answer.status in (200, 201), text[:500]
        return json.loads(text)

    def _exchange(self, method: str, path: str, body: str | None) -> tuple[http.client.HTTPResponse, bytes]:
        if self.connection is None:
            self.connection = http.client.HTTPConnection(os.environ[ADDRESS], timeout=60)
        headers = {"Authorization": f"Api-Key {os.environ[KEY]}", "Content-Type": "application/json"}
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        return answer, answer.read()

    def _order(self, lines: int) -> dict[str, Any]:
        codes = [f"B-{number:04d}" for number in self.random.sample(range(1, self.skus + 1), lines)]
        total = str(1100 * lines)
        return {
            "external_id": f"{self.prefix}-{next(self.keys)}",
            "ordered_at": (AT - dt.timedelta(minutes=1)).isoformat(),
            "lines": [
                {"line_id": str(number), "sku": code, "quantity": 1, "unit_price": "1100"}
                for number, code in enumerate(codes, 1)
            ],
            "total": total,
            "payments": [{"method": "card", "amount": total, "status": "authorized"}],
        }
