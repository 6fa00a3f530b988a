"""EC platforms by name. To add one, write a module beside these and name it in ``PLATFORMS``; docs/platforms.md says how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.module_loading import import_string

from ec_gateway.platforms.interface import Platform
from ec_gateway.platforms.setup import address_problems
from erp.core.errors import InvalidInput

# A platform is made as Class(base_url=…, settings=…, credentials=…), which raises InvalidInput.
PLATFORMS: dict[str, str] = {
    "generic": "ec_gateway.platforms.generic.GenericPlatform",
    "shopify": "ec_gateway.platforms.shopify.ShopifyPlatform",
}


def connect(name: str, *, base_url: str, settings: Any, credentials: Mapping[str, str]) -> Platform:
    """A connection to one site. Raises KeyError for a platform nobody wrote, InvalidInput naming everything in the set-up that cannot be used."""
    problems = address_problems(base_url)
    try:
        made: Platform = import_string(PLATFORMS[name])(base_url=base_url, settings=settings, credentials=credentials)
    except InvalidInput as faults:
        raise InvalidInput([*problems, *faults.problems]) from faults
    if problems:
        raise InvalidInput(problems)
    return made


def secrets_of(name: str) -> frozenset[str]:
    """The names of the credentials that a platform asks for."""
    found: frozenset[str] = import_string(PLATFORMS[name]).secrets
    return found
