"""The operator of a practice site from outside: its control API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

TIMEOUT_S = 10.0


class RemoteSite:
    """Raises httpx.HTTPError when the site does not answer or refuses."""

    def __init__(self, address: str, *, control_token: str) -> None:
        headers = {"Authorization": f"Bearer {control_token}"}
        self.address = address
        self._client = httpx.Client(base_url=address, headers=headers, timeout=TIMEOUT_S, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def state(self) -> dict[str, Any]:
        return self._ask("GET", "/control/state")

    def stock(self) -> dict[str, int]:
        return dict(self.state()["stock"])

    def orders(self) -> list[dict[str, Any]]:
        return list(self._ask("GET", "/control/orders")["orders"])

    def calls(self) -> list[dict[str, Any]]:
        return list(self._ask("GET", "/control/calls")["calls"])

    def switch(self, fault: str, *, on: bool = True, **parameters: Any) -> None:
        self._ask("PUT", f"/control/faults/{fault}", {"on": on, "parameters": parameters})

    def all_faults_off(self) -> None:
        self._ask("DELETE", "/control/faults")

    def set_stock(self, sku: str, quantity: int) -> None:
        self._ask("PUT", f"/control/stock/{sku}", {"quantity": quantity})

    def load_products(self, products: list[Mapping[str, Any]]) -> None:
        self._ask("PUT", "/control/products", {"products": products})

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        answer = self._client.request(method, path, json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
