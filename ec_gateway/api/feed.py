"""The keys of the change feed as a client knows them: codes instead of our numbers."""

from __future__ import annotations

from collections.abc import Iterable

from catalog import selectors as catalog
from erp.core.changes import Change

BY_SKU = ("stock", "price")


def with_kits(sku_ids: Iterable[int]) -> list[int]:
    """The SKUs and the kits they are in, whose availability follows from theirs."""
    wanted = set(sku_ids)
    return sorted(wanted | catalog.kits_containing(wanted).keys())


def with_codes(found: Iterable[Change]) -> list[tuple[str, str]]:
    """(topic, key) of each change, once, with SKU and style codes for our numbers. What is gone meanwhile is left out."""
    found = list(found)
    of_skus = {topic: {int(item.key) for item in found if item.topic == topic} for topic in BY_SKU}
    if of_skus["stock"]:
        of_skus["stock"] = set(with_kits(of_skus["stock"]))
    wanted = set().union(*of_skus.values())
    codes = catalog.sku_codes(wanted) if wanted else {}
    styles = {int(item.key) for item in found if item.topic == "product"}
    style_codes = catalog.style_codes(styles) if styles else {}
    told = [(topic, codes[key]) for topic, keys in of_skus.items() for key in sorted(keys) if key in codes]
    told += [("product", style_codes[key]) for key in sorted(styles) if key in style_codes]
    told += sorted((item.topic, item.key) for item in found if item.topic not in (*BY_SKU, "product"))
    return told
