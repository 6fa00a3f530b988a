"""One GraphQL call to one shop: throttling by cost, and what an answer of 200 may still hide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from ec_gateway.platforms.http import HttpClient
from ec_gateway.platforms.interface import PlatformError

API_VERSION = "2026-10"
PATH = f"/admin/api/{API_VERSION}/graphql.json"


class ShopifyClient:
    """Raises PlatformError for whatever is not an answer to the question."""

    def __init__(self, *, base_url: str, access_token: str, timeout_s: float) -> None:
        headers = {"X-Shopify-Access-Token": access_token}
        self._http = HttpClient(base_url.rstrip("/"), headers=headers, timeout_s=timeout_s)

    def ask(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The ``data`` of the answer."""
        answer = self._http.send("POST", PATH, body={"query": document, "variables": dict(variables)}).json()
        if errors := answer.get("errors"):
            raise _error_of(errors, answer.get("extensions") or {})
        data: dict[str, Any] = answer["data"]
        return data


def _error_of(errors: Any, extensions: Mapping[str, Any]) -> PlatformError:
    """Errors of the whole request. Throttled requests come as 200, with what the budget lacks."""
    if not isinstance(errors, list):
        return PlatformError(_("Shopify refused: %(why)s") % {"why": errors}, is_retryable=False)
    codes = {(error.get("extensions") or {}).get("code") for error in errors}
    detail = "; ".join(str(error.get("message")) for error in errors)
    if "THROTTLED" in codes:
        cost = extensions.get("cost") or {}
        status = cost.get("throttleStatus") or {}
        lacking = float(cost.get("requestedQueryCost") or 0) - float(status.get("currentlyAvailable") or 0)
        pace = float(status.get("restoreRate") or 50)
        return PlatformError(_("Shopify's cost budget is used up."), retry_after_s=max(lacking / pace, 0.5))
    is_theirs = bool(codes & {"INTERNAL_SERVER_ERROR", "TIMEOUT"})
    return PlatformError(_("Shopify refused: %(why)s") % {"why": detail}, is_retryable=is_theirs)
