"""A practice site as a real process, on a free port, in a temporary folder."""

from __future__ import annotations

import base64
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ec_gateway.management.fault_day.remote import RemoteSite
from ec_gateway.management.fault_day.shopper import Shopper
from erp.runtime import leash
from erp.runtime.installation import PROJECT
from tests.runtime.families import wait_until

SECRET = f"whsec_{base64.b64encode(b'a secret of the tests').decode()}"
TOKEN, CONTROL = "token-of-the-tests", "control-of-the-tests"
NOBODY = "http://127.0.0.1:9"
TEE = "PR-TEE-WH-M"


class SiteProcess:
    def __init__(self, folder: Path, *, mamori: str = NOBODY, options: Sequence[str] = ()) -> None:
        self.folder, self.mamori, self.options = folder, mamori, options
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.remote = RemoteSite(self.address, control_token=CONTROL)
        self.mamori_client = httpx.Client(
            base_url=f"{self.address}/mamori", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10
        )

    def start(self) -> None:
        command = [sys.executable, "-m", "ec_gateway.sandbox", "--data", str(self.folder), "--port", str(self.port)]
        command += ["--name", "試験ストア", "--channel", "TEST-1", "--mamori", self.mamori]
        command += ["--secret", SECRET, "--token", TOKEN, "--control-token", CONTROL, *self.options]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as output:
            self.process = leash.start(command, cwd=PROJECT, output=output)
        wait_until(self.answers, timeout_s=30)

    def answers(self) -> bool:
        assert self.process.poll() is None, "the site has ended"
        try:
            return bool(self.remote.state())
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def shopper(self) -> Shopper:
        return Shopper(self.address)

    def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        return self.mamori_client.request(method, path, **request)

    def tell(self, sku: str = TEE, quantity: int = 5, **item: Any) -> dict[str, Any]:
        """Push one figure and give the result of the item."""
        body = {"items": [{"sku": sku, "quantity": quantity, "expected": None, "version": 1, "orders_seen": ""} | item]}
        answer = self.call("PUT", "/stock", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"][0]


@contextmanager
def practice_site(folder: Path, **options: Any) -> Iterator[SiteProcess]:
    site = SiteProcess(folder, **options)
    try:
        site.start()
        yield site
    finally:
        site.kill()
        site.remote.close()
        site.mamori_client.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
