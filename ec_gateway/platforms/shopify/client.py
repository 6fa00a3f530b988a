"""One GraphQL call to one shop: time-outs, throttling by cost, and what an answer of 200 may still hide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from ec_gateway.platforms.interface import PlatformError

API_VERSION = "2026-10"
TIMEOUT = httpx.Timeout(10.0, connect=3.0)


class ShopifyClient:
    """Raises PlatformError for whatever is not an answer to the question."""

    def __init__(self, *, base_url: str, access_token: str) -> None:
        self._url = f"{base_url.rstrip('/')}/admin/api/{API_VERSION}/graphql.json"
        self._headers = {"X-Shopify-Access-Token": access_token}
        self._client = httpx.Client(timeout=TIMEOUT, trust_env=False)

    def ask(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The ``data`` of the answer."""
        try:
            response = self._client.post(
                self._url, json={"query": document, "variables": dict(variables)}, headers=self._headers
            )
        except httpx.TimeoutException as error:
            raise PlatformError("Shopify did not answer in time", is_unreachable=True) from error
        except httpx.HTTPError as error:
            raise PlatformError(f"Shopify cannot be reached: {error}", is_unreachable=True) from error
        _refuse_status(response)
        try:
            answer = response.json()
        except ValueError as error:
            raise PlatformError("Shopify's answer is no JSON", is_unreachable=True) from error
        if errors := answer.get("errors"):
            raise _error_of(errors, answer.get("extensions") or {})
        data: dict[str, Any] = answer["data"]
        return data


def _refuse_status(response: httpx.Response) -> None:
    status = response.status_code
    if status == httpx.codes.OK:
        return
    if status == httpx.codes.TOO_MANY_REQUESTS:
        raise PlatformError("Shopify asks to wait", retry_after_s=_seconds(response.headers.get("Retry-After")) or 2.0)
    is_theirs = status >= 500
    raise PlatformError(
        f"Shopify answered {status}",
        is_retryable=is_theirs,
        is_unreachable=is_theirs,
        retry_after_s=_seconds(response.headers.get("Retry-After")),
    )


def _error_of(errors: Any, extensions: Mapping[str, Any]) -> PlatformError:
    """Errors of the whole request. Throttled requests come as 200, with what the budget lacks."""
    if not isinstance(errors, list):
        return PlatformError(f"Shopify refused: {errors}", is_retryable=False)
    codes = {(error.get("extensions") or {}).get("code") for error in errors}
    detail = "; ".join(str(error.get("message")) for error in errors)
    if "THROTTLED" in codes:
        cost = extensions.get("cost") or {}
        status = cost.get("throttleStatus") or {}
        lacking = float(cost.get("requestedQueryCost") or 0) - float(status.get("currentlyAvailable") or 0)
        pace = float(status.get("restoreRate") or 50)
        return PlatformError("Shopify's cost budget is used up", retry_after_s=max(lacking / pace, 0.5))
    is_theirs = bool(codes & {"INTERNAL_SERVER_ERROR", "TIMEOUT"})
    return PlatformError(f"Shopify refused: {detail}", is_retryable=is_theirs)


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(float(text), 0.0)
    except ValueError:
        return None
