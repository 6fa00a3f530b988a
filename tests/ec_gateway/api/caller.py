"""Sites and keys for tests, and a client that calls the API as a site does."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from django.test import Client as Browser

from ec_gateway.models import ApiKey, EcSite
from erp.core.models import Channel

ALL_SCOPES = list(ApiKey.Scope.values)
_numbers = count(1)


def site(channel: Channel | None = None, **fields: Any) -> EcSite:
    if channel is None:
        number = next(_numbers)
        channel = Channel.objects.create(code=f"SITE{number}", name=f"Site {number}", kind="EC_SITE")
    return EcSite.objects.get_or_create(channel=channel, defaults=fields)[0]


def api_key(of: EcSite, scopes: list[str] | None = None, **fields: Any) -> tuple[ApiKey, str]:
    wanted = ALL_SCOPES if scopes is None else scopes
    made, secret = ApiKey.objects.create_key(name="test", site=of, scopes=wanted, **fields)
    assert isinstance(made, ApiKey)
    return made, secret


class ApiClient:
    """Calls ``/api/v1`` with a key. Bodies are JSON unless they are bytes; ``json`` of an answer is its body."""

    def __init__(self, key: str = "", **headers: str) -> None:
        self.browser = Browser(raise_request_exception=True)
        self.headers = {"Authorization": f"Api-Key {key}"} if key else {}
        self.headers |= headers

    def get(self, path: str, **headers: str) -> Any:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("PUT", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.call("DELETE", path, **headers)

    def call(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", **headers: str
    ) -> Any:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.browser.generic(
            method, f"/api/v1{path}", raw, content_type=content_type if raw else "", headers=self.headers | named
        )


def client_for(channel: Channel | None = None, scopes: list[str] | None = None, **fields: Any) -> ApiClient:
    return ApiClient(api_key(site(channel), scopes, **fields)[1])
