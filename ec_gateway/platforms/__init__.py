"""EC platforms by name. To add one, write a module beside these and name it in ``PLATFORMS``; docs/platforms.md says how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string

from ec_gateway.platforms.interface import Platform

# A platform is made as Class(base_url=…, settings=…, credentials=…).
PLATFORMS: dict[str, str] = {
    "generic": "ec_gateway.platforms.generic.GenericPlatform",
    "shopify": "ec_gateway.platforms.shopify.ShopifyPlatform",
}


def connect(name: str, *, base_url: str, settings: Mapping[str, Any], credentials: Mapping[str, str]) -> Platform:
    """A connection to one site. Raises KeyError for a platform nobody wrote."""
    made: Platform = import_string(PLATFORMS[name])(base_url=base_url, settings=settings, credentials=credentials)
    return made
