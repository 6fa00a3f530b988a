"""The server in front of Django: a thread per connection, and the faults that strike calls of Mamori on the wire."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

from ec_gateway.sandbox.site import Call, Site, now

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

IDLE_S = 60.0
LONGEST_SILENCE_S = 30.0
# Who sits at the desk of the site still reaches it while it is dead to everybody else.
DESK = ("/control/", "/panel")
CALLS = {
    ("PUT", "stock"): "push_stock",
    ("GET", "stock"): "read_stock",
    ("GET", "orders"): "read_orders",
    ("GET", "order-list"): "list_orders",
    ("POST", "shipments"): "push_shipment",
    ("GET", "webhooks"): "ask_webhooks",
}


class Handler(WSGIRequestHandler):
    timeout = IDLE_S

    def get_environ(self) -> Environ:
        environ: Environ = super().get_environ()
        environ["sandbox.connection"] = self.connection
        return environ

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 # so called above
        """The panel shows the calls; the log is for what goes wrong."""


class Server(ThreadedWSGIServer):
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, site: Site, application: Application) -> None:
        super().__init__((site.options.host, site.options.port), Handler)
        self.set_app(FaultyApplication(site, application))

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Whoever hangs up, or is hung up on, is no error of ours.
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class FaultyApplication:
    """Lets the faults of the board strike before or after the work of a call."""

    def __init__(self, site: Site, application: Application) -> None:
        self._site, self._application = site, application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"])
        if path.startswith(DESK):
            return self._application(environ, start_response)
        if self._site.faults.is_on("dead"):
            self._be_dead(environ)
        if not path.startswith("/mamori/"):
            return self._application(environ, start_response)
        call = CALLS.get((environ["REQUEST_METHOD"], path.split("/")[2]), "unknown")
        begun = time.monotonic()
        fault, status = "", 0
        try:
            fault = self._strike_before(call, environ, start_response)
            if fault:
                status = int(fault.rpartition(" ")[2])
                return [b'{"detail": "A fault of the practice site."}']
            answer = _Answer()
            body = b"".join(self._application(environ, answer.start))
            fault = self._strike_after(call, environ)
            status = answer.status
            start_response(answer.line, answer.headers)
            return [body]
        except ConnectionAbortedError as struck:
            fault = str(struck)
            raise
        finally:
            self._note(call, environ, status, fault, time.monotonic() - begun)

    def _be_dead(self, environ: Environ) -> None:
        strikes = self._site.faults.decide("dead")
        if strikes is None:
            return
        if strikes["how"] == "silent":
            until = self._site.faults.until("dead") or time.time() + LONGEST_SILENCE_S
            time.sleep(min(max(until - time.time(), 0), LONGEST_SILENCE_S))
        _hang_up(environ, "dead")

    def _strike_before(self, call: str, environ: Environ, start_response: StartResponse) -> str:
        """Names the fault when it already answered; its last word is the status."""
        faults = self._site.faults
        if strikes := faults.decide("delay", call=call):
            time.sleep(strikes["seconds"])
        if (strikes := faults.decide("closed", call=call)) and not strikes["after_work"]:
            _hang_up(environ, "closed")
        elif strikes:
            environ["sandbox.closes"] = True
        if strikes := faults.decide("too_many_requests", call=call):
            headers = [("Retry-After", strikes["retry_after"])] if strikes["retry_after"] else []
            start_response("429 Too Many Requests", [("Content-Type", "application/json"), *headers])
            return "too_many_requests 429"
        if strikes := faults.decide("server_error", call=call):
            start_response(f"{strikes['status']} Fault", [("Content-Type", "application/json")])
            return f"server_error {strikes['status']}"
        return ""

    def _strike_after(self, call: str, environ: Environ) -> str:
        if environ.get("sandbox.closes"):
            _hang_up(environ, "closed after the work")
        if strikes := self._site.faults.decide("timeout_after_work", call=call):
            time.sleep(strikes["seconds"])
            _hang_up(environ, "timeout_after_work")
        return ""

    def _note(self, call: str, environ: Environ, status: int, fault: str, seconds: float) -> None:
        query = environ.get("QUERY_STRING", "")
        path = environ["PATH_INFO"] + (f"?{query}" if query else "")
        summary = str(environ.get("sandbox.summary", ""))
        self._site.calls.append(Call(now(), call, path, status, fault, seconds, summary))


class _Answer:
    """What the application wants to say, held back until it is decided whether it may."""

    def __init__(self) -> None:
        self.line = ""
        self.headers: list[tuple[str, str]] = []

    @property
    def status(self) -> int:
        return int(self.line.split()[0])

    def start(self, line: str, headers: list[tuple[str, str]], *_information: Any) -> None:
        self.line, self.headers = line, headers


def _hang_up(environ: Environ, fault: str) -> None:
    """Close the connection without an answer. The server below takes this error as a connection that is gone."""
    with contextlib.suppress(OSError):
        environ["sandbox.connection"].shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError(fault)
