"""Refusals of the product master."""

from __future__ import annotations

from erp.core.errors import Conflict, DomainError


class CodeTaken(Conflict):
    """The code belongs to another SKU. A GTIN is never used again."""

    code = "code_taken"


class KitRefused(DomainError):
    """The kit would nest, contain itself or be empty. ``problems`` names every component at fault."""

    code = "kit_refused"
