"""The other side of the generic platform for tests: a real HTTP server on the loopback that keeps figures as the page demands, and can be told to
misbehave. ``faults`` are taken one per request, in order."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.db import connections


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    """What a fault answers: a status with a body as it goes over the wire, or nothing at all."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hangs_up: bool = False
    works_first: bool = False


@dataclass
class Shown:
    quantity: int
    version: int = 0
    ordered_at: int = 0


class Counterpart:
    def __init__(self) -> None:
        self.stock: dict[str, Shown] = {}
        self.requests: list[Request] = []
        self.faults: deque[Reply] = deque()
        self.shipments: dict[str, dict[str, Any]] = {}
        self.fails: dict[str, str] = {}
        self.answers: dict[str, Any] = {}
        self.when_asked: Callable[[Request], None] = lambda request: None
        self.applied: list[tuple[str, int, int, float]] = []
        self.lock = threading.Lock()
        self.url = ""

    def show(self, **figures: int) -> None:
        for code, quantity in figures.items():
            self.stock[code.replace("_", "-")] = Shown(quantity)

    @property
    def figures(self) -> dict[str, int]:
        return {code: shown.quantity for code, shown in self.stock.items()}

    @property
    def pushes(self) -> list[Request]:
        return [request for request in self.requests if request.method == "PUT"]

    def handle(self, request: Request) -> Reply:
        with self.lock:
            self.requests.append(request)
            fault = self.faults.popleft() if self.faults else None
        try:
            self.when_asked(request)
        finally:
            # It runs in a thread of the server, which has a connection of its own if it asked for one.
            connections.close_all()
        if fault is not None and not fault.works_first:
            return fault
        answer = self._work(request)
        return answer if fault is None else fault

    def _work(self, request: Request) -> Reply:
        if request.path in self.answers:
            return Reply(body=json.dumps(self.answers[request.path]).encode())
        with self.lock:
            if request.method == "PUT" and request.path == "/mamori/stock":
                return Reply(body=json.dumps({"items": [self._set(item) for item in request.body["items"]]}).encode())
            if request.method == "POST" and request.path == "/mamori/shipments":
                told = self.shipments.setdefault(request.body["number"], request.body)
                told |= {name: request.body[name] for name in ("carrier", "tracking_number")}
                return Reply(status=201, body=b"{}")
        return Reply(status=404)

    def _set(self, item: dict[str, Any]) -> dict[str, Any]:
        shown = self.stock.get(item["sku"])
        if shown is None:
            return {"sku": item["sku"], "outcome": "unknown_item", "shown": None}
        outcome = self.fails.get(item["sku"]) or self._decide(shown, item)
        if outcome == "set":
            shown.quantity, shown.version, outcome = item["quantity"], item["version"], "done"
            self.applied.append((item["sku"], item["quantity"], item["version"], time.time()))
        return {"sku": item["sku"], "outcome": outcome, "shown": shown.quantity, "detail": ""}

    @staticmethod
    def _decide(shown: Shown, item: dict[str, Any]) -> str:
        if item["version"] <= shown.version:
            return "done" if item["version"] == shown.version else "stale"
        if item["orders_seen"] is not None and item["orders_seen"] < shown.ordered_at:
            return "stale"
        if item["expected"] is not None and item["expected"] != shown.quantity:
            return "stale"
        return "set"


@contextmanager
def running() -> Iterator[Counterpart]:
    """A site that answers at ``url`` until the block is left."""
    site = Counterpart()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = site.handle(Request(self.command, parts.path, query, headers, json.loads(raw) if raw else None))
            if reply.hangs_up:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_PUT = do_POST = answer  # noqa: N815 - the server's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the server's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
